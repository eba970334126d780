"""One layer's session: what is sent in every round, and what is agreed on.

Inputs: ``on_initial`` (our own set, before the preround is executed), ``on_message`` for
every checked message, our own among them, and ``on_round`` whenever a round is due.
Outputs: what to send if we have seats, the weak coin (once), the set that is agreed on
(once), and the end of the session, a whole iteration after that.

Rounds are executed in the order preround, softlock to notify of iteration 0, then hardlock
to notify of every further iteration; ``position`` is the one due next, and the instant at
which messages are received.

Source: go-spacemesh, hare3/protocol.go; hare digest 6.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from node.consensus.hare.gradecast import (
    STRONG,
    GradedSet,
    Heard,
    RoundMessage,
    crossing,
    gradecast,
)
from node.consensus.hare.wire import IterRound, Round, compute_reference
from node.crypto.vrf import coin_bit, order_number
from node.types.ids import Hash32, ProposalID, SmesherID, VrfSignature

ITERATION_VALUES: Final = 1 << 8
"""Iterations are 8-bit and wrap."""

PREROUND: Final = IterRound(iteration=0, round=Round.PREROUND)
"""Where every session begins."""

GRADE_PROPOSED: Final = 4
"""Least grade of preround messages for what we propose."""
GRADE_OF_EVERYBODY: Final = 5
"""What has this grade here has at least 3 everywhere: a proposed set must not lack it."""
GRADE_COMMITTABLE: Final = 3
"""Least grade of preround messages for everything in a set we commit to."""
GRADE_VALID: Final = 2
"""Least grade of preround messages for everything in a set we take note of."""
GRADE_AGREED: Final = 5
"""Least grade of notify messages that end the agreement, and of commits we notify of."""
GRADE_HARD_LOCK: Final = 4
GRADE_SOFT_LOCK: Final = 3
GRADE_REPROPOSED: Final = 2
"""Least grade of commits whose set we propose again."""
GRADE_JUSTIFIED: Final = 1
"""Least grade of commits for which a set may lack what everybody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDue:
    """Who has seats in this round should send a message now."""

    iter_round: IterRound

    proposals: tuple[ProposalID, ...] = ()
    """In preround and propose."""

    reference: Hash32 | None = None
    """In commit and notify."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinThrown:
    """The layer's weak coin: the lowest bit of the smallest VRF of the preround."""

    coin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """The agreed set; an empty one is an agreement, too."""

    proposals: tuple[ProposalID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminated:
    """All others have had the chance to agree: the session is over."""


Output: TypeAlias = MessageDue | CoinThrown | Agreed | Terminated


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a message."""

    relay: bool
    """Others should have it: it is the first, or the first that conflicts."""

    conflict: tuple[RoundMessage, RoundMessage] | None = None
    """Two messages of one smesher in one round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStats:
    """How much was heard in a round."""

    iter_round: IterRound
    messages: int
    seats: int

    malicious: int
    """Messages of smeshers known to be malicious."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """Where a session stands; for people who watch it."""

    position: IterRound
    """The round that is due."""

    locked: Hash32 | None
    """The only set that may be committed to; None for any."""

    is_hard: bool
    """It is, whatever the leaders say."""

    result: Hash32 | None
    """What is agreed on."""


class HareMachine:
    """The state of one session.

    Invariants: at most one message per smesher and round; ``CoinThrown`` and ``Agreed``
    come at most once; what is agreed on is the content of a reference we know.
    """

    def __init__(self, threshold: int) -> None:
        """Begin with nothing heard; ``threshold`` seats support something."""
        self.threshold = threshold
        self.position = PREROUND
        self._initial: tuple[ProposalID, ...] = ()
        self._heard: dict[IterRound, dict[SmesherID, Heard]] = {}
        self._valid: dict[Hash32, tuple[ProposalID, ...]] = {}
        self._result: Hash32 | None = None
        self._locked: Hash32 | None = None
        self._is_hard = False
        self._coin: VrfSignature | None = None
        self._is_coin_out = False

    def on_initial(self, proposals: tuple[ProposalID, ...]) -> None:
        """Take our own set, ascending; the preround message will tell it."""
        self._initial = proposals

    def on_message(self, message: RoundMessage) -> Taken:
        """Take a message whose signature and seats have been checked."""
        heard = self._heard.setdefault(message.iter_round, {})
        known = heard.get(message.sender)
        taken = Taken(relay=True)
        if known is None:
            heard[message.sender] = Heard(
                message=message, received=self.position, malicious=message.malicious
            )
        elif known.message.digest == message.digest or known.malicious:
            return Taken(relay=False)
        else:
            heard[message.sender] = self._with_conflict(known, message)
            taken = Taken(relay=True, conflict=(known.message, message))
        if message.iter_round.round == Round.PREROUND:
            self._take_coin(message.proof)
        return taken

    def on_round(self) -> tuple[Output, ...]:
        """Execute the round that is due, and move on to the next."""
        now = self.position
        outputs = [*self._execute(now), *self._throw_coin(now)]
        self.position = following(now)
        return tuple(outputs)

    def state(self) -> SessionState:
        """Return where the session stands."""
        return SessionState(
            position=self.position,
            locked=self._locked,
            is_hard=self._is_hard,
            result=self._result,
        )

    def stats(self) -> tuple[RoundStats, ...]:
        """Return how much was heard, by round."""
        return tuple(
            RoundStats(
                iter_round=iter_round,
                messages=len(heard),
                seats=sum(entry.message.seats for entry in heard.values()),
                malicious=sum(entry.malicious for entry in heard.values()),
            )
            for iter_round, heard in sorted(
                self._heard.items(), key=lambda item: (item[0].iteration, item[0].round)
            )
        )

    def _with_conflict(self, known: Heard, message: RoundMessage) -> Heard:
        if message.atx_grade > known.message.atx_grade:
            return Heard(
                message=message, received=self.position, malicious=True, conflicted=known.received
            )
        return replace(known, malicious=True, conflicted=self.position)

    def _take_coin(self, proof: VrfSignature) -> None:
        if self._coin is None or order_number(proof) < order_number(self._coin):
            self._coin = proof

    def _throw_coin(self, now: IterRound) -> tuple[Output, ...]:
        if now.round < Round.SOFTLOCK or self._coin is None or self._is_coin_out:
            return ()
        self._is_coin_out = True
        return (CoinThrown(coin=coin_bit(self._coin)),)

    def _execute(self, now: IterRound) -> tuple[Output, ...]:
        match now.round:
            case Round.PREROUND | Round.PROPOSE:
                return (MessageDue(iter_round=now, proposals=self._proposable(now)),)
            case Round.HARDLOCK:
                return self._lock_hard(now.iteration - 1)
            case Round.SOFTLOCK:
                self._lock_softly(now.iteration)
            case Round.COMMIT | Round.NOTIFY:
                reference = self._endorsed(now)
                if reference is not None:
                    return (MessageDue(iter_round=now, reference=reference),)
        return ()

    def _lock_hard(self, previous: int) -> tuple[Output, ...]:
        outputs: list[Output] = []
        is_over = self._result is not None
        agreed = self._supported(previous, Round.NOTIFY, GRADE_AGREED)
        if agreed is not None and self._result is None:
            self._result = agreed
            outputs.append(Agreed(proposals=self._valid[agreed]))
        self._locked = self._supported(previous, Round.COMMIT, GRADE_HARD_LOCK)
        self._is_hard = self._locked is not None
        if is_over:
            outputs.append(Terminated())
        return tuple(outputs)

    def _lock_softly(self, iteration: int) -> None:
        if iteration > 0 and not self._is_hard:
            self._locked = self._supported(iteration - 1, Round.COMMIT, GRADE_SOFT_LOCK)

    def _proposable(self, now: IterRound) -> tuple[ProposalID, ...]:
        if now.round == Round.PREROUND:
            return self._initial
        if now.iteration > 0:
            committed = self._supported(now.iteration - 1, Round.COMMIT, GRADE_REPROPOSED)
            if committed is not None:
                return self._valid[committed]
        return self._proposals_graded(GRADE_PROPOSED)

    def _endorsed(self, now: IterRound) -> Hash32 | None:
        """Return the reference that our message of commit or notify would name."""
        if now.round == Round.COMMIT:
            return self._committable(now.iteration)
        if self._result is not None:
            return self._result
        return self._supported(now.iteration, Round.COMMIT, GRADE_AGREED)

    def _committable(self, iteration: int) -> Hash32 | None:
        """Take note of the leaders' valid sets; return the reference to commit to, if any."""
        since = IterRound(iteration=iteration, round=Round.PROPOSE)
        cast = gradecast(self._heard_in(since), since)
        known = set(self._proposals_graded(GRADE_VALID))
        for graded in cast:
            if known.issuperset(graded.proposals):
                self._valid[compute_reference(graded.proposals)] = graded.proposals
        if self._is_hard:
            return self._locked
        return self._best_of(cast, (iteration - 1) % ITERATION_VALUES)

    def _best_of(self, cast: Iterable[GradedSet], previous: int) -> Hash32 | None:
        """Return the first leader's set that everybody can commit to."""
        committable = set(self._proposals_graded(GRADE_COMMITTABLE))
        needed = set(self._proposals_graded(GRADE_OF_EVERYBODY))
        justified = self._references_graded(previous, Round.COMMIT, GRADE_JUSTIFIED)
        for graded in cast:
            reference = compute_reference(graded.proposals)
            if (
                graded.grade == STRONG
                and reference in self._valid
                and committable.issuperset(graded.proposals)
                and (needed.issubset(graded.proposals) or reference in justified)
                and self._locked in {None, reference}
            ):
                return reference
        return None

    def _supported(self, iteration: int, round_: Round, grade: int) -> Hash32 | None:
        """Return a reference with enough seats whose content we know; of several the lowest."""
        references = self._references_graded(iteration, round_, grade)
        return next((known for known in references if known in self._valid), None)

    def _references_graded(self, iteration: int, round_: Round, grade: int) -> tuple[Hash32, ...]:
        since = IterRound(iteration=iteration, round=round_)
        return crossing(
            self._heard_in(since),
            since,
            grade=grade,
            threshold=self.threshold,
            items=lambda message: () if message.reference is None else (message.reference,),
        )

    def _proposals_graded(self, grade: int) -> tuple[ProposalID, ...]:
        return crossing(
            self._heard_in(PREROUND),
            PREROUND,
            grade=grade,
            threshold=self.threshold,
            items=lambda message: message.proposals,
        )

    def _heard_in(self, iter_round: IterRound) -> Iterable[Heard]:
        return self._heard.get(iter_round, {}).values()


def following(now: IterRound) -> IterRound:
    """Return the round that is executed after ``now``."""
    if now == PREROUND:
        return IterRound(iteration=0, round=Round.SOFTLOCK)
    if now.round == Round.NOTIFY:
        return IterRound(iteration=(now.iteration + 1) % ITERATION_VALUES, round=Round.HARDLOCK)
    return IterRound(iteration=now.iteration, round=now.round + 1)
