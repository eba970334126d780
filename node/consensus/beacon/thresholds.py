"""How often a beacon proposal passes, and how much weight decides a vote.

The only binary floating point in consensus: the reference computes with 64-bit mantissas
and one 128-bit intermediate, and every rounding is reproduced here.

Source: go-spacemesh, beacon/beacon.go, atxThreshold; ALTree/bigfloat; beacon digest 4.1, 4.2.
"""

from fractions import Fraction
from functools import cache
from typing import Final

import gmpy2

MANTISSA_BITS: Final = 64
"""Precision of the reference's floats."""
POWER_BITS: Final = 128
"""Precision at which the reference's library delivers a power."""
WORKING_BITS: Final = 512
"""Precision at which the power is computed here, so that its rounding is the exact one."""
PROOF_BITS: Final = 640
"""Bits of a VRF proof."""


def _round(value: gmpy2.mpfr, bits: int) -> gmpy2.mpfr:
    """Round to nearest even, to ``bits`` significant bits."""
    return gmpy2.context(precision=bits).plus(value)


def _float(value: Fraction, bits: int) -> gmpy2.mpfr:
    """Return a fraction rounded to nearest even, to ``bits`` significant bits."""
    context = gmpy2.context(precision=bits)
    wide = max(bits, value.numerator.bit_length(), value.denominator.bit_length())
    return context.div(gmpy2.mpfr(value.numerator, wide), gmpy2.mpfr(value.denominator, wide))


@cache
def proposal_threshold(identities: int, kappa: int, q: Fraction) -> int:
    """Return the bound that a VRF proof, as a big-endian number, has to stay below.

    Args:
        identities: number of ATXs counted; none pass where there are none.
        kappa: security parameter.
        q: share of adversarial weight that is tolerated.
    """
    if identities == 0:
        return 0
    exponent = Fraction(kappa) / ((1 - q) * identities)
    bits = max(MANTISSA_BITS, exponent.numerator.bit_length(), exponent.denominator.bit_length())
    working = gmpy2.context(precision=WORKING_BITS)
    power = working.exp2(working.minus(_float(exponent, bits)))
    rounded = _round(_round(power, POWER_BITS), MANTISSA_BITS)
    chance = gmpy2.context(precision=MANTISSA_BITS).sub(gmpy2.mpfr(1, MANTISSA_BITS), rounded)
    numerator, denominator = chance.as_integer_ratio()
    return (int(numerator) << PROOF_BITS) // int(denominator)


def voting_threshold(weight: int, theta: Fraction) -> int:
    """Return the margin at which a proposal counts as decided."""
    context = gmpy2.context(precision=MANTISSA_BITS)
    wide = max(MANTISSA_BITS, weight.bit_length())
    product = context.mul(_float(theta, MANTISSA_BITS), gmpy2.mpfr(weight, wide))
    numerator, denominator = product.as_integer_ratio()
    return int(numerator) // int(denominator)
