"""The run of a simulated network: every outage happens when it is planned, and is traced."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from node.sim.faults import FaultPlan, LateStart, Outage, Partition, Restart
from node.sim.mesh import most_adversaries, network_ns, run_mesh
from node.sim.mesh_report import MeshPlan, MeshReport
from node.sim.power import BetweenWrites
from node.sim.trace import reading, writing
from node.sim.world import GENESIS_NS
from node.types.layer import LayerID

SECOND_NS = 10**9
LAYER_NS = 15 * SECOND_NS
PLAN = MeshPlan(preset="fastnet", nodes=3, epochs=1, seed=5, faults=True, adversaries=0)


def faults(*outages: Outage) -> FaultPlan:
    return FaultPlan(
        lost_per_million=50_000, repeated_per_million=500_000, slow=(0,), outages=outages
    )


EVERYTHING = faults(
    LateStart(node=2, layer=LayerID(1), offset_ns=SECOND_NS),
    Restart(node=0, layer=LayerID(1), offset_ns=2 * SECOND_NS, down_ns=LAYER_NS),
    BetweenWrites(node=1, layer=LayerID(1), write=0, down_ns=LAYER_NS),
    # It is down already, and so is not killed; it is not started twice either.
    Restart(node=0, layer=LayerID(1), offset_ns=3 * SECOND_NS),
    Partition(nodes=(1,), layer=LayerID(2), offset_ns=SECOND_NS, length_ns=LAYER_NS),
)


def simulated(folder: Path, trace: Path) -> MeshReport:
    folder.mkdir()
    with writing(trace, PLAN) as recorder:
        return run_mesh(PLAN, folder, tell_nobody, recorder)


def tell_nobody(_what: str, _done: int, _of: int) -> None:
    """Nobody waits for the progress."""


def events(trace: Path) -> list[list[Any]]:
    with gzip.open(trace, "rt") as file:
        return [json.loads(line) for line in file.readlines()[1:]]


def test_outages_happen_as_planned_and_runs_follow_their_traces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("node.sim.mesh.draw_plan", lambda *_: EVERYTHING)
    trace = tmp_path / "trace.gz"
    report = simulated(tmp_path / "first", trace)
    assert report.agreed
    assert report.faults == EVERYTHING
    found = events(trace)
    assert len(found) == report.events
    assert found[0][1] == "faults"
    from_outside = [event for event in found if event[1] in {"stop", "start", "cut", "heal"}]
    assert from_outside == [
        [LAYER_NS + SECOND_NS, "start", [2]],
        [LAYER_NS + 2 * SECOND_NS, "stop", [0]],
        [2 * LAYER_NS + SECOND_NS, "cut", [1]],
        [2 * LAYER_NS + 2 * SECOND_NS, "start", [0]],
        [3 * LAYER_NS + SECOND_NS, "heal", []],
    ]
    cut = [event for event in found if 2 * LAYER_NS + SECOND_NS < event[0] <= 3 * LAYER_NS]
    heard = [event for event in cut if event[1] in {"heard", "asked"}]
    assert all("node1" not in event[2:4] for event in heard)
    assert [event[2] for event in found if event[1] == "layer"] == [1, 2, 3, 4]

    again = tmp_path / "again"
    again.mkdir()
    with reading(trace) as (plan, follower):
        followed = run_mesh(plan, again, tell_nobody, follower)
    assert followed.departure is None
    assert followed.events == report.events


def test_a_run_that_departs_from_its_trace_stops(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("node.sim.mesh.draw_plan", lambda *_: faults())
    trace = tmp_path / "trace.gz"
    simulated(tmp_path / "first", trace)
    monkeypatch.setattr("node.sim.mesh.draw_plan", lambda *_: EVERYTHING)
    told: list[int] = []
    again = tmp_path / "again"
    again.mkdir()
    with reading(trace) as (plan, follower):
        report = run_mesh(plan, again, lambda _what, done, _of: told.append(done), follower)
    assert report.departure is not None
    assert report.departure.event == 0
    assert told == [1]


def test_the_time_of_the_network_begins_before_genesis() -> None:
    assert network_ns() == GENESIS_NS - 20 * SECOND_NS


def test_a_sixth_of_the_nodes_may_be_adversaries() -> None:
    assert [most_adversaries(nodes) for nodes in (1, 5, 6, 12, 20)] == [0, 0, 1, 2, 3]
