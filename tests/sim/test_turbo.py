"""``smcli sim mesh --hare turbo``: whole nodes that agree on proposals without messages."""

import gzip
import json
from pathlib import Path

import pytest

from node.config.model.consensus import HareMode
from node.sim.faults import FaultPlan
from node.sim.mesh_report import MeshPlan, MeshReport
from node.sim.trace import reading, writing
from tests.support.cli import run_cli

FIRST = 8
"""First layer with ballots."""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nodes_that_miss_nothing_agree_without_messages_of_hare(tmp_path: Path) -> None:
    trace = tmp_path / "trace.gz"
    arguments = ["sim", "mesh", "--nodes", "4", "--epochs", "4", "--seed", "4", "--no-faults"]
    done = run_cli(
        [*arguments, "--hare", "turbo", "--trace", str(trace), "--json"],
        tmp_path,
    )
    assert done.code == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert data["agreed"]
    assert data["hare"] == "turbo"
    assert data["reorgs"] == data["empty_layers"] == 0
    with_blocks = data["layers"][FIRST - 1 :]
    assert len(with_blocks) == 8
    for layer in with_blocks:
        assert (layer["applied"], layer["rewards"], bool(layer["block"])) == (4, 4, True)
    with gzip.open(trace, "rt") as file:
        events = [json.loads(line) for line in file][1:]
    topics = {event[4] for event in events if event[1] == "heard"}
    assert {"pp1", "bc1"} <= topics
    assert not any("/h/" in topic for topic in topics)

    again = run_cli(["sim", "replay", str(trace), "--json"], tmp_path)
    assert again.code == 0, again.stdout
    assert json.loads(again.stdout)["data"]["layers"] == data["layers"]


@pytest.mark.parametrize("hare", ["messages", "turbo"])
def test_the_choice_is_told_kept_in_the_trace_and_taken_from_there(
    hare: HareMode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plans: list[MeshPlan] = []

    def run(plan: MeshPlan, _folder: Path, _report: object, _recorder: object) -> MeshReport:
        plans.append(plan)
        return MeshReport(plan=plan, faults=FaultPlan(), layers=(), disagreements=(), virtual_s=1.0)

    monkeypatch.setattr("node.sim.mesh.run_mesh", run)
    trace = tmp_path / "trace.gz"
    done = run_cli(["sim", "mesh", "--hare", hare, "--trace", str(trace)], tmp_path)
    assert done.code == 0, done.stderr
    assert ("No messages of hare" in done.stdout) is (hare == "turbo")
    with gzip.open(trace, "rt") as file:
        assert json.loads(file.readline())["plan"]["hare"] == hare

    again = run_cli(["sim", "replay", str(trace), "--json"], tmp_path)
    assert again.code == 0, again.stdout
    assert json.loads(again.stdout)["data"]["hare"] == hare
    assert [plan.hare for plan in plans] == [hare, hare]


def test_nodes_exchange_messages_where_nothing_is_said(tmp_path: Path) -> None:
    plan = MeshPlan(preset="fastnet", nodes=1, epochs=1, seed=0, faults=False, adversaries=0)
    assert plan.hare == "messages"
    new, old = tmp_path / "new.gz", tmp_path / "old.gz"
    with writing(new, plan):
        assert new.exists()
    with gzip.open(new, "rt") as file:
        head = json.loads(file.readline())
    del head["plan"]["hare"]
    with gzip.open(old, "wt") as file:
        file.write(json.dumps(head) + "\n")
    with reading(old) as (read, _):
        assert read == plan


def test_hare_in_another_manner_is_refused(tmp_path: Path) -> None:
    done = run_cli(["sim", "mesh", "--nodes", "1", "--hare", "quick"], tmp_path)
    assert done.code == 2
    assert "turbo" in done.stderr
