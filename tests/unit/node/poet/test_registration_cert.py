"""The certifier: what it understands, what it refuses, what it signs."""

import base64
import json

import pytest

from node.base import scale
from node.base.errors import UnavailableError
from node.crypto.ed25519 import private_key_of, public_key_of, verify_signature
from node.poet.certify_request import MalformedRequestError, read_request
from node.poet.registration import CertificateData
from node.poet.registration_cert import (
    Answer,
    CertificateIssuer,
    CertifierDialogue,
    describe_fault,
    is_json,
)
from node.post.verifying import (
    Fault,
    InvalidIndicesLength,
    InvalidLsb,
    InvalidMsb,
    InvalidNumLabels,
    InvalidPow,
    NonceGroupOutOfBounds,
    PostClaim,
    UnitsTooLarge,
    UnitsTooSmall,
)
from node.types.post import Post

KEY = private_key_of(b"\x07" * 32)
ZEROS = base64.b64encode(bytes(32)).decode()
PROOF = {"nonce": 5, "indices": "AQID", "pow": 7}
METADATA = {
    "node_id": ZEROS,
    "commitment_atx_id": ZEROS,
    "challenge": ZEROS,
    "num_units": 4,
}
NOW_NS = 1_700_000_000 * 10**9
MALFORMED = "Failed to parse the request body as JSON: "
UNFIT = "Failed to deserialize the JSON body into the target type: "


def body(**changes: object) -> bytes:
    return json.dumps({"proof": PROOF, "metadata": METADATA} | changes).encode()


def dialogue(
    fault: Fault | None = None, *, validity_ns: int | None = None, is_away: bool = False
) -> CertifierDialogue:
    async def find(post: Post, claim: PostClaim) -> Fault | None:
        if is_away:
            raise UnavailableError("the PoST worker ended")
        assert post == Post(nonce=5, indices=b"\x01\x02\x03", pow=7)
        assert claim.num_units == 4
        return fault

    return CertifierDialogue(CertificateIssuer(private_key=KEY, validity_ns=validity_ns), find)


async def ask(certifier: CertifierDialogue, content: bytes) -> Answer:
    return await certifier.answer("POST", "/certify", "application/json", content, NOW_NS)


async def test_a_valid_proof_earns_a_certificate() -> None:
    answer = await ask(dialogue(validity_ns=60 * 10**9), body())
    assert (answer.status, answer.content_type) == (200, "application/json")
    fields = {key: base64.b64decode(value) for key, value in json.loads(answer.body).items()}
    assert fields["pub_key"] == public_key_of(KEY)
    assert verify_signature(fields["pub_key"], fields["certificate"], fields["signature"])
    certificate = scale.decode(CertificateData, fields["certificate"])
    assert certificate == CertificateData(pubkey=bytes(32), expiration=1_700_000_060)


async def test_a_certificate_may_hold_for_ever() -> None:
    answer = await ask(dialogue(), body())
    data = base64.b64decode(json.loads(answer.body)["certificate"])
    assert scale.decode(CertificateData, data).expiration is None


async def test_an_invalid_proof_is_forbidden() -> None:
    answer = await ask(dialogue(InvalidPow()), body())
    assert (answer.status, answer.body) == (403, 'invalid proof: "InvalidPoW(InvalidPoW)"')


async def test_a_verifier_that_is_away_is_an_internal_error() -> None:
    answer = await ask(dialogue(is_away=True), body())
    assert (answer.status, answer.body) == (500, "error verifying proof")


async def test_what_is_not_asked_rightly_is_refused() -> None:
    certifier = dialogue()
    for method, path, content_type, content, status in (
        ("POST", "/other", "application/json", body(), 404),
        ("GET", "/certify", "", b"", 405),
        ("POST", "/certify", "", body(), 415),
        ("POST", "/certify", "application/json", bytes(1025), 413),
        ("POST", "/certify", "application/json", b"{", 400),
    ):
        answer = await certifier.answer(method, path, content_type, content, NOW_NS)
        assert answer.status == status


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/problem+json", True),
        ("text/json", False),
        ("application/jsonp", False),
        ("", False),
    ],
)
def test_json_has_several_names(content_type: str, *, expected: bool) -> None:
    assert is_json(content_type) == expected


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (UnitsTooSmall(1, 0), "InvalidMetadata(NumUnitsTooSmall { min: 1, got: 0 })"),
        (UnitsTooLarge(9, 10), "InvalidMetadata(NumUnitsTooLarge { max: 9, got: 10 })"),
        (NonceGroupOutOfBounds(256), "NonceGroupOutOfBounds(256)"),
        (InvalidIndicesLength(65, 64), "InvalidIndicesLen { expected: 65, got: 64 }"),
        (InvalidNumLabels(3), "InvalidNumLabels(3)"),
        (
            InvalidMsb(index=1, ordinal=2, msb=3, difficulty_msb=0, label=b"\x09"),
            "InvalidMsb { index: 1, index_id: 2, msb: 3, difficulty_msb: 0, label: [9] }",
        ),
        (
            InvalidLsb(index=1, ordinal=2, lsb=3, difficulty_lsb=0, label=b"\x09\x08"),
            "InvalidLsb { index: 1, index_id: 2, lsb: 3, difficulty_lsb: 0, label: [9, 8] }",
        ),
    ],
)
def test_faults_are_told_as_the_reference_tells_them(fault: Fault, text: str) -> None:
    assert describe_fault(fault) == text


def test_unknown_fields_and_space_are_passed_over() -> None:
    content = (
        b' {"x": [1, {"a": null, "a": "b"}, [], -1.5e3], "proof" : '
        + json.dumps(PROOF | {"y": {}, "z": True}).encode()
        + b',\n"metadata": '
        + json.dumps(METADATA).encode()
        + b"} "
    )
    post, claim = read_request(content)
    assert (post.pow, claim.num_units) == (7, 4)


@pytest.mark.parametrize(
    ("content", "status", "text"),
    [
        (b"", 400, MALFORMED + "EOF while parsing a value at line 1 column 0"),
        (b"{", 400, MALFORMED + "EOF while parsing an object at line 1 column 1"),
        (b'{"a"', 400, MALFORMED + "EOF while parsing an object at line 1 column 4"),
        (b'{"a', 400, MALFORMED + "EOF while parsing a string at line 1 column 3"),
        (b'{"a" 1}', 400, MALFORMED + "expected `:` at line 1 column 6"),
        (b'{"a":1 2}', 400, MALFORMED + "expected `,` or `}` at line 1 column 8"),
        (b'{"a":1,}', 400, MALFORMED + "trailing comma at line 1 column 8"),
        (b"{1:2}", 400, MALFORMED + "key must be a string at line 1 column 2"),
        (b'{"a":\n ?}', 400, MALFORMED + "expected value at line 2 column 2"),
        (b'{"a":[1 2]}', 400, MALFORMED + "expected `,` or `]` at line 1 column 9"),
        (b'{"a":[1', 400, MALFORMED + "EOF while parsing a list at line 1 column 7"),
        (b'{"a":nul}', 400, MALFORMED + "expected ident at line 1 column 6"),
        (b'{"a":"\\q"}', 400, MALFORMED + "invalid escape at line 1 column 9"),
        (b'{"a":' + b"[" * 200, 400, MALFORMED + "recursion limit exceeded at line 1 column 133"),
        (body() + b" x", 400, MALFORMED + "trailing characters at line 1 column 273"),
        (
            b"[]",
            422,
            UNFIT + "invalid type: sequence, expected struct CertifyRequest at line 1 column 2",
        ),
        (b'{"proof":5}', 422, UNFIT + "proof: invalid type: integer `5`, expected struct Proof"),
        (b"{}", 422, UNFIT + "missing field `proof` at line 1 column 2"),
        (b'{"proof":{}}', 422, UNFIT + "proof: missing field `nonce` at line 1 column 11"),
        (
            b'{"proof":{"nonce":1,"nonce":2}}',
            422,
            UNFIT + "proof: duplicate field `nonce` at line 1 column 28",
        ),
    ],
)
def test_malformed_bodies_are_told_where_they_break(content: bytes, status: int, text: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        read_request(content)
    assert caught.value.status == status
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-1, "invalid value: integer `-1`, expected u32"),
        (2**32, "invalid value: integer `4294967296`, expected u32"),
        (1.5, "invalid type: floating point `1.5`, expected u32"),
        (None, "invalid type: null, expected u32"),
        (True, "invalid type: boolean `true`, expected u32"),
        ("5", 'invalid type: string "5", expected u32'),
        ([], "invalid type: sequence, expected u32"),
        ({}, "invalid type: map, expected u32"),
    ],
)
def test_numbers_must_be_numbers(value: object, text: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        read_request(body(proof=PROOF | {"nonce": value}))
    assert f"proof.nonce: {text} at" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("***", "Invalid symbol 42, offset 0."),
        ("AA*=", "Invalid symbol 42, offset 2."),
        ("A", "Invalid input length: 1"),
        ("AQ", "Invalid padding"),
        ("AQ=", "Invalid padding"),
        ("AR==", "Invalid last symbol 82, offset 1."),
        (5, "invalid type: integer `5`, expected a base64 encoded string"),
    ],
)
def test_base64_must_be_clean(value: object, text: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        read_request(body(proof=PROOF | {"indices": value}))
    assert f"proof.indices: {text} at" in str(caught.value)


def test_ids_have_a_length() -> None:
    short = base64.b64encode(bytes(31)).decode()
    with pytest.raises(MalformedRequestError, match="length 31 to the output type"):
        read_request(body(metadata=METADATA | {"node_id": short}))
