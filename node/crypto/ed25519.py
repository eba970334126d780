"""Ed25519: signatures of smeshers and accounts, accepted exactly as the reference does.

A signature (R, S) by key A over message M is accepted when

1.  A decodes canonically and is not of small order (mixed order is allowed),
2.  S is below the group's order,
3.  R decodes canonically (small and mixed order are allowed),
4.  8 * (S * B - h * A - R) = 0 with h = SHA-512(R || A || M) over the received bytes.

libsodium's rule is narrower but for one thing: what it accepts satisfies 1, 2 and 4.  So
its yes is final once R is known to be canonical, and only its no needs rule 4 worked out.
``node.crypto.clear`` is the specification.

Source: go-spacemesh, signing; curve25519-voi with default options; keys digest section 2.
"""

from functools import cached_property
from hashlib import sha512

from nacl import bindings
from nacl.exceptions import CryptoError

from node.crypto.domains import Domain, signed_bytes
from node.crypto.group import (
    COFACTOR_BITS,
    IDENTITY,
    NON_CANONICAL,
    ORDER,
    POINT_SIZE,
    NotAPointError,
    clear_cofactor,
    decode_point,
    multiply,
    multiply_base,
    subtract,
)
from node.crypto.vrf import SEED_SIZE, VrfSigner, verify_vrf
from node.types.ids import EdSignature, GenesisID, PublicKey, SmesherID, VrfSignature

PRIVATE_KEY_SIZE = 64
"""Bytes of a private key: 32 of seed, 32 of public key."""


class Signer:
    """Signs for one smesher on one network.

    The private key never appears in the text form of the object.
    """

    def __init__(self, private_key: bytes, genesis_id: bytes) -> None:
        """Take a 64-byte private key and the network's 20-byte identifier.

        Raises:
            ValueError: a length is wrong, or the key's halves do not belong together.
        """
        if len(private_key) != PRIVATE_KEY_SIZE:
            raise ValueError(f"private key of {len(private_key)} bytes, want {PRIVATE_KEY_SIZE}")
        if private_key_of(private_key[:SEED_SIZE]) != private_key:
            raise ValueError("private key: its public half does not belong to its seed")
        self._private_key = bytes(private_key)
        self.genesis_id = GenesisID(genesis_id)
        self.smesher_id = SmesherID(private_key[SEED_SIZE:])

    def sign(self, domain: Domain, message: bytes) -> EdSignature:
        """Return the signature of a message of one kind."""
        return sign_bytes(self._private_key, signed_bytes(self.genesis_id, domain, message))

    def vrf_signer(self) -> VrfSigner:
        """Return what makes VRF proofs with the same key."""
        return self._vrf_signer

    def vrf_sign(self, alpha: bytes) -> VrfSignature:
        """Return the VRF proof for ``alpha``; no network and no domain enter into it."""
        return self._vrf_signer.sign(alpha)

    @cached_property
    def _vrf_signer(self) -> VrfSigner:
        return VrfSigner(self._private_key[:SEED_SIZE], self.smesher_id)

    def __repr__(self) -> str:
        return f"Signer({self.smesher_id.hex()})"


class Verifier:
    """Verifies signatures and VRF proofs of smeshers on one network."""

    def __init__(self, genesis_id: bytes) -> None:
        """Take the network's 20-byte identifier."""
        self.genesis_id = GenesisID(genesis_id)

    def verify(self, domain: Domain, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Return whether the signature is the key's, for this kind of message."""
        covered = signed_bytes(self.genesis_id, domain, message)
        return verify_signature(public_key, covered, signature)

    def verify_vrf(self, public_key: bytes, alpha: bytes, proof: bytes) -> bool:
        """Return whether a VRF proof is the key's; no network enters into it."""
        return verify_vrf(public_key, alpha, proof)


def private_key_of(seed: bytes) -> bytes:
    """Return the 64-byte private key of a 32-byte seed."""
    return bindings.crypto_sign_seed_keypair(seed)[1]


def public_key_of(private_key: bytes) -> PublicKey:
    """Return the public half of a 64-byte private key."""
    return PublicKey(private_key[SEED_SIZE:])


def sign_bytes(private_key: bytes, covered: bytes) -> EdSignature:
    """Return the signature of exactly these bytes by a 64-byte private key."""
    return EdSignature(bindings.crypto_sign(covered, private_key)[: EdSignature.SIZE])


def verify_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the reference accepts the signature over exactly these bytes."""
    if len(public_key) != POINT_SIZE or len(signature) != EdSignature.SIZE:
        return False
    if signature[:POINT_SIZE] in NON_CANONICAL:
        return False
    try:
        bindings.crypto_sign_open(signature + message, public_key)
    except CryptoError:
        return _verify_cofactored(public_key, message, signature)
    return True


def _verify_cofactored(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Apply the rule itself: (8S) * B - h * (8A) = 8R, all in the prime-order subgroup."""
    commitment = signature[:POINT_SIZE]
    scalar = int.from_bytes(signature[POINT_SIZE:], "little")
    if scalar >= ORDER:
        return False
    try:
        key = clear_cofactor(decode_point(public_key))
        expected = clear_cofactor(decode_point(commitment))
    except NotAPointError:
        return False
    if key == IDENTITY:
        return False
    digest = sha512(commitment + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    left = multiply_base((scalar << COFACTOR_BITS) % ORDER)
    return subtract(left, multiply(challenge, key)) == expected
