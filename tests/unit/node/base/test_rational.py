"""Exact weights."""

from fractions import Fraction

import pytest

from node.base.rational import lowest_terms, share_of, to_words


def test_ratios_are_reduced() -> None:
    assert lowest_terms(12, 18) == (2, 3)
    assert lowest_terms(0, 5) == (0, 1)


def test_a_zero_denominator_is_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        lowest_terms(1, 0)


def test_the_wire_keeps_the_low_64_bits() -> None:
    assert to_words(Fraction(2**64 + 6, 3)) == (6, 3)


def test_shares_are_rounded_down_once() -> None:
    shares = [share_of(477618397593, Fraction(part, 10), Fraction(1)) for part in (9, 1)]
    assert shares == [429856557833, 47761839759]
    assert share_of(10, Fraction(1, 3), Fraction(1)) == 3
    assert share_of(10, Fraction(1, 3), Fraction(2, 3)) == 5
