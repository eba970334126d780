"""What blocks derive from their fields."""

from node.types.block import AnyReward, Block, InnerBlock, RationalWeight
from node.types.ids import (
    NO_ATX,
    TransactionID,
)
from node.types.layer import LayerID


def test_a_block_tells_what_is_in_it() -> None:
    reward = AnyReward(atx_id=NO_ATX, weight=RationalWeight(numerator=1, denominator=2))
    ids = (TransactionID(b"t" * 32),)
    block = Block(inner=InnerBlock(layer=LayerID(4), tick_height=77, rewards=(reward,), tx_ids=ids))
    assert (block.layer, block.tick_height, block.rewards, block.tx_ids) == (4, 77, (reward,), ids)
    vote = block.vote()
    assert (vote.block, vote.layer, vote.height) == (block.id, 4, 77)
