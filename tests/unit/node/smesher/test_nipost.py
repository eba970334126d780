"""When the steps of an ATX are due, and which PoET proof is taken."""

import pytest

from node.smesher.nipost import (
    PoetCandidate,
    PoetTimes,
    best_candidate,
    jitter_ns,
    publish_epoch_at,
    round_start_for,
)
from node.types.ids import PoetRef
from node.types.layer import EpochID
from node.types.post import MembershipProof
from tests.support.chain import NS, TIME

SHIFT = 20 * NS
GAP = 10 * NS


def start(epoch: int) -> int:
    return TIME.epoch_start(EpochID(epoch))


def test_the_instants_of_an_atx_follow_from_its_publish_epoch() -> None:
    times = PoetTimes.of(EpochID(3), TIME, phase_shift_ns=SHIFT, cycle_gap_ns=GAP)
    assert times.round_start_ns == start(2) + SHIFT
    assert times.round_end_ns == start(3) + SHIFT - GAP
    assert times.publish_end_ns == start(4)
    assert times.proof_deadline_ns == start(4) - GAP
    assert round_start_for(EpochID(3), TIME, SHIFT) == times.round_start_ns


@pytest.mark.parametrize(
    ("now", "previous", "publish"),
    [
        (start(1), None, 2),
        (start(1) + SHIFT - 1, None, 2),
        (start(1) + SHIFT, None, 3),
        (start(2) - 1, None, 3),
        (start(0) - 100 * NS, None, 1),
        (start(1), 0, 2),
        (start(1), 1, 2),
        (start(1) + SHIFT, 1, 3),
        (start(1) + SHIFT, 2, 3),
        (start(1), 4, 5),
    ],
)
def test_an_atx_is_for_the_next_round_that_has_not_begun(
    now: int, previous: int | None, publish: int
) -> None:
    before = None if previous is None else EpochID(previous)
    assert publish_epoch_at(now, TIME, SHIFT, before) == publish


@pytest.mark.parametrize(
    ("drawn", "millionths"),
    [(0, 200), (200, 400), (201, 200), (2**32 - 1, 200 + (2**32 - 1) % 201)],
)
def test_proofs_are_asked_for_at_different_instants(drawn: int, millionths: int) -> None:
    random = drawn.to_bytes(4, "little") + b"\xff"
    assert jitter_ns(10**12, random) == 10**6 * millionths


def candidate(leaves: int, address: str) -> PoetCandidate:
    return PoetCandidate(
        ref=PoetRef(bytes([leaves]) * 32),
        leaf_count=leaves,
        ticks=leaves,
        membership=MembershipProof(nodes=(), leaf_index=0),
        address=address,
        round_id="1",
    )


def test_the_proof_with_the_most_work_is_taken_of_equal_ones_the_first() -> None:
    assert best_candidate(()) is None
    low, high, same = candidate(1, "a"), candidate(5, "b"), candidate(5, "c")
    assert best_candidate((low, high, same)) is high
    assert best_candidate((same, low, high)) is same
