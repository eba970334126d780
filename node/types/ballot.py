"""Ballots: the votes smeshers cast in every layer they are eligible in.

Source: go-spacemesh, common/types/ballot and votes; codec digest sections 3.1 and 4.2.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final

from node.base import scale
from node.base.hashing import hash32
from node.base.scale import U32, U64, Limit
from node.types.ids import (
    NO_BALLOT,
    AtxID,
    BallotID,
    Beacon,
    BlockID,
    EdSignature,
    Hash32,
    SmesherID,
    VrfSignature,
)
from node.types.layer import LayerID
from node.types.metadata import BallotMetadata

MAX_ELIGIBILITIES: Final = 25_000
"""Most eligibility proofs in one ballot."""
MAX_VOTES: Final = 10_000
"""Most votes of one kind in one ballot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochData:
    """What a smesher fixes for a whole epoch in its first (reference) ballot of it.

    Wire: 32 + 4 + 1..5 bytes.
    """

    active_set_hash: Hash32
    """BLAKE3 of the ids of the active set, concatenated in ascending order."""

    beacon: Beacon
    """The beacon the smesher recorded for this epoch."""

    eligibility_count: U32
    """Eligibilities (slots, not layers) of the smesher in this epoch; 0 is never valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A block that is voted for or against.

    Wire: 20 + 1..5 + 1..9 bytes.
    """

    block: BlockID
    layer: LayerID

    height: U64
    """Tick height of the block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """Differences to the votes of a base ballot."""

    base: BallotID
    support: Annotated[tuple[Vote, ...], Limit(MAX_VOTES)]
    against: Annotated[tuple[Vote, ...], Limit(MAX_VOTES)]
    abstain: Annotated[tuple[LayerID, ...], Limit(MAX_VOTES)]
    """Layers in which hare did not end in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """Votes with the opinion they amount to; what the tortoise hands to a proposal."""

    hash: Hash32
    votes: Votes


@dataclass(frozen=True, slots=True, kw_only=True)
class VotingEligibility:
    """Proof of one eligibility; the VRF output also selects the layer.

    Wire: 1..5 + 80 bytes.
    """

    j: U32
    """Slot number, below ``EpochData.eligibility_count``; ascending within a ballot."""

    sig: VrfSignature
    """VRF proof over (type, beacon, epoch, nonce, j)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerBallot:
    """The signed part of a ballot; its digest gives the ballot's identifier."""

    layer: LayerID
    atx_id: AtxID

    opinion_hash: Hash32
    """Binds the votes, which are not signed themselves."""

    ref_ballot: BallotID
    """The smesher's first ballot of the epoch; zero in that one."""

    epoch_data: EpochData | None
    """Present in the reference ballot only."""


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """A ballot.  Votes, eligibility proofs and active set are outside the signature."""

    inner: InnerBallot
    signature: EdSignature
    smesher: SmesherID
    votes: Votes
    eligibilities: Annotated[tuple[VotingEligibility, ...], Limit(MAX_ELIGIBILITIES)]

    active_set: Annotated[tuple[AtxID, ...], Limit(1)]
    """A leftover of the format: always empty."""

    @cached_property
    def _inner_hash(self) -> bytes:
        return hash32(scale.encode(self.inner))

    @property
    def id(self) -> BallotID:
        """Identifier: first 20 bytes of the inner ballot's digest."""
        return BallotID(self._inner_hash[: BallotID.SIZE])

    @property
    def layer(self) -> LayerID:
        """Layer the ballot votes in."""
        return self.inner.layer

    @property
    def atx_id(self) -> AtxID:
        """ATX that gives the ballot its weight."""
        return self.inner.atx_id

    @property
    def is_reference(self) -> bool:
        """Tell whether this is the smesher's first ballot of the epoch."""
        return self.inner.ref_ballot == NO_BALLOT

    def signed_bytes(self) -> bytes:
        """Return what is signed in the ballot domain."""
        metadata = BallotMetadata(layer=self.inner.layer, message_hash=Hash32(self._inner_hash))
        return scale.encode(metadata)
