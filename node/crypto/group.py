"""The group of the Edwards curve on 32-byte encodings: fast, and exact for every point.

libsodium does the work.  Its scalar multiplication refuses points outside the subgroup of
prime order, zero scalars and results that are the identity; an attacker can bring all of
them about, and the reference handles them.  What libsodium refuses is computed from

    k * P = (k >> 3) * (8 * P) + (k & 7) * P

where 8 * P always lies in the subgroup, so that the long multiplication stays libsodium's.
Its addition and subtraction take any point of the curve as they are.

Coordinates are extended: x = X/Z, y = Y/Z, X * Y = Z * T, modulo ``FIELD``.

Source: RFC 8032 section 5.1; keys digest section 2.3.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from gmpy2 import invert, mpz, powmod
from nacl import bindings
from nacl.exceptions import CryptoError

from node.base.errors import SpacemeshError

POINT_SIZE: Final = 32
COFACTOR_BITS: Final = 3

FIELD: Final = mpz(2**255 - 19)
"""The prime of the coordinates."""

ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""Order of the subgroup that the base point generates."""

IDENTITY: Final = (1).to_bytes(POINT_SIZE, "little")
"""Encoding of the neutral point."""

SIGN_BIT: Final = 255
"""Bit of an encoding that holds the parity of x; the bits below hold y."""

CURVE_D: Final = mpz(-121665 * invert(121666, FIELD) % FIELD)
CURVE_2D: Final = mpz(2 * CURVE_D % FIELD)

ROOT_OF_MINUS_ONE: Final = powmod(2, (FIELD - 1) // 4, FIELD)
ROOT_EXPONENT: Final = mpz((FIELD - 5) // 8)
"""The square root of u/v, up to a fourth root of 1, is u v^3 (u v^7) to this power."""


def _even_root(value: int) -> int:
    """Return the even square root of a constant that has one."""
    guess = powmod(value, (FIELD + 3) // 8, FIELD)
    roots = (guess * factor % FIELD for factor in (1, -1, ROOT_OF_MINUS_ONE, -ROOT_OF_MINUS_ONE))
    return next(root for root in roots if not (root * root - value) % FIELD and not root & 1)


EDWARDS_FACTOR: Final = _even_root(-486664)
"""x = factor * u / v: the map from the Montgomery to the Edwards form."""

NON_CANONICAL: Final = frozenset(
    (y | parity << SIGN_BIT).to_bytes(POINT_SIZE, "little")
    for y, parity in [
        *((y, parity) for y in range(2**255 - 19, 2**255) for parity in (0, 1)),
        (1, 1),
        (2**255 - 20, 1),
    ]
)
"""Every encoding with y not reduced, or with x = 0 and its parity bit set."""

MONTGOMERY_A: Final = mpz(486662)
"""Coefficient of the Montgomery form of the curve."""

EIGHTH: Final = pow(8, -1, ORDER)
LADDER_MIN: Final = 1 << 251
"""Least eighth of a scalar that the X25519 ladder takes; the greatest is below twice it."""

Point: TypeAlias = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T."""

NEUTRAL: Final[Point] = (mpz(0), mpz(1), mpz(1), mpz(0))


class NotAPointError(SpacemeshError):
    """Bytes are not the canonical encoding of a point of the curve."""

    default_code: ClassVar[str] = "smesh.crypto.point"


def decode_point(encoded: bytes) -> Point:
    """Return the point that 32 bytes encode.

    Raises:
        NotAPointError: the bytes are not canonical or not on the curve.
    """
    if len(encoded) != POINT_SIZE or encoded in NON_CANONICAL:
        raise NotAPointError(f"{encoded.hex()} is not a canonical encoding")
    number = int.from_bytes(encoded, "little")
    parity = number >> SIGN_BIT
    y = mpz(number ^ parity << SIGN_BIT)
    square = y * y % FIELD
    u, v = square - 1, CURVE_D * square + 1
    cube = v * v % FIELD * v % FIELD
    x = u * cube % FIELD * powmod(u * cube % FIELD * cube % FIELD * v, ROOT_EXPONENT, FIELD) % FIELD
    check = v * x % FIELD * x
    if (check - u) % FIELD:
        if (check + u) % FIELD:
            raise NotAPointError(f"{encoded.hex()} is not on the curve")
        x = x * ROOT_OF_MINUS_ONE % FIELD
    if x & 1 != parity:
        x = FIELD - x
    return x, y, mpz(1), x * y % FIELD


def encode_point(point: Point) -> bytes:
    """Return the canonical encoding."""
    x, y, z, _ = point
    inverse = invert(z, FIELD)
    parity = x * inverse % FIELD & 1
    return int(y * inverse % FIELD | parity << SIGN_BIT).to_bytes(POINT_SIZE, "little")


def add_points(first: Point, second: Point) -> Point:
    """Return the sum of any two points, equal ones included."""
    x1, y1, z1, t1 = first
    x2, y2, z2, t2 = second
    a, b = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
    c, d = t1 * t2 % FIELD * CURVE_2D, 2 * z1 * z2
    e, f, g, h = (b - a) % FIELD, (d - c) % FIELD, (d + c) % FIELD, (b + a) % FIELD
    return e * f % FIELD, g * h % FIELD, f * g % FIELD, e * h % FIELD


def clear_cofactor(point: Point) -> bytes:
    """Return the encoding of 8 * P, which is in the subgroup of prime order."""
    x, y, z = _times_eight(*point[:3])
    return encode_point((x, y, z, 0))


def multiply(scalar: int, encoded: bytes, *, small_order_allowed: bool = True) -> bytes:
    """Return the encoding of ``scalar`` times the point, for 0 <= scalar < ORDER.

    Raises:
        NotAPointError: the point does not decode, or is of small order where that is not
            allowed.
    """
    try:
        return bindings.crypto_scalarmult_ed25519_noclamp(
            scalar.to_bytes(POINT_SIZE, "little"), encoded
        )
    except CryptoError:
        point = decode_point(encoded)
    octuple = clear_cofactor(point)
    if octuple == IDENTITY and not small_order_allowed:
        raise NotAPointError(f"{encoded.hex()} is of small order")
    high = IDENTITY
    if scalar >> COFACTOR_BITS and octuple != IDENTITY:
        high = bindings.crypto_scalarmult_ed25519_noclamp(
            (scalar >> COFACTOR_BITS).to_bytes(POINT_SIZE, "little"), octuple
        )
    low = NEUTRAL
    for _ in range(scalar & (1 << COFACTOR_BITS) - 1):
        low = add_points(low, point)
    return bindings.crypto_core_ed25519_add(high, encode_point(low))


def multiply_base(scalar: int) -> bytes:
    """Return the encoding of ``scalar`` times the base point, for 0 <= scalar < ORDER."""
    if not scalar:
        return IDENTITY
    return bindings.crypto_scalarmult_ed25519_base_noclamp(scalar.to_bytes(POINT_SIZE, "little"))


def subtract(first: bytes, second: bytes) -> bytes:
    """Return the encoding of the difference of two encoded points of the curve."""
    return bindings.crypto_core_ed25519_sub(first, second)


@dataclass(frozen=True, slots=True)
class SubgroupPoint:
    """A point known to lie in the subgroup of prime order.

    Such a point needs none of libsodium's checks, which cost as much as the multiplication.
    Its multiples come from the X25519 ladder instead, which works on the Montgomery form
    v^2 = u^3 + A u^2 + u and gives the u coordinate only: that of k * P and that of
    (k + 1) * P together determine v.
    """

    encoded: bytes
    """The point's encoding."""

    montgomery: tuple[int, int] | None
    """Its coordinates u and v; None for the identity, which has none."""

    def multiply(self, scalar: int) -> bytes:
        """Return the encoding of ``scalar`` times the point, for 0 <= scalar < ORDER."""
        ladder, next_ladder = _ladder_scalar(scalar), _ladder_scalar(scalar + 1)
        if self.montgomery is None or ladder is None or next_ladder is None:
            return multiply(scalar, self.encoded)
        u, v = self.montgomery
        base = int(u).to_bytes(POINT_SIZE, "little")
        product = mpz(int.from_bytes(bindings.crypto_scalarmult(ladder, base), "little"))
        following = mpz(int.from_bytes(bindings.crypto_scalarmult(next_ladder, base), "little"))
        # The law of addition says that (following + A + u + product) (product - u)^2 is
        # (product_v - v)^2; the square of product_v is known from the curve's equation.
        difference = product - u
        square = ((product + MONTGOMERY_A) * product + 1) % FIELD * product
        slope = (following + MONTGOMERY_A + u + product) * (difference * difference % FIELD)
        twice_v_times_product_v = (square + v * v - slope) % FIELD
        below = product + 1
        inverse = invert(twice_v_times_product_v * below % FIELD, FIELD)
        x_inverse = below * inverse % FIELD
        x = EDWARDS_FACTOR * product % FIELD * 2 * v % FIELD * x_inverse % FIELD
        y = (product - 1) * twice_v_times_product_v % FIELD * inverse % FIELD
        return int(y | (x & 1) << SIGN_BIT).to_bytes(POINT_SIZE, "little")


def subgroup_point(x: int, y: int, z: int) -> SubgroupPoint:
    """Return 8 * P for a point P of the curve in projective coordinates."""
    x, y, z = _times_eight(x, y, z)
    below = (z - y) % FIELD
    x_times_z = x * z % FIELD
    if not x_times_z * below % FIELD:
        return SubgroupPoint(IDENTITY, None)
    # One inversion serves x = X/Z, y = Y/Z, u = (Z + Y)/(Z - Y) and v = factor * u / x.
    inverse = invert(x_times_z * below % FIELD, FIELD)
    xz_inverse = inverse * below % FIELD
    z_inverse = xz_inverse * x % FIELD
    parity = x * z_inverse % FIELD & 1
    encoded = int(y * z_inverse % FIELD | parity << SIGN_BIT).to_bytes(POINT_SIZE, "little")
    u = (z + y) * (inverse * x_times_z % FIELD) % FIELD
    v = EDWARDS_FACTOR * u % FIELD * (xz_inverse * z % FIELD * z % FIELD) % FIELD
    return SubgroupPoint(encoded, (u, v))


def _times_eight(x: int, y: int, z: int) -> tuple[int, int, int]:
    for _ in range(COFACTOR_BITS):
        xx, yy = x * x % FIELD, y * y % FIELD
        total, difference = xx + yy, yy - xx
        cross = (x + y) * (x + y) - total
        last = difference - 2 * z * z
        x, y, z = cross * last % FIELD, -difference * total % FIELD, difference * last % FIELD
    return x, y, z


def _ladder_scalar(scalar: int) -> bytes | None:
    """Return a scalar as the ladder wants it, or None if it has no such form.

    The ladder multiplies by 2^254 + 8 * n alone.  A point of the subgroup does not mind a
    scalar modulo ``ORDER``, and u does not mind its sign.
    """
    eighth = scalar * EIGHTH % ORDER
    if eighth < LADDER_MIN:
        eighth = ORDER - eighth
    if eighth >= 2 * LADDER_MIN:
        return None
    return (eighth << COFACTOR_BITS).to_bytes(POINT_SIZE, "little")
