"""Ed25519 acceptance and the VRF in plain integers: what the fast modules must agree with.

Every function has a fast counterpart of the same name and signature in
``node.crypto.ed25519`` or ``node.crypto.vrf``; the property tests compare them.  Nothing
here is shared with the fast side, and nothing is constant-time: it is a specification.

Source: RFC 8032, RFC 9380, RFC 9381 (suite 4); curve25519-voi's default options; keys
digest sections 2.3 and 3.
"""

from hashlib import sha512
from typing import Final, TypeAlias

FIELD: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
COFACTOR: Final = 8
CURVE_D: Final = -121665 * pow(121666, -1, FIELD) % FIELD

POINT_SIZE: Final = 32
CHALLENGE_SIZE: Final = 16
SIGNATURE_SIZE: Final = 64
PROOF_SIZE: Final = 80

Point: TypeAlias = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, X * Y = Z * T."""

NEUTRAL: Final[Point] = (0, 1, 1, 0)

SUITE: Final = b"\x04"
DOMAIN: Final = b"ECVRF_edwards25519_XMD:SHA-512_ELL2_NU_" + SUITE
DOMAIN_SUFFIX: Final = DOMAIN + len(DOMAIN).to_bytes(1, "big")
BLOCK_SIZE: Final = 128
"""Bytes of a SHA-512 block."""

UNIFORM_SIZE: Final = 48
"""Bytes that are reduced to an element of the field."""

MONTGOMERY_A: Final = 486662
"""Coefficient of the Montgomery form v^2 = u^3 + A u^2 + u."""


def verify_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the reference accepts an Ed25519 signature.

    The key must decode canonically and not be of small order; the signature's point must
    decode canonically, its scalar be reduced, and the equation hold times eight.
    """
    if len(signature) != SIGNATURE_SIZE:
        return False
    scalar = int.from_bytes(signature[POINT_SIZE:], "little")
    try:
        key, commitment = decode_point(public_key), decode_point(signature[:POINT_SIZE])
    except ValueError:
        return False
    if scalar >= ORDER or is_small_order(key):
        return False
    digest = sha512(signature[:POINT_SIZE] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    expected = add(commitment, multiply(challenge, key))
    return is_small_order(add(multiply(scalar, BASE), negate(expected)))


def prove_vrf(seed: bytes, alpha: bytes) -> bytes:
    """Return the 80-byte VRF proof of ``alpha`` by the key with this 32-byte seed."""
    digest = sha512(seed).digest()
    secret = int.from_bytes(digest[:POINT_SIZE], "little") & (2**254 - 8) | 2**254
    public_key = encode_point(multiply(secret, BASE))
    hashed = hash_to_curve(public_key + alpha)
    gamma = encode_point(multiply(secret, hashed))
    nonce_digest = sha512(digest[POINT_SIZE:] + encode_point(hashed)).digest()
    nonce = int.from_bytes(nonce_digest, "little") % ORDER
    challenge = _challenge(
        public_key, hashed, gamma, multiply(nonce, BASE), multiply(nonce, hashed)
    )
    scalar = (nonce + int.from_bytes(challenge, "little") * secret) % ORDER
    return gamma + challenge + scalar.to_bytes(POINT_SIZE, "little")


def verify_vrf(public_key: bytes, alpha: bytes, proof: bytes) -> bool:
    """Return whether the reference accepts a VRF proof.

    The key must decode canonically and not be of small order; the proof's point must
    decode canonically (its order does not matter) and its scalar be reduced.
    """
    if len(proof) != PROOF_SIZE:
        return False
    encoded_gamma, rest = proof[:POINT_SIZE], proof[POINT_SIZE:]
    challenge = int.from_bytes(rest[:CHALLENGE_SIZE], "little")
    scalar = int.from_bytes(rest[CHALLENGE_SIZE:], "little")
    try:
        key, gamma = decode_point(public_key), decode_point(encoded_gamma)
    except ValueError:
        return False
    if scalar >= ORDER or is_small_order(key):
        return False
    hashed = hash_to_curve(public_key + alpha)
    u = add(multiply(scalar, BASE), negate(multiply(challenge, key)))
    v = add(multiply(scalar, hashed), negate(multiply(challenge, gamma)))
    return _challenge(public_key, hashed, encoded_gamma, u, v) == rest[:CHALLENGE_SIZE]


def add(first: Point, second: Point) -> Point:
    """Return the sum of two points, equal ones included."""
    x1, y1, z1, t1 = first
    x2, y2, z2, t2 = second
    a, b = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
    c, d = 2 * CURVE_D * t1 * t2, 2 * z1 * z2
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % FIELD, g * h % FIELD, f * g % FIELD, e * h % FIELD


def negate(point: Point) -> Point:
    """Return the inverse."""
    x, y, z, t = point
    return -x, y, z, -t


def multiply(scalar: int, point: Point) -> Point:
    """Return a non-negative multiple, by doubling and adding."""
    result = NEUTRAL
    for bit in f"{scalar:b}":
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def is_small_order(point: Point) -> bool:
    """Return whether eight times the point is the neutral one."""
    return encode_point(multiply(COFACTOR, point)) == encode_point(NEUTRAL)


def encode_point(point: Point) -> bytes:
    """Return y with the parity of x in its top bit, little endian."""
    inverse = pow(point[2], -1, FIELD)
    x, y = point[0] * inverse % FIELD, point[1] * inverse % FIELD
    return (y | (x & 1) << 255).to_bytes(POINT_SIZE, "little")


def decode_point(encoded: bytes) -> Point:
    """Return the point of a canonical encoding.

    Raises:
        ValueError: the bytes are not canonical, or not on the curve.
    """
    number = int.from_bytes(encoded, "little")
    parity, y = number >> 255, number & (2**255 - 1)
    if len(encoded) != POINT_SIZE or y >= FIELD:
        raise ValueError(f"{encoded.hex()} is not canonical")
    x = square_root((y * y - 1) * pow(CURVE_D * y * y + 1, -1, FIELD))
    if x == 0 and parity:
        raise ValueError(f"{encoded.hex()} is not canonical")
    if x & 1 != parity:
        x = FIELD - x
    return x, y, 1, x * y % FIELD


def is_square(value: int) -> bool:
    """Return whether a number has a square root modulo the field's prime."""
    return pow(value, (FIELD - 1) // 2, FIELD) in (0, 1)


def square_root(value: int) -> int:
    """Return a square root modulo the field's prime.

    Raises:
        ValueError: there is none.
    """
    if not is_square(value):
        raise ValueError(f"{value} has no square root")
    root = pow(value, (FIELD + 3) // 8, FIELD)
    if (root * root - value) % FIELD:
        root = root * pow(2, (FIELD - 1) // 4, FIELD) % FIELD
    return root


def hash_to_curve(message: bytes) -> Point:
    """Return the point of the prime-order subgroup that a message hashes to (RFC 9380)."""
    length = UNIFORM_SIZE.to_bytes(2, "big")
    first = sha512(bytes(BLOCK_SIZE) + message + length + b"\x00" + DOMAIN_SUFFIX).digest()
    uniform = sha512(first + b"\x01" + DOMAIN_SUFFIX).digest()[:UNIFORM_SIZE]
    return multiply(COFACTOR, map_to_curve(int.from_bytes(uniform, "big") % FIELD))


def map_to_curve(element: int) -> Point:
    """Return the point that Elligator 2 maps an element of the field to."""
    # 2 is not a square, so the denominator is never zero.
    u = -MONTGOMERY_A * pow(1 + 2 * element * element, -1, FIELD) % FIELD
    if is_square(_montgomery_square(u)):
        v = _root_of_parity(_montgomery_square(u), 1)
    else:
        u = (-u - MONTGOMERY_A) % FIELD
        v = _root_of_parity(_montgomery_square(u), 0)
    if v == 0 or u == FIELD - 1:
        return NEUTRAL
    x = EDWARDS_FACTOR * u * pow(v, -1, FIELD) % FIELD
    y = (u - 1) * pow(u + 1, -1, FIELD) % FIELD
    return x, y, 1, x * y % FIELD


def _montgomery_square(u: int) -> int:
    return (u * u * u + MONTGOMERY_A * u * u + u) % FIELD


def _root_of_parity(value: int, parity: int) -> int:
    root = square_root(value)
    return root if root & 1 == parity else -root % FIELD


def _challenge(key: bytes, hashed: Point, gamma: bytes, u: Point, v: Point) -> bytes:
    points = key + encode_point(hashed) + gamma + encode_point(u) + encode_point(v)
    return sha512(SUITE + b"\x02" + points + b"\x00").digest()[:CHALLENGE_SIZE]


EDWARDS_FACTOR: Final = _root_of_parity(-MONTGOMERY_A - 2, 0)
"""Factor of the map from the Montgomery to the Edwards form."""

BASE: Final = decode_point((4 * pow(5, -1, FIELD) % FIELD).to_bytes(POINT_SIZE, "little"))
"""Generator of the subgroup."""
