"""Proposals: a ballot with the transactions its smesher offers for the layer.

Source: go-spacemesh, common/types/proposal; codec digest sections 3.1 and 4.2.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final

from node.base import scale
from node.base.hashing import hash20, hash32
from node.base.scale import Limit
from node.types.ballot import Ballot
from node.types.ids import EdSignature, Hash32, ProposalID, TransactionID
from node.types.layer import LayerID
from node.types.metadata import BallotMetadata

MAX_TRANSACTIONS: Final = 100_000
"""Most transactions in a proposal or block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerProposal:
    """The signed part of a proposal, the complete signed ballot included."""

    ballot: Ballot
    tx_ids: Annotated[tuple[TransactionID, ...], Limit(MAX_TRANSACTIONS)]

    mesh_hash: Hash32
    """The proposer's mesh hash of the layer before."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A signed proposal."""

    inner: InnerProposal
    signature: EdSignature

    @cached_property
    def _signed(self) -> bytes:
        metadata = BallotMetadata(
            layer=self.layer, message_hash=Hash32(hash32(scale.encode(self.inner)))
        )
        return scale.encode(metadata)

    @cached_property
    def id(self) -> ProposalID:
        """Identifier: first 20 bytes of the digest of the signed bytes."""
        return ProposalID(hash20(self._signed))

    @property
    def ballot(self) -> Ballot:
        """The ballot inside."""
        return self.inner.ballot

    @property
    def layer(self) -> LayerID:
        """Layer the proposal is for."""
        return self.inner.ballot.inner.layer

    def signed_bytes(self) -> bytes:
        """Return what is signed in the proposal domain."""
        return self._signed
