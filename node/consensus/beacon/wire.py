"""Messages of the beacon protocol and of the weak coin.

Source: go-spacemesh, beacon and beacon/weakcoin; codec digest section 4.6.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from node.base import scale
from node.base.scale import U16, U32, U64, Limit
from node.types.ids import BeaconProposal, EdSignature, SmesherID, VrfSignature
from node.types.layer import EpochID

MAX_PROPOSALS: Final = 1000
"""Most proposals of one kind in a first voting message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeaconProposalVrf:
    """Input of the VRF that makes a beacon proposal."""

    type: U16
    """Always 1."""

    nonce: U64
    epoch: EpochID


@dataclass(frozen=True, slots=True, kw_only=True)
class BeaconProposalMessage:
    """A smesher's proposal: the first four bytes of the VRF proof."""

    epoch: EpochID
    smesher: SmesherID
    vrf_signature: VrfSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstVotesBody:
    """The signed content of a first voting message."""

    epoch: EpochID
    valid: Annotated[tuple[BeaconProposal, ...], Limit(MAX_PROPOSALS)]
    potentially_valid: Annotated[tuple[BeaconProposal, ...], Limit(MAX_PROPOSALS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstVotesMessage:
    """Votes of the first round: proposals in order, which later rounds index."""

    body: FirstVotesBody
    smesher: SmesherID
    signature: EdSignature

    def signed_bytes(self) -> bytes:
        """Return what is signed in the domain of first beacon votes."""
        return scale.encode(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowingVotesBody:
    """The signed content of a following voting message."""

    epoch: EpochID
    round: U32

    votes: Annotated[bytes, Limit(128)]
    """Bit vector over the smesher's own first votes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowingVotesMessage:
    """Votes of a later round."""

    body: FollowingVotesBody
    smesher: SmesherID
    signature: EdSignature

    def signed_bytes(self) -> bytes:
        """Return what is signed in the domain of following beacon votes."""
        return scale.encode(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakCoinMessage:
    """One throw of the weak coin."""

    epoch: EpochID
    round: U32
    unit: U32
    smesher: SmesherID
    vrf_signature: VrfSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakCoinVrf:
    """Input of the VRF of a weak coin message."""

    type: U16
    """Always 4."""

    nonce: U64
    epoch: EpochID
    round: U32
    unit: U32
