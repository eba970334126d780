"""The binomial distribution of the eligibility oracle, bit for bit as the reference has it.

The number of a smesher's votes follows from comparing a VRF output with the cumulative
distribution, so every bit of it is consensus, approximation errors included.

Numbers here are *words*: bit 127 is the sign, the bits below it the magnitude of a
fixed-point number (``node.base.fixed``).  Words compare as plain unsigned integers, as
they do in the reference, so a negative word is greater than every positive one; the end
of the continued fraction depends on it.  Zero has two words.

``binomial_cdf`` is the specification.  ``Binomial`` gives the same words faster: it keeps
what depends on the distribution alone and takes short cuts where all numbers are positive
and small.

Source: spacemeshos/fixed; hare digest section 8.3.
"""

from typing import Final

from node.base.fixed import (
    FRACTION_BITS,
    MAGNITUDE_BITS,
    ONE,
    WORD_BITS,
    FixedOverflowError,
    check_magnitude,
    divide_magnitudes,
)

SIGN: Final = 1 << MAGNITUDE_BITS
"""The sign bit of a word."""

MAGNITUDE: Final = SIGN - 1
"""Mask of a word's magnitude."""

HALF: Final = ONE >> 1
U64: Final = 1 << WORD_BITS
FRACTION: Final = ONE - 1

LN_2: Final = 0xB17217F7D1CF78
LOG2_E: Final = 0x171547652B82FE0

EPSILON: Final = 0x2D0
"""1e-14: the continued fraction ends when a factor exceeds 1 by less."""

MAX_STEPS: Final = 299
"""Most steps of the continued fraction."""

MAX_PARAMETER: Final = 1 << 30
"""Most trials that the distribution is defined for."""

MAX_FACTORIAL_ARGUMENT: Final = 8
"""Below it the logarithm of the gamma function is that of a factorial."""

MAX_EXPONENT: Final = 88
"""The exponential of this or more overflows."""

MIN_EXPONENT: Final = -38
"""The exponential of anything below is taken for zero."""

STIRLING: Final = (
    0x6B3F8E4325F5A4,
    0x1555555555553B,
    -0xB60B60B58172,
    0x34033F319E71,
    -0x270197181FCE,
    0x36CF7499B5AB,
    -0x6AE2742E790F,
)
"""Series of the logarithm of the gamma function."""

EXPONENTIAL: Final = tuple(
    ONE // factorial
    for factorial in (
        2,
        6,
        24,
        120,
        720,
        5040,
        40320,
        362880,
        3628800,
        39916800,
        479001600,
        6227020800,
        87178291200,
    )
)
"""Series of the exponential: 1/2! to 1/14!."""


def binomial_cdf(trials: int, probability: int, successes: int) -> int:
    """Return the word for the chance of at most ``successes`` successes.

    Args:
        trials: number of independent trials, at most 2^30.
        probability: chance of success in each, a fixed-point number.
        successes: may be negative or above ``trials``.

    Raises:
        FixedOverflowError: an argument is out of range, or a step overflows.
    """
    if successes < 0:
        return 0
    if successes >= trials:
        return ONE
    failures, passed, rest = _parameters(trials, probability, successes)
    density = _density(failures, passed, rest)
    if rest > word_divide(word(failures + 1), word(failures + passed + 2)):
        return word_subtract(ONE, _tail(density, ONE - rest, passed, failures))
    return _tail(density, rest, failures, passed)


class Binomial:
    """A binomial distribution whose cumulative chances are asked for many times.

    Invariant: ``cdf(k)`` equals ``binomial_cdf(trials, probability, k)``, errors included.
    Chances that were asked for are kept: few numbers of successes are likely at all.
    """

    __slots__ = ("_known", "_logarithms", "probability", "trials")

    def __init__(self, trials: int, probability: int) -> None:
        self.trials = trials
        self.probability = probability
        self._logarithms: tuple[int, int, int] | None = None
        self._known: dict[int, int] = {}

    def cdf(self, successes: int) -> int:
        """Return the word for the chance of at most ``successes`` successes.

        Raises:
            FixedOverflowError: an argument is out of range, or a step overflows.
        """
        if successes < 0:
            return 0
        if successes >= self.trials:
            return ONE
        known = self._known.get(successes)
        if known is None:
            known = self._known[successes] = self._cdf(successes)
        return known

    def _cdf(self, successes: int) -> int:
        failures, passed, rest = _parameters(self.trials, self.probability, successes)
        density = self._density(failures, passed, rest)
        if rest > word_divide(word(failures + 1), word(failures + passed + 2)):
            return word_subtract(ONE, _fast_tail(density, ONE - rest, passed, failures))
        return _fast_tail(density, rest, failures, passed)

    def _density(self, failures: int, passed: int, rest: int) -> int:
        """Return what ``_density`` does; three of the logarithms are the same every time."""
        if rest in (0, ONE):
            return 0
        if self._logarithms is None:
            self._logarithms = (
                log_gamma(failures + passed),
                _signed(_log(rest)),
                _signed(_log(ONE - rest)),
            )
        whole, log_rest, log_probability = self._logarithms
        exponent = word_subtract(word_subtract(whole, log_gamma(failures)), log_gamma(passed))
        exponent = word_add(exponent, word_multiply(log_rest, word(failures)))
        return exponential(word_add(exponent, word_multiply(log_probability, word(passed))))


def word(value: int) -> int:
    """Return a whole number as a word."""
    return value << FRACTION_BITS if value >= 0 else -value << FRACTION_BITS | SIGN


def word_add(first: int, second: int) -> int:
    """Return the sum; a difference of equal magnitudes is positive zero."""
    sign = first & SIGN
    if sign == second & SIGN:
        return check_magnitude((first & MAGNITUDE) + (second & MAGNITUDE)) | sign
    positive, negative = (second, first) if sign else (first, second)
    difference = positive - (negative & MAGNITUDE)
    return difference if difference >= 0 else -difference | SIGN


def word_subtract(first: int, second: int) -> int:
    """Return the difference."""
    return word_add(first, second ^ SIGN)


def word_multiply(first: int, second: int) -> int:
    """Return the product, truncated; its sign is set even if it is zero."""
    product = (first & MAGNITUDE) * (second & MAGNITUDE) >> FRACTION_BITS
    return check_magnitude(product) | (first ^ second) & SIGN


def word_divide(dividend: int, divisor: int) -> int:
    """Return the quotient by the reference's rounding; its sign is set even if it is zero."""
    quotient = divide_magnitudes(dividend & MAGNITUDE, divisor & MAGNITUDE)
    return quotient | (dividend ^ divisor) & SIGN


def log_gamma(argument: int) -> int:
    """Return the word for the natural logarithm of (argument - 1)!.

    Raises:
        FixedOverflowError: the argument is not positive.
    """
    if argument <= 0:
        raise FixedOverflowError(f"gamma function of {argument}")
    if argument < MAX_FACTORIAL_ARGUMENT:
        factorial = 1
        for factor in range(2, argument):
            factorial *= factor
        return _whole_log(factorial)
    inverse = _inverse_of_integer(argument)
    square = _multiply_rounded(inverse, inverse)
    series = STIRLING[-1]
    for coefficient in STIRLING[-2:0:-1]:
        series = coefficient + _multiply_rounded(square, series)
    series = STIRLING[0] + _multiply_rounded(inverse, series)
    main = word_multiply(word_subtract(word(argument), HALF), _whole_log(argument) - ONE)
    return word_add(main, _signed(series))


def exponential(exponent: int) -> int:
    """Return the word for e to a word.

    Raises:
        FixedOverflowError: the result overflows.
    """
    magnitude, negative = exponent & MAGNITUDE, exponent > SIGN
    whole = magnitude >> FRACTION_BITS
    if negative and whole > -MIN_EXPONENT:
        return 0
    if whole >= MAX_EXPONENT:
        raise FixedOverflowError(f"exponential of {whole}")
    twos = _multiply_wrapped(magnitude, LOG2_E) >> FRACTION_BITS
    rest = magnitude - _multiply_wrapped(twos << FRACTION_BITS, LN_2)
    result, power = ONE + rest, rest
    for coefficient in EXPONENTIAL:
        power = _multiply_wrapped(power, rest)
        result += _multiply_wrapped(power, coefficient)
    if negative:
        return divide_magnitudes(ONE, result) >> twos
    return check_magnitude(result << twos)


def _parameters(trials: int, probability: int, successes: int) -> tuple[int, int, int]:
    """Return the parameters of the incomplete beta function, and its argument."""
    failures, passed, rest = trials - successes, successes + 1, ONE - probability
    if failures > MAX_PARAMETER or passed > MAX_PARAMETER:
        raise FixedOverflowError(f"{trials} trials, want at most {MAX_PARAMETER}")
    if not 0 <= rest <= ONE:
        raise FixedOverflowError(f"probability {probability / ONE}")
    return failures, passed, rest


def _density(a: int, b: int, x: int) -> int:
    """Return x^a (1-x)^b / B(a, b)."""
    if x in (0, ONE):
        return 0
    exponent = word_subtract(word_subtract(log_gamma(a + b), log_gamma(a)), log_gamma(b))
    exponent = word_add(exponent, word_multiply(_signed(_log(x)), word(a)))
    exponent = word_add(exponent, word_multiply(_signed(_log(ONE - x)), word(b)))
    return exponential(exponent)


def _tail(density: int, x: int, a: int, b: int) -> int:
    """Return the incomplete beta function from its density."""
    if not density & MAGNITUDE:
        return density
    return word_divide(word_multiply(density, _continued_fraction(x, a, b)), word(a))


def _fast_tail(density: int, x: int, a: int, b: int) -> int:
    """Return what ``_tail`` does."""
    if not density & MAGNITUDE:
        return density
    return word_divide(word_multiply(density, _fast_continued_fraction(x, a, b)), word(a))


def _continued_fraction(x: int, a: int, b: int) -> int:
    """Return the continued fraction of the incomplete beta function (Lentz's method)."""
    c = ONE
    ratio = word_divide(word_multiply(x, word(a + b)), word(a + 1))
    d = h = _invert(word_subtract(ONE, ratio))
    for m in range(1, MAX_STEPS + 1):
        even = a + 2 * m
        n = word_divide(word_multiply(x, word(m * (b - m))), word((even - 1) * even))
        c, d = _next_convergents(n, c, d)
        h = word_multiply(word_multiply(h, d), c)
        n = word_divide(word_multiply(word(-(a + m) * (a + b + m)), x), word(even * (even + 1)))
        c, d = _next_convergents(n, c, d)
        factor = word_multiply(d, c)
        h = word_multiply(h, factor)
        if word_subtract(factor, ONE) < EPSILON:
            break
    return h


def _next_convergents(n: int, c: int, d: int) -> tuple[int, int]:
    next_c = _not_zero(word_add(word_divide(n, c), ONE))
    return next_c, _invert(word_add(word_multiply(n, d), ONE))


def _fast_continued_fraction(x: int, a: int, b: int) -> int:
    """Return what ``_continued_fraction`` does.

    While c and d are positive and below 2^8, and n below 2^8, no rounding rule but plain
    truncation applies to them, and 1/d is one division of small integers.
    """
    c = ONE
    ratio = word_divide(word_multiply(x, word(a + b)), word(a + 1))
    d = h = _invert(word_subtract(ONE, ratio))
    for m in range(1, MAX_STEPS + 1):
        even = a + 2 * m
        k = m * (b - m)
        n = divide_magnitudes(x * abs(k), (even - 1) * even << FRACTION_BITS)
        c, d = _fast_convergents(n, c, d, rising=k >= 0)
        h = word_multiply(word_multiply(h, d), c)
        n = divide_magnitudes(x * ((a + m) * (a + b + m)), even * (even + 1) << FRACTION_BITS)
        c, d = _fast_convergents(n, c, d, rising=False)
        factor = word_multiply(d, c)
        h = word_multiply(h, factor)
        if ONE <= factor < ONE + EPSILON:
            break
    return h


def _fast_convergents(n: int, c: int, d: int, *, rising: bool) -> tuple[int, int]:
    """Return what ``_next_convergents`` does for a magnitude ``n``, negative unless rising."""
    if n < U64 and 0 < c < U64 and 0 < d < U64:
        down = n * d >> FRACTION_BITS
        up = (n << FRACTION_BITS) // c
        if rising:
            next_c, next_d = ONE + up, ONE + down
        else:
            next_c, next_d = ONE - up, ONE - down
        if next_c > 0 and 0 < next_d < U64:
            return next_c, (1 << 2 * FRACTION_BITS) // next_d
    return _next_convergents(n if rising else n | SIGN, c, d)


def _not_zero(value: int) -> int:
    """Return the word, or the smallest one if it is zero."""
    return value if value & MAGNITUDE else 1


def _invert(value: int) -> int:
    return word_divide(ONE, _not_zero(value))


def _signed(value: int) -> int:
    """Return the word of a signed fixed-point number."""
    return value if value >= 0 else -value | SIGN


def _log(value: int) -> int:
    """Return the natural logarithm of a positive fixed-point number, signed."""
    return _multiply_rounded(_log2(value, FRACTION_BITS), LN_2)


def _whole_log(value: int) -> int:
    """Return the natural logarithm of a positive whole number."""
    return _multiply_rounded(_log2(value, 0), LN_2)


def _log2(value: int, fraction_bits: int) -> int:
    """Return the binary logarithm, one bit at a time by squaring; signed."""
    if value == 1 << fraction_bits:
        return 0
    length = value.bit_length()
    result = (length - fraction_bits - 1) << FRACTION_BITS
    mantissa = value << (WORD_BITS - length) >> 1
    bit = HALF
    while bit:
        mantissa = mantissa * mantissa >> (WORD_BITS - 2)
        if mantissa >> (WORD_BITS - 1):
            mantissa >>= 1
            result += bit
        bit >>= 1
    return result


def _multiply_rounded(first: int, second: int) -> int:
    """Return the product of two signed fixed-point numbers, rounded to the nearest."""
    return (first * second + HALF) >> FRACTION_BITS


def _multiply_wrapped(first: int, second: int) -> int:
    """Return the product of two signed 64-bit words, wrapped to 64 bits."""
    product = ((first % U64) * (second % U64) >> FRACTION_BITS) % U64
    return product - U64 if product >> (WORD_BITS - 1) else product


def _inverse_of_integer(value: int) -> int:
    """Return 1/value; the remainder's doubling is part of the reference's rounding."""
    quotient, remainder = divmod(ONE, value)
    return quotient + 2 * remainder // value
