"""Blocks that peers send for a hash; blocks are never gossiped.

Source: go-spacemesh, blocks/handler.go; blocks digest 3.
"""

from collections.abc import Callable
from dataclasses import dataclass

from node.base import scale
from node.base.errors import IgnoreError, RejectError, WrongObjectError
from node.consensus.atxdata import AtxData
from node.net.fetch.client import Fetcher
from node.net.fetch.wire import Hint
from node.net.ports import PeerID
from node.store.blocks import has_block
from node.store.db import Reader
from node.types.block import Block
from node.types.ids import Hash32, padded
from node.types.layer_time import LayerTime


def check_block(block: Block, expected: Hash32, time: LayerTime) -> None:
    """Check what the bytes of a block alone can show.

    Raises:
        RejectError: another block than was asked for, of genesis, or with wrong rewards.
    """
    if padded(block.id) != expected:
        raise WrongObjectError(f"block {block.id} was sent for {expected}")
    if block.layer <= time.effective_genesis:
        raise RejectError(f"block {block.id} in genesis layer {block.layer}")
    if not block.rewards:
        raise RejectError(f"block {block.id} has no rewards")
    for reward in block.rewards:
        if reward.weight.numerator == 0 or reward.weight.denominator == 0:
            raise RejectError(f"block {block.id}: reward of {reward.atx_id} is zero")
    if len({reward.atx_id for reward in block.rewards}) != len(block.rewards):
        raise RejectError(f"block {block.id} rewards an ATX twice")


@dataclass(kw_only=True)
class BlockHandler:
    """Decodes, checks, fetches what a block refers to, stores it."""

    db: Reader
    time: LayerTime
    atxdata: AtxData
    fetcher: Fetcher
    add_block: Callable[[Block], None]
    """Stores a block and tells who waits for it: the mesh."""

    async def on_synced(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Take a block that was asked for.

        Raises:
            DecodeError: malformed.
            RejectError: provably wrong.
            IgnoreError: a transaction repeats.
            FetchError: something it refers to cannot be had.
        """
        block = scale.decode(Block, data)
        check_block(block, expected, self.time)
        if has_block(self.db, block.id):
            return
        epoch = self.time.epoch_of(block.layer)
        atx_ids = self.atxdata.missing(epoch, [reward.atx_id for reward in block.rewards])
        self.fetcher.register_holder(peer, (*atx_ids, *block.tx_ids))
        await self.fetcher.fetch(Hint.ATX, atx_ids)
        if len(set(block.tx_ids)) != len(block.tx_ids):
            raise IgnoreError(f"block {block.id} has a duplicate transaction")
        await self.fetcher.fetch(Hint.TX, block.tx_ids)
        self.add_block(block)
