"""Scenarios of whole simulated networks: what they are made of, and what must hold of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from node.app import Node
from node.base.errors import IgnoreError
from node.environment import Environment
from node.layer_ticker import Clock
from node.net.memory import MemoryEnd
from node.net.ports import GossipHandler, PeerID, RequestHandler
from node.sim.links import Randomness, SeededLinks
from node.sim.world import World, world_config
from node.store.identities import malicious_smeshers
from node.store.layers import find_applied_block, find_state_hash
from node.types.ids import BlockID
from node.types.layer import LayerID

LAYERS_PER_EPOCH = 10
FIRST_LAYER = 20
"""First layer with ballots: ATXs of epoch 1 are active in epoch 2."""
NETWORK = {
    "main.standalone": "false",
    "syncer.malfeasance-sync.min-sync-peers": "2",
}
"""Nodes that have peers, of which a starting one asks two."""

Adjust = Callable[[int, Environment], Environment]
Fate = Callable[[PeerID, str, bytes], float | None]
"""How many seconds a gossip message of a peer waits before it is heard; None if it is not."""


def make_world(
    folder: Path,
    seed: int,
    settings: Mapping[str, str] | None = None,
    adjust: Adjust = lambda _number, environment: environment,
) -> World:
    """Return a world without nodes."""
    return World(
        folder=folder,
        seed=seed,
        config=world_config(folder, {**NETWORK, **(settings or {})}),
        links=SeededLinks(Randomness(b"links %d" % seed)),
        adjust=adjust,
    )


@dataclass
class Hearing:
    """A node's end of the network that hears some gossip late, or never."""

    end: MemoryEnd
    fate: Fate
    clock: Clock

    @property
    def local(self) -> PeerID:
        """See Peers."""
        return self.end.local

    def register(self, topic: str, handler: GossipHandler) -> None:
        """See Gossip."""

        async def hear(peer: PeerID, data: bytes) -> None:
            wait_s = 0.0 if peer == self.local else self.fate(peer, topic, data)
            if wait_s is None:
                raise IgnoreError("nobody hears this")
            if wait_s:
                await self.clock.sleep_until(self.clock.now_ns() + round(wait_s * 10**9))
            await handler(peer, data)

        self.end.register(topic, hear)

    async def publish(self, topic: str, data: bytes) -> None:
        """See Gossip."""
        await self.end.publish(topic, data)

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """See Requests."""
        self.end.serve(protocol, handler)

    async def request(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        """See Requests."""
        return await self.end.request(peer, protocol, data)

    def best(self, count: int) -> tuple[PeerID, ...]:
        """See Peers."""
        return self.end.best(count)

    def drop(self, peer: PeerID, reason: str) -> None:
        """See Peers."""
        self.end.drop(peer, reason)


def hearing(fate: Fate, *numbers: int) -> Adjust:
    """Let some nodes, by default all, hear gossip as ``fate`` says."""

    def adjust(number: int, environment: Environment) -> Environment:
        end = environment.network
        if (numbers and number not in numbers) or not isinstance(end, MemoryEnd):
            return environment
        return replace(environment, network=Hearing(end, fate, environment.clock))

    return adjust


def nodes_of(world: World) -> list[Node]:
    """Return the nodes, by number."""
    return [one.node for one in world.nodes.values()]


def check_equal_states(nodes: Iterable[Node], first: int, last: int) -> None:
    """Check that all nodes applied the same blocks, came to the same states, and convict nobody."""
    nodes = list(nodes)
    for node in nodes:
        assert node.mesh.applied >= last
        assert list(malicious_smeshers(node.db)) == []
    for number in range(first, last + 1):
        layer = LayerID(number)
        roots = {find_state_hash(node.db, layer) for node in nodes}
        assert len(roots) == 1, f"layer {number}"
        assert None not in roots
        assert len({find_applied_block(node.db, layer) for node in nodes}) == 1


def applied_blocks(node: Node, first: int, last: int) -> dict[int, BlockID | None]:
    """Return what a node applied, by layer."""
    return {
        number: find_applied_block(node.db, LayerID(number)) for number in range(first, last + 1)
    }
