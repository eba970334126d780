"""Signs anything; a node signs every statement once, through the claims of its store."""

from dataclasses import replace

from node.base import scale
from node.consensus.beacon.wire import FirstVotesMessage, FollowingVotesMessage
from node.consensus.hare.messages import Content, Version, sign_message
from node.consensus.hare.wire import HareMessage, MessageV3
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer
from node.types.atx_v1 import ActivationTxV1, InnerActivationTxV1
from node.types.ballot import Ballot, InnerBallot, Votes
from node.types.ids import EdSignature, Hash32, ProposalID
from node.types.proposal import Proposal


def sign_atx(inner: InnerActivationTxV1, signer: Signer) -> ActivationTxV1:
    """Return an ATX."""
    unsigned = ActivationTxV1(inner=inner, smesher=signer.smesher_id, signature=EdSignature.zero())
    return replace(unsigned, signature=signer.sign(Domain.ATX, unsigned.signed_bytes()))


def sign_ballot(like: Ballot, inner: InnerBallot, votes: Votes, signer: Signer) -> Ballot:
    """Return a ballot with the eligibilities of another one."""
    unsigned = replace(like, inner=inner, votes=votes, smesher=signer.smesher_id)
    return replace(unsigned, signature=signer.sign(Domain.BALLOT, unsigned.signed_bytes()))


def sign_proposal(like: Proposal, ballot: Ballot, signer: Signer) -> Proposal:
    """Return a proposal with the transactions of another one."""
    unsigned = replace(like, inner=replace(like.inner, ballot=ballot))
    return replace(unsigned, signature=signer.sign(Domain.PROPOSAL, unsigned.signed_bytes()))


def sign_first_votes_against(message: FirstVotesMessage, signer: Signer) -> FirstVotesMessage:
    """Return first votes on a beacon against everything that others are for or against."""
    told = message.body
    body = replace(told, valid=(), potentially_valid=(*told.valid, *told.potentially_valid))
    signature = signer.sign(Domain.BEACON_FIRST_MESSAGE, scale.encode(body))
    return replace(message, body=body, signature=signature)


def sign_opposite_votes(
    message: FollowingVotesMessage, count: int, signer: Signer
) -> FollowingVotesMessage:
    """Return votes the other way round on each of the ``count`` items of the first votes."""
    opposite = (1 << count) - 1 ^ int.from_bytes(message.body.votes, "big")
    # No leading zero byte is allowed.
    votes = opposite.to_bytes((opposite.bit_length() + 7) // 8, "big")
    body = replace(message.body, votes=votes)
    signature = signer.sign(Domain.BEACON_FOLLOWUP_MESSAGE, scale.encode(body))
    return replace(message, body=body, signature=signature)


def sign_hare(
    like: HareMessage, proposals: tuple[ProposalID, ...], reference: Hash32 | None, signer: Signer
) -> HareMessage:
    """Return a hare message with the eligibility of another one."""
    content = Content(
        layer=like.body.layer,
        iter_round=like.body.iter_round,
        proposals=proposals,
        reference=reference,
        eligibility=like.body.eligibility,
    )
    version = Version.HARE3 if isinstance(like, MessageV3) else Version.HARE4
    return sign_message(version, content, signer)
