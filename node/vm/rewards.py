"""Issuance: the subsidy of a layer, and how it is shared together with the fees.

Consensus depends on every digit here.  The curve is computed in IEEE decimal128: 34 digits,
half to even, each operation rounded, in the order given.  Operators on ``Decimal`` must
not be used: they round to the digits of the thread's context.

The curve is that of mainnet on every network, and layers count from the first effective
genesis, also after a recovery from a checkpoint.  What nobody receives is burnt.

Source: spacemeshos/economics and go-spacemesh, genvm/rewards; economics digest sections 1
to 4.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from node.base.errors import PreconditionError
from node.base.rational import share_of
from node.types.amounts import MAX_U64, SMIDGE_PER_SMH
from node.types.layer import LayerID
from node.types.reward import CoinbaseReward, Reward

LAYERS_PER_YEAR: Final = 105_120
"""Layers of five minutes in 365 days."""
TOTAL_VAULTED: Final = 150_000_000 * SMIDGE_PER_SMH
"""Smidge that mainnet's genesis ledger locks in vaults."""
TOTAL_ISSUANCE: Final = 2_400_000_000 * SMIDGE_PER_SMH
"""Smidge that will ever exist."""
TEN_YEAR_TARGET: Final = 600_000_000 * SMIDGE_PER_SMH
"""Smidge issued and vaulted after ten years."""
TOTAL_SUBSIDY: Final = TOTAL_ISSUANCE - TOTAL_VAULTED

VEST_START: Final = LAYERS_PER_YEAR
"""First layer, counted from genesis, whose vesting the economics count."""
VEST_END: Final = 4 * LAYERS_PER_YEAR
VEST_PER_LAYER: Final = TOTAL_VAULTED // (VEST_END - VEST_START)

NEIGHBOURS: Final = 16
"""How many sums of subsidies are remembered."""

_CONTEXT: Final = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=-6143, Emax=6144)
_ONE: Final = Decimal(1)
_TOTAL_SUBSIDY: Final = Decimal(TOTAL_SUBSIDY)


def _derive_half_life() -> Decimal:
    """Return the layers after which half of the subsidy is issued."""
    layers = Decimal(10 * LAYERS_PER_YEAR + 1)
    issued = _CONTEXT.divide(Decimal(TEN_YEAR_TARGET - TOTAL_VAULTED), _TOTAL_SUBSIDY)
    left = _CONTEXT.ln(_CONTEXT.subtract(_ONE, issued))
    return _CONTEXT.multiply(layers.copy_negate(), _CONTEXT.divide(_CONTEXT.ln(Decimal(2)), left))


HALF_LIFE: Final = _derive_half_life()
"""Layers."""
DECAY: Final = _CONTEXT.divide(_CONTEXT.ln(Decimal(2)), HALF_LIFE)
"""The part of the remaining subsidy that a layer issues, continuously."""
_NEGATIVE_DECAY: Final = DECAY.copy_negate()


@lru_cache(maxsize=NEIGHBOURS)
def compute_issued(index: int) -> int:
    """Return the smidge issued up to and including the layer with this index.

    A layer's subsidy is the difference of two of these, of which the layer before it has
    computed one.

    Args:
        index: layers after the first effective genesis.
    """
    exponent = _CONTEXT.multiply(_NEGATIVE_DECAY, Decimal(index + 1))
    issued = _CONTEXT.subtract(_ONE, _CONTEXT.exp(exponent))
    return int(_CONTEXT.multiply(_TOTAL_SUBSIDY, issued))


def compute_subsidy(index: int) -> int:
    """Return the smidge that the layer with this index issues."""
    if index == 0:
        return compute_issued(0)
    return compute_issued(index) - compute_issued(index - 1)


def compute_layer_subsidy(layer: LayerID, first_effective_genesis: LayerID) -> int:
    """Return the smidge that a layer issues.

    Raises:
        PreconditionError: the layer is before the first effective genesis.
    """
    if layer < first_effective_genesis:
        raise PreconditionError(
            f"applying layer {layer} before effective genesis {first_effective_genesis}"
        )
    return compute_subsidy(layer - first_effective_genesis)


def compute_economic_vesting(layer: LayerID) -> int:
    """Return the smidge of mainnet's vaults that count as unlocked, for circulation figures.

    Rounded for each layer, unlike what the vaults themselves give out.
    """
    if layer < VEST_START:
        return 0
    if layer >= VEST_END:
        return TOTAL_VAULTED
    return VEST_PER_LAYER * (layer - VEST_START)


def sort_rewards(rewards: Iterable[CoinbaseReward]) -> tuple[CoinbaseReward, ...]:
    """Return the shares of a block in the order they have to be applied in: by coinbase."""
    return tuple(sorted(rewards, key=lambda reward: reward.coinbase))


def split_rewards(
    layer: LayerID, subsidy: int, fees: int, rewards: Sequence[CoinbaseReward]
) -> tuple[Reward, ...]:
    """Return what each share is worth, rounded down; amounts in smidge.

    Raises:
        PreconditionError: a smesher is to be rewarded twice, which the state cannot hold.
    """
    weights = [Fraction(reward.weight.numerator, reward.weight.denominator) for reward in rewards]
    whole, total = sum(weights, Fraction(0)), subsidy + fees & MAX_U64
    smeshers = {reward.smesher for reward in rewards}
    if len(smeshers) != len(rewards):
        raise PreconditionError(f"layer {layer} rewards a smesher twice")
    return tuple(
        Reward(
            layer=layer,
            total_reward=share_of(total, weight, whole),
            layer_reward=share_of(subsidy, weight, whole),
            coinbase=reward.coinbase,
            smesher=reward.smesher,
        )
        for reward, weight in zip(rewards, weights, strict=True)
    )
