"""Certificates: enough certifiers vouch for hare's output of a layer.

Source: go-spacemesh, common/types/block; codec digest section 4.2.
"""

from dataclasses import dataclass
from typing import Annotated

from node.base import scale
from node.base.scale import U16, Limit
from node.types.ids import BlockID, EdSignature, SmesherID, VrfSignature
from node.types.layer import LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifyContent:
    """What a certifier signs, in the hare domain."""

    layer: LayerID
    block_id: BlockID

    eligibility_count: U16
    """How many seats of the committee the certifier has."""

    proof: VrfSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifyMessage:
    """One certifier's vote."""

    content: CertifyContent
    signature: EdSignature
    smesher: SmesherID

    def signed_bytes(self) -> bytes:
        """Return what is signed in the hare domain."""
        return scale.encode(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Messages of enough certifiers for one block."""

    block_id: BlockID
    """Zero: the layer is certified to be empty."""

    signatures: Annotated[tuple[CertifyMessage, ...], Limit(1000)]
