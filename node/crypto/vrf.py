"""The verifiable random function: proofs, their verification, and how they are read.

ECVRF-EDWARDS25519-SHA512-ELL2 of RFC 9381 (suite 4) with the smesher's Ed25519 key.  The
80-byte proof is itself what the protocol uses as signature and as randomness:

    gamma   32 bytes    point
    c       16 bytes    challenge, little endian
    s       32 bytes    scalar, little endian

Proving and verifying do the curve arithmetic on libsodium (``node.crypto.group``) and the
hash to the curve on gmpy2; ``node.crypto.clear`` is the specification.

Source: go-spacemesh, signing; curve25519-voi, extra/ecvrf; RFC 9380 section 6.7.1; keys
digest section 3.
"""

from collections.abc import Callable
from hashlib import sha512
from typing import Final, TypeAlias

from gmpy2 import mpz, powmod

from node.crypto.group import (
    EDWARDS_FACTOR,
    FIELD,
    MONTGOMERY_A,
    ORDER,
    POINT_SIZE,
    ROOT_EXPONENT,
    ROOT_OF_MINUS_ONE,
    NotAPointError,
    SubgroupPoint,
    multiply,
    multiply_base,
    subgroup_point,
    subtract,
)
from node.types.ids import SmesherID, VrfSignature

SEED_SIZE: Final = 32
CHALLENGE_SIZE: Final = 16
CHALLENGE_END: Final = POINT_SIZE + CHALLENGE_SIZE

SUITE: Final = b"\x04"
CHALLENGE_TAG: Final = SUITE + b"\x02"
DOMAIN: Final = b"ECVRF_edwards25519_XMD:SHA-512_ELL2_NU_" + SUITE
DOMAIN_SUFFIX: Final = DOMAIN + len(DOMAIN).to_bytes(1, "big")

UNIFORM_SIZE: Final = 48
"""Bytes that are reduced to an element of the field."""

HASH_PREFIX: Final = bytes(128)
"""One block of SHA-512 before the hashed message."""

HASH_SUFFIX: Final = UNIFORM_SIZE.to_bytes(2, "big") + b"\x00" + DOMAIN_SUFFIX

ROOT_FACTOR: Final = powmod(2, (FIELD + 3) // 8, FIELD)
"""Square root of 2, up to a fourth root of -1."""


VrfCheck: TypeAlias = Callable[[bytes, bytes, bytes], bool]
"""``verify_vrf``, or what gives the same answers: of (public key, alpha, proof)."""


class VrfSigner:
    """Makes VRF proofs with one smesher's key."""

    __slots__ = ("_nonce_key", "_secret", "smesher_id")

    def __init__(self, seed: bytes, smesher_id: SmesherID) -> None:
        """Take the 32-byte seed of the key whose public half is ``smesher_id``."""
        digest = sha512(seed).digest()
        clamped = int.from_bytes(digest[:POINT_SIZE], "little") & (2**254 - 8) | 2**254
        self._secret = clamped % ORDER
        self._nonce_key = digest[POINT_SIZE:]
        self.smesher_id = smesher_id

    def sign(self, alpha: bytes) -> VrfSignature:
        """Return the proof for ``alpha``; the same one every time."""
        key = bytes(self.smesher_id)
        hashed = _hash_to_curve(key + alpha)
        gamma = hashed.multiply(self._secret)
        nonce_digest = sha512(self._nonce_key + hashed.encoded).digest()
        nonce = int.from_bytes(nonce_digest, "little") % ORDER
        challenge = _challenge(key, hashed, gamma, multiply_base(nonce), hashed.multiply(nonce))
        scalar = (nonce + int.from_bytes(challenge, "little") * self._secret) % ORDER
        return VrfSignature(gamma + challenge + scalar.to_bytes(POINT_SIZE, "little"))


def verify_vrf(public_key: bytes, alpha: bytes, proof: bytes) -> bool:
    """Return whether the reference accepts ``proof`` for ``alpha`` by this key.

    The key must decode canonically and not be of small order; mixed order is allowed.  The
    proof's point must decode canonically and may be of any order.  A prover who uses such
    points passes with some chance, and must pass here exactly when it does there.
    """
    if len(public_key) != POINT_SIZE or len(proof) != VrfSignature.SIZE:
        return False
    scalar = int.from_bytes(proof[CHALLENGE_END:], "little")
    if scalar >= ORDER:
        return False
    gamma, given_challenge = proof[:POINT_SIZE], proof[POINT_SIZE:CHALLENGE_END]
    challenge = int.from_bytes(given_challenge, "little")
    key = bytes(public_key)
    try:
        key_part = multiply(challenge, key, small_order_allowed=False)
        gamma_part = multiply(challenge, gamma)
    except NotAPointError:
        return False
    hashed = _hash_to_curve(key + alpha)
    u = subtract(multiply_base(scalar), key_part)
    v = subtract(hashed.multiply(scalar), gamma_part)
    return _challenge(key, hashed, gamma, u, v) == given_challenge


def first_word(proof: bytes) -> int:
    """Return bytes 0 to 7, little endian: the slot of a ballot, the fraction of an eligibility."""
    return int.from_bytes(proof[:8], "little")


def order_number(proof: bytes) -> int:
    """Return the whole proof, little endian: of several weak coins the lowest counts."""
    return int.from_bytes(proof, "little")


def threshold_number(proof: bytes) -> int:
    """Return the whole proof, *big* endian: a beacon proposal must be below a threshold."""
    return int.from_bytes(proof, "big")


def coin_bit(proof: bytes) -> bool:
    """Return the side of the coin: the lowest bit of the first byte."""
    return bool(proof[0] & 1)


def _challenge(key: bytes, hashed: SubgroupPoint, gamma: bytes, u: bytes, v: bytes) -> bytes:
    points = key + hashed.encoded + gamma + u + v
    return sha512(CHALLENGE_TAG + points + b"\x00").digest()[:CHALLENGE_SIZE]


def _hash_to_curve(message: bytes) -> SubgroupPoint:
    """Return the point of the prime-order subgroup that a message hashes to."""
    first = sha512(HASH_PREFIX + message + HASH_SUFFIX).digest()
    uniform = sha512(first + b"\x01" + DOMAIN_SUFFIX).digest()[:UNIFORM_SIZE]
    return subgroup_point(*_map_to_curve(mpz(int.from_bytes(uniform, "big")) % FIELD))


def _map_to_curve(element: int) -> tuple[int, int, int]:
    """Return projective Edwards coordinates of what Elligator 2 maps a field element to.

    Works on the fractions u = un/ud and v^2 = g/ud^3 of the Montgomery form, so that one
    exponentiation is all it takes.
    """
    twice = 2 * element * element % FIELD
    un, ud = -MONTGOMERY_A, 1 + twice
    ud3 = ud * ud % FIELD * ud % FIELD
    g = (un * un + MONTGOMERY_A * un * ud + ud * ud) % FIELD * un % FIELD
    cube = ud3 * ud3 % FIELD * ud3 % FIELD
    power = powmod(g * cube % FIELD * cube % FIELD * ud3, ROOT_EXPONENT, FIELD)
    v = g * cube % FIELD * power % FIELD
    check = v * v % FIELD * ud3
    if not (check - g) % FIELD:
        odd = 1
    elif not (check + g) % FIELD:
        odd, v = 1, v * ROOT_OF_MINUS_ONE % FIELD
    else:  # g/ud^3 has no root: the other candidate is u * twice, with twice the square
        odd, un = 0, un * twice % FIELD
        v = v * element % FIELD * ROOT_FACTOR % FIELD
        if (v * v % FIELD * ud3 - twice * g) % FIELD:
            v = v * ROOT_OF_MINUS_ONE % FIELD
    if v & 1 != odd:
        v = -v % FIELD
    # x = EDWARDS_FACTOR * un / (ud * v), y = (un - ud) / (un + ud)
    x_below, y_below = ud * v % FIELD, (un + ud) % FIELD
    z = x_below * y_below % FIELD
    if not z:
        return mpz(0), mpz(1), mpz(1)
    return EDWARDS_FACTOR * un % FIELD * y_below % FIELD, (un - ud) * x_below % FIELD, z
