"""The life of a round: open, closed, executing, finished or skipped.

States: a round is *open* while smeshers register; at its start it is *closed*: its
members are fixed and their statement is known; *executing* while the work is done, one
round at a time; *finished* when its proof is stored.  It is *skipped* where there is
nothing to prove (no members) or it can no longer be executed (it was not begun and its
end is past).

Inputs: on_time, on_statement, on_proof; restore after a restart.
Outputs: CloseRound, ExecuteRound, SkipRound.
Invariants: every round is closed at most once, in order; at most one is executing; a
round that was begun before a restart is executed first and to its end, however late; a
clock that steps back opens no round again.

Source: spacemeshos/poet, registration and service; PoET digest section 6.1.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias


class Phase(IntEnum):
    """Where a round is in its life; the numbers are stored."""

    OPEN = 0
    CLOSED = 1
    EXECUTING = 2
    FINISHED = 3
    SKIPPED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundSchedule:
    """When rounds start and end; all in nanoseconds, instants since the unix epoch.

    Round e is open for registration until it starts, and executed from then until its end.
    """

    genesis_ns: int
    epoch_ns: int
    """From the start of a round to that of the next."""

    phase_shift_ns: int
    """From an epoch's start to the start of the round in it."""

    cycle_gap_ns: int
    """From the end of a round to the start of the next."""

    def start_ns(self, round_id: int) -> int:
        """Return when a round's members are fixed and its work begins."""
        return self.genesis_ns + self.phase_shift_ns + round_id * self.epoch_ns

    def end_ns(self, round_id: int) -> int:
        """Return when a round's work ends."""
        return self.start_ns(round_id) + self.epoch_ns - self.cycle_gap_ns

    def open_round(self, now_ns: int) -> int:
        """Return the round that is open for registration."""
        since_first = now_ns - self.start_ns(0)
        return 0 if since_first < 0 else since_first // self.epoch_ns + 1


@dataclass(frozen=True, slots=True)
class RoundStatus:
    """What was stored of a round."""

    round_id: int
    phase: Phase
    statement: bytes = b""
    """Root over the members; no bytes while it is open, or if it has none."""


@dataclass(frozen=True, slots=True)
class CloseRound:
    """Fix the members and tell the machine their statement."""

    round_id: int


@dataclass(frozen=True, slots=True)
class ExecuteRound:
    """Do the work, or go on with it, until the end."""

    round_id: int
    statement: bytes
    end_ns: int


@dataclass(frozen=True, slots=True)
class SkipRound:
    """Nothing comes of this round."""

    round_id: int
    statement: bytes
    reason: str


Output: TypeAlias = CloseRound | ExecuteRound | SkipRound


@dataclass
class RoundMachine:
    """Decides what happens to which round; see the module for states and invariants."""

    schedule: RoundSchedule

    open_round: int = 0
    """The round that smeshers register for."""

    executing: int | None = None
    """The round whose work is under way."""

    _waiting: deque[RoundStatus] = field(default_factory=deque)

    @property
    def deadline_ns(self) -> int:
        """When the machine next wants to hear the time."""
        return self.schedule.start_ns(self.open_round)

    def restore(self, stored: Iterable[RoundStatus], now_ns: int) -> tuple[Output, ...]:
        """Take up what an earlier process left behind."""
        known = sorted(stored, key=lambda status: status.round_id)
        self.open_round = self.schedule.open_round(now_ns)
        for status in known:
            if status.phase is not Phase.OPEN:
                self.open_round = max(self.open_round, status.round_id + 1)
        self._waiting.extend(status for status in known if status.phase is Phase.EXECUTING)
        self._waiting.extend(status for status in known if status.phase is Phase.CLOSED)
        unclosed = (
            CloseRound(status.round_id)
            for status in known
            if status.phase is Phase.OPEN and status.round_id < self.open_round
        )
        return (*unclosed, *self._execute_next(now_ns))

    def on_time(self, now_ns: int) -> tuple[Output, ...]:
        """Close the open round if it starts now or has started."""
        if now_ns < self.deadline_ns:
            return ()
        closed = self.open_round
        self.open_round = max(closed + 1, self.schedule.open_round(now_ns))
        return (CloseRound(closed),)

    def on_statement(self, round_id: int, statement: bytes, now_ns: int) -> tuple[Output, ...]:
        """Queue a round whose members are fixed now."""
        if not statement:
            return (SkipRound(round_id, statement, "no members"),)
        self._waiting.append(RoundStatus(round_id, Phase.CLOSED, statement))
        return self._execute_next(now_ns)

    def on_proof(self, round_id: int, now_ns: int) -> tuple[Output, ...]:
        """Go on to the next round after one is proved and stored."""
        if self.executing == round_id:
            self.executing = None
        return self._execute_next(now_ns)

    def _execute_next(self, now_ns: int) -> tuple[Output, ...]:
        outputs: list[Output] = []
        while self.executing is None and self._waiting:
            status = self._waiting.popleft()
            end_ns = self.schedule.end_ns(status.round_id)
            if status.phase is Phase.CLOSED and end_ns < now_ns:
                outputs.append(SkipRound(status.round_id, status.statement, "its end is past"))
                continue
            self.executing = status.round_id
            outputs.append(ExecuteRound(status.round_id, status.statement, end_ns))
        return tuple(outputs)
