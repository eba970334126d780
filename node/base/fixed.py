"""Fixed-point numbers with 71 integer and 56 fraction bits, rounded as the reference rounds them.

A value is a signed ``int`` scaled by ``ONE``; its magnitude has at most 127 bits.  Sums
and differences are plain ``+`` and ``-``.  Products are truncated towards zero.
Quotients are too, save for a defect of the reference that is part of consensus: an exact
quotient by a divisor of 256 or more comes out one unit too small (256 / 256 is just below
1), so division is never plain ``//``.

``node.base.binomial`` builds the binomial distribution of the eligibility oracle on these.

Source: spacemeshos/fixed; hare digest section 8.3, tortoise digest section 3.
"""

from typing import ClassVar, Final

from node.base.errors import SpacemeshError

FRACTION_BITS: Final = 56
"""Bits behind the binary point."""

ONE: Final = 1 << FRACTION_BITS
"""The number 1."""

MAGNITUDE_BITS: Final = 127
"""Bits of a magnitude; one more overflows."""

WORD_BITS: Final = 64

DIRECT_BITS: Final = 71
"""A dividend below this many bits is shifted in one piece."""


class FixedOverflowError(SpacemeshError):
    """A result has more than 127 bits, or a divisor is zero.

    The reference stops its process there; rules treat what led to it as invalid.
    """

    default_code: ClassVar[str] = "smesh.fixed.overflow"


def from_int(value: int) -> int:
    """Return a whole number as fixed point."""
    return value << FRACTION_BITS


def from_ratio(numerator: int, denominator: int) -> int:
    """Return the quotient of two unsigned 64-bit numbers.

    Reduce to lowest terms first where the rule says so; the defect makes a difference.
    """
    return divide_magnitudes(numerator << FRACTION_BITS, denominator << FRACTION_BITS)


def fraction_of(data: bytes) -> int:
    """Return the number in [0, 1) that the low 56 bits of the first 8 bytes (LE) give."""
    return int.from_bytes(data[:8], "little") & (ONE - 1)


def multiply(first: int, second: int) -> int:
    """Return the product, truncated towards zero.

    Raises:
        FixedOverflowError: the magnitude needs more than 127 bits.
    """
    magnitude = check_magnitude(abs(first) * abs(second) >> FRACTION_BITS)
    return -magnitude if (first < 0) != (second < 0) else magnitude


def divide(dividend: int, divisor: int) -> int:
    """Return the quotient with the reference's rounding.

    Raises:
        FixedOverflowError: the divisor is zero, or the quotient needs more than 127 bits.
    """
    magnitude = divide_magnitudes(abs(dividend), abs(divisor))
    return -magnitude if (dividend < 0) != (divisor < 0) else magnitude


def divide_magnitudes(dividend: int, divisor: int) -> int:
    """Return the quotient of two magnitudes with the reference's rounding.

    A dividend of 71 bits or more is divided in two steps: the integer part, then the
    remainder shifted as far as it goes by the divisor shifted the rest of the way.

    Raises:
        FixedOverflowError: the divisor is zero, or the quotient needs more than 127 bits.
    """
    if not divisor:
        raise FixedOverflowError("division by zero")
    if dividend >> DIRECT_BITS == 0:
        return _quotient(dividend << FRACTION_BITS, divisor)[0]
    whole, rest = _quotient(dividend, divisor)
    check_magnitude(whole << FRACTION_BITS)
    shift = FRACTION_BITS
    if rest >> WORD_BITS:
        shift = min(shift, MAGNITUDE_BITS - rest.bit_length())
    part = _quotient(rest << shift, divisor >> (FRACTION_BITS - shift))[0]
    return check_magnitude((whole << FRACTION_BITS) + part)


def check_magnitude(magnitude: int) -> int:
    """Return ``magnitude`` if it has at most 127 bits.

    Raises:
        FixedOverflowError: it has more.
    """
    if magnitude >> MAGNITUDE_BITS:
        raise FixedOverflowError(f"{magnitude.bit_length()} bits do not fit {MAGNITUDE_BITS}")
    return magnitude


def _quotient(dividend: int, divisor: int) -> tuple[int, int]:
    """Return floor quotient and remainder, with the reference's defect.

    For a divisor of more than 64 bits the reference guesses the quotient from the divisor's
    leading 64 bits, takes one off, and corrects a remainder that is *greater* than the
    divisor.  With a dividend of at most 127 bits the guess is never too small, so an exact
    division always leaves a remainder equal to the divisor, and that stays.
    """
    quotient, remainder = divmod(dividend, divisor)
    if quotient and not remainder and divisor >> WORD_BITS:
        return quotient - 1, divisor
    return quotient, remainder
