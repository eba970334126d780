"""Proofs of misbehaviour, as gossiped, fetched and stored.

Source: go-spacemesh, malfeasance/wire and activation/wire; codec digest section 4.7.
"""

from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from node.base.scale import U8, U16, U32, U64, Limit, Variants
from node.types.atx_v1 import ActivationTxV1
from node.types.ids import AtxID, EdSignature, Hash32, SmesherID, VrfSignature
from node.types.layer import LayerID
from node.types.metadata import AtxMetadata, BallotMetadata, HareMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAtx:
    """What one of two conflicting ATXs signed."""

    metadata: AtxMetadata
    smesher: SmesherID
    signature: EdSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBallot:
    """What one of two conflicting ballots signed."""

    metadata: BallotMetadata
    smesher: SmesherID
    signature: EdSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHareMessage:
    """What one of two conflicting hare messages signed."""

    metadata: HareMetadata
    smesher: SmesherID
    signature: EdSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipleAtxs:
    """Two ATXs of one smesher in one epoch."""

    messages: tuple[SignedAtx, SignedAtx]


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipleBallots:
    """Two ballots of one smesher in one layer."""

    messages: tuple[SignedBallot, SignedBallot]


@dataclass(frozen=True, slots=True, kw_only=True)
class HareEquivocation:
    """Two hare messages of one smesher in one round."""

    messages: tuple[SignedHareMessage, SignedHareMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidPostIndex:
    """An ATX whose PoST has a wrong label."""

    atx: ActivationTxV1

    invalid_index: U32
    """Position of the wrong label in the proof's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidPreviousAtx:
    """Two ATXs of one smesher that name the same previous ATX."""

    atx1: ActivationTxV1
    atx2: ActivationTxV1


MalfeasanceData: TypeAlias = (
    MultipleAtxs | MultipleBallots | HareEquivocation | InvalidPostIndex | InvalidPreviousAtx
)

TYPE_CODES: Final = {
    1: MultipleAtxs,
    2: MultipleBallots,
    3: HareEquivocation,
    4: InvalidPostIndex,
    5: InvalidPreviousAtx,
}
"""The raw byte that announces each kind of proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MalfeasanceProof:
    """A proof; fetched and stored under the identity it convicts."""

    layer: LayerID
    """Informative only."""

    data: Annotated[MalfeasanceData, Variants(TYPE_CODES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEligibility:
    """Seats in a round's committee, as the leftover below carries them."""

    proof: VrfSignature
    count: U16


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilityGossip:
    """A leftover of the format: its presence is a reason to reject."""

    layer: LayerID
    round: U32
    smesher: SmesherID
    eligibility: RoundEligibility


@dataclass(frozen=True, slots=True, kw_only=True)
class MalfeasanceGossip:
    """A proof as gossiped."""

    proof: MalfeasanceProof
    eligibility: EligibilityGossip | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxProof:
    """A proof of the second format, which is not gossiped yet."""

    version: U8
    proof_type: U8
    proof: Annotated[bytes, Limit(1_048_576)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarryProof:
    """That an identity signed a marriage certificate in an ATX v2."""

    atx_id: AtxID
    marriage_root: Hash32
    marriage_proof: Annotated[tuple[Hash32, ...], Limit(32)]
    certificate_reference: AtxID
    certificate_signature: EdSignature
    certificate_index: U64
    certificate_proof: Annotated[tuple[Hash32, ...], Limit(32)]
    smesher: SmesherID
    signature: EdSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleMarry:
    """Two marriages of one identity, second format."""

    smesher: SmesherID
    proofs: tuple[MarryProof, MarryProof]
