"""Nodes that were away, or come late: they end with the same state as those that were there."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from node.base import scale
from node.net.fetch.mesh_server import MeshServer
from node.net.fetch.server import FetchServer
from node.net.fetch.wire import (
    EPOCH_ATXS,
    HASHES,
    LAYER_DATA,
    MALICIOUS_IDS,
    MAX_LAYER_BALLOTS,
    OPINIONS,
    Hint,
    RequestBatch,
    ResponseBatch,
    ResponseMessage,
)
from node.net.memory import MemoryEnd
from node.net.ports import PeerID
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import World, world_config
from node.store.atxs import atx_ids_in_epoch, get_atx_blob
from node.store.certificates import find_certificate, find_certified_block
from node.store.identities import malicious_smeshers
from node.store.layers import find_applied_block, find_state_hash
from node.store.rewards import rewards_of_smesher
from node.types.ids import NO_BLOCK
from node.types.layer import EpochID, LayerID

LAYERS_PER_EPOCH = 10
FIRST_LAYER = 20
NETWORK = {
    "main.standalone": "false",
    "syncer.malfeasance-sync.min-sync-peers": "2",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def _world(folder: Path, seed: int, links: SeededLinks | None = None) -> World:
    return World(
        folder=folder,
        seed=seed,
        config=world_config(folder, NETWORK),
        links=links or SeededLinks(Randomness(b"links %d" % seed)),
    )


def _add_nodes(world: World, count: int) -> None:
    for number in range(count):
        world.add_node(number)


def _check_same_states(world: World, first: int, last: int) -> None:
    nodes = [one.node for one in world.nodes.values()]
    for node in nodes:
        assert node.sync.is_synced
        assert node.mesh.applied >= last
        assert list(malicious_smeshers(node.db)) == []
    for number in range(first, last + 1):
        roots = {find_state_hash(node.db, LayerID(number)) for node in nodes}
        assert len(roots) == 1
        assert None not in roots


def test_a_node_that_joins_three_epochs_late_comes_to_the_same_state(tmp_path: Path) -> None:
    world = _world(tmp_path, 3)
    join = FIRST_LAYER + 3 * LAYERS_PER_EPOCH
    last = join + 8

    async def main() -> None:
        _add_nodes(world, 3)
        async with world.running():
            await world.until_layer(join)
            world.add_node(3)
            world.start("node3")
            await world.until_layer(last)

    simulate(main())
    _check_same_states(world, FIRST_LAYER, last - 2)
    early, late = world.nodes["node0"].node, world.nodes["node3"].node
    for epoch in range(1, 5):
        here = list(atx_ids_in_epoch(late.db, EpochID(epoch)))
        assert here == list(atx_ids_in_epoch(early.db, EpochID(epoch)))
    fetched = [
        layer
        for layer in map(LayerID, range(join - 1, join + 2))
        if (block := find_certified_block(late.db, layer)) is not None
        and find_certificate(late.db, layer, block) is not None
        and find_applied_block(late.db, layer) == block != NO_BLOCK
    ]
    assert fetched
    world.close()


def test_a_node_that_is_cut_off_for_some_layers_comes_back(tmp_path: Path) -> None:
    links = SeededLinks(Randomness(b"links"))
    world = _world(tmp_path, 4, links)
    cut, healed, last = FIRST_LAYER + 3, FIRST_LAYER + 10, FIRST_LAYER + 20
    lost: list[bool] = []

    async def main() -> None:
        _add_nodes(world, 4)
        async with world.running():
            await world.until_layer(cut)
            for number in range(3):
                links.separate(
                    world.nodes["node3"].end.local, world.nodes[f"node{number}"].end.local
                )
            await world.until_layer(healed)
            lost.append(not world.nodes["node3"].node.sync.is_synced)
            links.heal()
            await world.until_layer(last)

    simulate(main())
    assert lost == [True]
    _check_same_states(world, FIRST_LAYER, last - 2)
    world.close()


def test_a_node_that_is_started_again_after_long_comes_back(tmp_path: Path) -> None:
    world = _world(tmp_path, 5)
    stopped, started, last = FIRST_LAYER + 2, FIRST_LAYER + 13, FIRST_LAYER + 22

    async def main() -> None:
        _add_nodes(world, 4)
        async with world.running():
            await world.until_layer(stopped)
            await world.stop("node3")
            await world.until_layer(started)
            world.add_node(3)
            world.start("node3")
            await world.until_layer(last)

    simulate(main())
    _check_same_states(world, FIRST_LAYER, last - 2)
    world.close()


def test_several_that_come_late_and_are_killed_on_the_way_end_as_the_others(tmp_path: Path) -> None:
    """Two join, one after the other; one of them dies in the middle of catching up, and so does
    one of those that they learn from.  In the end all have the same state, and earn."""
    world = _world(tmp_path, 8)
    join, last = FIRST_LAYER + 8, FIRST_LAYER + 34

    async def main() -> None:
        _add_nodes(world, 3)
        async with world.running():
            await world.until_layer(join)
            world.add_node(3)
            world.start("node3")
            # It is listing ATXs and layers by now.
            await asyncio.sleep(0.4)
            await world.restart("node3")
            await world.until_layer(join + 2)
            world.add_node(4)
            world.start("node4")
            await asyncio.sleep(1)
            await world.restart("node1")
            await world.until_layer(last)

    simulate(main())
    _check_same_states(world, FIRST_LAYER, last - 2)
    first = world.nodes["node0"].node
    assert len(list(atx_ids_in_epoch(first.db, EpochID(4)))) == len(world.nodes)
    for late in ("node3", "node4"):
        identities = world.nodes[late].node.environment.identities
        (smesher,) = (signer.smesher_id for signer in identities.signers())
        paid = rewards_of_smesher(first.db, smesher, LayerID(FIRST_LAYER), LayerID(last - 2))
        # Its first ATX was published in the third epoch at the earliest.
        earned = [reward.layer for reward in paid]
        assert earned
        assert min(earned) >= 4 * LAYERS_PER_EPOCH
    world.close()


def _answer_garbage(world: World, end: MemoryEnd) -> None:
    async def handle(_peer: PeerID, _data: bytes) -> bytes:
        return b"\xff" * 50

    for protocol in (EPOCH_ATXS, LAYER_DATA, MALICIOUS_IDS, OPINIONS, HASHES):
        end.serve(protocol, handle)


def _list_too_much(world: World, end: MemoryEnd) -> None:
    async def handle(_peer: PeerID, _data: bytes) -> bytes:
        count = MAX_LAYER_BALLOTS + 1
        return scale.compact(count) + bytes(20 * count)

    _answer_truly(world, end)
    end.serve(LAYER_DATA, handle)


def _list_what_is_not(world: World, end: MemoryEnd) -> None:
    async def handle(_peer: PeerID, _data: bytes) -> bytes:
        return scale.compact(1) + b"\x07" * 20

    _answer_truly(world, end)
    end.serve(LAYER_DATA, handle)


def _send_other_objects(world: World, end: MemoryEnd) -> None:
    db = world.nodes["node0"].node.db
    atx = next(atx_ids_in_epoch(db, EpochID(1)))

    async def handle(_peer: PeerID, data: bytes) -> bytes:
        batch = scale.decode(RequestBatch, data)
        found = tuple(
            ResponseMessage(hash=request.hash, data=get_atx_blob(db, atx))
            for request in batch.requests
        )
        return scale.encode(ResponseBatch(id=batch.id, responses=found))

    _answer_truly(world, end)
    end.serve(HASHES, handle)


def _answer_truly(world: World, end: MemoryEnd) -> None:
    node = world.nodes["node0"].node
    MeshServer(node.db).register(end)
    FetchServer({hint: partial(node.find_object, hint) for hint in Hint}).register(end)


LIES: tuple[Callable[[World, MemoryEnd], None], ...] = (
    _answer_garbage,
    _list_too_much,
    _list_what_is_not,
    _send_other_objects,
)


def test_peers_that_lie_are_dropped_and_the_others_asked(tmp_path: Path) -> None:
    world = _world(tmp_path, 6)
    join, last = FIRST_LAYER + 6, FIRST_LAYER + 20
    liars = [world.network.join(f"a liar {number}") for number in range(len(LIES))]

    async def main() -> None:
        _add_nodes(world, 2)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(world.running())
            await world.until_layer(join)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            for lie, liar in zip(LIES, liars, strict=True):
                lie(world, liar)
                liar.start(tasks)
            world.add_node(2)
            world.start("node2")
            await world.until_layer(last)

    simulate(main())
    _check_same_states(world, FIRST_LAYER, last - 2)
    late = world.nodes["node2"].end
    assert [liar.local for liar in liars if not late.has_dropped(liar.local)] == []
    assert not late.has_dropped(world.nodes["node0"].end.local)
    assert not late.has_dropped(world.nodes["node1"].end.local)
    world.close()
