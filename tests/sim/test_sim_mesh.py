"""``smcli sim mesh`` and ``smcli sim replay`` from the command line on."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import StoreError
from node.sim.faults import FaultPlan
from node.sim.mesh import run_mesh
from node.sim.mesh_report import Disagreement, LayerRow, MeshPlan, MeshReport
from node.sim.trace import reading
from node.types.layer import LayerID
from tests.support.cli import run_cli

FOUND_SEEDS: tuple[tuple[int, int, int], ...] = (
    # An adversary's node was brought down by the nonsense that another one answered.
    (12, 3, 101),
    # A committee was drawn before the block that names it was applied.
    (20, 10, 5),
    # Whoever passed on an ATX with a wrong PoST that its own sample missed was left by all.
    (20, 10, 9),
    # A node that was away proposed for the beacon what only it accepted, and had another one.
    (20, 10, 29),
    # A late joiner believed the first list of an epoch's ATXs, from one who kept some back.
    (20, 10, 32),
    # Whoever asked a silent peer for a proposal had no block, and the layer was long undecided.
    (20, 10, 31),
    # A late joiner waited for a peer's list of malicious smeshers that never came.
    (20, 10, 61),
    # A node looked for an ATX that does not exist, which one peer had listed, for minutes.
    (20, 10, 63),
)
"""(nodes, epochs, seed) of runs that have shown a fault."""


def tell_nobody(_what: str, _done: int, _of: int) -> None:
    """Nobody waits for the progress."""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_network_with_faults_agrees_and_follows_its_trace(tmp_path: Path) -> None:
    world, trace = str(tmp_path / "world"), tmp_path / "trace.gz"
    arguments = ["sim", "mesh", "--nodes", "6", "--epochs", "5", "--seed", "4", "--json"]
    done = run_cli([*arguments, "--folder", world, "--trace", str(trace)], tmp_path)
    assert done.code == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert data["agreed"]
    assert data["restarts"] == 1
    assert len(data["adversaries"]) == 1
    assert len(data["layers"]) == 19
    assert data["layers"][8]["applied"] == 5
    assert data["layers"][8]["state_root"]
    assert (tmp_path / "world" / "node1").is_dir()

    again = run_cli(["sim", "replay", str(trace), "--json"], tmp_path)
    assert again.code == 0, again.stdout
    told = json.loads(again.stdout)["data"]
    assert told["events"] == data["events"] > 1000
    assert told["layers"] == data["layers"]

    changed = tmp_path / "changed.gz"
    with gzip.open(trace, "rt") as file:
        lines = file.readlines()
    lines[501] = lines[501].replace('"', "'")
    with gzip.open(changed, "wt") as file:
        file.writelines(lines)
    departed = run_cli(["sim", "replay", str(changed)], tmp_path)
    assert departed.code == 11
    assert "event 500; seed 4" in departed.stderr
    assert "expected" in departed.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_twenty_nodes_bear_ten_epochs_of_faults(tmp_path: Path, seed: int) -> None:
    done = run_cli(
        ["sim", "mesh", "--nodes", "20", "--epochs", "10", "--seed", str(seed), "--json"], tmp_path
    )
    assert done.code == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert data["agreed"]
    # Faster than real time, also on a machine that others use too.
    assert data["processor_s"] < data["virtual_s"] == 600


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("nodes", "epochs", "seed"), FOUND_SEEDS)
def test_what_a_seed_has_found_stays_mended(
    tmp_path: Path, nodes: int, epochs: int, seed: int
) -> None:
    plan = MeshPlan(
        preset="fastnet",
        nodes=nodes,
        epochs=epochs,
        seed=seed,
        faults=True,
        adversaries=nodes // 6,
    )
    assert run_mesh(plan, tmp_path, tell_nobody).disagreements == ()


def test_a_disagreement_ends_with_code_11_and_names_the_seed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = LayerRow(
        layer=LayerID(9), applied=2, block="", state_root="", reorgs=1, rewards=0, equal=False
    )

    def differ(plan: MeshPlan, _folder: Path, _report: object, _recorder: object) -> MeshReport:
        values = {"node0": "aa", "node1": "bb"}
        return MeshReport(
            plan=plan,
            faults=FaultPlan(adversaries=((2, "spam"),)),
            layers=(row,),
            disagreements=(Disagreement(layer=LayerID(9), subject="state root", values=values),),
            virtual_s=1.0,
            left_out=(1,),
        )

    monkeypatch.setattr("node.sim.mesh.run_mesh", differ)
    done = run_cli(["sim", "mesh", "--nodes", "3", "--seed", "77"], tmp_path)
    assert done.code == 11
    assert "seed 77" in done.stderr
    assert "did not end" not in done.stderr
    assert "node1  bb" in done.stdout
    assert "Adversary node2: spam." in done.stdout
    assert "Not compared at the end, still catching up: node1." in done.stdout
    as_json = run_cli(["sim", "mesh", "--nodes", "3", "--seed", "77", "--json"], tmp_path)
    assert as_json.code == 11
    data = json.loads(as_json.stdout)["data"]
    assert (data["seed"], data["left_out"]) == (77, ["node1"])


@pytest.mark.parametrize(
    ("end", "code"), [(StoreError("the disk of a node is full"), 1), (KeyboardInterrupt(), 130)]
)
def test_the_seed_is_named_when_a_run_does_not_end(
    end: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_plan: MeshPlan, _folder: Path, _report: object, _recorder: object) -> MeshReport:
        raise end

    monkeypatch.setattr("node.sim.mesh.run_mesh", fail)
    done = run_cli(["sim", "mesh", "--nodes", "2", "--seed", "77"], tmp_path)
    assert done.code == code
    assert "simulation of seed 77 did not end" in done.stderr


def test_without_faults_nothing_is_drawn(tmp_path: Path) -> None:
    trace = tmp_path / "trace.gz"
    arguments = ["sim", "mesh", "--nodes", "1", "--epochs", "1", "--no-faults"]
    done = run_cli([*arguments, "--trace", str(trace)], tmp_path)
    assert done.code == 0, done.stderr
    assert "0 restarts, 0 partitions, 0 late nodes" in done.stdout
    with reading(trace) as (plan, _):
        assert plan == MeshPlan(
            preset="fastnet", nodes=1, epochs=1, seed=0, faults=False, adversaries=0
        )
        assert replace(plan, seed=1) != plan


def test_more_adversaries_than_a_network_bears_are_refused(tmp_path: Path) -> None:
    done = run_cli(["sim", "mesh", "--nodes", "12", "--adversaries", "3"], tmp_path)
    assert done.code == 2
    assert "bears 2" in done.stderr


def test_a_file_is_no_folder_for_a_run(tmp_path: Path) -> None:
    file = tmp_path / "world"
    file.write_bytes(b"")
    done = run_cli(["sim", "mesh", "--folder", str(file)], tmp_path)
    assert done.code == 2
    assert "world is no folder for the nodes' data: File exists" in done.stderr


def test_a_folder_of_another_run_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "world" / "node0"
    kept.mkdir(parents=True)
    done = run_cli(["sim", "mesh", "--folder", str(kept.parent)], tmp_path)
    assert done.code == 7
    assert "is not empty" in done.stderr
    assert list(kept.parent.iterdir()) == [kept]
