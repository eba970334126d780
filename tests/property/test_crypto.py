"""The fast signature and VRF code against the clear one, for honest and hostile input."""

from hashlib import sha512

from hypothesis import given, settings
from hypothesis import strategies as st

from node.crypto import clear, vrf
from node.crypto.clear import BASE, NEUTRAL, ORDER, Point
from node.crypto.ed25519 import Signer, private_key_of, sign_bytes, verify_signature
from node.crypto.group import NON_CANONICAL, NotAPointError, decode_point, encode_point, multiply
from node.crypto.vrf import verify_vrf

EXAMPLES = 15
"""The clear side takes about 10 ms."""

GENESIS_ID = bytes(20)


def points_of_small_order() -> tuple[Point, ...]:
    """The eight multiples of a point of order eight."""
    candidates = (
        clear.multiply(ORDER, clear.decode_point(y.to_bytes(32, "little")))
        for y in (3, 4, 6, 9, 10)
    )
    generator = next(p for p in candidates if not is_neutral(clear.multiply(4, p)))
    return tuple(clear.multiply(k, generator) for k in range(8))


def is_neutral(point: Point) -> bool:
    return clear.encode_point(point) == clear.encode_point(NEUTRAL)


TORSION = points_of_small_order()

seeds = st.binary(min_size=32, max_size=32)
messages = st.binary(max_size=80)
scalars = st.one_of(
    st.sampled_from([0, 1, 2, 7, 8, 9, ORDER - 1]), st.integers(min_value=0, max_value=ORDER - 1)
)
torsion = st.one_of(st.just(NEUTRAL), st.sampled_from(TORSION))
odd_encodings = st.one_of(
    st.sampled_from(sorted(NON_CANONICAL)),
    st.integers(min_value=0, max_value=40).map(lambda y: y.to_bytes(32, "little")),
    st.binary(min_size=32, max_size=32),
)


@st.composite
def encodings(draw: st.DrawFn) -> bytes:
    """Encodings of points of any order, and bytes that are none."""
    if draw(st.integers(0, 3)) == 0:
        return draw(odd_encodings)
    point = clear.add(clear.multiply(draw(scalars), BASE), draw(torsion))
    return clear.encode_point(point)


@st.composite
def forged_signatures(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """Key, message and signature of a signer who adds torsion wherever he can."""
    secret, nonce = draw(scalars), draw(scalars)
    key = clear.encode_point(clear.add(clear.multiply(secret, BASE), draw(torsion)))
    commitment = clear.encode_point(clear.add(clear.multiply(nonce, BASE), draw(torsion)))
    if draw(st.integers(0, 9)) == 0:
        key = draw(odd_encodings)
    if draw(st.integers(0, 9)) == 0:
        commitment = draw(odd_encodings)
    message = draw(messages)
    challenge = int.from_bytes(sha512(commitment + key + message).digest(), "little")
    scalar = (nonce + challenge * secret) % ORDER + draw(st.sampled_from([0, 0, 0, 1, ORDER]))
    return key, message, commitment + scalar.to_bytes(32, "little")


@st.composite
def forged_proofs(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """Key, alpha and proof of a prover who guesses the torsion that verification will see."""
    secret, nonce, alpha = draw(scalars), draw(scalars), draw(messages)
    key = clear.encode_point(clear.add(clear.multiply(secret, BASE), draw(torsion)))
    hashed = clear.hash_to_curve(key + alpha)
    gamma = clear.encode_point(clear.add(clear.multiply(secret, hashed), draw(torsion)))
    u = clear.add(clear.multiply(nonce, BASE), draw(torsion))
    v = clear.add(clear.multiply(nonce, hashed), draw(torsion))
    challenge = clear._challenge(key, hashed, gamma, u, v)
    scalar = (nonce + int.from_bytes(challenge, "little") * secret) % ORDER
    return key, alpha, gamma + challenge + scalar.to_bytes(32, "little")


@settings(max_examples=EXAMPLES)
@given(forged_signatures())
def test_forged_signatures_are_judged_alike(forged: tuple[bytes, bytes, bytes]) -> None:
    assert verify_signature(*forged) == clear.verify_signature(*forged)


@settings(max_examples=EXAMPLES)
@given(forged_proofs())
def test_forged_proofs_are_judged_alike(forged: tuple[bytes, bytes, bytes]) -> None:
    assert verify_vrf(*forged) == clear.verify_vrf(*forged)


@settings(max_examples=EXAMPLES)
@given(seeds, messages)
def test_proofs_are_the_same_bytes_and_verify(seed: bytes, alpha: bytes) -> None:
    signer = Signer(private_key_of(seed), GENESIS_ID)
    proof = signer.vrf_sign(alpha)
    assert proof == clear.prove_vrf(seed, alpha)
    assert verify_vrf(signer.smesher_id, alpha, proof)
    assert clear.verify_vrf(signer.smesher_id, alpha, proof)


@settings(max_examples=EXAMPLES)
@given(seeds, messages, st.integers(0, 80 * 8 - 1))
def test_a_changed_bit_of_a_proof_is_seen(seed: bytes, alpha: bytes, bit: int) -> None:
    signer = Signer(private_key_of(seed), GENESIS_ID)
    number = int.from_bytes(signer.vrf_sign(alpha), "little") ^ 1 << bit
    assert not verify_vrf(signer.smesher_id, alpha, number.to_bytes(80, "little"))


@given(seeds, messages, st.integers(0, 64 * 8 - 1))
def test_a_changed_bit_of_a_signature_is_seen(seed: bytes, message: bytes, bit: int) -> None:
    private_key = private_key_of(seed)
    signature = sign_bytes(private_key, message)
    assert verify_signature(private_key[32:], message, signature)
    number = int.from_bytes(signature, "little") ^ 1 << bit
    assert not verify_signature(private_key[32:], message, number.to_bytes(64, "little"))


@given(st.integers(min_value=0, max_value=clear.FIELD - 1))
def test_the_maps_to_the_curve_are_the_same(element: int) -> None:
    x, y, z = vrf._map_to_curve(element)
    ours = encode_point((x, y, z, 0))
    assert ours == clear.encode_point(clear.map_to_curve(element))


@settings(max_examples=EXAMPLES)
@given(scalars, encodings())
def test_multiples_are_the_same_for_any_point(scalar: int, encoded: bytes) -> None:
    try:
        ours = multiply(scalar, encoded)
    except NotAPointError:
        ours = b""
    try:
        expected = clear.encode_point(clear.multiply(scalar, clear.decode_point(encoded)))
    except ValueError:
        expected = b""
    assert ours == expected


@settings(max_examples=EXAMPLES)
@given(messages, scalars)
def test_multiples_of_hashed_points_are_the_same(message: bytes, scalar: int) -> None:
    hashed = vrf._hash_to_curve(message)
    expected = clear.hash_to_curve(message)
    assert hashed.encoded == clear.encode_point(expected)
    assert hashed.multiply(scalar) == clear.encode_point(clear.multiply(scalar, expected))


@given(encodings())
def test_the_same_bytes_decode(encoded: bytes) -> None:
    try:
        ours = encode_point(decode_point(encoded))
    except NotAPointError:
        ours = b""
    try:
        expected = clear.encode_point(clear.decode_point(encoded))
    except ValueError:
        expected = b""
    assert ours == expected
