"""Pool and handler over a real state: what enters, what is offered, what a layer changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.base.errors import IgnoreError, RejectError
from node.consensus.transactions.handler import TransactionHandler
from node.consensus.transactions.pool import TransactionPool
from node.consensus.transactions.rules import check_header
from node.events import TransactionStored
from node.layer_ticker import SystemClock
from node.net.ports import PeerID
from node.store.transactions import find_transaction, proposals_with, prune_proposal_links
from node.types.address import NO_ADDRESS
from node.types.ids import Hash32, ProposalID, TransactionID
from node.types.layer import LayerID
from node.types.transaction import LayerLimits, RawTransaction, Transaction, TransactionHeader
from node.vm.sdk import sign, spend
from tests.support.chain import GENESIS, TIME, atx, block
from tests.support.meshes import KEY, RICH, MeshWorld

PEER = PeerID("peer")
FIRST = LayerID(TIME.effective_genesis + 1)


class World(MeshWorld):
    """A mesh whose pool is the real one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.add_atx(atx(1))
        self.pool = self.make_pool()
        self.mesh.transactions = self.pool
        self.handler = TransactionHandler(
            db=self.db, clock=SystemClock(), bus=self.bus, pool=self.pool, genesis_id=GENESIS
        )

    def make_pool(self) -> TransactionPool:
        return TransactionPool(db=self.db, gas_limit=10**9, entropy=bytes)

    def spend(self, nonce: int, amount: int = 5, price: int = 1) -> bytes:
        body = spend(RICH, NO_ADDRESS, amount, nonce=nonce, gas_price=price)
        return sign(body, GENESIS, bytes([77]) * 32 + KEY.smesher_id)

    def spawned(self) -> "World":
        spawn = self.add_spawn()
        chosen = block(FIRST, atx(1), tx_ids=(spawn,))
        self.mesh.add_block(chosen)
        self.mesh.on_hare_output(FIRST, chosen.id)
        return self

    def apply(self, layer: int, *raws: bytes) -> None:
        ids = tuple(RawTransaction.of(raw).id for raw in raws)
        chosen = block(layer, atx(1), tx_ids=ids)
        self.mesh.add_block(chosen)
        self.mesh.on_hare_output(chosen.layer, chosen.id)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path).spawned()
    yield world
    world.db.close()


async def test_a_good_transaction_enters_is_offered_and_is_applied(world: World) -> None:
    raw = world.spend(1)
    with world.bus.subscribe(TransactionStored) as events:
        await world.handler.on_gossip(PEER, raw)
        stored = events.take()
    assert stored is not None
    assert stored.is_valid
    assert world.pool.projected(RICH)[0] == 2
    assert world.pool.select(10) == (RawTransaction.of(raw).id,)
    assert world.pool.count() == 1
    with pytest.raises(IgnoreError, match="tx already exists"):
        await world.handler.on_gossip(PEER, raw)
    world.apply(FIRST + 1, raw)
    assert world.pool.count() == 0
    nonce, balance = world.pool.projected(RICH)
    assert nonce == 2
    assert balance < 10**15


async def test_what_cannot_be_sent_is_ignored(world: World) -> None:
    with pytest.raises(IgnoreError, match="failed to parse tx"):
        await world.handler.on_gossip(PEER, b"garbage")
    forged = bytearray(world.spend(1))
    forged[-1] ^= 1
    with pytest.raises(IgnoreError, match="failed to verify tx"):
        await world.handler.on_gossip(PEER, bytes(forged))
    with pytest.raises(IgnoreError, match="zero gas price"):
        await world.handler.on_gossip(PEER, world.spend(1, price=0))
    with pytest.raises(IgnoreError, match="bad nonce"):
        await world.handler.on_gossip(PEER, world.spend(0))
    with pytest.raises(IgnoreError, match="insufficient balance"):
        await world.handler.on_gossip(PEER, world.spend(1, amount=10**16))
    assert world.pool.count() == 0


def test_headers_with_limits_or_without_a_fee_are_refused() -> None:
    def header(limits: LayerLimits, gas: int, price: int) -> TransactionHeader:
        return TransactionHeader(
            principal=NO_ADDRESS,
            template=NO_ADDRESS,
            method=16,
            nonce=0,
            layer_limits=limits,
            max_gas=gas,
            gas_price=price,
            max_spend=0,
        )

    tx_id = TransactionID(b"t" * 32)
    with pytest.raises(IgnoreError, match="layer limits"):
        check_header(tx_id, header(LayerLimits(min=1, max=0), 1, 1))
    with pytest.raises(IgnoreError, match="zero fee"):
        check_header(tx_id, header(LayerLimits(min=0, max=0), 1 << 32, 1 << 32))


async def test_fetched_transactions_must_be_those_asked_for(world: World) -> None:
    raw = world.spend(1)
    expected = Hash32(RawTransaction.of(raw).id)
    for take in (world.handler.on_proposal_transaction, world.handler.on_synced):
        with pytest.raises(RejectError, match="was sent for"):
            await take(Hash32.zero(), PEER, raw)
    await world.handler.on_proposal_transaction(expected, PEER, raw)
    await world.handler.on_proposal_transaction(expected, PEER, raw)
    await world.handler.on_synced(expected, PEER, raw)
    assert world.pool.count() == 1


async def test_a_blocks_transaction_is_stored_whatever_it_is(world: World) -> None:
    raw = RawTransaction.of(b"garbage")
    await world.handler.on_synced(Hash32(raw.id), PEER, raw.raw)
    stored = find_transaction(world.db, raw.id)
    assert stored is not None
    assert stored.transaction.header is None
    good = RawTransaction.of(world.spend(1))
    await world.handler.on_synced(Hash32(good.id), PEER, good.raw)
    stored = find_transaction(world.db, good.id)
    assert stored is not None
    assert stored.transaction.header is not None


async def test_proposals_mark_what_they_offer(world: World) -> None:
    first, second = world.spend(1), world.spend(2)
    for raw in (first, second):
        await world.handler.on_gossip(PEER, raw)
    ids = [RawTransaction.of(raw).id for raw in (first, second)]
    proposal = ProposalID(b"p" * 20)
    world.pool.on_proposal(LayerID(20), proposal, [TransactionID(b"?" * 32), ids[0]])
    assert world.pool.select(5) == tuple(ids)
    world.pool.on_proposal(LayerID(20), proposal, [ids[0]])
    assert world.pool.select(5) == (ids[1],)
    assert list(proposals_with(world.db, ids[0])) == [(20, proposal)]


async def test_what_a_layer_was_to_hold_and_does_not_is_offered_again(world: World) -> None:
    raw = world.spend(1)
    await world.handler.on_gossip(PEER, raw)
    tx_id = RawTransaction.of(raw).id
    offered, other = ProposalID(b"p" * 20), ProposalID(b"q" * 20)
    world.pool.on_proposal(LayerID(FIRST + 1), offered, [tx_id])
    assert world.pool.select(5) == ()
    assert world.make_pool().select(5) == ()
    world.apply(FIRST + 1)
    assert world.pool.select(5) == (tx_id,)
    world.pool.on_proposal(LayerID(FIRST + 2), offered, [tx_id])
    world.pool.on_proposal(LayerID(FIRST + 3), other, [tx_id])
    world.apply(FIRST + 2)
    assert world.pool.select(5) == ()


async def test_what_only_proposals_offered_that_are_forgotten_is_offered_again(
    world: World,
) -> None:
    raw = world.spend(1)
    await world.handler.on_gossip(PEER, raw)
    tx_id = RawTransaction.of(raw).id
    world.pool.on_proposal(LayerID(FIRST + 2), ProposalID(b"p" * 20), [tx_id])
    assert prune_proposal_links(world.db, LayerID(FIRST + 3), limit=9).rows == 1
    assert world.pool.select(5) == ()
    assert world.make_pool().select(5) == (tx_id,)
    world.apply(FIRST + 1)
    world.apply(FIRST + 2)
    assert world.pool.select(5) == (tx_id,)


async def test_a_restart_and_a_revert_rebuild_the_queues(world: World) -> None:
    raws = [world.spend(nonce) for nonce in (1, 2)]
    for raw in raws:
        await world.handler.on_gossip(PEER, raw)
    assert world.make_pool().projected(RICH) == world.pool.projected(RICH)
    world.apply(FIRST + 1, raws[0])
    assert world.pool.count() == 1
    world.mesh._revert(FIRST)
    assert world.pool.count() == 2


async def test_what_the_balance_did_not_allow_comes_back(world: World) -> None:
    large = world.spend(2, amount=10**15 - 300_000)
    await world.handler.on_gossip(PEER, large)
    small = world.spend(1, amount=200_000)
    await world.handler.on_gossip(PEER, small)
    assert world.pool.count() == 1
    replaced = world.spend(1, amount=1, price=2)
    world.apply(FIRST + 1)
    assert world.pool.count() == 1
    await world.handler.on_gossip(PEER, replaced)
    world.apply(FIRST + 2, replaced)
    assert world.pool.projected(RICH)[0] == 3


def test_only_parsed_transactions_enter(world: World) -> None:
    raw = RawTransaction.of(b"x")
    with pytest.raises(ValueError, match="was not parsed"):
        world.pool.add(Transaction(raw=raw, header=None), 0)
