"""The certifier: it verifies a smesher's PoST once and signs its id for PoET servers.

This is the certifier without its HTTP server: a request in, an answer out.

Source: post-rs, crate ``certifier``; post digest section 15.
"""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, assert_never

from node.base import scale
from node.base.errors import UnavailableError
from node.crypto.ed25519 import public_key_of, sign_bytes
from node.poet.certify_request import MalformedRequestError, read_request
from node.poet.registration import NS_PER_S, Certificate, CertificateData
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

DEFAULT_MAX_BODY_SIZE: Final = 1024
"""Bytes of a request."""

CERTIFY_PATH: Final = "/certify"
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"

FindFault = Callable[[Post, PostClaim], Awaitable[Fault | None]]
"""Verifies all indices of a proof with the certifier's parameters, off the loop."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: HTTPStatus
    body: str = ""
    content_type: str | None = TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIssuer:
    """Signs certificates."""

    private_key: bytes
    """64 bytes."""

    validity_ns: int | None = None
    """How long certificates hold; None for ever."""

    def issue(self, smesher: bytes, now_ns: int) -> Certificate:
        """Return a certificate for a smesher."""
        expiration = None
        if self.validity_ns is not None:
            expiration = (now_ns + self.validity_ns) // NS_PER_S
        data = scale.encode(CertificateData(pubkey=smesher, expiration=expiration))
        return Certificate(data=data, signature=sign_bytes(self.private_key, data))


class CertifierDialogue:
    """Answers requests for certificates."""

    def __init__(
        self,
        issuer: CertificateIssuer,
        find_fault: FindFault,
        *,
        max_body_size: int = DEFAULT_MAX_BODY_SIZE,
    ) -> None:
        self._issuer = issuer
        self._find_fault = find_fault
        self._max_body_size = max_body_size

    async def answer(
        self, method: str, path: str, content_type: str, body: bytes, now_ns: int
    ) -> Answer:
        """Answer a request.

        Args:
            method: of HTTP.
            path: without a query.
            content_type: header of that name; empty if there is none.
            body: not more of it than is allowed has to be passed, and one byte.
            now_ns: the certificate's time, ns unix.
        """
        if path != CERTIFY_PATH:
            return Answer(HTTPStatus.NOT_FOUND, content_type=None)
        if method != "POST":
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, content_type=None)
        if not is_json(content_type):
            return Answer(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "Expected request with `Content-Type: application/json`",
            )
        if len(body) > self._max_body_size:
            return Answer(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "Failed to buffer the request body: length limit exceeded",
            )
        try:
            post, claim = read_request(body)
        except MalformedRequestError as error:
            return Answer(error.status, str(error))
        return await self._certify(post, claim, now_ns)

    async def _certify(self, post: Post, claim: PostClaim, now_ns: int) -> Answer:
        try:
            fault = await self._find_fault(post, claim)
        except UnavailableError:
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "error verifying proof")
        if fault is not None:
            # The quotation marks are the reference's: it formats its error twice.
            return Answer(HTTPStatus.FORBIDDEN, f'invalid proof: "{describe_fault(fault)}"')
        certificate = self._issuer.issue(claim.smesher, now_ns)
        fields = {
            "certificate": certificate.data,
            "signature": certificate.signature,
            "pub_key": public_key_of(self._issuer.private_key),
        }
        encoded = {name: base64.b64encode(value).decode() for name, value in fields.items()}
        return Answer(HTTPStatus.OK, json.dumps(encoded, separators=(",", ":")), JSON)


def is_json(content_type: str) -> bool:
    """Return whether a content type is JSON or one built on it."""
    kind, _, detail = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and (detail == "json" or detail.endswith("+json"))


def describe_fault(fault: Fault) -> str:
    """Return a fault as the reference's programmers see it."""
    match fault:
        case UnitsTooSmall(minimum, got):
            text = f"InvalidMetadata(NumUnitsTooSmall {{ min: {minimum}, got: {got} }})"
        case UnitsTooLarge(maximum, got):
            text = f"InvalidMetadata(NumUnitsTooLarge {{ max: {maximum}, got: {got} }})"
        case NonceGroupOutOfBounds(group):
            text = f"NonceGroupOutOfBounds({group})"
        case InvalidPow():
            text = "InvalidPoW(InvalidPoW)"
        case InvalidIndicesLength(expected, got):
            text = f"InvalidIndicesLen {{ expected: {expected}, got: {got} }}"
        case InvalidNumLabels(num_labels):
            text = f"InvalidNumLabels({num_labels})"
        case InvalidMsb():
            text = (
                f"InvalidMsb {{ index: {fault.index}, index_id: {fault.ordinal}, "
                f"msb: {fault.msb}, difficulty_msb: {fault.difficulty_msb}, "
                f"label: {list(fault.label)} }}"
            )
        case InvalidLsb():
            text = (
                f"InvalidLsb {{ index: {fault.index}, index_id: {fault.ordinal}, "
                f"lsb: {fault.lsb}, difficulty_lsb: {fault.difficulty_lsb}, "
                f"label: {list(fault.label)} }}"
            )
        case _:
            assert_never(fault)
    return text
