"""Messages of hare 3 and hare 4.

Hare 4 may name proposals by their first four bytes; the signature always covers the full
form, with the identifiers filled in and the compact list empty.

Source: go-spacemesh, hare3/types.go and hare4/types.go; codec digest section 4.4.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Annotated, Final, TypeAlias

from node.base import scale
from node.base.hashing import hash32
from node.base.scale import U8, U16, Limit
from node.types.ids import (
    CompactProposalID,
    EdSignature,
    Hash32,
    ProposalID,
    SmesherID,
    VrfSignature,
    padded,
)
from node.types.layer import LayerID
from node.types.metadata import HareMetadata

ROUNDS_PER_ITERATION: Final = 7
"""Rounds that repeat; the preround comes once, before them."""
MAX_PROPOSALS: Final = 2350
"""Most proposals in a message."""
MAX_SERVED_PROPOSALS: Final = 2050
"""Most proposals in an answer of the full exchange; fewer than in a message."""
MAX_ANSWER_BYTES: Final = 999_999
"""Longest answer of the full exchange that is read."""


class Round(IntEnum):
    """Rounds of an iteration, as numbered on the wire."""

    PREROUND = 0
    HARDLOCK = 1
    SOFTLOCK = 2
    PROPOSE = 3
    WAIT1 = 4
    WAIT2 = 5
    COMMIT = 6
    NOTIFY = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class IterRound:
    """Iteration and round."""

    iteration: U8
    round: U8

    @property
    def absolute(self) -> int:
        """Round counted through all iterations: iteration * 7 + round."""
        return self.iteration * ROUNDS_PER_ITERATION + self.round


@dataclass(frozen=True, slots=True, kw_only=True)
class HareEligibility:
    """Proof of seats in a round's committee."""

    proof: VrfSignature
    count: U16


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueV3:
    """What a hare 3 message says: a set of proposals, or a reference to one."""

    proposals: Annotated[tuple[ProposalID, ...], Limit(MAX_PROPOSALS)]
    """Ascending."""

    reference: Hash32 | None
    """Digest of a set of proposals; in commit and notify only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueV4:
    """What a hare 4 message says; proposals may be named by their first bytes."""

    proposals: Annotated[tuple[ProposalID, ...], Limit(MAX_PROPOSALS)]
    reference: Hash32 | None
    compact_proposals: Annotated[tuple[CompactProposalID, ...], Limit(MAX_PROPOSALS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyV3:
    """The signed content of a hare 3 message."""

    layer: LayerID
    iter_round: IterRound
    value: ValueV3
    eligibility: HareEligibility


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyV4:
    """The signed content of a hare 4 message."""

    layer: LayerID
    iter_round: IterRound
    value: ValueV4
    eligibility: HareEligibility


def _metadata(body: BodyV3 | BodyV4, message_hash: Hash32) -> bytes:
    return scale.encode(
        HareMetadata(layer=body.layer, round=body.iter_round.absolute, message_hash=message_hash)
    )


@dataclass(frozen=True, kw_only=True)
class MessageV3:
    """A hare 3 message."""

    body: BodyV3
    sender: SmesherID
    signature: EdSignature

    @cached_property
    def hash(self) -> Hash32:
        """Digest of the body."""
        return Hash32(hash32(scale.encode(self.body)))

    def signed_bytes(self) -> bytes:
        """Return what is signed in the hare domain."""
        return _metadata(self.body, self.hash)


@dataclass(frozen=True, kw_only=True)
class MessageV4:
    """A hare 4 message; hash and signature are those of its full form."""

    body: BodyV4
    sender: SmesherID
    signature: EdSignature

    @cached_property
    def hash(self) -> Hash32:
        """Digest of the body."""
        return Hash32(hash32(scale.encode(self.body)))

    def signed_bytes(self) -> bytes:
        """Return what is signed in the hare domain."""
        return _metadata(self.body, self.hash)


HareMessage: TypeAlias = MessageV3 | MessageV4


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactIDRequest:
    """Asks a peer for the full identifiers in a message, hare 4."""

    message_id: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactIDResponse:
    """The full identifiers, hare 4."""

    ids: Annotated[tuple[ProposalID, ...], Limit(MAX_SERVED_PROPOSALS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactIDAnswer:
    """All bytes on the stream after a request: the response behind its length, hare 4."""

    response: Annotated[bytes, Limit(MAX_ANSWER_BYTES)]
    """An encoded ``CompactIDResponse``."""


def compute_reference(proposals: Iterable[ProposalID]) -> Hash32:
    """Return what names a set of proposals in commit and notify messages.

    The order counts and repetitions do, too: a set is named as it was sent.
    """
    return Hash32(hash32(*map(padded, proposals)))
