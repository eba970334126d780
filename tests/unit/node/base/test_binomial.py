"""The binomial distribution: golden words of the reference, in both implementations."""

import pytest

from node.base import binomial
from node.base.binomial import SIGN, Binomial, binomial_cdf, exponential, log_gamma, word
from node.base.fixed import ONE, FixedOverflowError, from_ratio

GOLDEN = [
    (5, 1, 2, 2, 0x7FFFFFFFFFFEBF),
    (10, 1, 3, 0, 0x04707E97D9E217),
    (100, 50, 1000, 4, 0x6F9C78741CD855),
    (1000, 800, 50000, 16, 0x90E30DE82A1A68),
    (1073741824, 50, 214748364800, 0, 0xC75F7D26AAAE97),
    (34, 9, 10, 25, 0x0150460F31169F),
    (1, 10, 15, 0, 0x5555555555545B),
    (400000, 50, 280000000000, 0, 0xFFFB51AB970DFE),
    (2000, 50, 10000, 1, 0x0020104E58940D),
    (800, 800, 800, 799, 0x0000000000031F),
    (7, 3, 7, 2, 0x5BFE0779890D06),
    (50, 1, 100, 0, 0x9AE1AD783CC109),
    (50, 1, 100, 1, 0xE91AC46F2520E0),
    (50, 1, 100, 2, 0xFC7678A9A99FFC),
]


@pytest.mark.parametrize(("trials", "numerator", "denominator", "successes", "expected"), GOLDEN)
def test_cumulative_chances_are_those_of_the_reference(
    trials: int, numerator: int, denominator: int, successes: int, expected: int
) -> None:
    probability = from_ratio(numerator, denominator)
    assert binomial_cdf(trials, probability, successes) == expected
    distribution = Binomial(trials, probability)
    assert distribution.cdf(successes) == expected
    assert distribution.cdf(successes) == expected


@pytest.mark.parametrize(("probability", "below"), [(0, ONE), (ONE, 0)])
def test_certain_and_impossible_events(probability: int, below: int) -> None:
    for cdf in (Binomial(5, probability).cdf, lambda k: binomial_cdf(5, probability, k)):
        assert cdf(-1) == 0
        assert cdf(2) == below
        assert cdf(5) == ONE


@pytest.mark.parametrize(
    ("trials", "probability", "successes"),
    [
        pytest.param(2**30 + 1, ONE // 2, 0, id="too many trials"),
        pytest.param(2**31, ONE // 2, 2**30, id="too many successes"),
        pytest.param(5, 2 * ONE, 1, id="chance above one"),
    ],
)
def test_arguments_out_of_range_are_errors(trials: int, probability: int, successes: int) -> None:
    with pytest.raises(FixedOverflowError):
        binomial_cdf(trials, probability, successes)
    with pytest.raises(FixedOverflowError):
        Binomial(trials, probability).cdf(successes)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (1, 0),
        (2, 0),
        (3, 0xB17217F7D1CF78),
        (7, 0x69449CEB3C07260),
        (8, 0x88670F996E617BF),
        (100, 0x167225B4879461BCA),
        (2**30, 0x4F2D7B3B92B242ABE3022F1),
    ],
)
def test_logarithms_of_the_gamma_function(argument: int, expected: int) -> None:
    assert log_gamma(argument) == expected


def test_the_gamma_function_has_no_value_at_zero() -> None:
    with pytest.raises(FixedOverflowError):
        log_gamma(0)


@pytest.mark.parametrize(
    ("exponent", "expected"),
    [
        (word(0), ONE),
        (SIGN, ONE),
        (word(1), 0x2B7E151628AED22),
        (word(-1), 0x5E2D58D8B3BCE0),
        (word(-30), 0x1A56),
        (word(-39), 0),
    ],
)
def test_exponentials(exponent: int, expected: int) -> None:
    assert exponential(exponent) == expected


@pytest.mark.parametrize("exponent", [50, 87, 88, 1 << 40])
def test_large_exponentials_overflow(exponent: int) -> None:
    with pytest.raises(FixedOverflowError):
        exponential(word(exponent))


def test_a_difference_of_equal_words_is_positive_zero() -> None:
    assert binomial.word_subtract(word(-3), word(-3)) == 0
    assert binomial.word_add(word(3), word(-5)) == word(-2)
    assert binomial.word_add(word(-3), word(5)) == word(2)
    assert binomial.word_add(word(-3), word(-5)) == word(-8)


def test_a_product_of_zero_keeps_its_sign() -> None:
    assert binomial.word_multiply(SIGN, ONE) == SIGN
    assert binomial.word_divide(0, word(-2)) == SIGN


def test_large_convergents_take_the_long_way() -> None:
    probability = from_ratio(425, 42532)
    expected = binomial_cdf(31653799, probability, 316279)
    assert Binomial(31653799, probability).cdf(316279) == expected


@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize(
    ("n", "c", "d"),
    [
        pytest.param(ONE // 3, ONE, ONE, id="small"),
        pytest.param(2 * ONE, ONE, ONE, id="next ones negative"),
        pytest.param(ONE, ONE, ONE, id="next ones zero"),
        pytest.param(ONE, ONE, 255 * ONE, id="next d large"),
        pytest.param(1 << 64, ONE, ONE, id="n large"),
        pytest.param(ONE, word(-1), word(-1), id="negative"),
    ],
)
def test_both_ways_lead_to_the_same_convergents(n: int, c: int, d: int, *, rising: bool) -> None:
    signed = n if rising else n | SIGN
    expected = binomial._next_convergents(signed, c, d)
    assert binomial._fast_convergents(n, c, d, rising=rising) == expected
