"""The mesh follows the tortoise: applies, reverts, downloads, announces."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from node.base import scale
from node.base.errors import NotFoundError, PreconditionError
from node.base.hashing import EMPTY_HASH
from node.consensus.mesh.executor import check_next
from node.consensus.tortoise.votes import BlockInfo
from node.events import Event, LayerApplied, LayerVerified, Subscription, TransactionApplied
from node.net.fetch.server import FetchServer
from node.net.fetch.wire import Hint
from node.net.ports import PeerID
from node.sim.virtual_time import simulate
from node.store.accounts import find_account
from node.store.blocks import find_block_blob, has_block
from node.store.certificates import find_hare_output, put_certificate, put_hare_output
from node.store.layers import (
    find_applied_block,
    find_mesh_hash,
    find_processed_layer,
    find_state_hash,
)
from node.store.rewards import rewards_in_layer
from node.store.transactions import find_transaction_result
from node.types.block import AnyReward, Block, InnerBlock, RationalWeight
from node.types.certificate import Certificate
from node.types.ids import NO_BLOCK, AtxID, BlockID, Hash32, TransactionID
from node.types.layer import LayerID
from tests.support.chain import TIME, atx, block
from tests.support.meshes import RICH, MeshWorld

E = TypeVar("E", bound=Event)
FIRST = LayerID(TIME.effective_genesis + 1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MeshWorld]:
    world = MeshWorld(tmp_path)
    for number in (1, 2):
        world.add_atx(atx(number))
    yield world
    world.db.close()


def content(layer: int, *numbers: int, tx_ids: tuple[TransactionID, ...] = ()) -> Block:
    return block(layer, *(atx(number) for number in numbers), tx_ids=tx_ids)


def drain(events: Subscription[E]) -> Iterator[E]:
    while (event := events.take()) is not None:
        yield event


def named_by_ballots(world: MeshWorld, chosen: Block) -> None:
    """Let the tortoise know of a block whose content is not here."""
    world.tortoise._add_block(BlockInfo.of(chosen.vote()))


def agreed(world: MeshWorld, chosen: Block) -> None:
    world.mesh.add_block(chosen)
    world.mesh.on_hare_output(chosen.layer, chosen.id)


def test_genesis_is_written_once(world: MeshWorld) -> None:
    genesis = TIME.effective_genesis
    assert (world.mesh.applied, world.mesh.processed, world.mesh.latest) == (genesis,) * 3
    assert find_mesh_hash(world.db, genesis) == EMPTY_HASH
    account = find_account(world.db, RICH)
    assert account is not None
    assert account.balance == 10**15
    world.mesh.initialise(())
    assert find_account(world.db, RICH) == account


def test_an_agreed_block_is_applied_with_rewards_and_transactions(world: MeshWorld) -> None:
    spawn = world.add_spawn()
    kinds = (LayerApplied, TransactionApplied)
    with world.bus.subscribe(*kinds) as events:
        agreed(world, content(FIRST, 1, 2, tx_ids=(spawn,)))
        kept = list(drain(events))
    assert [type(event) for event in kept] == [TransactionApplied, LayerApplied]
    assert world.mesh.applied == FIRST == world.mesh.latest
    assert world.mesh.verified < FIRST
    assert find_applied_block(world.db, FIRST) == content(FIRST, 1, 2, tx_ids=(spawn,)).id
    assert find_state_hash(world.db, FIRST) is not None
    assert len(list(rewards_in_layer(world.db, FIRST))) == 2
    result = find_transaction_result(world.db, spawn)
    assert result is not None
    assert (result.status, result.layer) == (0, FIRST)
    assert result.block == find_applied_block(world.db, FIRST)
    account = find_account(world.db, RICH)
    assert account is not None
    assert account.template is not None
    assert world.recorded.applied[0].layer == FIRST


def test_a_transaction_is_applied_once(world: MeshWorld) -> None:
    spawn = world.add_spawn()
    agreed(world, content(FIRST, 1, tx_ids=(spawn,)))
    agreed(world, content(FIRST + 1, 1, tx_ids=(spawn,)))
    assert world.mesh.applied == FIRST + 1
    result = find_transaction_result(world.db, spawn)
    assert result is not None
    assert result.layer == FIRST


def test_a_known_block_is_let_be(world: MeshWorld) -> None:
    chosen = content(FIRST, 1)
    world.mesh.add_block(chosen)
    world.mesh.add_block(chosen)
    assert world.recorded.blocks == [chosen.id]


def test_hare_outputs_are_stored_and_conflicts_are_not_told(world: MeshWorld) -> None:
    one, other = content(FIRST, 1), content(FIRST, 2)
    world.mesh.add_block(one)
    with world.db.batch() as batch:
        put_hare_output(batch, FIRST, NO_BLOCK, valid=True)
        put_certificate(batch, FIRST, Certificate(block_id=other.id, signatures=()))
    world.mesh.on_hare_output(FIRST, one.id)
    assert find_hare_output(world.db, FIRST) == NO_BLOCK
    assert world.mesh.applied == TIME.effective_genesis
    world.mesh.on_hare_output(FIRST, one.id)


def test_a_layer_without_its_block_waits(world: MeshWorld) -> None:
    world.mesh.on_hare_output(FIRST, content(FIRST, 1).id)
    assert world.mesh.applied == TIME.effective_genesis
    assert world.mesh.processed == FIRST == find_processed_layer(world.db)


def test_another_opinion_reverts_the_state(world: MeshWorld) -> None:
    one, other = content(FIRST, 1), content(FIRST, 2)
    agreed(world, one)
    agreed(world, content(FIRST + 1, 1))
    before = find_state_hash(world.db, FIRST)
    world.mesh.add_block(other)
    world.tortoise.on_hare_output(FIRST, other.id)
    with world.bus.subscribe(LayerApplied) as events:
        world.mesh.process_layer(LayerID(FIRST + 2))
        assert [event.layer for event in drain(events)] == [FIRST, FIRST + 1]
    assert find_applied_block(world.db, FIRST) == other.id
    assert find_state_hash(world.db, FIRST) != before
    assert world.recorded.reverted == [FIRST - 1]
    assert world.mesh.applied == FIRST + 1


def test_an_optimistic_layer_holds_what_was_charged(world: MeshWorld) -> None:
    spawn = world.add_spawn()
    weight = RationalWeight(numerator=1, denominator=1)
    rewards = (AnyReward(atx_id=atx(1).id, weight=weight),)

    def make(tx_ids: tuple[TransactionID, ...]) -> Block:
        return Block(inner=InnerBlock(layer=FIRST, tick_height=1, rewards=rewards, tx_ids=tx_ids))

    with world.bus.subscribe(LayerApplied, LayerVerified) as events:
        made = world.mesh.execute_optimistically(FIRST, (spawn,), rewards, make)
        assert (made.tx_ids, has_block(world.db, made.id)) == ((spawn,), True)
        assert world.mesh.applied == FIRST
        assert events.take() is None
        world.mesh.on_hare_output(FIRST, made.id)
        kinds = [type(event) for event in drain(events)]
        assert kinds.count(LayerApplied) == 1
    with pytest.raises(PreconditionError, match="already applied"):
        world.mesh.execute_optimistically(FIRST, (), rewards, make)


def test_layers_are_applied_in_order() -> None:
    with pytest.raises(PreconditionError, match="not in order"):
        check_next(LayerID(5), LayerID(3))


@pytest.mark.parametrize(
    ("tx_ids", "atx_ids", "missing"),
    [
        ((TransactionID(b"\x09" * 32),), (), "transaction"),
        ((), (AtxID(b"\x09" * 32),), "atx"),
    ],
)
def test_what_is_not_here_cannot_be_executed(
    world: MeshWorld,
    tx_ids: tuple[TransactionID, ...],
    atx_ids: tuple[AtxID, ...],
    missing: str,
) -> None:
    weight = RationalWeight(numerator=1, denominator=1)
    rewards = tuple(AnyReward(atx_id=atx_id, weight=weight) for atx_id in atx_ids)
    with pytest.raises(NotFoundError, match=missing):
        world.mesh.executor.execute_optimistic(FIRST, tx_ids, rewards)


def test_a_restart_goes_on_where_it_was(world: MeshWorld) -> None:
    agreed(world, content(FIRST, 1))
    world.restart()
    assert (world.mesh.applied, world.mesh.processed) == (FIRST, FIRST)


def test_missing_blocks_are_downloaded_and_applied(world: MeshWorld) -> None:
    chosen = content(FIRST, 1)
    blobs = {chosen.id: scale.encode(chosen)}

    async def take(expected: Hash32, peer: PeerID, data: bytes) -> None:
        world.mesh.add_block(scale.decode(Block, data))

    async def main() -> None:
        peer = world.network.join("peer")
        find = {Hint.BLOCK: lambda key: blobs.get(BlockID(key[:20]))}
        FetchServer(find).register(peer)
        world.fetcher.register(Hint.BLOCK, take)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(run())
                for run in (world.network.run, world.fetcher.run, world.mesh.run)
            ]
            await asyncio.sleep(1)
            named_by_ballots(world, chosen)
            world.mesh.on_hare_output(FIRST, chosen.id)
            await asyncio.sleep(1)
            assert world.mesh.applied == FIRST
            assert find_block_blob(world.db, chosen.id) == blobs[chosen.id]
            peer.stop()
            named_by_ballots(world, content(FIRST + 1, 1))
            world.mesh.on_hare_output(LayerID(FIRST + 1), content(FIRST + 1, 1).id)
            await asyncio.sleep(1)
            assert world.mesh.applied == FIRST
            for task in running:
                task.cancel()

    simulate(main())
