"""``smcli sim mesh`` from the command line on, and the comparison it makes."""

import json
from pathlib import Path

import pytest

from node.sim.faults import FaultPlan, draw_faults
from node.sim.mesh import Disagreement, MeshPlan, MeshReport
from node.types.layer import LayerID
from tests.support.cli import run_cli


def test_faults_follow_from_the_seed() -> None:
    def draw(seed: int) -> FaultPlan:
        return draw_faults(seed, nodes=4, epochs=5, layers_per_epoch=4, layer_ns=10**9)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    plan = draw(1)
    assert len(plan.skews_ns) == 4
    assert [one.layer for one in plan.restarts] == sorted(one.layer for one in plan.restarts)
    assert all(4 <= one.layer < 20 for one in plan.restarts)
    assert FaultPlan().skew_ns(3) == 0
    assert plan.skew_ns(3) == plan.skews_ns[3]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_network_of_two_agrees(tmp_path: Path) -> None:
    world = str(tmp_path / "world")
    arguments = ["sim", "mesh", "--nodes", "2", "--epochs", "3", "--seed", "4", "--json"]
    done = run_cli([*arguments, "--folder", world], tmp_path)
    assert done.code == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert data["agreed"]
    assert data["nodes"] == 2
    assert len(data["layers"]) == 11
    assert data["layers"][8]["applied"] == 2
    assert data["layers"][8]["state_root"]
    assert (tmp_path / "world" / "node1").is_dir()


def test_a_disagreement_ends_with_code_11_and_names_the_seed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def differ(plan: MeshPlan, _folder: Path, report: object) -> MeshReport:
        values = {"node0": "aa", "node1": "bb"}
        return MeshReport(
            plan=plan,
            faults=FaultPlan(),
            layers=(),
            disagreements=(Disagreement(layer=LayerID(9), subject="state root", values=values),),
            virtual_s=1.0,
        )

    monkeypatch.setattr("node.sim.mesh.run_mesh", differ)
    done = run_cli(["sim", "mesh", "--nodes", "2", "--seed", "77"], tmp_path)
    assert done.code == 11
    assert "seed 77" in done.stderr
    assert "node1  bb" in done.stdout


def test_without_faults_nothing_is_drawn(tmp_path: Path) -> None:
    done = run_cli(["sim", "mesh", "--nodes", "1", "--epochs", "1", "--no-faults"], tmp_path)
    assert done.code == 0, done.stderr
    assert "0 restarts" in done.stdout


def test_a_folder_of_another_run_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "world" / "node0"
    kept.mkdir(parents=True)
    done = run_cli(["sim", "mesh", "--folder", str(kept.parent)], tmp_path)
    assert done.code == 7
    assert "is not empty" in done.stderr
    assert list(kept.parent.iterdir()) == [kept]
