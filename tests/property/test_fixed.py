"""Fixed point: bounds of the rounding, and the fast binomial against the clear one."""

from hypothesis import given
from hypothesis import strategies as st

from node.base.binomial import Binomial, binomial_cdf
from node.base.fixed import (
    ONE,
    FixedOverflowError,
    divide,
    divide_magnitudes,
    from_ratio,
    multiply,
)

magnitudes = st.integers(min_value=0, max_value=(1 << 127) - 1)
words = st.integers(min_value=1, max_value=(1 << 64) - 1)
numbers = st.integers(min_value=-(1 << 90), max_value=1 << 90)


@given(words, words)
def test_a_ratio_is_exact_or_one_unit_below(numerator: int, denominator: int) -> None:
    exact = numerator * ONE // denominator
    ours = from_ratio(numerator, denominator)
    if numerator < 1 << 15:
        assert ours in (exact, exact - 1)
    if denominator < 1 << 8:
        assert ours == exact


@given(magnitudes, magnitudes.filter(bool))
def test_a_quotient_of_magnitudes_never_exceeds_the_exact_one_by_much(
    dividend: int, divisor: int
) -> None:
    exact = dividend * ONE // divisor
    try:
        ours = divide_magnitudes(dividend, divisor)
    except FixedOverflowError:
        assert exact >= (1 << 127) - 1
        return
    assert exact - 1 <= ours
    assert ours - exact <= max(1, exact >> 7)


@given(numbers, numbers)
def test_products_and_quotients_follow_the_signs(first: int, second: int) -> None:
    try:
        product = multiply(first, second)
    except FixedOverflowError:
        assert abs(first * second) >> 56 >= 1 << 127
        return
    assert product == multiply(-first, -second) == -multiply(-first, second)
    if second and abs(first) < 1 << 70:
        quotient = divide(first, second)
        assert quotient == divide(-first, -second) == -divide(-first, second)


@st.composite
def questions(draw: st.DrawFn) -> tuple[int, int, int]:
    """Trials, probability and successes as the oracle meets them, and near their mean."""
    trials = draw(st.integers(1, 1 << draw(st.integers(0, 30))))
    total = draw(st.integers(1, 1 << draw(st.integers(0, 50))))
    committee = draw(st.integers(1, min(total, 4000)))
    mean = trials * committee // total
    successes = draw(st.one_of(st.integers(0, trials), st.integers(-3, 12).map(mean.__add__)))
    return trials, from_ratio(committee, total), successes


@given(questions())
def test_the_fast_binomial_is_the_clear_one(question: tuple[int, int, int]) -> None:
    trials, probability, successes = question
    assert Binomial(trials, probability).cdf(successes) == binomial_cdf(*question)
