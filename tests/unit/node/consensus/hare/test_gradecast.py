"""Delays, grades, what crosses the threshold, and the grades of leaders' sets."""

import pytest

from node.consensus.hare.gradecast import (
    STRONG,
    WEAK,
    GradedSet,
    Heard,
    RoundMessage,
    compute_delay,
    compute_grade,
    crossing,
    gradecast,
)
from node.consensus.hare.wire import IterRound, Round
from node.types.ids import ProposalID
from tests.support.hare import A, B, C, at, said

START = at(0, Round.PREROUND)
LEADING = at(0, Round.PROPOSE)


def heard(
    message: RoundMessage,
    received: IterRound,
    *,
    malicious: bool = False,
    conflicted: IterRound | None = None,
) -> Heard:
    return Heard(message=message, received=received, malicious=malicious, conflicted=conflicted)


@pytest.mark.parametrize(
    ("received", "since", "delay"),
    [
        (at(0, 0), at(0, 0), 0),
        pytest.param(at(0, 2), at(0, 0), 1, id="no hardlock after the preround"),
        (at(0, 3), at(0, 0), 2),
        (at(0, 2), at(0, 3), 0),
        (at(0, 4), at(0, 3), 1),
        (at(1, 1), at(0, 7), 1),
        (at(1, 6), at(0, 6), 7),
        pytest.param(at(0, 7), at(1, 0), 0, id="same absolute round"),
    ],
)
def test_delays_are_counted_in_rounds(received: IterRound, since: IterRound, delay: int) -> None:
    assert compute_delay(received, since) == delay


def test_grades_fall_with_every_delay_and_wrap() -> None:
    assert [compute_grade(delay) for delay in range(9)] == [6, 5, 4, 3, 2, 1, 0, 255, 254]


def crossed(entries: list[Heard], grade: int = 5) -> tuple[ProposalID, ...]:
    return crossing(entries, START, grade=grade, threshold=10, items=lambda m: m.proposals)


def test_what_has_enough_seats_of_timely_messages_crosses() -> None:
    entries = [
        heard(said(1, START, A, B, seats=6), at(0, 2)),
        heard(said(2, START, B, C, seats=4), at(0, 3)),
        heard(said(3, START, A, C, seats=4), at(0, 2)),
    ]
    assert crossed(entries) == (A,)
    assert crossed(entries, grade=4) == (A, B)


def test_malicious_seats_help_but_never_alone() -> None:
    entries = [
        heard(said(1, START, A, B, seats=10), at(0, 2), malicious=True),
        heard(said(2, START, A, seats=1), at(0, 2)),
    ]
    assert crossed(entries) == (A,)


def test_seats_wrap_at_sixteen_bits() -> None:
    entries = [
        heard(said(1, START, A, B, seats=(1 << 16) - 1), at(0, 2)),
        heard(said(2, START, A, seats=2), at(0, 2)),
    ]
    assert crossed(entries) == (B,)


def test_a_repeated_item_counts_again() -> None:
    assert crossed([heard(said(1, START, A, A, seats=5), at(0, 2))]) == (A,)


def test_votes_with_worse_atxs_than_all_honest_ones_do_not_count() -> None:
    entries = [
        heard(said(1, START, A, seats=6, atx_grade=4), at(0, 2)),
        heard(said(2, START, A, B, seats=5, atx_grade=3), at(0, 2), malicious=True),
    ]
    assert crossed(entries) == ()
    entries.append(heard(said(3, START, B, seats=5, atx_grade=3), at(0, 2)))
    assert crossed(entries) == (A, B)


@pytest.mark.parametrize(
    ("entry", "grade"),
    [
        (heard(said(1, LEADING, A), at(0, 0)), STRONG),
        (heard(said(1, LEADING, A), at(0, 4)), STRONG),
        (heard(said(1, LEADING, A), at(0, 5)), WEAK),
        (heard(said(1, LEADING, A), at(0, 6)), None),
        (heard(said(1, LEADING, A, atx_grade=4), at(0, 4)), WEAK),
        (heard(said(1, LEADING, A, atx_grade=3), at(0, 4)), None),
        (heard(said(1, LEADING, A), at(0, 4), malicious=True), None),
        (heard(said(1, LEADING, A), at(0, 4), malicious=True, conflicted=at(0, 7)), STRONG),
        (heard(said(1, LEADING, A), at(0, 4), malicious=True, conflicted=at(0, 6)), WEAK),
        (heard(said(1, LEADING, A), at(0, 4), malicious=True, conflicted=at(0, 5)), None),
    ],
)
def test_a_leaders_set_is_graded_by_its_delay_and_its_rivals(
    entry: Heard, grade: int | None
) -> None:
    expected = () if grade is None else (GradedSet(grade, (A,)),)
    assert gradecast([entry], LEADING) == expected


def test_sets_are_cast_in_the_order_of_their_leaders_vrf() -> None:
    entries = [
        heard(said(1, LEADING, A, order=9), at(0, 4)),
        heard(said(2, LEADING, B, order=1 << 600), at(0, 4)),
        heard(said(3, LEADING, C, order=2), at(0, 5)),
    ]
    cast = gradecast(entries, LEADING)
    assert [graded.proposals for graded in cast] == [(C,), (A,), (B,)]
    assert [graded.grade for graded in cast] == [WEAK, STRONG, STRONG]
