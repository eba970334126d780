"""Malformed bytes, messages of nobody, and messages of yesterday.

Each message of the node is an occasion: the noise is as loud as the node is talkative.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from node.base import scale
from node.consensus.activation.handler import TOPIC as ATX_TOPIC
from node.consensus.beacon.handler import FIRST_VOTES, FOLLOWING_VOTES, PROPOSALS, WEAK_COIN
from node.consensus.beacon.wire import (
    BeaconProposalMessage,
    FirstVotesMessage,
    FollowingVotesMessage,
    WeakCoinMessage,
)
from node.consensus.certifier.handler import TOPIC as CERTIFY_TOPIC
from node.consensus.proposals.ports import TOPIC as PROPOSAL_TOPIC
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, private_key_of
from node.net.ports import PeerID
from node.sim.adversaries.end import AdversarialEnd, Stage, Tactic
from node.sim.adversaries.signing import sign_atx, sign_ballot, sign_proposal
from node.types.atx_v1 import ActivationTxV1
from node.types.certificate import CertifyMessage
from node.types.proposal import Proposal

STRANGERS_AT_ONCE: Final = 5
"""Strangers who repeat each message of the node in their own name."""
REPLAYED_AT_ONCE: Final = 4
RECENT: Final = 20
"""Messages that may still matter; half of those that are sent again are among them."""
REMEMBERED: Final = 2000
"""Messages that are kept to be sent again."""


class MalformedBytes(Tactic):
    """Sends what no message of any topic looks like; each time as somebody else."""

    def __init__(self, stage: Stage) -> None:
        """Begin with nobody lost."""
        super().__init__(stage)
        self.sent: list[tuple[str, PeerID, frozenset[PeerID]]] = []
        """Topic, the stranger who sent something, and to whom."""

    async def publish(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        await end.publish_honestly(topic, data)
        cut = self.stage.random.below(len(data))
        flipped = data[:cut] + bytes([data[cut] ^ 0x80]) + data[cut + 1 :]
        self._send(end, topic, flipped, certain=False)
        for one in (data[:cut], data + b"\0"):
            self._send(end, topic, one, certain=True)
        other = end.topics[self.stage.random.below(len(end.topics))]
        for one in (b"", b"\xff" * 64, self.stage.random(cut)):
            self._send(end, other, one, certain=False)

    def _send(self, end: AdversarialEnd, topic: str, data: bytes, *, certain: bool) -> None:
        stranger = end.stranger()
        peers = end.everybody()
        end.send_as(stranger, peers, topic, data)
        if certain:
            self.sent.append((topic, stranger, frozenset(peers)))


class Spam(Tactic):
    """Repeats each message of the node in the name of keys that nobody has heard of."""

    async def publish(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        await end.publish_honestly(topic, data)
        sign = IMPOSTURES.get(topic)
        if sign is None:
            return
        genesis_id = self.stage.signers[0].genesis_id
        for _ in range(STRANGERS_AT_ONCE):
            nobody = Signer(private_key_of(self.stage.random(32)), genesis_id)
            end.send_as(end.stranger(), end.everybody(), topic, sign(data, nobody))


class OldMessages(Tactic):
    """Sends what it has heard and said again, in another order and another layer.

    Ends forget after some minutes that they have seen a message; these ones at once.
    """

    def __init__(self, stage: Stage) -> None:
        """Begin with nothing heard."""
        super().__init__(stage)
        self._heard: list[tuple[str, bytes]] = []

    def hear(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        self._heard = [*self._heard[1 - REMEMBERED :], (topic, data)]

    async def publish(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        await end.publish_honestly(topic, data)
        for peer in end.everybody():
            end.end.network.ends[peer].forget()
            for among in (len(self._heard), min(RECENT, len(self._heard))):
                for _ in range(REPLAYED_AT_ONCE):
                    old_topic, old = self._heard[-1 - self.stage.random.below(among)]
                    end.send_as(end.local, (peer,), old_topic, old)


def _atx(data: bytes, nobody: Signer) -> bytes:
    return scale.encode(sign_atx(scale.decode(ActivationTxV1, data).inner, nobody))


def _proposal(data: bytes, nobody: Signer) -> bytes:
    proposal = scale.decode(Proposal, data)
    ballot = proposal.ballot
    signed = sign_ballot(ballot, ballot.inner, ballot.votes, nobody)
    return scale.encode(sign_proposal(proposal, signed, nobody))


def _certify(data: bytes, nobody: Signer) -> bytes:
    message = scale.decode(CertifyMessage, data)
    signature = nobody.sign(Domain.HARE, message.signed_bytes())
    return scale.encode(replace(message, smesher=nobody.smesher_id, signature=signature))


def _first_votes(data: bytes, nobody: Signer) -> bytes:
    message = scale.decode(FirstVotesMessage, data)
    signature = nobody.sign(Domain.BEACON_FIRST_MESSAGE, message.signed_bytes())
    return scale.encode(replace(message, smesher=nobody.smesher_id, signature=signature))


def _following_votes(data: bytes, nobody: Signer) -> bytes:
    message = scale.decode(FollowingVotesMessage, data)
    signature = nobody.sign(Domain.BEACON_FOLLOWUP_MESSAGE, message.signed_bytes())
    return scale.encode(replace(message, smesher=nobody.smesher_id, signature=signature))


def _beacon_proposal(data: bytes, nobody: Signer) -> bytes:
    message = scale.decode(BeaconProposalMessage, data)
    return scale.encode(replace(message, smesher=nobody.smesher_id))


def _weak_coin(data: bytes, nobody: Signer) -> bytes:
    message = scale.decode(WeakCoinMessage, data)
    return scale.encode(replace(message, smesher=nobody.smesher_id))


IMPOSTURES: Final[Mapping[str, Callable[[bytes, Signer], bytes]]] = {
    ATX_TOPIC: _atx,
    PROPOSAL_TOPIC: _proposal,
    CERTIFY_TOPIC: _certify,
    PROPOSALS: _beacon_proposal,
    FIRST_VOTES: _first_votes,
    FOLLOWING_VOTES: _following_votes,
    WEAK_COIN: _weak_coin,
}
"""By topic: the same message of another smesher."""
