"""A node's end of the network in the hands of an adversary."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from node.base import scale
from node.base.errors import DecodeError, IgnoreError, UsageError
from node.base.hashing import hash32
from node.crypto.ed25519 import Signer
from node.environment import Environment
from node.net.fetch.wire import MALICIOUS_IDS, MaliciousIDs
from node.net.memory import MemoryEnd
from node.net.ports import GossipHandler, PeerID, RequestHandler
from node.sim.links import Randomness
from node.types.layer_time import LayerTime

EVERYBODY: Final = 1 << 30
PROOFS: Final = "mp1"
"""Topic of proofs of misbehaviour."""


class Tactic:
    """What an adversary does; this one does what the node wants."""

    def __init__(self, stage: "Stage") -> None:
        """Take what it has to act with."""
        self.stage = stage

    async def publish(self, end: "AdversarialEnd", topic: str, data: bytes) -> None:
        """Publish a message of the node, or do something else with it.

        Raises:
            SpacemeshError: what the node shall believe became of it.
        """
        await end.publish_honestly(topic, data)

    def hear(self, end: "AdversarialEnd", topic: str, data: bytes) -> None:
        """Take note of a message that came in."""

    async def answer(
        self, protocol: str, peer: PeerID, data: bytes, honest: RequestHandler
    ) -> bytes:
        """Answer a question.

        Raises:
            SpacemeshError: what the peer is told went wrong.
        """
        return await honest(peer, data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What an adversary has to act with."""

    environment: Environment
    """What its node stands on."""

    random: Randomness

    @property
    def signers(self) -> Sequence[Signer]:
        """The keys of the node."""
        return self.environment.identities.signers()

    @property
    def time(self) -> LayerTime:
        """The layers of the network."""
        return self.environment.config.layer_time()

    def signer_of(self, smesher: bytes) -> Signer:
        """Return a key of the node."""
        return next(signer for signer in self.signers if signer.smesher_id == smesher)


@dataclass(kw_only=True)
class AdversarialEnd:
    """Implements ``node.net.ports.Network`` on top of an end that is honest.

    The node behind it never learns that it was found out: its own doubles, and the proofs
    against it, do not get through to it, so that it goes on as long as others let it.
    """

    end: MemoryEnd
    tactic: Tactic
    handlers: dict[str, GossipHandler] = field(default_factory=dict)
    """The node's own, by topic."""

    _sent: set[bytes] = field(default_factory=set)
    _strangers: int = 0

    @property
    def local(self) -> PeerID:
        """See Peers."""
        return self.end.local

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics that the node listens to."""
        return tuple(sorted(self.handlers))

    def best(self, count: int) -> tuple[PeerID, ...]:
        """See Peers."""
        return self.end.best(count)

    def drop(self, peer: PeerID, reason: str) -> None:
        """See Peers."""
        self.end.drop(peer, reason)

    def register(self, topic: str, handler: GossipHandler) -> None:
        """See Gossip."""
        self.handlers[topic] = handler

        async def hear(peer: PeerID, data: bytes) -> None:
            self.tactic.hear(self, topic, data)
            if peer != self.local and (topic == PROOFS or self._key(topic, data) in self._sent):
                raise IgnoreError("the node shall not know")
            await handler(peer, data)

        self.end.register(topic, hear)

    async def publish(self, topic: str, data: bytes) -> None:
        """See Gossip."""
        await self.tactic.publish(self, topic, data)

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """See Requests."""

        async def answer(peer: PeerID, data: bytes) -> bytes:
            return await self.tactic.answer(protocol, peer, data, handler)

        self.end.serve(protocol, answer)

    async def request(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        """See Requests."""
        answer = await self.end.request(peer, protocol, data)
        if protocol != MALICIOUS_IDS:
            return answer
        own = {signer.smesher_id for signer in self.tactic.stage.signers}
        try:
            listed = scale.decode(MaliciousIDs, answer).smeshers
        except DecodeError:
            # Another adversary's answer: the node shall see for itself.
            return answer
        return scale.encode(MaliciousIDs(smeshers=tuple(s for s in listed if s not in own)))

    # What a tactic does with it

    async def publish_honestly(self, topic: str, data: bytes) -> None:
        """Publish as the node would have."""
        await self.end.publish(topic, data)

    async def take(self, topic: str, data: bytes) -> None:
        """Hand a message to the node itself and to nobody else."""
        await self.handlers[topic](self.local, data)

    def halves(self) -> tuple[tuple[PeerID, ...], tuple[PeerID, ...]]:
        """Return the peers in two parts that hardly differ in size."""
        peers = self.everybody()
        return peers[0::2], peers[1::2]

    def everybody(self) -> tuple[PeerID, ...]:
        """Return all peers."""
        return self.end.best(EVERYBODY)

    def send(
        self, peers: Iterable[PeerID], topic: str, data: bytes, *, delay_s: float = 0.0
    ) -> None:
        """Send a message to some peers, whatever the node thinks of it."""
        self._sent.add(self._key(topic, data))
        self.send_as(self.local, peers, topic, data, delay_s=delay_s)

    def send_as(
        self,
        sender: PeerID,
        peers: Iterable[PeerID],
        topic: str,
        data: bytes,
        *,
        delay_s: float = 0.0,
    ) -> None:
        """Send a message under another name than the node's."""
        network = self.end.network
        for peer in peers:
            if network.ends[peer].has_dropped(sender):
                continue
            on_the_way_s = network.links.delay_s(self.local, peer)
            if on_the_way_s is not None:
                network.ends[peer].receive_later(sender, topic, data, delay_s + on_the_way_s)

    def stranger(self) -> PeerID:
        """Return the name of a peer that was never there: it costs nothing to lose it."""
        self._strangers += 1
        return PeerID(f"stranger {self._strangers} of {self.local}")

    def _key(self, topic: str, data: bytes) -> bytes:
        return hash32(topic.encode(), data)


def tampered(
    environment: Environment, random: Randomness, make: Callable[[Stage], Tactic]
) -> Environment:
    """Return what a node stands on once its end of the network is an adversary's.

    Raises:
        UsageError: the node is not on a network in memory.
    """
    end = environment.network
    if not isinstance(end, MemoryEnd):
        raise UsageError("adversaries live on networks in memory only")
    tactic = make(Stage(environment=environment, random=random))
    return replace(environment, network=AdversarialEnd(end=end, tactic=tactic))
