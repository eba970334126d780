"""Sessions, round by round: what is sent, locked and agreed on."""

import pytest

from node.consensus.hare.gradecast import RoundMessage, compute_delay, compute_grade
from node.consensus.hare.machine import (
    GRADE_AGREED,
    GRADE_HARD_LOCK,
    GRADE_PROPOSED,
    GRADE_REPROPOSED,
    GRADE_SOFT_LOCK,
    Agreed,
    CoinThrown,
    HareMachine,
    MessageDue,
    Output,
    RoundStats,
    SessionState,
    Taken,
    Terminated,
    following,
)
from node.consensus.hare.wire import IterRound, Round, compute_reference
from tests.support.hare import THRESHOLD, A, B, at, run_to, said

PREROUND, PROPOSE = at(0, Round.PREROUND), at(0, Round.PROPOSE)
COMMIT, NOTIFY = at(0, Round.COMMIT), at(0, Round.NOTIFY)
SET = (A, B)
REFERENCE = compute_reference(SET)


def machine() -> HareMachine:
    return HareMachine(THRESHOLD)


def feed(to: HareMachine, when: IterRound, *messages: RoundMessage) -> list[Output]:
    """Run to a round and hand messages over; return what came out on the way."""
    outputs = run_to(to, when)
    for message in messages:
        to.on_message(message)
    return outputs


def sent(outputs: list[Output]) -> list[MessageDue]:
    return [output for output in outputs if isinstance(output, MessageDue)]


def commits_of(*heard: tuple[IterRound, RoundMessage]) -> list[MessageDue]:
    """Return what is committed to in iteration 0 if this is heard."""
    tested = machine()
    for when, message in heard:
        feed(tested, when, message)
    return [due for due in sent(run_to(tested, NOTIFY)) if due.iter_round == COMMIT]


def test_rounds_follow_each_other_without_a_first_hardlock() -> None:
    tested = machine()
    order = []
    for _ in range(15):
        order.append((tested.position.iteration, tested.position.round))
        tested.on_round()
    assert order == [
        (0, 0), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7),
        (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (2, 1),
    ]  # fmt: skip
    assert following(at(255, Round.NOTIFY)) == at(0, Round.HARDLOCK)


def test_a_session_without_faults_agrees_and_ends_an_iteration_later() -> None:
    tested = machine()
    tested.on_initial(SET)
    assert tested.on_round() == (MessageDue(iter_round=PREROUND, proposals=SET),)
    feed(tested, at(0, Round.SOFTLOCK), said(1, PREROUND, *SET, seats=THRESHOLD))
    assert feed(tested, at(0, Round.WAIT1), said(1, PROPOSE, *SET)) == [
        CoinThrown(coin=True),
        MessageDue(iter_round=PROPOSE, proposals=SET),
    ]
    assert run_to(tested, NOTIFY) == [MessageDue(iter_round=COMMIT, reference=REFERENCE)]
    tested.on_message(said(1, COMMIT, reference=REFERENCE, seats=THRESHOLD))
    assert tested.on_round() == (MessageDue(iter_round=NOTIFY, reference=REFERENCE),)
    tested.on_message(said(1, NOTIFY, reference=REFERENCE, seats=THRESHOLD))
    assert tested.on_round() == (Agreed(proposals=SET),)
    outputs = run_to(tested, at(2, Round.HARDLOCK))
    assert outputs == [
        MessageDue(iter_round=at(1, Round.PROPOSE), proposals=SET),
        MessageDue(iter_round=at(1, Round.COMMIT), reference=REFERENCE),
        MessageDue(iter_round=at(1, Round.NOTIFY), reference=REFERENCE),
    ]
    assert tested.on_round() == (Terminated(),)


def test_without_messages_only_empty_sets_are_proposed() -> None:
    outputs = run_to(machine(), at(4, Round.HARDLOCK))
    assert outputs[0] == MessageDue(iter_round=PREROUND)
    assert outputs[1:] == [
        MessageDue(iter_round=at(iteration, Round.PROPOSE)) for iteration in range(4)
    ]


def test_an_empty_set_can_be_agreed_on() -> None:
    empty = compute_reference(())
    tested = machine()
    feed(tested, at(0, Round.WAIT1), said(1, PROPOSE))
    assert run_to(tested, NOTIFY)[-1] == MessageDue(iter_round=COMMIT, reference=empty)
    feed(tested, NOTIFY, said(1, COMMIT, reference=empty, seats=THRESHOLD))
    feed(tested, at(1, Round.HARDLOCK), said(1, NOTIFY, reference=empty, seats=THRESHOLD))
    assert tested.on_round() == (Agreed(proposals=()),)


def test_agreement_is_reached_in_a_later_iteration_after_silence() -> None:
    tested = machine()
    later = at(1, Round.PROPOSE)
    feed(tested, at(0, Round.SOFTLOCK), said(1, PREROUND, *SET, seats=THRESHOLD))
    feed(tested, at(1, Round.WAIT1), said(1, later, *SET))
    commit, notify = at(1, Round.COMMIT), at(1, Round.NOTIFY)
    assert sent(run_to(tested, notify))[-1] == MessageDue(iter_round=commit, reference=REFERENCE)
    feed(tested, notify, said(1, commit, reference=REFERENCE, seats=THRESHOLD))
    feed(tested, at(2, Round.HARDLOCK), said(1, notify, reference=REFERENCE, seats=THRESHOLD))
    assert tested.on_round() == (Agreed(proposals=SET),)


@pytest.mark.parametrize(
    ("proofs", "coin"),
    [
        pytest.param([1, 2], True, id="lowest bit of the smallest"),
        pytest.param([0x0200, 0x0201], False, id="last byte is the most significant"),
    ],
)
def test_the_coin_is_the_lowest_bit_of_the_smallest_proof(proofs: list[int], coin: bool) -> None:
    tested = machine()
    feed(
        tested,
        at(0, Round.SOFTLOCK),
        *(said(10 + place, PREROUND, order=order) for place, order in enumerate(proofs)),
    )
    assert tested.on_round() == (CoinThrown(coin=coin),)


def test_the_coin_is_thrown_later_if_the_first_preround_message_is_late() -> None:
    tested = machine()
    feed(tested, PROPOSE, said(2, PREROUND))
    assert tested.on_round()[-1] == CoinThrown(coin=False)
    assert not [o for o in run_to(tested, at(4, 1)) if isinstance(o, CoinThrown)]


def test_repeated_messages_are_not_relayed_and_add_nothing() -> None:
    tested = machine()
    message = said(1, PREROUND, A, seats=THRESHOLD - 1)
    feed(tested, at(0, Round.SOFTLOCK))
    assert tested.on_message(message) == Taken(relay=True)
    assert tested.on_message(message) == Taken(relay=False)
    assert sent(run_to(tested, at(0, Round.WAIT1))) == [MessageDue(iter_round=PROPOSE)]


def test_only_the_first_conflicting_message_is_relayed_with_a_proof() -> None:
    tested = machine()
    first, second = said(1, PREROUND, A), said(1, PREROUND, B)
    tested.on_message(first)
    assert tested.on_message(second) == Taken(relay=True, conflict=(first, second))
    assert tested.on_message(said(1, PREROUND)) == Taken(relay=False)


def test_a_second_message_of_a_known_malicious_smesher_is_dropped() -> None:
    tested = machine()
    tested.on_message(said(1, PREROUND, A, malicious=True))
    assert tested.on_message(said(1, PREROUND, B, malicious=True)) == Taken(relay=False)


def test_of_two_conflicting_messages_the_one_with_the_better_atx_stays() -> None:
    tested = machine()
    feed(
        tested,
        at(0, Round.SOFTLOCK),
        said(1, PREROUND, A, seats=THRESHOLD, atx_grade=4),
        said(1, PREROUND, B, seats=THRESHOLD),
        said(2, PREROUND, A, B),
    )
    assert sent(run_to(tested, at(0, Round.WAIT1)))[-1].proposals == (B,)


PREROUND_HEARD = (at(0, Round.SOFTLOCK), said(9, PREROUND, *SET, seats=THRESHOLD))
COMMITTED = [MessageDue(iter_round=COMMIT, reference=REFERENCE)]


@pytest.mark.parametrize("when", [at(0, Round.SOFTLOCK), at(0, Round.PROPOSE), at(0, 4)])
def test_early_and_timely_proposals_are_committed_to(when: IterRound) -> None:
    assert commits_of(PREROUND_HEARD, (when, said(1, PROPOSE, *SET))) == COMMITTED


def test_a_proposal_two_delays_late_is_not_committed_to() -> None:
    assert commits_of(PREROUND_HEARD, (at(0, Round.WAIT2), said(1, PROPOSE, *SET))) == []


def test_a_known_malicious_leader_is_not_followed() -> None:
    leader = said(1, PROPOSE, *SET, malicious=True)
    assert commits_of(PREROUND_HEARD, (at(0, Round.WAIT1), leader)) == []


def test_a_leader_who_said_two_things_is_not_followed() -> None:
    assert (
        commits_of(
            PREROUND_HEARD,
            (at(0, Round.WAIT1), said(1, PROPOSE, *SET)),
            (at(0, Round.COMMIT), said(1, PROPOSE, A)),
        )
        == []
    )


def test_the_leader_with_the_lowest_vrf_is_followed() -> None:
    assert commits_of(
        PREROUND_HEARD,
        (at(0, Round.WAIT1), said(1, PROPOSE, *SET, order=5)),
        (at(0, Round.WAIT1), said(2, PROPOSE, B, A, order=3)),
    ) == [MessageDue(iter_round=COMMIT, reference=compute_reference((B, A)))]


def test_a_set_must_not_have_more_than_what_is_surely_known() -> None:
    early = (at(0, Round.SOFTLOCK), said(9, PREROUND, A, seats=THRESHOLD))
    late = (at(0, Round.WAIT2), said(8, PREROUND, B, seats=THRESHOLD))
    leader = (at(0, Round.WAIT1), said(1, PROPOSE, *SET))
    assert commits_of(early, leader, late) == []


def test_a_set_must_not_lack_what_everybody_has() -> None:
    assert commits_of(PREROUND_HEARD, (at(0, Round.WAIT1), said(1, PROPOSE, A))) == []


def test_a_set_may_lack_what_everybody_has_if_others_committed_to_it_before() -> None:
    small = compute_reference((A,))
    tested = machine()
    feed(tested, *PREROUND_HEARD)
    feed(tested, at(0, Round.WAIT1), said(1, PROPOSE, A))
    feed(tested, at(1, Round.PROPOSE), said(9, COMMIT, reference=small, seats=THRESHOLD))
    feed(tested, at(1, Round.WAIT1), said(1, at(1, Round.PROPOSE), A))
    due = sent(run_to(tested, at(1, Round.NOTIFY)))
    assert due[-1] == MessageDue(iter_round=at(1, Round.COMMIT), reference=small)


def locked(commits_heard: IterRound) -> HareMachine:
    """Return a machine that heard in time of SET, and then of commits to it."""
    tested = machine()
    feed(tested, *PREROUND_HEARD)
    feed(tested, at(0, Round.WAIT1), said(1, PROPOSE, *SET))
    feed(tested, commits_heard, said(9, COMMIT, reference=REFERENCE, seats=THRESHOLD))
    return tested


def second_commit(tested: HareMachine) -> list[MessageDue]:
    """Return the commit of iteration 1 if only another set is proposed there."""
    larger = said(1, at(1, Round.PROPOSE), B, A)
    feed(tested, at(1, Round.WAIT1), larger)
    outputs = sent(run_to(tested, at(1, Round.NOTIFY)))
    return [due for due in outputs if due.iter_round.round == Round.COMMIT]


def test_commits_heard_in_time_lock_hard() -> None:
    assert second_commit(locked(at(0, Round.NOTIFY))) == [
        MessageDue(iter_round=at(1, Round.COMMIT), reference=REFERENCE)
    ]


def test_the_state_tells_what_is_due_locked_and_agreed_on() -> None:
    tested = locked(at(0, Round.NOTIFY))
    before = tested.state()
    assert (before.locked, before.is_hard, before.result) == (None, False, None)
    run_to(tested, at(1, Round.SOFTLOCK))
    assert tested.state() == SessionState(
        position=at(1, Round.SOFTLOCK), locked=REFERENCE, is_hard=True, result=None
    )


def test_commits_heard_later_lock_softly() -> None:
    assert second_commit(locked(at(1, Round.SOFTLOCK))) == []


def test_commits_heard_too_late_do_not_lock_but_are_proposed_again() -> None:
    tested = locked(at(1, Round.PROPOSE))
    tested.on_round()
    assert second_commit(tested)[-1].reference == compute_reference((B, A))
    tested = locked(at(1, Round.PROPOSE))
    assert tested.on_round() == (MessageDue(iter_round=at(1, Round.PROPOSE), proposals=SET),)


def test_a_soft_lock_follows_its_own_set_though_another_leader_is_lower() -> None:
    tested = locked(at(1, Round.SOFTLOCK))
    again = at(1, Round.PROPOSE)
    feed(
        tested,
        at(1, Round.WAIT1),
        said(1, again, *SET, order=8),
        said(2, again, B, A, order=1),
    )
    assert sent(run_to(tested, at(1, Round.NOTIFY)))[-1].reference == REFERENCE


@pytest.mark.parametrize("round_", [Round.COMMIT, Round.NOTIFY])
def test_malicious_votes_alone_decide_nothing(round_: Round) -> None:
    tested = machine()
    feed(tested, *PREROUND_HEARD)
    feed(tested, at(0, Round.WAIT1), said(1, PROPOSE, *SET))
    voted = at(0, round_)
    feed(
        tested,
        following(voted),
        said(9, voted, reference=REFERENCE, seats=THRESHOLD, malicious=True),
    )
    outputs = run_to(tested, at(1, Round.SOFTLOCK))
    assert not [o for o in outputs if isinstance(o, Agreed)]
    assert not [o for o in sent(outputs) if o.iter_round == NOTIFY]


def test_references_to_unknown_sets_are_of_no_use() -> None:
    tested = machine()
    feed(tested, NOTIFY, said(9, COMMIT, reference=REFERENCE, seats=THRESHOLD))
    feed(tested, at(1, 1), said(9, NOTIFY, reference=REFERENCE, seats=THRESHOLD))
    assert run_to(tested, at(1, Round.PROPOSE)) == []


def test_very_late_messages_count_again_because_grades_wrap() -> None:
    tested = machine()
    feed(tested, at(1, Round.PROPOSE), said(9, PREROUND, A, seats=THRESHOLD))
    assert tested.on_round()[0] == MessageDue(iter_round=at(1, Round.PROPOSE), proposals=(A,))


def test_statistics_count_what_was_heard_by_round() -> None:
    tested = machine()
    tested.on_message(said(1, COMMIT, reference=REFERENCE, seats=3))
    tested.on_message(said(1, PREROUND, A, seats=2))
    tested.on_message(said(2, PREROUND, A, seats=4, malicious=True))
    assert tested.stats() == (
        RoundStats(iter_round=PREROUND, messages=2, seats=6, malicious=1),
        RoundStats(iter_round=COMMIT, messages=1, seats=3, malicious=0),
    )


@pytest.mark.parametrize(
    ("asked", "since", "grade"),
    [
        (at(1, Round.HARDLOCK), at(0, Round.NOTIFY), GRADE_AGREED),
        (at(0, Round.NOTIFY), at(0, Round.COMMIT), GRADE_AGREED),
        (at(1, Round.HARDLOCK), at(0, Round.COMMIT), GRADE_HARD_LOCK),
        (at(1, Round.SOFTLOCK), at(0, Round.COMMIT), GRADE_SOFT_LOCK),
        (at(1, Round.PROPOSE), at(0, Round.COMMIT), GRADE_REPROPOSED),
        (at(0, Round.PROPOSE), PREROUND, GRADE_PROPOSED),
    ],
)
def test_some_grades_are_the_least_that_a_message_can_have_when_it_is_asked_for(
    asked: IterRound, since: IterRound, grade: int
) -> None:
    """Lower ones would change nothing: what comes later comes after the question.

    So no scenario can tell them from these; higher ones are found by the properties.
    """
    assert compute_grade(compute_delay(asked, since)) == grade
