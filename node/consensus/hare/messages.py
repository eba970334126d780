"""How hare 3 and hare 4 write the same messages: pure.

A message's *full* form names its proposals by their identifiers; it is what is signed,
counted and proven.  Hare 4 puts the preround's on the wire in a compact form.

Source: go-spacemesh, hare3/types.go and hare4/hare.go; hare digest 4 and 5.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import assert_never

from node.base import scale
from node.base.errors import IgnoreError
from node.consensus.hare.wire import (
    MAX_SERVED_PROPOSALS,
    BodyV3,
    BodyV4,
    CompactIDAnswer,
    CompactIDResponse,
    HareEligibility,
    HareMessage,
    IterRound,
    MessageV3,
    MessageV4,
    ValueV3,
    ValueV4,
)
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, Verifier
from node.types.ids import CompactProposalID, EdSignature, Hash32, ProposalID
from node.types.layer import LayerID


class Version(IntEnum):
    """Which of the two formats."""

    HARE3 = 3
    HARE4 = 4

    @property
    def section(self) -> str:
        """Name of its section in the configuration."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a smesher says in a round."""

    layer: LayerID
    iter_round: IterRound
    proposals: tuple[ProposalID, ...] = ()
    reference: Hash32 | None = None
    eligibility: HareEligibility


def decode_message(version: Version, data: bytes) -> HareMessage:
    """Read a message off the wire.

    Raises:
        DecodeError: it is malformed.
    """
    match version:
        case Version.HARE3:
            return scale.decode(MessageV3, data)
        case Version.HARE4:
            return scale.decode(MessageV4, data)
        case _:
            assert_never(version)


def sign_message(version: Version, content: Content, signer: Signer) -> HareMessage:
    """Return a signed message in its full form."""
    unsigned = _unsigned(version, content, signer)
    signature = signer.sign(Domain.HARE, unsigned.signed_bytes())
    return replace(unsigned, signature=signature)


def _unsigned(version: Version, content: Content, signer: Signer) -> HareMessage:
    proposals, reference = content.proposals, content.reference
    match version:
        case Version.HARE3:
            return MessageV3(
                body=BodyV3(
                    layer=content.layer,
                    iter_round=content.iter_round,
                    value=ValueV3(proposals=proposals, reference=reference),
                    eligibility=content.eligibility,
                ),
                sender=signer.smesher_id,
                signature=EdSignature.zero(),
            )
        case Version.HARE4:
            return MessageV4(
                body=BodyV4(
                    layer=content.layer,
                    iter_round=content.iter_round,
                    value=ValueV4(proposals=proposals, reference=reference, compact_proposals=()),
                    eligibility=content.eligibility,
                ),
                sender=signer.smesher_id,
                signature=EdSignature.zero(),
            )
        case _:
            assert_never(version)


def is_signed(verifier: Verifier, message: HareMessage) -> bool:
    """Tell whether a message in its full form is signed by its sender."""
    return verifier.verify(Domain.HARE, message.sender, message.signed_bytes(), message.signature)


def compacted(message: MessageV4, names: Sequence[CompactProposalID]) -> MessageV4:
    """Return the form of a full message that goes out; the signature stays."""
    return _with_value(message, (), tuple(names))


def completed(message: MessageV4, proposals: Sequence[ProposalID]) -> MessageV4:
    """Return the full form of a compact message."""
    return _with_value(message, tuple(proposals), ())


def _with_value(
    message: MessageV4,
    proposals: tuple[ProposalID, ...],
    names: tuple[CompactProposalID, ...],
) -> MessageV4:
    value = replace(message.body.value, proposals=proposals, compact_proposals=names)
    return replace(message, body=replace(message.body, value=value))


def encode_answer(proposals: Sequence[ProposalID]) -> bytes:
    """Return everything that goes back on the stream of a full exchange.

    Raises:
        IgnoreError: there are more proposals than an answer may hold.
    """
    if len(proposals) > MAX_SERVED_PROPOSALS:
        raise IgnoreError(f"{len(proposals)} proposals, an answer holds {MAX_SERVED_PROPOSALS}")
    response = scale.encode(CompactIDResponse(ids=tuple(proposals)))
    return scale.encode(CompactIDAnswer(response=response))


def decode_answer(data: bytes) -> tuple[ProposalID, ...]:
    """Read everything that came back on the stream of a full exchange.

    Raises:
        DecodeError: it is malformed.
    """
    answer = scale.decode(CompactIDAnswer, data)
    return scale.decode(CompactIDResponse, answer.response).ids
