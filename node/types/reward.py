"""Rewards: what coinbases and smeshers receive for a layer.

Source: go-spacemesh, common/types/reward; codec digest section 4.3.
"""

from dataclasses import dataclass

from node.base.scale import U64
from node.types.address import Address
from node.types.block import RationalWeight
from node.types.ids import SmesherID
from node.types.layer import LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinbaseReward:
    """A share of a layer's reward, before it is paid."""

    smesher: SmesherID
    coinbase: Address
    weight: RationalWeight


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """A reward that was paid."""

    layer: LayerID

    total_reward: U64
    """Subsidy and fees, smidge."""

    layer_reward: U64
    """The subsidy's part, smidge."""

    coinbase: Address
    smesher: SmesherID
