"""Topics of hare 3 and hare 4: messages of the sessions under way.

Checks one message after the other and hands it to its layer's session.  The instant of
reception is the session's round when the message is handed over, after all that had to be
waited for.  Our own messages come the same way.

Source: go-spacemesh, hare3/hare.go and hare4/hare.go (Handler); hare digest 5.
"""

from dataclasses import dataclass, field

import structlog

from node.base.errors import IgnoreError, RejectError
from node.config.model.consensus import HareConfig
from node.consensus.activesets import EligibilityOracle
from node.consensus.atxdata import AtxData
from node.consensus.hare.exchange import FullExchange
from node.consensus.hare.gradecast import RoundMessage
from node.consensus.hare.machine import HareMachine
from node.consensus.hare.messages import Version, decode_message, is_signed
from node.consensus.hare.ports import EquivocationListener
from node.consensus.hare.rules import check_shape, make_equivocation_proof
from node.consensus.hare.schedule import seats_in, threshold_of
from node.consensus.hare.wire import BodyV4, HareMessage, IterRound, MessageV4, Round
from node.crypto.ed25519 import Verifier
from node.net.ports import PeerID
from node.types.layer import LayerID

log = structlog.get_logger("hare")


@dataclass(kw_only=True)
class HareHandler:
    """The gossip edge of one version of hare; holds the sessions under way."""

    config: HareConfig
    verifier: Verifier
    oracle: EligibilityOracle
    atxdata: AtxData
    equivocations: EquivocationListener

    exchange: FullExchange | None = None
    """Completes compact messages; with it this is hare 4, without it hare 3."""

    _sessions: dict[LayerID, HareMachine] = field(default_factory=dict)

    @property
    def version(self) -> Version:
        """Which format is spoken."""
        return Version.HARE3 if self.exchange is None else Version.HARE4

    @property
    def topic(self) -> str:
        """Gossip topic; empty on one public network."""
        return self.config.protocol_name

    def open(self, layer: LayerID) -> HareMachine:
        """Begin a layer's session: its messages are taken from now on."""
        machine = HareMachine(threshold_of(self.config, layer))
        self._sessions[layer] = machine
        return machine

    def close(self, layer: LayerID) -> None:
        """End a layer's session."""
        self._sessions.pop(layer, None)

    async def on_gossip(self, peer: PeerID, data: bytes) -> None:
        """Handle one message.

        Raises:
            DecodeError: it is malformed.
            RejectError: it says what its round is not for, or its signature is wrong.
            IgnoreError: there is no session, its sender has no such seats, or it is known.
            NotFoundError: the beacon of its epoch is not known.
        """
        received = decode_message(self.version, data)
        check_shape(received)
        self._session(received.body.layer)
        message = await self._verified(peer, received)
        malicious = self.atxdata.is_malicious(message.sender)
        self._check_seats(message)
        if self.exchange is not None:
            # Only now: strangers must not fill the memory.  Peers ask for what was relayed.
            self.exchange.remember(received.hash, message)
        machine = self._session(message.body.layer)
        taken = machine.on_message(RoundMessage.of(message, malicious=malicious))
        if taken.conflict is not None and not malicious:
            self._convict(message, taken.conflict)
        if not taken.relay:
            raise IgnoreError(f"hare message of {message.sender} is known")

    def _session(self, layer: LayerID) -> HareMachine:
        machine = self._sessions.get(layer)
        if machine is None:
            raise IgnoreError(f"no hare session in layer {layer}")
        return machine

    async def _verified(self, peer: PeerID, received: HareMessage) -> HareMessage:
        """Return the full form of a message, its signature checked."""
        match received:
            case MessageV4(body=BodyV4(iter_round=IterRound(round=Round.PREROUND))) if (
                self.exchange is not None
            ):
                return await self.exchange.complete(peer, received)
            case _:
                if not is_signed(self.verifier, received):
                    raise RejectError(f"hare message of {received.sender}: wrong signature")
                return received

    def _check_seats(self, message: HareMessage) -> None:
        body = message.body
        eligibility = body.eligibility
        has_seats = eligibility.count > 0 and self.oracle.are_seats(
            body.layer,
            body.iter_round.absolute,
            seats_in(self.config, body.layer, body.iter_round.round),
            message.sender,
            eligibility.proof,
            count=eligibility.count,
        )
        if not has_seats:
            raise IgnoreError(f"hare message of {message.sender}: zero grade")

    def _convict(self, message: HareMessage, conflict: tuple[RoundMessage, RoundMessage]) -> None:
        log.warning("hare_equivocation", layer=message.body.layer, smesher=message.sender)
        self.equivocations.on_proof(make_equivocation_proof(message.body.layer, *conflict))
        self.atxdata.mark_malicious(message.sender)
