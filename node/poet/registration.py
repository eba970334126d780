"""Who may join a round: the order of checks, proof of work, certificates.

A submission is authorised by a certificate, if the server knows a certifier and one was
sent, and else by a proof of work.  Each failure is a :class:`RegistrationError` with the
reference's text and the kind of answer it travels as.

Source: spacemeshos/poet, registration; PoET digest sections 6.2 to 6.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

from node.base import scale
from node.base.errors import DecodeError, SpacemeshError
from node.base.scale import U64, Limit
from node.crypto.ed25519 import verify_signature
from node.poet.ripemd256 import ripemd256

KEY_SIZE: Final = 32
"""Bytes of a public key, a challenge and a node id."""
HINT_SIZE: Final = 4
"""First bytes of a certifier's key that tell it from others."""
NS_PER_S: Final = 1_000_000_000


class Refusal(StrEnum):
    """What kind of answer a refusal is; the names are those of gRPC's status codes."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    ALREADY_EXISTS = "ALREADY_EXISTS"


class RegistrationError(SpacemeshError):
    """A PoET does not take a submission.

    Attributes:
        refusal: the kind of answer; a client that reads UNAUTHENTICATED drops its
            certificate and asks for a new one.
    """

    default_code = "smesh.poet.refused"

    def __init__(self, refusal: Refusal, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class PowParams:
    """What a proof of work must satisfy."""

    difficulty: int
    """Leading zero bits of the digest."""

    challenge: bytes
    """Random bytes at first, afterwards the root of the server's last proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certifier's word that a smesher may register."""

    data: bytes
    """Encoded :class:`CertificateData`."""

    signature: bytes
    """Ed25519 over ``data``, without any domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateData:
    """What a certifier signs.

    Wire: compact length, key; option of the compact expiration.
    """

    pubkey: Annotated[bytes, Limit(KEY_SIZE)]
    """The smesher that may register."""

    expiration: U64 | None
    """Unix seconds; absent: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certifier:
    """Where certificates for a server come from."""

    url: str

    pubkey: bytes
    """The key whose certificates the server takes; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRequest:
    """A smesher's wish to have its challenge in the open round."""

    challenge: bytes
    """Hash of the NIPoST challenge, 32 bytes."""

    pubkey: bytes
    """The smesher."""

    signature: bytes
    """Ed25519 over ``prefix`` and ``challenge``."""

    prefix: bytes = b""
    """Genesis id and signing domain."""

    nonce: int = 0
    """Proof of work."""

    pow_params: PowParams = PowParams(difficulty=0, challenge=b"")
    """What ``nonce`` was searched for."""

    deadline_ns: int | None = None
    """Latest end of the round that is of use to the smesher, ns unix."""

    certificate: Certificate | None = None
    certificate_hint: bytes = b""
    """First bytes of the key that signed the certificate; empty: the advertised key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What a server asks of a submission now."""

    pow_params: tuple[PowParams, ...]
    """The current parameters and those before them."""

    certifier: Certifier | None = None
    """None: certificates are not looked at."""

    trusted_keys: tuple[bytes, ...] = ()
    """Further certifiers, which a hint can name."""


def check_request(request: SubmitRequest, admission: Admission, now_ns: int) -> None:
    """Check a submission by itself, in the reference's order.

    A challenge of another length than 32 bytes is refused here, which the reference does
    not do: it would spoil the statement for every member of the round.

    Raises:
        RegistrationError: the first check that fails.
    """
    if len(request.pubkey) != KEY_SIZE:
        raise RegistrationError(Refusal.INVALID_ARGUMENT, "invalid public key")
    covered = request.prefix + request.challenge
    if not verify_signature(request.pubkey, covered, request.signature):
        raise RegistrationError(Refusal.INVALID_ARGUMENT, "invalid signature")
    if len(request.challenge) != KEY_SIZE:
        raise RegistrationError(
            Refusal.INVALID_ARGUMENT,
            f"invalid challenge: {len(request.challenge)} bytes, want {KEY_SIZE}",
        )
    if len(request.certificate_hint) not in (0, HINT_SIZE):
        raise RegistrationError(Refusal.INVALID_ARGUMENT, "invalid certificate public key hint")
    if admission.certifier is not None and request.certificate is not None:
        _check_certificate(request, request.certificate, admission, now_ns)
    else:
        _check_pow(request, admission)


def check_deadline(request: SubmitRequest, round_end_ns: int) -> None:
    """Check that the open round ends in time for the smesher.

    Raises:
        RegistrationError: it does not.
    """
    if request.deadline_ns is not None and round_end_ns > request.deadline_ns:
        raise RegistrationError(
            Refusal.FAILED_PRECONDITION, "too late to register for the desired round"
        )


def check_place(
    request: SubmitRequest,
    stored: Mapping[bytes, bytes],
    pending: Mapping[bytes, bytes],
    max_members: int,
) -> bool:
    """Return whether the submission is new; a repeat of the same one is not.

    Whether the round is full is asked first, of repeats as well.

    Args:
        request: what was submitted.
        stored: challenges of the round by smesher, as written.
        pending: those that wait to be written.
        max_members: how many the round takes.

    Raises:
        RegistrationError: the round is full, or the smesher is in it with another challenge.
    """
    if len(stored) + len(pending) >= max_members:
        raise RegistrationError(
            Refusal.RESOURCE_EXHAUSTED, "maximum number of round members reached"
        )
    known = stored.get(request.pubkey, pending.get(request.pubkey))
    if known is not None and known != request.challenge:
        raise RegistrationError(Refusal.ALREADY_EXISTS, "conflicting registration")
    return known is None


def hash_pow(params: PowParams, smesher: bytes, challenge: bytes, nonce: int) -> bytes:
    """Return the digest whose leading bits must be zero."""
    return ripemd256(params.challenge + smesher + challenge + nonce.to_bytes(8, "little"))


def has_leading_zeros(digest: bytes, bits: int) -> bool:
    """Return whether the first ``bits`` bits are zero; never, if there are fewer bits."""
    size = 8 * len(digest)
    return bits <= size and int.from_bytes(digest, "big") >> (size - bits) == 0


def find_pow_nonce(params: PowParams, smesher: bytes, challenge: bytes) -> int:
    """Return the smallest nonce; some 2^difficulty digests of 0.4 ms each."""
    nonce = 0
    while not has_leading_zeros(hash_pow(params, smesher, challenge, nonce), params.difficulty):
        nonce += 1
    return nonce


def _check_pow(request: SubmitRequest, admission: Admission) -> None:
    if request.pow_params not in admission.pow_params:
        raise RegistrationError(Refusal.INVALID_ARGUMENT, "invalid proof of work parameters")
    digest = hash_pow(request.pow_params, request.pubkey, request.challenge, request.nonce)
    if not has_leading_zeros(digest, request.pow_params.difficulty):
        raise RegistrationError(
            Refusal.INVALID_ARGUMENT, "invalid proof of work: invalid leading zero bits"
        )


def _check_certificate(
    request: SubmitRequest, certificate: Certificate, admission: Admission, now_ns: int
) -> None:
    """Find a key that vouches for the smesher.

    Without a hint only the advertised key counts, and its own objection is told.
    """
    advertised = admission.certifier.pubkey if admission.certifier is not None else b""
    if not request.certificate_hint:
        keys = [advertised] if advertised else []
    else:
        trusted = dict.fromkeys(filter(None, (advertised, *admission.trusted_keys)))
        keys = [key for key in trusted if key[:HINT_SIZE] == request.certificate_hint]
    if not keys:
        raise _unauthenticated("no matching cert public keys")
    objections = [find_objection(certificate, key, request.pubkey, now_ns) for key in keys]
    if all(objections):
        raise _unauthenticated("invalid certificate" if request.certificate_hint else objections[0])


def find_objection(
    certificate: Certificate, certifier_key: bytes, smesher: bytes, now_ns: int
) -> str:
    """Return what is wrong with a certificate, or no text; bytes after its data are not."""
    if not verify_signature(certifier_key, certificate.data, certificate.signature):
        return "signature mismatch"
    try:
        key_size = scale.read_compact(certificate.data, 0, scale.LENGTH_BITS)[0]
        if key_size > KEY_SIZE:
            return (
                "decoding: too many elements to decode in collection "
                f"with scale limit set: ({key_size} > {KEY_SIZE})"
            )
        data, _ = scale.decode_prefix(CertificateData, certificate.data)
    except (DecodeError, IndexError) as error:
        return f"decoding: {error}"
    if data.pubkey != smesher:
        return "pubkey mismatch"
    if data.expiration is not None and data.expiration * NS_PER_S < now_ns:
        moment = datetime.fromtimestamp(data.expiration, UTC)
        return f"certificate expired at {moment:%Y-%m-%d %H:%M:%S} +0000 UTC"
    return ""


def _unauthenticated(cause: str) -> RegistrationError:
    return RegistrationError(
        Refusal.UNAUTHENTICATED,
        f"invalid certificate\n{cause}",
        code="smesh.poet.cert_refused",
        hint="ask the certifier for a new certificate, or register with a proof of work",
    )
