"""Ballots in memory: groups of ballots that share a layer and an opinion, in columns.

Nearly all ballots of a layer vote alike, so a layer has a handful of groups however many
ballots it has.  A group keeps one chain of votes, and for each ballot (a *row*) its
eligibilities, its flags and a link to its smesher's reference data.

Source: go-spacemesh, tortoise; tortoise digest sections 2, 7 and 17.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from node.base import fixed
from node.base.rational import lowest_terms
from node.consensus.atxdata import U64_MASK
from node.consensus.tortoise.votes import VoteNode
from node.types.ballot import Ballot, Opinion
from node.types.ids import AtxID, BallotID, Beacon, SmesherID
from node.types.layer import LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceData:
    """What the smesher's first ballot of an epoch fixes for all others."""

    beacon: Beacon

    eligibility_count: int
    """Eligibilities of the smesher in the whole epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotData:
    """The part of a ballot that the tortoise reads."""

    id: BallotID
    smesher: SmesherID
    layer: LayerID
    atx_id: AtxID

    eligibility_count: int
    """Eligibilities that the ballot proves."""

    opinion: Opinion
    """The votes with the signed digest."""

    epoch_data: ReferenceData | None
    ref_ballot: BallotID | None
    malicious: bool = False

    @classmethod
    def of(cls, ballot: Ballot, *, malicious: bool = False) -> "BallotData":
        """Return what the tortoise reads of a ballot."""
        data = ballot.inner.epoch_data
        return cls(
            id=ballot.id,
            smesher=ballot.smesher,
            layer=ballot.layer,
            atx_id=ballot.atx_id,
            eligibility_count=len(ballot.eligibilities),
            opinion=Opinion(hash=ballot.inner.opinion_hash, votes=ballot.votes),
            epoch_data=None
            if data is None
            else ReferenceData(beacon=data.beacon, eligibility_count=data.eligibility_count),
            ref_ballot=None if ballot.is_reference else ballot.inner.ref_ballot,
            malicious=malicious,
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BallotReference:
    """What the ballots of one smesher in one epoch have in common."""

    smesher: SmesherID
    atx_id: AtxID
    beacon: Beacon

    eligibility_count: int
    """Eligibilities of the smesher in the whole epoch."""

    height: int
    """Tick height of the ATX: no block above it is voted on."""

    weight: int
    """Weight of one eligibility, fixed point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotInfo:
    """A stored ballot, as other components ask for it."""

    id: BallotID
    layer: LayerID
    smesher: SmesherID
    atx_id: AtxID
    beacon: Beacon

    eligibility_count: int
    """Eligibilities of the smesher in the whole epoch."""

    malicious: bool


def weight_of_eligibility(atx_weight: int, eligibility_count: int) -> int:
    """Return an ATX's weight over its eligibilities, as fixed point.

    Raises:
        ZeroDivisionError: there are no eligibilities.
    """
    return fixed.from_ratio(*lowest_terms(atx_weight, eligibility_count))


class Mark(IntFlag):
    """What is special about a ballot."""

    MALICIOUS = 1
    """Its smesher was proven malicious by the time it was stored: no base for our ballots,
    not counted in full mode."""

    WEIGHTLESS = 2
    """Its smesher was known to be malicious when it was decoded: it weighs nothing."""

    BAD_BEACON = 4
    """Its beacon is not ours: counted in full mode only, and late."""

    VOTELESS = 8
    """Its layer is the first of the window and it lost its votes there."""


MALICIOUS: Final = int(Mark.MALICIOUS)
WEIGHTLESS: Final = int(Mark.WEIGHTLESS)
BAD_BEACON: Final = int(Mark.BAD_BEACON)
VOTELESS: Final = int(Mark.VOTELESS)


class BallotGroup:
    """The ballots of one layer with one opinion.  Compared by identity.

    Columns: ``ids``, ``references`` (lists), ``eligibilities`` (u32), ``marks`` (u8).

    Attributes:
        number: tells groups apart in the ballot index.
        opinion: the common opinion.
        tail: the common votes.
        good_weight: weight of the ballots without a bad beacon, fixed point.
        lowest_height: lowest height of any ballot.
    """

    __slots__ = (
        "eligibilities",
        "good_weight",
        "ids",
        "layer",
        "lowest_height",
        "marks",
        "number",
        "opinion",
        "references",
        "tail",
    )

    def __init__(self, number: int, layer: LayerID, tail: VoteNode) -> None:
        self.number = number
        self.layer = layer
        self.tail = tail
        self.opinion = tail.opinion
        self.ids: list[BallotID] = []
        self.references: list[BallotReference] = []
        self.eligibilities = array("I")
        self.marks = bytearray()
        self.good_weight = 0
        self.lowest_height = U64_MASK

    def append(
        self, ballot_id: BallotID, reference: BallotReference, eligibilities: int, marks: int
    ) -> int:
        """Add a ballot; return its row."""
        self.ids.append(ballot_id)
        self.references.append(reference)
        self.eligibilities.append(eligibilities)
        self.marks.append(marks)
        self.lowest_height = min(self.lowest_height, reference.height)
        row = len(self.ids) - 1
        self.good_weight += self.weight(row)
        return row

    def weight(self, row: int) -> int:
        """Return the weight of a ballot, fixed point."""
        if self.marks[row] & WEIGHTLESS:
            return 0
        return self.references[row].weight * self.eligibilities[row]

    def mark_bad_beacon(self, row: int) -> None:
        """Note that a ballot's beacon is not ours."""
        self.marks[row] |= BAD_BEACON
        self.good_weight -= self.weight(row)

    def good_weight_from(self, height: int) -> int:
        """Return the weight of the ballots of at least a height, without a bad beacon."""
        if height <= self.lowest_height:
            return self.good_weight
        return sum(
            self.weight(row)
            for row, reference in enumerate(self.references)
            if reference.height >= height and not self.marks[row] & BAD_BEACON
        )

    def votes_of(self, row: int) -> VoteNode | None:
        """Return the votes of a ballot, or None if it lost them."""
        return None if self.marks[row] & VOTELESS else self.tail

    def info(self, row: int) -> BallotInfo:
        """Return a ballot as other components ask for it."""
        reference = self.references[row]
        return BallotInfo(
            id=self.ids[row],
            layer=self.layer,
            smesher=reference.smesher,
            atx_id=reference.atx_id,
            beacon=reference.beacon,
            eligibility_count=reference.eligibility_count,
            malicious=bool(self.marks[row] & MALICIOUS),
        )

    def cut(self) -> None:
        """Forget all but the newest layer of the votes; the group's layer opens the window.

        Only the ballot that came first keeps even that, and loses it when it is cut again.
        """
        keeps_first = self.tail.previous is not None
        for row in range(int(keeps_first), len(self.ids)):
            self.marks[row] |= VOTELESS
        self.tail.previous = None


ROW_BITS: Final = 24
"""A layer has fewer than 2^24 ballots."""


class BallotIndex:
    """Finds a ballot's group and row by its id.

    One number for each ballot, so that millions of entries do not need as many objects.
    """

    __slots__ = ("_groups", "_next_number", "_places")

    def __init__(self) -> None:
        self._places: dict[BallotID, int] = {}
        self._groups: dict[int, BallotGroup] = {}
        self._next_number = 0

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, ballot_id: BallotID) -> bool:
        return ballot_id in self._places

    def new_group(self, layer: LayerID, tail: VoteNode) -> BallotGroup:
        """Return a new group without ballots."""
        group = BallotGroup(self._next_number, layer, tail)
        self._groups[group.number] = group
        self._next_number += 1
        return group

    def put(self, ballot_id: BallotID, group: BallotGroup, row: int) -> None:
        """Enter a ballot."""
        self._places[ballot_id] = group.number << ROW_BITS | row

    def find(self, ballot_id: BallotID) -> tuple[BallotGroup, int] | None:
        """Return group and row of a ballot, or None."""
        place = self._places.get(ballot_id)
        if place is None:
            return None
        return self._groups[place >> ROW_BITS], place & (1 << ROW_BITS) - 1

    def drop(self, group: BallotGroup) -> None:
        """Forget a group and its ballots."""
        del self._groups[group.number]
        for ballot_id in group.ids:
            del self._places[ballot_id]

    def groups(self) -> Iterator[BallotGroup]:
        """Yield the groups in the order they came up."""
        yield from self._groups.values()
