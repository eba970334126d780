"""Two of everything: one statement for half of the peers, another one for the rest.

All of it is valid by itself; only both together convict.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Final

from node.base import scale
from node.consensus.activation.handler import TOPIC as ATX_TOPIC
from node.consensus.hare.messages import Version, decode_message
from node.consensus.hare.wire import HareMessage, Round
from node.consensus.proposals.ports import TOPIC as PROPOSAL_TOPIC
from node.crypto.ed25519 import Signer
from node.sim.adversaries.end import AdversarialEnd, Stage, Tactic
from node.sim.adversaries.opinions import OpinionBook
from node.sim.adversaries.signing import sign_atx, sign_ballot, sign_hare, sign_proposal
from node.types.address import Address
from node.types.atx_v1 import ActivationTxV1
from node.types.ids import Hash32
from node.types.proposal import Proposal

MANY: Final = 12
"""ATXs that one identity publishes for one epoch."""
OTHER_COINBASE: Final = Address(bytes(4) + b"\xee" * 20)


class Doubler(Tactic, ABC):
    """Says one thing here and another one there."""

    def __init__(self, stage: Stage, topics: tuple[str, ...]) -> None:
        """Double the messages of some topics."""
        super().__init__(stage)
        self.topics = topics

    async def publish(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        other = self.other(topic, data) if topic in self.topics else None
        if other is None:
            await end.publish_honestly(topic, data)
            return
        await end.take(topic, data)
        some, rest = end.halves()
        end.send(some, topic, data)
        end.send(rest, topic, other)

    @abstractmethod
    def other(self, topic: str, data: bytes) -> bytes | None:
        """Return what contradicts a message, or None if nothing can be made."""


class DoubleAtxs(Doubler):
    """Publishes two ATXs an epoch: the rewards of the second go elsewhere."""

    def __init__(self, stage: Stage) -> None:
        """Double ATXs."""
        super().__init__(stage, (ATX_TOPIC,))

    def other(self, topic: str, data: bytes) -> bytes:
        """See Doubler."""
        return self.paid_to(data, OTHER_COINBASE)

    def paid_to(self, data: bytes, coinbase: Address) -> bytes:
        """Return an ATX with another coinbase."""
        atx = scale.decode(ActivationTxV1, data)
        inner = replace(atx.inner, coinbase=coinbase)
        return scale.encode(sign_atx(inner, self.stage.signer_of(atx.smesher)))


class ManyAtxs(DoubleAtxs):
    """Publishes more ATXs an epoch than all others together, once it has nothing to lose."""

    async def publish(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        await super().publish(end, topic, data)
        if topic == ATX_TOPIC:
            for number in range(MANY):
                coinbase = Address(bytes(4) + bytes([number]) * 20)
                end.send(end.everybody(), topic, self.paid_to(data, coinbase))


class DoubleBallots(Doubler):
    """Votes twice a layer: for what its node believes, and against it."""

    def __init__(self, stage: Stage) -> None:
        """Double ballots."""
        super().__init__(stage, (PROPOSAL_TOPIC,))
        self.book = OpinionBook(stage.time)

    def hear(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        if topic == PROPOSAL_TOPIC:
            self.book.note(data)

    def other(self, topic: str, data: bytes) -> bytes | None:
        """See Doubler."""
        self.book.note(data)
        proposal = scale.decode(Proposal, data)
        ballot = proposal.ballot
        opinion = self.book.contradict(ballot)
        if opinion is None:
            return None
        signer = self.stage.signer_of(ballot.smesher)
        inner = replace(ballot.inner, opinion_hash=opinion.hash)
        doubled = sign_ballot(ballot, inner, opinion.votes, signer)
        return scale.encode(sign_proposal(proposal, doubled, signer))


class DoubleHareMessages(Doubler):
    """Speaks twice in every round of hare that it has seats in."""

    def __init__(self, stage: Stage) -> None:
        """Double the messages of both versions."""
        config = stage.environment.config
        self.versions = {
            section.protocol_name: version
            for version, section in (
                (Version.HARE3, config.hare3),
                (Version.HARE4, config.hare4),
            )
            if section.enable
        }
        super().__init__(stage, tuple(self.versions))

    def other(self, topic: str, data: bytes) -> bytes:
        """See Doubler."""
        message = decode_message(self.versions[topic], data)
        return scale.encode(_contradicted(message, self.stage.signer_of(message.sender)))


def _contradicted(message: HareMessage, signer: Signer) -> HareMessage:
    value = message.body.value
    match message.body.iter_round.round:
        case Round.PREROUND | Round.PROPOSE:
            return sign_hare(message, value.proposals[:-1], None, signer)
        case _:
            reference = None if value.reference is None else Hash32(value.reference[::-1])
            return sign_hare(message, (), reference, signer)
