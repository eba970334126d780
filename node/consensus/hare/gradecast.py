"""Grades: how late a message was, and what a committee thereby supports.

One *delay* is one round of the clock.  A message's grade falls by one with every delay
between the round it is for and the round it was received in, so that what one honest node
sees with some grade all others see with at least the grade below.

Source: go-spacemesh, hare3/protocol.go; hare digest 2, 6.2 and 6.3.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from node.consensus.hare.wire import HareMessage, IterRound, Round
from node.crypto.vrf import order_number
from node.types.ids import EdSignature, Hash32, ProposalID, SmesherID, VrfSignature

T = TypeVar("T", bound=bytes)

EARLY_GRADE: Final = 6
"""Grade of a message received before its round was over everywhere; one less per delay."""

GRADE_VALUES: Final = 1 << 8
"""Grades are 8-bit and wrap: a message seven delays late counts as graded 255."""

SEAT_VALUES: Final = 1 << 16
"""Seats are summed up in 16 bits."""

BEST_ATX_GRADE: Final = 5
"""Grade of an ATX that was there in time; no other is given out today."""

MIDDLING_ATX_GRADE: Final = 4
"""Least grade of a leader's ATX for its set to be cast at all."""

STRONG: Final = 2
"""A set that everybody else received, too, at least weakly."""

WEAK: Final = 1
"""A set that some may not have received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundMessage:
    """A checked message in the form that is the same for hare 3 and hare 4."""

    sender: SmesherID
    iter_round: IterRound

    proposals: tuple[ProposalID, ...]
    """In preround and propose, in full and as sent."""

    reference: Hash32 | None
    """In commit and notify."""

    proof: VrfSignature

    seats: int
    """What the message weighs."""

    digest: Hash32
    """Of the signed body: two of one smesher in one round are an equivocation."""

    signature: EdSignature

    malicious: bool
    """Its sender was known to be malicious before."""

    atx_grade: int = BEST_ATX_GRADE
    """How timely the ATX was that the seats were won with."""

    @classmethod
    def of(cls, message: HareMessage, *, malicious: bool) -> Self:
        """Take what counts out of a message in its full form."""
        body = message.body
        return cls(
            sender=message.sender,
            iter_round=body.iter_round,
            proposals=body.value.proposals,
            reference=body.value.reference,
            proof=body.eligibility.proof,
            seats=body.eligibility.count,
            digest=message.hash,
            signature=message.signature,
            malicious=malicious,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message with the circumstances of its reception."""

    message: RoundMessage

    received: IterRound
    """The round that was to be executed next when it came."""

    malicious: bool
    """Its sender was malicious before, or sent a conflicting message since."""

    conflicted: IterRound | None = None
    """The round in which the conflicting message came."""


@dataclass(frozen=True, slots=True)
class GradedSet:
    """A leader's set of proposals."""

    grade: int
    """STRONG or WEAK."""

    proposals: tuple[ProposalID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CastDemand:
    """What a leader's message must satisfy for its set to have a grade."""

    grade: int

    atx_grade: int
    """Least grade of the leader's ATX."""

    latest: int
    """Most delays of the message."""

    undisputed: int
    """Delays in which no conflicting message may have come."""

    def is_met(self, entry: Heard, since: IterRound) -> bool:
        """Tell whether a message of round ``since`` satisfies all of it."""
        late = compute_delay(entry.received, since)
        is_undisputed = (
            entry.conflicted is None or compute_delay(entry.conflicted, since) > self.undisputed
        )
        return entry.message.atx_grade >= self.atx_grade and late <= self.latest and is_undisputed


CAST_DEMANDS: Final = (
    CastDemand(grade=STRONG, atx_grade=BEST_ATX_GRADE, latest=1, undisputed=3),
    CastDemand(grade=WEAK, atx_grade=MIDDLING_ATX_GRADE, latest=2, undisputed=2),
)
"""The better grade first."""


def compute_delay(at: IterRound, since: IterRound) -> int:
    """Return the delays from one round to another; none if it is not over yet.

    There is no hardlock after the preround, so that the first delay after it is free.
    """
    passed = max(0, at.absolute - since.absolute)
    is_preround = since == IterRound(iteration=0, round=Round.PREROUND)
    return passed - 1 if is_preround and passed else passed


def compute_grade(delay: int) -> int:
    """Return the grade of a message that is ``delay`` delays late; it wraps."""
    return (EARLY_GRADE - delay) % GRADE_VALUES


def crossing(
    heard: Iterable[Heard],
    since: IterRound,
    *,
    grade: int,
    threshold: int,
    items: Callable[[RoundMessage], Sequence[T]],
) -> tuple[T, ...]:
    """Return what messages with at least ``grade`` support with enough seats, ascending.

    Malicious smeshers' seats count where an honest one supports the same, for other nodes
    may not know of the malice.

    Args:
        heard: the messages of a round.
        since: that round.
        grade: least grade of a message that counts.
        threshold: seats needed.
        items: what a message supports; a repeated item counts again.
    """
    timely = [e for e in heard if compute_grade(compute_delay(e.received, since)) >= grade]
    honest_grades = (e.message.atx_grade for e in timely if not e.malicious)
    floor = min(honest_grades, default=BEST_ATX_GRADE)
    total: Counter[T] = Counter()
    honest: Counter[T] = Counter()
    for entry in timely:
        message = entry.message
        if message.atx_grade < floor:
            continue
        for item in items(message):
            total[item] += message.seats
            if not entry.malicious:
                honest[item] += message.seats
    return tuple(
        sorted(
            item
            for item, seats in total.items()
            if seats % SEAT_VALUES >= threshold and honest[item] % SEAT_VALUES > 0
        )
    )


def gradecast(heard: Iterable[Heard], since: IterRound) -> tuple[GradedSet, ...]:
    """Return the leaders' sets with their grades, the leader with the lowest VRF first.

    A leader who was known to be malicious is left out; one who sent two sets is in only if
    the second one came so late that others cannot have taken it.
    """
    cast: list[tuple[int, GradedSet]] = []
    for entry in heard:
        if entry.malicious and entry.conflicted is None:
            continue
        grade = _cast_grade(entry, since)
        if grade is not None:
            order = order_number(entry.message.proof)
            cast.append((order, GradedSet(grade, entry.message.proposals)))
    return tuple(graded for _, graded in sorted(cast, key=lambda item: item[0]))


def _cast_grade(entry: Heard, since: IterRound) -> int | None:
    for demand in CAST_DEMANDS:
        if demand.is_met(entry, since):
            return demand.grade
    return None
