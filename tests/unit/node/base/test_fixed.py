"""Fixed point: truncation, the reference's defect of division, overflow."""

import pytest

from node.base import fixed
from node.base.fixed import ONE, FixedOverflowError


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (255, 255, ONE),
        (256, 256, ONE - 1),
        (800, 800, ONE - 1),
        (512, 256, 2 * ONE - 1),
        (1, 3, 0x55555555555555),
        (50, 300, 0x2AAAAAAAAAAAAA),
        (50, 105720, 0x001EFEBDA6B207),
        (10, 600, 0x04444444444444),
        (2**64 - 1, 1, (2**64 - 1) * ONE),
        (0, 7, 0),
    ],
)
def test_a_ratio_is_what_the_reference_makes_of_it(
    numerator: int, denominator: int, expected: int
) -> None:
    assert fixed.from_ratio(numerator, denominator) == expected


@pytest.mark.parametrize("divisor", [1 << 64, (1 << 65) - 1, (1 << 70) + 1])
def test_an_exact_quotient_by_a_large_divisor_is_one_unit_short(divisor: int) -> None:
    assert fixed.divide_magnitudes(3 * divisor, divisor) == fixed.from_int(3) - 1


def test_signs_follow_the_rules_of_arithmetic() -> None:
    half = ONE // 2
    assert fixed.multiply(-3 * ONE, half) == -3 * half
    assert fixed.multiply(-3 * ONE, -half) == 3 * half
    assert fixed.divide(-3 * ONE, 2 * ONE) == -3 * half
    assert fixed.divide(-3 * ONE, -2 * ONE) == 3 * half


def test_products_are_truncated_towards_zero() -> None:
    assert fixed.multiply(-1, ONE - 1) == 0
    assert fixed.multiply(3, ONE // 2) == 1


def test_a_large_dividend_with_a_small_rest_is_divided_in_two_steps() -> None:
    assert fixed.divide_magnitudes((1 << 100) + 5, 1 << 40) == (1 << 116) + (5 << 16)


def test_overflow_and_division_by_zero_are_errors() -> None:
    with pytest.raises(FixedOverflowError, match="128 bits do not fit 127"):
        fixed.multiply(1 << 126, 2 * ONE)
    with pytest.raises(FixedOverflowError):
        fixed.divide_magnitudes(1 << 126, 1)
    with pytest.raises(FixedOverflowError, match="zero") as caught:
        fixed.divide(ONE, 0)
    assert caught.value.code == "smesh.fixed.overflow"


def test_a_fraction_is_the_low_seven_bytes() -> None:
    assert fixed.fraction_of(bytes.fromhex("0102030405060708ffff")) == 0x07060504030201
