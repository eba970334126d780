"""Certificates: a certifier checks a smesher's PoST once, and PoETs let the smesher in.

A certificate is kept, for the smesher and the certifier's key, until a PoET refuses it.  The
PoST is the first one over the space, or that of the smesher's newest ATX.

Source: go-spacemesh, activation/certifier.go; PoET digest 6.4, 6.5 and 10.2.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Protocol

import msgspec
import structlog

from node.base import scale
from node.base.errors import NotFoundError, RejectError, UnavailableError
from node.config.model.consensus import CertifierClientConfig
from node.consensus.activation.flights import SingleFlight
from node.layer_ticker import Clock
from node.poet.registration import Certificate, Certifier, find_objection
from node.poet.registration_cert import CERTIFY_PATH
from node.runtime.http import HttpAnswer
from node.runtime.retry import Backoff, retry
from node.store.atxs import find_commitment_atx, find_last_atx, get_atx_blob
from node.store.db import Database
from node.store.local import (
    InitialPost,
    PoetCertificate,
    delete_poet_certificate,
    find_initial_post,
    find_poet_certificate,
    put_initial_post,
    put_poet_certificate,
)
from node.types.atx import Atx
from node.types.atx_v1 import ActivationTxV1
from node.types.atx_v2 import ActivationTxV2
from node.types.ids import Hash32, SmesherID
from node.types.post import Post

MAX_ANSWER_BYTES: Final = 1 << 16
SECOND_VERSION: Final = 2
SERVER_ERRORS: Final = 500

log = structlog.get_logger("atxBuilder")


class CertifierServer(Protocol):
    """Certifiers, wherever they run."""

    async def ask(self, url: str, body: bytes) -> HttpAnswer:
        """Send a request for a certificate; return the answer, whatever it is.

        Raises:
            UnavailableError: there is none.
        """


class JsonPosting(Protocol):
    """Sends JSON to web servers."""

    async def post_json(self, url: str, body: bytes, *, max_bytes: int) -> HttpAnswer:
        """Return the answer, whatever it is.

        Raises:
            UnavailableError: there is none.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCertifier:
    """Certifiers on the web; asked again while they are overloaded or away."""

    client: JsonPosting
    config: CertifierClientConfig
    random_below: Callable[[int], int]

    async def ask(self, url: str, body: bytes) -> HttpAnswer:
        """See CertifierServer."""

        async def attempt() -> HttpAnswer:
            answer = await self.client.post_json(url, body, max_bytes=MAX_ANSWER_BYTES)
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS or (
                answer.status >= SERVER_ERRORS and answer.status != HTTPStatus.NOT_IMPLEMENTED
            ):
                raise UnavailableError(f"{url}: {_shown(answer)}")
            return answer

        backoff = Backoff(
            first_ns=self.config.retry_delay,
            limit_ns=self.config.max_retry_delay,
            attempts=1 + self.config.max_retries,
        )
        return await retry(attempt, backoff, random_below=self.random_below)


class _Answer(msgspec.Struct, frozen=True):
    certificate: bytes
    signature: bytes
    pub_key: bytes


@dataclass(kw_only=True)
class Certificates:
    """The certificates of our smeshers."""

    db: Database
    local: Database
    clock: Clock
    server: CertifierServer
    _asking: SingleFlight[tuple[SmesherID, bytes], Certificate] = field(
        default_factory=SingleFlight
    )

    async def get(self, smesher: SmesherID, certifier: Certifier) -> Certificate:
        """Return a smesher's certificate; a certifier is asked if there is none yet.

        Raises:
            NotFoundError: there is no PoST to be certified.
            RejectError: the certifier refuses, or what it says is of no use.
            UnavailableError: the certifier does not answer.
        """

        async def work() -> Certificate:
            stored = find_poet_certificate(self.local, smesher, certifier.pubkey)
            if stored is not None:
                return Certificate(data=stored.certificate, signature=stored.signature)
            made = await self._certify(smesher, certifier)
            kept = PoetCertificate(certificate=made.data, signature=made.signature)
            with self.local.batch() as batch:
                put_poet_certificate(batch, smesher, certifier.pubkey, kept)
            return made

        return await self._asking.run((smesher, certifier.pubkey), work)

    def drop(self, smesher: SmesherID, certifier: Certifier) -> None:
        """Forget a certificate that a PoET refused."""
        with self.local.batch() as batch:
            delete_poet_certificate(batch, smesher, certifier.pubkey)

    async def _certify(self, smesher: SmesherID, certifier: Certifier) -> Certificate:
        url = certifier.url.rstrip("/") + CERTIFY_PATH
        answer = await self.server.ask(url, encode_request(smesher, self._post_of(smesher)))
        if answer.status != HTTPStatus.OK:
            raise RejectError(f"{url}: {_shown(answer)}")
        try:
            content = msgspec.json.decode(answer.body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RejectError(f"{url}: not a certificate: {error}") from error
        if content.pub_key != certifier.pubkey:
            raise RejectError(f"{url}: the key is {content.pub_key.hex()}, not the announced one")
        certificate = Certificate(data=content.certificate, signature=content.signature)
        objection = find_objection(certificate, certifier.pubkey, smesher, self.clock.now_ns())
        if objection:
            raise RejectError(f"{url}: {objection}")
        return certificate

    def _post_of(self, smesher: SmesherID) -> InitialPost:
        """Return a PoST of a smesher; one out of an ATX is kept for the next time."""
        stored = find_initial_post(self.local, smesher)
        if stored is not None:
            return stored
        atx = find_last_atx(self.db, smesher)
        commitment = find_commitment_atx(self.db, smesher)
        if atx is None or commitment is None:
            raise NotFoundError("post of smesher", smesher)
        post, challenge = _post_in(atx, get_atx_blob(self.db, atx.id))
        found = InitialPost(
            post=post,
            num_units=atx.num_units,
            commitment_atx=commitment,
            vrf_nonce=atx.vrf_nonce,
            challenge=challenge,
        )
        with self.local.batch() as batch:
            put_initial_post(batch, smesher, found)
        return found


def _post_in(atx: Atx, blob: bytes) -> tuple[Post, Hash32]:
    """Return the first PoST of an ATX, and what it was made for."""
    if atx.version == SECOND_VERSION:
        first = scale.decode(ActivationTxV2, blob).niposts[0]
        return first.posts[0].post, first.challenge
    nipost = scale.decode(ActivationTxV1, blob).inner.nipost
    if nipost is None or nipost.post is None or nipost.post_metadata is None:
        raise NotFoundError("post of atx", atx.id)
    return nipost.post, Hash32(nipost.post_metadata.challenge)


def encode_request(smesher: SmesherID, proof: InitialPost) -> bytes:
    """Return the request for a certificate, as JSON."""
    fields = {
        "proof": {
            "nonce": proof.post.nonce,
            "indices": _base64(proof.post.indices),
            "pow": proof.post.pow,
        },
        "metadata": {
            "node_id": _base64(smesher),
            "commitment_atx_id": _base64(proof.commitment_atx),
            "challenge": _base64(proof.challenge),
            "num_units": proof.num_units,
        },
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _shown(answer: HttpAnswer) -> str:
    text = answer.body[:200].decode(errors="replace")
    return f"answered {answer.status}: {text}" if text else f"answered {answer.status}"
