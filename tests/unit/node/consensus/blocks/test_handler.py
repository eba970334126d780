"""Blocks that peers send: what is provably wrong, what they refer to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import DecodeError, IgnoreError, RejectError
from node.consensus.blocks.handler import BlockHandler
from node.net.fetch.planner import FetchPlanner
from node.net.fetch.wire import Hint
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.store.blocks import put_block
from node.types.block import AnyReward, Block, InnerBlock, RationalWeight
from node.types.ids import AtxID, BlockID, Hash32, TransactionID, padded
from node.types.layer import LayerID
from tests.support.block_sources import RecordedFetcher
from tests.support.chain import TIME, Chain, atx, block

PEER = PeerID("peer")
TX = TransactionID(b"t" * 32)
FIRST = TIME.effective_genesis + 1


class World(Chain):
    """A handler over a store with one ATX."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.add_atx(atx(1))
        self.taken: list[Block] = []
        self.fetcher = RecordedFetcher(
            network=MemoryNetwork().join("self"),
            planner=FetchPlanner(entropy=bytes),
            has=lambda hint, key: False,
        )
        self.handler = BlockHandler(
            db=self.db,
            time=TIME,
            atxdata=self.atxdata,
            fetcher=self.fetcher,
            add_block=self.taken.append,
        )

    async def send(self, sent: Block, expected: Hash32 | None = None) -> None:
        wanted = Hash32(padded(sent.id)) if expected is None else expected
        await self.handler.on_synced(wanted, PEER, scale.encode(sent))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.db.close()


async def test_a_block_is_stored_once_what_it_refers_to_is_here(world: World) -> None:
    sent = block(FIRST, atx(1), atx(2), tx_ids=(TX,))
    await world.send(sent)
    assert world.taken == [sent]
    assert world.fetcher.asked == [(Hint.ATX, (atx(2).id,)), (Hint.TX, (TX,))]
    assert world.fetcher.holders == [(PEER, (atx(2).id, TX))]


async def test_a_known_block_is_let_be(world: World) -> None:
    sent = block(FIRST, atx(1))
    with world.db.batch() as batch:
        put_block(batch, sent)
    await world.send(sent)
    assert (world.taken, world.fetcher.asked) == ([], [])


async def test_malformed_bytes_are_refused(world: World) -> None:
    with pytest.raises(DecodeError):
        await world.handler.on_synced(Hash32.zero(), PEER, b"\x01")


async def test_a_repeated_transaction_is_ignored(world: World) -> None:
    with pytest.raises(IgnoreError, match="duplicate transaction"):
        await world.send(block(FIRST, atx(1), tx_ids=(TX, TX)))
    assert world.taken == []


def rewarding(*weights: tuple[int, int], atx_id: AtxID | None = None) -> Block:
    rewards = tuple(
        AnyReward(
            atx_id=atx_id or AtxID(bytes([number]) * 32),
            weight=RationalWeight(numerator=numerator, denominator=denominator),
        )
        for number, (numerator, denominator) in enumerate(weights)
    )
    return Block(inner=InnerBlock(layer=LayerID(FIRST), tick_height=1, rewards=rewards, tx_ids=()))


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param(block(FIRST - 1, atx(1)), "genesis layer", id="genesis"),
        pytest.param(rewarding(), "no rewards", id="no rewards"),
        pytest.param(rewarding((0, 1)), "is zero", id="numerator"),
        pytest.param(rewarding((1, 0)), "is zero", id="denominator"),
        pytest.param(rewarding((1, 1), (1, 2), atx_id=atx(1).id), "twice", id="twice"),
    ],
)
async def test_what_a_block_alone_shows_to_be_wrong_is_rejected(
    world: World, sent: Block, reason: str
) -> None:
    with pytest.raises(RejectError, match=reason):
        await world.send(sent)


async def test_another_block_than_was_asked_for_is_rejected(world: World) -> None:
    with pytest.raises(RejectError, match="was sent for"):
        await world.send(block(FIRST, atx(1)), Hash32(padded(BlockID(b"x" * 20))))
