"""Stream protocol ``hare4/full_exchange``: compact messages become full again.

Hare 4 names the proposals of a preround message by four bytes each.  They are looked up
among our own; where that fails, the peer that delivered the message is asked for the
identifiers in full.

Gossip brings a message once.  Where its deliverer does not answer, the reference loses it;
here a few others, who may have taken it meanwhile, and the deliverer again are asked, as
long as the round may still need it.  What a message is worth follows from when it is complete.

The answer has the format of the stream itself, ``CompactIDAnswer``, and no envelope; where
there is none, the stream just ends.

Source: go-spacemesh, hare4/hare.go; hare digest 5 and 5.1.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from node.base import scale
from node.base.errors import (
    DecodeError,
    IgnoreError,
    NotFoundError,
    RejectError,
    UnavailableError,
)
from node.consensus.hare.messages import (
    compacted,
    completed,
    decode_answer,
    encode_answer,
    is_signed,
)
from node.consensus.hare.ports import ProposalSource
from node.consensus.hare.rules import compact_id, match_compact
from node.consensus.hare.wire import CompactIDRequest, HareMessage, MessageV4, Round
from node.crypto.ed25519 import Verifier
from node.net.ports import PeerID, Questions
from node.types.ids import CompactProposalID, Hash32, ProposalID
from node.types.layer import LayerID

PROTOCOL: Final = "hare4/full_exchange"

TIMEOUT_S: Final = 5.0
"""How long a peer may take for its answer."""
PAUSE_S: Final = 0.5
"""How long others are given to take a message before they are asked about it."""
OTHERS: Final = 2
"""Peers beside the deliverer that are asked."""
MAX_PURSUED: Final = 64
"""Messages that others are asked about at once; strangers can make us ask."""


class Network(Questions, Protocol):
    """Peers that can be asked."""

    def best(self, count: int) -> tuple[PeerID, ...]:
        """Return up to ``count`` connected peers, the ones that answer fastest first."""


log = structlog.get_logger("hare")


@dataclass(frozen=True, slots=True)
class _Served:
    """The proposals in a message that peers may ask about."""

    layer: LayerID
    proposals: tuple[ProposalID, ...]


@dataclass(kw_only=True)
class FullExchange:
    """Completes the compact messages of peers, and serves what is needed to complete ours."""

    network: Network
    proposals: ProposalSource
    verifier: Verifier

    _served: dict[Hash32, _Served] = field(default_factory=dict)
    """By message identifier, the digest of the compact body.  Grows with messages that were
    accepted only, and forgets layers that are over."""

    _pursued: int = 0
    """Messages that others are asked about."""

    async def complete(self, peer: PeerID, message: MessageV4) -> MessageV4:
        """Return the full form of a preround message, its signature checked.

        Raises:
            RejectError: the signature is wrong.
            IgnoreError: it cannot be completed.
        """
        names = message.body.value.compact_proposals
        known = self._known(message.body.layer)
        if not known:
            raise IgnoreError(f"no proposals for layer {message.body.layer}")
        matched = match_compact(names, known)
        if matched is not None:
            full = completed(message, matched)
            if is_signed(self.verifier, full):
                return full
            # Another proposal may share its first bytes with the one that is meant.
        try:
            return await self._complete_with(peer, message, is_matched=matched is not None)
        except IgnoreError:
            if self._pursued >= MAX_PURSUED:
                raise
        self._pursued += 1
        try:
            return await self._pursue(peer, message, is_matched=matched is not None)
        finally:
            self._pursued -= 1

    async def _pursue(
        self, deliverer: PeerID, message: MessageV4, *, is_matched: bool
    ) -> MessageV4:
        """Ask others about a message, and then its deliverer once more."""
        await asyncio.sleep(PAUSE_S)
        others = [peer for peer in self.network.best(OTHERS + 1) if peer != deliverer]
        for peer in others[:OTHERS]:
            try:
                return await self._complete_with(peer, message, is_matched=is_matched)
            except (IgnoreError, RejectError) as error:
                # It need not know the message; and that it lies is not the deliverer's fault.
                log.debug("hare_message_not_completed", peer=peer, reason=str(error))
        return await self._complete_with(deliverer, message, is_matched=is_matched)

    async def _complete_with(
        self, peer: PeerID, message: MessageV4, *, is_matched: bool
    ) -> MessageV4:
        """Return the full form of a message as a peer knows it.

        Raises:
            RejectError: with the peer's answer the signature is wrong.
            IgnoreError: there is no answer that fits.
        """
        answer = await self._ask(peer, message.hash)
        wanted = len(message.body.value.compact_proposals)
        if is_matched and len(answer) != wanted:
            raise IgnoreError(f"{len(answer)} proposals for {wanted} compact names")
        full = completed(message, answer if is_matched else sorted(answer))
        if not is_signed(self.verifier, full):
            raise RejectError(f"hare message of {message.sender}: wrong signature")
        return full

    def compact(self, message: MessageV4) -> MessageV4:
        """Return the form in which our own full preround message is sent.

        Raises:
            NotFoundError: a proposal in it, or a proof of its eligibility, is gone.
        """
        names = dict(self._known(message.body.layer))
        proposals = message.body.value.proposals
        for identifier in proposals:
            if identifier not in names:
                raise NotFoundError("proposal", identifier)
        sent = compacted(message, [names[identifier] for identifier in proposals])
        self.remember(sent.hash, message)
        return sent

    def remember(self, message_id: Hash32, full: HareMessage) -> None:
        """Serve the proposals of a preround message that is relayed."""
        if full.body.iter_round.round == Round.PREROUND:
            served = _Served(full.body.layer, full.body.value.proposals)
            self._served.setdefault(message_id, served)

    def on_layer(self, current: LayerID) -> None:
        """A layer started: forget the messages of all but the one before."""
        for old in [key for key, served in self._served.items() if served.layer < current - 1]:
            del self._served[old]

    async def on_request(self, peer: PeerID, data: bytes) -> bytes:
        """Answer a peer's request.

        Raises:
            DecodeError: it is malformed.
            NotFoundError: no such message.
            IgnoreError: it is longer than an answer may be.
        """
        message_id = scale.decode(CompactIDRequest, data).message_id
        served = self._served.get(message_id)
        if served is None:
            raise NotFoundError("hare message", message_id)
        return encode_answer(served.proposals)

    def _known(self, layer: LayerID) -> list[tuple[ProposalID, CompactProposalID]]:
        here = [entry.proposal for entry in self.proposals.for_hare(layer)]
        named = ((proposal.id, compact_id(proposal)) for proposal in here)
        return [(identifier, name) for identifier, name in named if name is not None]

    async def _ask(self, peer: PeerID, message_id: Hash32) -> tuple[ProposalID, ...]:
        request = scale.encode(CompactIDRequest(message_id=message_id))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return decode_answer(await self.network.request(peer, PROTOCOL, request))
        except (DecodeError, UnavailableError, TimeoutError) as error:
            raise IgnoreError(f"hare message {message_id} not completed: {error}") from error
