"""Blocks: the content of a layer that hare agreed on.

Source: go-spacemesh, common/types/block; codec digest sections 3.1 and 4.2.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from node.base import scale
from node.base.hashing import hash20
from node.base.scale import U64, Limit
from node.types.ballot import Vote
from node.types.ids import AtxID, BlockID, TransactionID
from node.types.layer import LayerID
from node.types.proposal import MAX_TRANSACTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class RationalWeight:
    """A weight as numerator and denominator."""

    numerator: U64
    denominator: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyReward:
    """The share of one ATX in a block's reward."""

    atx_id: AtxID
    weight: RationalWeight


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerBlock:
    """The hashed content of a block."""

    layer: LayerID

    tick_height: U64
    """Highest tick height among the ATXs that count for the block."""

    rewards: Annotated[tuple[AnyReward, ...], Limit(2350)]
    """Ascending by ATX id."""

    tx_ids: Annotated[tuple[TransactionID, ...], Limit(MAX_TRANSACTIONS)]
    """In the order of execution."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block."""

    inner: InnerBlock

    @cached_property
    def id(self) -> BlockID:
        """Identifier: first 20 bytes of the digest of the inner block."""
        return BlockID(hash20(scale.encode(self.inner)))

    @property
    def layer(self) -> LayerID:
        """Layer the block belongs to."""
        return self.inner.layer

    @property
    def tick_height(self) -> int:
        """Height the tortoise compares."""
        return self.inner.tick_height

    @property
    def tx_ids(self) -> tuple[TransactionID, ...]:
        """Transactions in the order of execution."""
        return self.inner.tx_ids

    @property
    def rewards(self) -> tuple[AnyReward, ...]:
        """Shares of the ATXs."""
        return self.inner.rewards

    def vote(self) -> Vote:
        """Return the block as votes name it."""
        return Vote(block=self.id, layer=self.layer, height=self.tick_height)
