"""What the node needs from a network: libp2p on the live one, memory in simulations."""

from collections.abc import Awaitable, Callable
from typing import NewType, Protocol, TypeAlias

PeerID = NewType("PeerID", str)
"""Name of a peer's process; never of a smesher."""

GossipHandler: TypeAlias = Callable[[PeerID, bytes], Awaitable[None]]
"""Returns to accept and relay a message; raises what ``net.verdict`` translates otherwise."""

RequestHandler: TypeAlias = Callable[[PeerID, bytes], Awaitable[bytes]]
"""Answers a request; a SpacemeshError becomes the error text of the response."""


class Gossip(Protocol):
    """Flooding of small messages."""

    def register(self, topic: str, handler: GossipHandler) -> None:
        """Send messages of ``topic`` to ``handler``."""

    async def publish(self, topic: str, data: bytes) -> None:
        """Offer ``data`` to the network.

        Our own handler sees the message first, from our own peer id; what it raises is
        raised here, and the message then goes nowhere.
        """


class Questions(Protocol):
    """Questions to one peer."""

    async def request(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        """Return the peer's answer.

        Raises:
            UnavailableError: no such peer, no answer, or an answer that tells an error.
        """


class Requests(Questions, Protocol):
    """Questions to one peer, and answers to theirs."""

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """Answer requests of ``protocol`` with ``handler``."""


class Peers(Protocol):
    """Who is there."""

    @property
    def local(self) -> PeerID:
        """Our own name."""

    def best(self, count: int) -> tuple[PeerID, ...]:
        """Return up to ``count`` connected peers, the ones that answer fastest first."""

    def drop(self, peer: PeerID, reason: str) -> None:
        """Disconnect a peer that sent something provably invalid."""


class AskedPeers(Questions, Peers, Protocol):
    """Who is there, and can be asked."""


class Network(Gossip, Requests, Peers, Protocol):
    """All of it, as one object."""
