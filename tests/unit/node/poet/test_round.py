"""The schedule, and the life of rounds as scripts of inputs and outputs."""

import pytest

from node.poet.round import (
    CloseRound,
    ExecuteRound,
    Phase,
    RoundMachine,
    RoundSchedule,
    RoundStatus,
    SkipRound,
)

S = 10**9
HOUR = 3600 * S
SCHEDULE = RoundSchedule(genesis_ns=0, epoch_ns=60 * S, phase_shift_ns=30 * S, cycle_gap_ns=20 * S)
MAINNET = RoundSchedule(
    genesis_ns=1_689_321_600 * S,
    epoch_ns=336 * HOUR,
    phase_shift_ns=240 * HOUR,
    cycle_gap_ns=12 * HOUR,
)


def test_mainnet_rounds_last_324_hours() -> None:
    assert MAINNET.start_ns(0) == 1_690_185_600 * S
    assert MAINNET.end_ns(0) == 1_691_352_000 * S
    assert MAINNET.end_ns(7) - MAINNET.start_ns(7) == 324 * HOUR


@pytest.mark.parametrize(
    ("now_ns", "open_round"),
    [
        pytest.param(-5 * S, 0, id="before genesis"),
        pytest.param(29 * S, 0, id="inside the phase shift"),
        pytest.param(30 * S, 1, id="first round starts"),
        pytest.param(89 * S, 1, id="first round runs"),
        pytest.param(90 * S, 2, id="second round starts"),
    ],
)
def test_the_open_round_is_the_one_that_has_not_started(now_ns: int, open_round: int) -> None:
    assert SCHEDULE.open_round(now_ns) == open_round


def test_a_round_goes_from_open_to_finished() -> None:
    machine = RoundMachine(SCHEDULE)
    assert machine.restore((), 0) == ()
    assert machine.deadline_ns == 30 * S
    assert machine.on_time(30 * S - 1) == ()
    assert machine.on_time(30 * S) == (CloseRound(0),)
    assert machine.open_round == 1
    assert machine.on_statement(0, b"s", 30 * S) == (ExecuteRound(0, b"s", 70 * S),)
    assert machine.executing == 0
    assert machine.on_proof(0, 70 * S) == ()
    assert machine.executing is None
    assert machine.deadline_ns == 90 * S


def test_a_round_without_members_is_skipped() -> None:
    machine = RoundMachine(SCHEDULE)

    assert machine.on_statement(0, b"", 30 * S) == (SkipRound(0, b"", "no members"),)


def test_rounds_wait_for_the_one_that_executes() -> None:
    machine = RoundMachine(SCHEDULE)
    machine.on_statement(0, b"s", 30 * S)

    assert machine.on_statement(1, b"t", 90 * S) == ()
    assert machine.on_proof(5, 91 * S) == ()
    assert machine.on_proof(0, 95 * S) == (ExecuteRound(1, b"t", 130 * S),)


def test_a_round_that_was_not_begun_before_its_end_is_skipped() -> None:
    machine = RoundMachine(SCHEDULE)
    machine.on_statement(0, b"s", 30 * S)
    machine.on_statement(1, b"t", 90 * S)

    assert machine.on_proof(0, 130 * S + 1) == (SkipRound(1, b"t", "its end is past"),)
    assert machine.executing is None


def test_a_long_pause_closes_one_round_and_opens_the_current_one() -> None:
    machine = RoundMachine(SCHEDULE)

    assert machine.on_time(400 * S) == (CloseRound(0),)
    assert machine.open_round == 7


def test_a_clock_that_steps_back_opens_no_round_again() -> None:
    machine = RoundMachine(SCHEDULE)
    machine.on_time(30 * S)

    assert machine.on_time(10 * S) == ()
    assert machine.open_round == 1
    restored = RoundMachine(SCHEDULE)
    restored.restore([RoundStatus(3, Phase.FINISHED, b"s")], 0)
    assert restored.open_round == 4


def test_after_a_restart_begun_work_goes_on_first_however_late() -> None:
    machine = RoundMachine(SCHEDULE)
    outputs = machine.restore(
        [
            RoundStatus(1, Phase.CLOSED, b"t"),
            RoundStatus(0, Phase.EXECUTING, b"s"),
            RoundStatus(2, Phase.OPEN),
        ],
        100 * S,
    )

    assert outputs == (ExecuteRound(0, b"s", 70 * S),)
    assert machine.on_proof(0, 101 * S) == (ExecuteRound(1, b"t", 130 * S),)
    assert machine.open_round == 2


def test_members_of_a_round_that_started_while_we_were_away_are_fixed_now() -> None:
    machine = RoundMachine(SCHEDULE)

    assert machine.restore([RoundStatus(0, Phase.OPEN)], 40 * S) == (CloseRound(0),)
    assert machine.open_round == 1
