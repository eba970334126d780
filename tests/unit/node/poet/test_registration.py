"""Who may join a round: every refusal, in order, with the reference's texts."""

from dataclasses import replace
from typing import Any

import pytest

from node.base import scale
from node.crypto.ed25519 import private_key_of, public_key_of, sign_bytes
from node.poet.registration import (
    Admission,
    Certificate,
    CertificateData,
    Certifier,
    PowParams,
    Refusal,
    RegistrationError,
    SubmitRequest,
    check_deadline,
    check_place,
    check_request,
    find_pow_nonce,
    has_leading_zeros,
    hash_pow,
)

NOW_NS = 1_700_000_000 * 10**9
SMESHER_KEY = private_key_of(b"s" * 32)
SMESHER = public_key_of(SMESHER_KEY)
CERTIFIER_KEY = private_key_of(b"c" * 32)
CERTIFIER = public_key_of(CERTIFIER_KEY)
TRUSTED_KEY = private_key_of(b"t" * 32)
TRUSTED = public_key_of(TRUSTED_KEY)
CHALLENGE = b"h" * 32
PARAMS = PowParams(difficulty=4, challenge=b"now")
OLD_PARAMS = PowParams(difficulty=4, challenge=b"before")
BY_POW = Admission(pow_params=(PARAMS, OLD_PARAMS))
BY_CERTIFICATE = Admission(
    pow_params=(PARAMS,),
    certifier=Certifier(url="http://certifier", pubkey=CERTIFIER),
    trusted_keys=(TRUSTED,),
)


def make_request(challenge: bytes = CHALLENGE, **changes: Any) -> SubmitRequest:
    request = SubmitRequest(
        challenge=challenge,
        pubkey=SMESHER,
        signature=sign_bytes(SMESHER_KEY, b"prefix" + challenge),
        prefix=b"prefix",
        nonce=find_pow_nonce(PARAMS, SMESHER, challenge),
        pow_params=PARAMS,
    )
    return replace(request, **changes)


def certify(
    private_key: bytes = CERTIFIER_KEY, smesher: bytes = SMESHER, expiration: int | None = None
) -> Certificate:
    data = scale.encode(CertificateData(pubkey=smesher, expiration=expiration))
    return Certificate(data=data, signature=sign_bytes(private_key, data))


def refusal_of(request: SubmitRequest, admission: Admission) -> tuple[Refusal, str] | None:
    try:
        check_request(request, admission, NOW_NS)
    except RegistrationError as error:
        return error.refusal, str(error)
    return None


def test_a_good_proof_of_work_is_enough() -> None:
    assert refusal_of(make_request(), BY_POW) is None


def test_the_parameters_before_the_current_ones_still_count() -> None:
    nonce = find_pow_nonce(OLD_PARAMS, SMESHER, CHALLENGE)

    assert refusal_of(make_request(pow_params=OLD_PARAMS, nonce=nonce), BY_POW) is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"pubkey": SMESHER[:31]}, "invalid public key"),
        ({"prefix": b"other"}, "invalid signature"),
        ({"certificate_hint": b"abc"}, "invalid certificate public key hint"),
        (
            {"pow_params": replace(PARAMS, difficulty=0)},
            "invalid proof of work parameters",
        ),
    ],
)
def test_a_malformed_submission_is_an_invalid_argument(changes: dict[str, Any], text: str) -> None:
    assert refusal_of(make_request(**changes), BY_POW) == (Refusal.INVALID_ARGUMENT, text)


def test_a_challenge_of_another_size_would_spoil_the_round() -> None:
    assert refusal_of(make_request(b"short"), BY_POW) == (
        Refusal.INVALID_ARGUMENT,
        "invalid challenge: 5 bytes, want 32",
    )


def test_a_wrong_nonce_is_refused() -> None:
    wrong = next(
        nonce
        for nonce in range(100)
        if not has_leading_zeros(hash_pow(PARAMS, SMESHER, CHALLENGE, nonce), 4)
    )

    assert refusal_of(make_request(nonce=wrong), BY_POW) == (
        Refusal.INVALID_ARGUMENT,
        "invalid proof of work: invalid leading zero bits",
    )


def test_the_first_nonce_is_the_references() -> None:
    params = PowParams(difficulty=6, challenge=b"challenge this")

    assert find_pow_nonce(params, bytes(32), b"some data to submit to poet") == 143


@pytest.mark.parametrize(
    ("digest", "bits", "fits"),
    [
        (b"\x00", 8, True),
        (b"\x00", 9, False),
        (b"\x0f", 4, True),
        (b"\x0f", 5, False),
        (b"\x00\x0f", 12, True),
        (b"\x00\x0f", 13, False),
        (b"\xff", 0, True),
    ],
)
def test_leading_zeros_are_counted_from_the_highest_bit(
    digest: bytes, bits: int, fits: bool
) -> None:
    assert has_leading_zeros(digest, bits) is fits


def test_certificate_data_has_the_references_bytes() -> None:
    pubkey = bytes(range(1, 17)) * 2

    assert scale.encode(CertificateData(pubkey=pubkey, expiration=851042397)) == (
        b"\x80" + pubkey + bytes.fromhex("017681e7ca")
    )
    assert scale.encode(CertificateData(pubkey=pubkey, expiration=None)) == (
        b"\x80" + pubkey + b"\x00"
    )


def test_a_server_without_certifier_does_not_look_at_certificates() -> None:
    useless = Certificate(data=b"", signature=b"")

    assert refusal_of(make_request(certificate=useless), BY_POW) is None


@pytest.mark.parametrize(
    ("certificate", "hint"),
    [
        pytest.param(certify(), b"", id="never expires"),
        pytest.param(certify(expiration=NOW_NS // 10**9), b"", id="expires this second"),
        pytest.param(certify(TRUSTED_KEY), TRUSTED[:4], id="named by the hint"),
        pytest.param(
            Certificate(
                data=certify().data + b"more",
                signature=sign_bytes(CERTIFIER_KEY, certify().data + b"more"),
            ),
            b"",
            id="bytes after the data",
        ),
    ],
)
def test_a_good_certificate_needs_no_proof_of_work(certificate: Certificate, hint: bytes) -> None:
    request = make_request(
        certificate=certificate,
        certificate_hint=hint,
        pow_params=PowParams(difficulty=0, challenge=b""),
    )

    assert refusal_of(request, BY_CERTIFICATE) is None


def sign_anything(data: bytes) -> Certificate:
    return Certificate(data=data, signature=sign_bytes(CERTIFIER_KEY, data))


@pytest.mark.parametrize(
    ("certificate", "hint", "cause"),
    [
        pytest.param(certify(TRUSTED_KEY), b"", "signature mismatch", id="another signer"),
        pytest.param(certify(smesher=b"o" * 32), b"", "pubkey mismatch", id="another smesher"),
        pytest.param(
            certify(expiration=1_600_000_000),
            b"",
            "certificate expired at 2020-09-13 12:26:40 +0000 UTC",
            id="expired",
        ),
        pytest.param(
            certify(), b"none", "no matching cert public keys", id="hint of an unknown key"
        ),
        pytest.param(
            certify(TRUSTED_KEY), CERTIFIER[:4], "invalid certificate", id="hint of another key"
        ),
        pytest.param(
            sign_anything(scale.compact(128) + bytes(128)),
            b"",
            "decoding: too many elements to decode in collection with scale limit set: (128 > 32)",
            id="too long a key",
        ),
        pytest.param(sign_anything(b"\x80ab"), b"", "decoding: 32 elements in 2 bytes", id="short"),
        pytest.param(sign_anything(b""), b"", "decoding: index out of range", id="empty"),
    ],
)
def test_a_bad_certificate_is_unauthenticated_and_pow_does_not_help(
    certificate: Certificate, hint: bytes, cause: str
) -> None:
    request = make_request(certificate=certificate, certificate_hint=hint)

    assert refusal_of(request, BY_CERTIFICATE) == (
        Refusal.UNAUTHENTICATED,
        f"invalid certificate\n{cause}",
    )


def test_without_an_advertised_key_a_certificate_needs_a_hint() -> None:
    admission = replace(BY_CERTIFICATE, certifier=Certifier(url="", pubkey=b""))

    assert refusal_of(make_request(certificate=certify()), admission) == (
        Refusal.UNAUTHENTICATED,
        "invalid certificate\nno matching cert public keys",
    )
    by_hint = make_request(certificate=certify(TRUSTED_KEY), certificate_hint=TRUSTED[:4])
    assert refusal_of(by_hint, admission) is None


def test_a_round_that_ends_at_the_deadline_is_in_time() -> None:
    request = make_request(deadline_ns=100)
    check_deadline(request, 100)
    check_deadline(make_request(), 1 << 70)

    with pytest.raises(RegistrationError) as error:
        check_deadline(request, 101)
    assert error.value.refusal is Refusal.FAILED_PRECONDITION
    assert str(error.value) == "too late to register for the desired round"


def test_only_a_repeat_of_the_same_challenge_is_taken_twice() -> None:
    request, other = make_request(), make_request(b"o" * 32)
    stored: dict[bytes, bytes] = {bytes(SMESHER): CHALLENGE}
    nobody: dict[bytes, bytes] = {}

    assert check_place(request, {}, {}, 5)
    assert not check_place(request, stored, {}, 5)
    assert not check_place(request, {}, stored, 5)
    for written, pending in ((stored, nobody), (nobody, stored)):
        with pytest.raises(RegistrationError) as error:
            check_place(other, written, pending, 5)
        assert error.value.refusal is Refusal.ALREADY_EXISTS
        assert str(error.value) == "conflicting registration"


def test_a_full_round_refuses_even_its_members() -> None:
    with pytest.raises(RegistrationError) as error:
        check_place(make_request(), {bytes(SMESHER): CHALLENGE}, {b"b": b"c"}, 2)

    assert error.value.refusal is Refusal.RESOURCE_EXHAUSTED
    assert str(error.value) == "maximum number of round members reached"
