"""Routing tables: which handler a gossip topic or a fetch hint goes to, and when we listen.

The rows are data, so that the documentation and the tests read the same table as the node.

Source: go-spacemesh, node/node.go; style digest 4.3.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto

from node.base.errors import IgnoreError
from node.consensus.atxdata import AtxEntry
from node.consensus.malfeasance.convictions import Convictions
from node.consensus.malfeasance.rules import culprit_of
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.consensus.tortoise.machine import Tortoise
from node.net.fetch.client import Fetcher, Validator
from node.net.fetch.server import FetchServer
from node.net.fetch.wire import Hint
from node.net.ports import Gossip, GossipHandler, PeerID, Requests
from node.sync.state import SyncMachine
from node.types.atx import Atx
from node.types.ids import Hash32
from node.types.layer import LayerID


class Gate(Enum):
    """When messages of a topic are listened to; otherwise they are ignored."""

    ALWAYS = auto()
    """The handler decides."""

    GOSSIP = auto()
    """The node listens to gossip, or is synced."""

    ATX = auto()
    """The ATXs of past epochs are here."""


@dataclass(frozen=True, slots=True)
class Route:
    """One gossip topic."""

    topic: str
    handler: GossipHandler
    gate: Gate


@dataclass(frozen=True, slots=True)
class FetchRoute:
    """One kind of object that is fetched by hash."""

    hint: Hint
    validator: Validator
    find: Callable[[Hash32], bytes | None]
    """Returns the bytes that peers are answered with."""


def is_open(gate: Gate, sync: SyncMachine) -> bool:
    """Tell whether a gate is open."""
    match gate:
        case Gate.ALWAYS:
            return True
        case Gate.GOSSIP:
            return sync.listens_to_gossip
        case Gate.ATX:
            return sync.atxs_synced


def gated(route: Route, sync: SyncMachine) -> GossipHandler:
    """Return a route's handler behind its gate."""

    async def handle(peer: PeerID, data: bytes) -> None:
        if not is_open(route.gate, sync):
            raise IgnoreError(f"not listening to {route.topic} yet")
        await route.handler(peer, data)

    return handle


def connect_gossip(
    network: Gossip,
    routes: Iterable[Route],
    sync: SyncMachine,
    watched: Callable[[str, GossipHandler], GossipHandler] = lambda _, handler: handler,
) -> None:
    """Register every topic.

    Args:
        network: where.
        routes: the topics.
        sync: tells which gates are open.
        watched: returns what stands before a topic's handler and its gate.
    """
    for route in routes:
        network.register(route.topic, watched(route.topic, gated(route, sync)))


def connect_fetch(network: Requests, fetcher: Fetcher, routes: Iterable[FetchRoute]) -> None:
    """Register every kind of object, to ask for and to answer."""
    table = tuple(routes)
    for route in table:
        fetcher.register(route.hint, route.validator)
    FetchServer({route.hint: route.find for route in table}).register(network)


@dataclass(frozen=True, slots=True)
class TortoiseListener:
    """Tells the tortoise of ATXs."""

    tortoise: Tortoise

    def on_atx(self, atx: Atx, *, malicious: bool) -> None:
        """See AtxListener."""
        if malicious:
            self.tortoise.on_malfeasance(atx.smesher)
        self.tortoise.on_atx(atx.target_epoch, atx.id, AtxEntry.of(atx))


@dataclass(frozen=True, slots=True)
class CoinListener:
    """Tells the tortoise of the weak coins of layers."""

    tortoise: Tortoise

    def on_weak_coin(self, layer: LayerID, *, coin: bool) -> None:
        """See WeakCoinListener."""
        self.tortoise.on_weak_coin(layer, coin=coin)


@dataclass(frozen=True, slots=True)
class EquivocationStore:
    """Keeps what hare proves against smeshers; it is not gossiped from here.

    The tortoise is told, too.  The reference's hears of it after a restart, or from a peer that
    was asked: there, what an equivocator weighs depends on how a node came to know.
    """

    convictions: Convictions

    def on_proof(self, proof: MalfeasanceProof) -> None:
        """See EquivocationListener."""
        self.convictions.store(culprit_of(proof.data), proof)
