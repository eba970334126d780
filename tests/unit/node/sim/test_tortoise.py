"""The tortoise alone, simulated: splits and how they heal, adversaries, traces."""

from dataclasses import replace

import pytest

from node.consensus.tortoise.ballots import BallotData, ReferenceData
from node.consensus.tortoise.trace import TraceEvent, encode_event
from node.sim.tortoise import (
    GENESIS,
    TortoisePlan,
    TortoiseReport,
    TortoiseSimulation,
    replay_trace,
    run_tortoise,
)
from node.types.ballot import Opinion, Votes
from node.types.ids import AtxID, BallotID, Beacon, Hash32, SmesherID
from node.types.layer import LayerID

PLAN = TortoisePlan(
    nodes=8,
    layers=30,
    adversaries=0,
    lost_per_million=0,
    split_at=0,
    split_layers=0,
    smaller_side=0,
    seed=1,
)


def modes(report: TortoiseReport) -> list[str]:
    """Return the modes of the nodes, where they are the same, by layer."""
    return [{node.mode for node in step.nodes}.pop() for step in report.steps]


def test_every_layer_is_decided_by_the_next_one() -> None:
    report = run_tortoise(PLAN)
    assert report.agreed
    for step in report.steps:
        assert {node.verified for node in step.nodes} == {step.layer - 1}
        assert {node.ballots for node in step.nodes} == {(step.layer - GENESIS) * PLAN.nodes}
    assert set(modes(report)) == {"verifying"}


def test_ballots_that_come_late_delay_nothing_for_long() -> None:
    report = run_tortoise(replace(PLAN, lost_per_million=300_000))
    assert report.agreed
    assert all(node.verified >= GENESIS + PLAN.layers - 4 for node in report.steps[-1].nodes)
    assert any(node.ballots < node.verified for node in report.steps[0].nodes)


@pytest.mark.parametrize("smaller", [3, 4])
def test_a_split_is_healed_in_full_mode(smaller: int) -> None:
    report = run_tortoise(replace(PLAN, split_at=8, split_layers=8, smaller_side=smaller))
    assert report.agreed
    parted = [step for step in report.steps if step.is_split]
    assert [step.layer for step in parted] == [LayerID(GENESIS + n) for n in range(8, 16)]
    # The smaller side decides no more than what was nearly decided before.
    before = report.steps[6].nodes[-1].verified
    if smaller == 3:
        assert parted[-1].nodes[-1].verified <= before + 1
    assert "full" in modes(report)
    assert all(node.verified >= GENESIS + PLAN.layers - 3 for node in report.steps[-1].nodes)


def test_adversaries_are_outvoted_and_not_looked_at() -> None:
    report = run_tortoise(replace(PLAN, adversaries=2))
    assert report.agreed
    assert [node.node for node in report.steps[0].nodes] == [f"node{n}" for n in range(2, 8)]
    assert all(node.verified >= GENESIS + PLAN.layers - 4 for node in report.steps[-1].nodes)


def test_a_ballot_waits_for_what_it_is_based_on() -> None:
    simulation = TortoiseSimulation(replace(PLAN, layers=3))
    node = simulation.nodes[0]
    unknown = Votes(base=BallotID(b"?" * 20), support=(), against=(), abstain=())
    ballot = BallotData(
        id=BallotID(b"waits".ljust(20)),
        smesher=SmesherID(b"somebody".ljust(32)),
        layer=LayerID(GENESIS + 1),
        atx_id=AtxID(b"unknown".ljust(32)),
        eligibility_count=1,
        opinion=Opinion(hash=Hash32.zero(), votes=unknown),
        epoch_data=ReferenceData(beacon=Beacon.zero(), eligibility_count=1),
        ref_ballot=None,
    )
    node.inbox.append((GENESIS + 1, ballot))
    report = simulation.run()
    assert [step.nodes[0].waiting for step in report.steps] == [1, 1, 1]
    assert [step.nodes[1].waiting for step in report.steps] == [0, 0, 0]


def test_a_recorded_run_is_replayed_to_the_same_outputs() -> None:
    events: list[TraceEvent] = []
    plan = replace(PLAN, split_at=8, split_layers=8, smaller_side=4)
    assert run_tortoise(plan, events.append) == run_tortoise(plan)
    lines = [encode_event(event) for event in events]
    replayed = replay_trace(lines)
    assert replayed.differences == ()
    assert replayed.compared >= sum(layer.compared for layer in replayed.layers) > plan.layers
    assert {layer.mode for layer in replayed.layers} == {"verifying", "full"}
    # Without its hare outputs the same trace ends otherwise.
    deaf = [line for line, event in zip(lines, events, strict=True) if "Hare" not in repr(event)]
    assert replay_trace(deaf).differences


def test_layers_that_are_decided_differently_are_disputes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulation = TortoiseSimulation(replace(PLAN, layers=4))
    assert simulation.run().agreed
    monkeypatch.setattr(simulation.nodes[0], "valid_blocks", lambda layer: f"another of {layer}")
    disputed = list(simulation._disputes())
    assert [dispute.layer for dispute in disputed] == [GENESIS + 1, GENESIS + 2, GENESIS + 3]
    assert set(disputed[0].blocks) == {f"node{number}" for number in range(PLAN.nodes)}
