"""Signing by domain, and acceptance at the edges of the rule."""

from hashlib import sha512

import pytest

from node.crypto import clear
from node.crypto.domains import Domain
from node.crypto.ed25519 import (
    Signer,
    Verifier,
    private_key_of,
    public_key_of,
    sign_bytes,
    verify_signature,
)
from node.crypto.group import ORDER
from node.types.ids import EdSignature, SmesherID

GENESIS_ID = bytes.fromhex("9eebff023abb17ccb775c602daade8ed708f0a50")
PRIVATE_KEY = private_key_of(bytes(range(32)))
PUBLIC_KEY = bytes.fromhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8")
MESSAGE = b"hello"
SIGNATURE = sign_bytes(PRIVATE_KEY, MESSAGE)
SMALL_KEY = bytes(32)


@pytest.fixture
def signer() -> Signer:
    return Signer(PRIVATE_KEY, GENESIS_ID)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (
            Domain.ATX,
            (
                "18ca5160f8fab9de2ce7159dfd96e6976dea162f2f13574fb7448f5941ac4aab"
                "95f43a809c92ef82c0418c95ba98f26e62315332a49b630f6fffd15c781c2c0a"
            ),
        ),
        (
            Domain.BEACON_FOLLOWUP_MESSAGE,
            (
                "5427ba5470f679ed90c063637a8e459194cca6107b60f7219ff9dfac5a16afe5"
                "79ac0d6184495ecfcf7275b03056eb3f5e82eb8afaf2927a5f32d886b8db550b"
            ),
        ),
    ],
)
def test_a_signature_covers_network_domain_and_message(
    signer: Signer, domain: Domain, expected: str
) -> None:
    signature = signer.sign(domain, MESSAGE)
    assert signature == EdSignature(bytes.fromhex(expected))
    verifier = Verifier(GENESIS_ID)
    assert verifier.verify(domain, signer.smesher_id, MESSAGE, signature)
    assert not verifier.verify(Domain.POET, signer.smesher_id, MESSAGE, signature)
    assert not verifier.verify(domain, signer.smesher_id, MESSAGE + b"!", signature)
    assert not Verifier(bytes(20)).verify(domain, signer.smesher_id, MESSAGE, signature)


def test_the_smesher_is_its_public_key(signer: Signer) -> None:
    assert signer.smesher_id == SmesherID(PUBLIC_KEY)
    assert public_key_of(PRIVATE_KEY) == PUBLIC_KEY
    assert repr(signer) == f"Signer({PUBLIC_KEY.hex()})"


def test_a_signer_makes_vrf_proofs_with_the_same_key(signer: Signer) -> None:
    assert signer.vrf_signer() is signer.vrf_signer()
    assert signer.vrf_signer().smesher_id == signer.smesher_id
    assert signer.vrf_sign(b"hello") == signer.vrf_signer().sign(b"hello")


@pytest.mark.parametrize("key", [PRIVATE_KEY[:63], PRIVATE_KEY[:63] + b"\x00"])
def test_a_malformed_private_key_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="private key"):
        Signer(key, GENESIS_ID)


def mixed_order_signature() -> tuple[bytes, bytes]:
    """A signature that satisfies the equation only when it is multiplied by eight."""
    secret, nonce = 0x1234567, 0x7654321
    torsion = clear.decode_point(bytes(32))
    key = clear.encode_point(clear.add(clear.multiply(secret, clear.BASE), torsion))
    commitment = clear.encode_point(clear.multiply(nonce, clear.BASE))
    digest = sha512(commitment + key + MESSAGE).digest()
    scalar = (nonce + int.from_bytes(digest, "little") * secret) % ORDER
    return key, commitment + scalar.to_bytes(32, "little")


def test_a_key_of_mixed_order_is_accepted() -> None:
    key, signature = mixed_order_signature()
    assert verify_signature(key, MESSAGE, signature)
    assert not verify_signature(key, MESSAGE + b"!", signature)


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        pytest.param(PUBLIC_KEY[:31], SIGNATURE, id="short key"),
        pytest.param(PUBLIC_KEY, SIGNATURE[:63], id="short signature"),
        pytest.param(PUBLIC_KEY, bytes(SIGNATURE) + b"\x00", id="long signature"),
        pytest.param(SMALL_KEY, bytes(64), id="key of small order"),
        pytest.param(b"\xff" * 32, SIGNATURE, id="key is no point"),
        pytest.param(PUBLIC_KEY, b"\xee" + b"\xff" * 31 + SIGNATURE[32:], id="R not canonical"),
        pytest.param(PUBLIC_KEY, b"\x02" + bytes(31) + SIGNATURE[32:], id="R is no point"),
        pytest.param(
            PUBLIC_KEY,
            SIGNATURE[:32]
            + (int.from_bytes(SIGNATURE[32:], "little") + ORDER).to_bytes(32, "little"),
            id="S not reduced",
        ),
        pytest.param(PUBLIC_KEY, SIGNATURE[:32] + bytes(32), id="S is zero"),
    ],
)
def test_what_breaks_the_rule_is_refused(key: bytes, signature: bytes) -> None:
    assert not verify_signature(key, MESSAGE, signature)
    assert not clear.verify_signature(key, MESSAGE, signature)


def test_the_clear_implementation_accepts_the_same() -> None:
    key, signature = mixed_order_signature()
    assert verify_signature(PUBLIC_KEY, MESSAGE, SIGNATURE)
    assert clear.verify_signature(PUBLIC_KEY, MESSAGE, SIGNATURE)
    assert clear.verify_signature(key, MESSAGE, signature)
