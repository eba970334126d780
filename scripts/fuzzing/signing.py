"""Valid signatures over changed contents: what a smesher could send who means harm."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from node.base import scale
from node.consensus.beacon.wire import FirstVotesMessage, FollowingVotesMessage
from node.consensus.hare.wire import MessageV3, MessageV4
from node.consensus.malfeasance.wire import (
    HareEquivocation,
    InvalidPostIndex,
    InvalidPreviousAtx,
    MalfeasanceGossip,
    MalfeasanceProof,
    MultipleAtxs,
    MultipleBallots,
)
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer
from node.types.atx_v1 import ActivationTxV1
from node.types.ballot import Ballot
from node.types.certificate import CertifyMessage
from node.types.ids import EdSignature, SmesherID
from node.types.proposal import InnerProposal, Proposal

Signers: TypeAlias = Mapping[SmesherID, Signer]

DOMAINS: Final = {
    ActivationTxV1: Domain.ATX,
    Ballot: Domain.BALLOT,
    CertifyMessage: Domain.HARE,
    FirstVotesMessage: Domain.BEACON_FIRST_MESSAGE,
    FollowingVotesMessage: Domain.BEACON_FOLLOWUP_MESSAGE,
    MessageV3: Domain.HARE,
    MessageV4: Domain.HARE,
}
"""Objects that carry one signature, with the kind of message that is signed."""

PAIRS: Final = {
    MultipleAtxs: Domain.ATX,
    MultipleBallots: Domain.BALLOT,
    HareEquivocation: Domain.HARE,
}
"""Proofs of two signed statements."""

PARTS: Final[Mapping[type, tuple[str, ...]]] = {
    Proposal: ("inner",),
    InnerProposal: ("ballot",),
    MalfeasanceGossip: ("proof",),
    MalfeasanceProof: ("data",),
    InvalidPostIndex: ("atx",),
    InvalidPreviousAtx: ("atx1", "atx2"),
}
"""Objects with others inside that are signed."""


def sign_again(message: Any, signers: Signers) -> Any:
    """Return a message with every signature made anew; those of strangers stay."""
    if type(message) in DOMAINS:
        return _signed(message, message.signed_bytes(), DOMAINS[type(message)], signers)
    if type(message) in PAIRS:
        domain = PAIRS[type(message)]
        said = (
            # A change may have taken away what was said.
            one
            if one.metadata is None
            else _signed(one, scale.encode(one.metadata), domain, signers)
            for one in message.messages
        )
        return replace(message, messages=tuple(said))
    for name in PARTS.get(type(message), ()):
        message = replace(message, **{name: sign_again(getattr(message, name), signers)})
    return _sign_proposal(message, signers) if isinstance(message, Proposal) else message


def _sign_proposal(proposal: Proposal, signers: Signers) -> Proposal:
    signer = signers.get(proposal.ballot.smesher)
    if signer is None:
        return proposal
    return replace(proposal, signature=signer.sign(Domain.PROPOSAL, proposal.signed_bytes()))


def _signed(message: Any, covered: bytes, domain: Domain, signers: Signers) -> Any:
    is_hare = isinstance(message, MessageV3 | MessageV4)
    signer = signers.get(message.sender if is_hare else message.smesher)
    signature: EdSignature | None = None if signer is None else signer.sign(domain, covered)
    return message if signature is None else replace(message, signature=signature)
