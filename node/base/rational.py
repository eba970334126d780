"""Exact weights: ratios of unsigned 64-bit numbers, as blocks and the tortoise use them.

Nothing here rounds except where it says so.  ``Fraction`` is the number, a pair of words
its form on the wire (``RatNum``).

Source: go-spacemesh, common/types/block (RatNum) and blocks; economics digest section 3.
"""

from fractions import Fraction
from math import gcd
from typing import Final

U64_MASK: Final = (1 << 64) - 1


def lowest_terms(numerator: int, denominator: int) -> tuple[int, int]:
    """Return the ratio in lowest terms, as numerator and denominator.

    Raises:
        ZeroDivisionError: the denominator is zero.
    """
    if not denominator:
        raise ZeroDivisionError(f"{numerator}/0")
    divisor = gcd(numerator, denominator)
    return numerator // divisor, denominator // divisor


def to_words(weight: Fraction) -> tuple[int, int]:
    """Return numerator and denominator of a weight as the wire keeps them: their low 64 bits."""
    return weight.numerator & U64_MASK, weight.denominator & U64_MASK


def share_of(total: int, weight: Fraction, whole: Fraction) -> int:
    """Return ``total * weight / whole`` rounded down, without intermediate rounding."""
    part = weight / whole
    return total * part.numerator // part.denominator
