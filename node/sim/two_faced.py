"""Gossip of a dishonest node: every second peer is told something else, or told late."""

from dataclasses import dataclass, field
from typing import Protocol

from node.net.memory import MemoryEnd
from node.net.ports import GossipHandler


class Deceit(Protocol):
    """What a dishonest node makes of its own messages."""

    def other_face(self, topic: str, data: bytes) -> bytes:
        """Return what every second peer is told; it may be the same."""

    def delay_s(self, topic: str, link_s: float | None, *, is_other: bool) -> float | None:
        """Return after how long a peer is told, None if it never is.

        Args:
            topic: of the message.
            link_s: what the link to the peer makes of it.
            is_other: the peer is one of those that are told something else.
        """


@dataclass(kw_only=True)
class TwoFacedGossip:
    """Implements ``node.net.ports.Gossip``; the node itself believes what it says."""

    end: MemoryEnd
    deceit: Deceit
    _handlers: dict[str, GossipHandler] = field(default_factory=dict)

    def register(self, topic: str, handler: GossipHandler) -> None:
        """See Gossip."""
        self._handlers[topic] = handler
        self.end.register(topic, handler)

    async def publish(self, topic: str, data: bytes) -> None:
        """See Gossip."""
        local, network = self.end.local, self.end.network
        await self._handlers[topic](local, data)
        other = self.deceit.other_face(topic, data)
        peers = [end for name, end in network.ends.items() if name != local]
        for number, peer in enumerate(peers):
            is_other = number % 2 == 1
            link_s = network.links.delay_s(local, peer.local)
            delay_s = self.deceit.delay_s(topic, link_s, is_other=is_other)
            if delay_s is not None:
                peer.receive_later(local, topic, other if is_other else data, delay_s)
