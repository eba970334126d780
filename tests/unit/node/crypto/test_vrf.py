"""VRF proofs: recorded ones, the edges of verification, and how proofs are read."""

from hashlib import sha512

import pytest

from node.crypto import clear, vrf
from node.crypto.ed25519 import private_key_of, public_key_of
from node.crypto.group import ORDER
from node.crypto.vrf import VrfSigner, verify_vrf
from node.types.ids import SmesherID, VrfSignature

RECORDED = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        (
            "7d9c633ffeee27349264cf5c667579fc583b4bda63ab71d001f89c10003ab46f14adf9a3cd8b8412"
            "d9038531e865c341cafa73589b023d14311c331a9ad15ff2fb37831e00f0acaa6d73bc9997b06501"
        ),
    ),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "68656c6c6f",
        (
            "569fc448a5ac9231ff2bc8fff2ac39d38c15689054cdd80af31e03a66a21f09334df2fdcb160f68f"
            "58501e31d0bec03f3e6710268007de37176e55cd220cf009131e6a647540b16f60ba23ef98c45709"
        ),
    ),
    (
        "c00913e02a63e4cf532d9b2ce282fad85af699815c18c595ea804462a794f751",
        "080100000000d4",
        (
            "19ba8521f5b685cbc6cfd27ba0ef8334b55eddfb47b2626b8afe2f8ab573c607cffa7c0864d59a7b"
            "1a1649639a0dd0a7ce074bf4f956d35a9842b58f01fb38cb8fdb1047ecd62edc8b6c6151750ea006"
        ),
    ),
]
SEED, ALPHA, PROOF = (bytes.fromhex(field) for field in RECORDED[1])
KEY = public_key_of(private_key_of(SEED))
ORDER_FOUR = bytes(32)


def signer_of(seed: bytes) -> VrfSigner:
    return VrfSigner(seed, SmesherID(public_key_of(private_key_of(seed))))


@pytest.mark.parametrize(("seed", "alpha", "proof"), RECORDED)
def test_proofs_are_those_of_the_reference(seed: str, alpha: str, proof: str) -> None:
    signer = signer_of(bytes.fromhex(seed))
    ours = signer.sign(bytes.fromhex(alpha))
    assert ours == VrfSignature(bytes.fromhex(proof))
    assert clear.prove_vrf(bytes.fromhex(seed), bytes.fromhex(alpha)) == ours
    assert verify_vrf(signer.smesher_id, bytes.fromhex(alpha), ours)
    assert not verify_vrf(signer.smesher_id, bytes.fromhex(alpha) + b"x", ours)


@pytest.mark.parametrize(
    ("key", "proof"),
    [
        pytest.param(KEY[:31], PROOF, id="short key"),
        pytest.param(KEY, PROOF[:79], id="short proof"),
        pytest.param(KEY, PROOF[:48] + ORDER.to_bytes(32, "little"), id="scalar not reduced"),
        pytest.param(ORDER_FOUR, PROOF, id="key of small order"),
        pytest.param(b"\xff" * 32, PROOF, id="key is no point"),
        pytest.param(KEY, b"\x02" + bytes(31) + PROOF[32:], id="gamma is no point"),
        pytest.param(KEY, bytes([PROOF[0] ^ 1]) + PROOF[1:], id="another gamma"),
        pytest.param(KEY, ORDER_FOUR + PROOF[32:], id="gamma of small order"),
    ],
)
def test_what_breaks_the_rule_is_refused(key: bytes, proof: bytes) -> None:
    assert not verify_vrf(key, ALPHA, proof)
    assert not clear.verify_vrf(key, ALPHA, proof)


def test_another_nonce_gives_another_valid_proof() -> None:
    digest = sha512(SEED).digest()
    secret = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
    hashed = clear.hash_to_curve(KEY + ALPHA)
    gamma = clear.encode_point(clear.multiply(secret, hashed))
    challenge = clear._challenge(KEY, hashed, gamma, clear.BASE, hashed)
    scalar = (1 + int.from_bytes(challenge, "little") * secret) % ORDER
    proof = gamma + challenge + scalar.to_bytes(32, "little")
    assert proof != PROOF
    assert verify_vrf(KEY, ALPHA, proof)


def test_elligator_maps_zero_to_a_point_without_inverse() -> None:
    """The element zero and those beside it take the branches that hashes never reach."""
    for element in range(6):
        x, y, z = vrf._map_to_curve(element)
        assert clear.encode_point((x, y, z, 0)) == clear.encode_point(clear.map_to_curve(element))


def test_proofs_are_read_as_several_numbers() -> None:
    proof = bytes([3, 0, 0, 0, 0, 0, 0, 1]) + bytes(71) + b"\x02"
    assert vrf.first_word(proof) == 3 + (1 << 56)
    assert vrf.order_number(proof) == 3 + (1 << 56) + (2 << 8 * 79)
    assert vrf.threshold_number(proof) == (3 << 8 * 79) + (1 << 8 * 72) + 2
    assert vrf.coin_bit(proof)
    assert not vrf.coin_bit(bytes(80))
