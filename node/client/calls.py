"""Calls over gRPC with a deadline, and statuses as our errors.

Source: api digest sections 2 and 5; style digest 4.10.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import Message

from node.base.errors import (
    NotFoundError,
    PreconditionError,
    SpacemeshError,
    UnavailableError,
    UsageError,
)

M = TypeVar("M", bound=Message)

MAX_MESSAGE: Final = 10 << 20
"""Bytes of an answer, as nodes send them."""

HTTPS_PORT: Final = 443
MAX_PORT: Final = 0xFFFF

_HOST_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.%a-z]+\]|[^\s:/\[\]]+):([0-9]{1,5})")

REFUSALS: Final = (
    ("bad nonce", "smesh.precondition.nonce", "ask for the next nonce: smcli account show"),
    ("insufficient balance", "smesh.precondition.balance", "smcli account show tells the balance"),
    ("(err: account is not spawned)", "smesh.precondition.spawn", "spawn it: smcli tx spawn"),
    ("post service already started", "smesh.precondition.smeshing", "smcli smesh stop ends it"),
    ("tx already exists", "smesh.precondition.known", "smcli tx status tells what became of it"),
)
"""Ends of the texts of refusals that depend on the state, with code and hint."""

NOT_NOW: Final = "smesh.precondition.node"
"""Code of the error for what a node says that it cannot do as things are."""

UNREADABLE: Final = "failed to parse "
"""How version 1 begins what it says to an address that is none, without a status of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where an API listens."""

    target: str
    """HOST:PORT."""

    is_secure: bool
    """Whether it speaks TLS."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``HOST:PORT``, ``http://HOST:PORT`` or ``https://HOST``.

        Raises:
            UsageError: it is none of these.
        """
        stripped = text.strip()
        is_secure = stripped.startswith("https://")
        if "://" in stripped:
            stripped = _target_of_url(stripped)
        match = _HOST_PORT.fullmatch(stripped)
        if match is None or not 0 < int(match.group(2)) <= MAX_PORT:
            raise UsageError(
                f"{text!r} is no address of an API",
                code="smesh.usage.endpoint",
                hint="write HOST:PORT, such as 127.0.0.1:9092, or https://HOST",
            )
        return cls(target=stripped, is_secure=is_secure)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        host = self.target.rsplit(":", 1)[0].strip("[]")
        if host == "localhost":
            return True
        try:
            found = ip_address(host)
        except ValueError:
            return False
        return found.is_loopback or found.is_unspecified


class Connection:
    """A channel to one listener of a node; usable from several threads."""

    def __init__(self, endpoint: Endpoint, *, limit_s: float) -> None:
        """Prepare a channel; it connects with the first call.

        Args:
            endpoint: where to.
            limit_s: seconds after which a call without answer is given up.
        """
        self.endpoint = endpoint
        self._limit_s = limit_s
        self._closed = False
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_send_message_length", MAX_MESSAGE),
            ("grpc.enable_http_proxy", int(not endpoint.is_local)),
        ]
        if endpoint.is_secure:
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.secure_channel(endpoint.target, credentials, options=options)
        else:
            self._channel = grpc.insecure_channel(endpoint.target, options=options)

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def close(self) -> None:
        """End the channel and every call on it."""
        self._closed = True
        self._channel.close()

    def ask(
        self, method: str, request: Message, answer: type[M], *, limit_s: float | None = None
    ) -> M:
        """Return the answer to one request.

        Args:
            method: such as ``spacemesh.v1.NodeService/Version``.
            request: the message.
            answer: type of the answer.
            limit_s: how long it may take, if not as usual.

        Raises:
            SpacemeshError: as ``NodeApi`` says.
        """
        limit = self._limit_s if limit_s is None else limit_s
        call = self._channel.unary_unary(
            f"/{method}",
            request_serializer=_serialize,
            response_deserializer=answer.FromString,
        )
        try:
            return call(request, timeout=limit)
        except grpc.RpcError as error:
            raise self._error(method, error, limit) from error
        except ValueError as error:
            raise self._closed_error(error) from error

    def follow(self, method: str, request: Message, answer: type[M]) -> Iterator[M]:
        """Yield the answers of a stream until it or the connection ends.

        Raises:
            SpacemeshError: as ``NodeApi`` says.
        """
        open_stream = self._channel.unary_stream(
            f"/{method}",
            request_serializer=_serialize,
            response_deserializer=answer.FromString,
        )
        try:
            stream = open_stream(request)
        except ValueError as error:
            raise self._closed_error(error) from error
        try:
            yield from stream
        except grpc.RpcError as error:
            if not self._closed:
                raise self._error(method, error, self._limit_s) from error
        finally:
            stream.cancel()

    def _closed_error(self, error: ValueError) -> SpacemeshError:
        if not self._closed:
            raise error
        return UnavailableError(f"the connection to {self.endpoint.target} is closed")

    def _error(self, method: str, error: grpc.RpcError, limit_s: float) -> SpacemeshError:
        """Return our error for a status."""
        if self._closed or not isinstance(error, grpc.Call):
            return UnavailableError(f"the connection to {self.endpoint.target} is closed")
        where, text = self.endpoint.target, error.details() or ""
        found: SpacemeshError
        match error.code():
            case grpc.StatusCode.UNAVAILABLE:
                found = UnavailableError(
                    f"no node answers at {where}: {text}",
                    code="smesh.unavailable.node",
                    hint="smcli node status tells whether one runs; --node names another",
                )
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                found = UnavailableError(
                    f"the node at {where} did not answer {method} within {limit_s:g} s",
                    code="smesh.unavailable.deadline",
                    hint="it may be busy; try again",
                )
            case grpc.StatusCode.CANCELLED:
                found = UnavailableError(
                    f"the node at {where} ended {method}: {text}",
                    code="smesh.unavailable.stream",
                    hint="this program read too slowly; read again",
                )
            case grpc.StatusCode.INVALID_ARGUMENT:
                found = refusal(text) or UsageError(text, code="smesh.usage.node")
            case grpc.StatusCode.UNKNOWN if text.startswith(UNREADABLE):
                found = UsageError(text, code="smesh.usage.node")
            case grpc.StatusCode.FAILED_PRECONDITION:
                found = PreconditionError(text, code=NOT_NOW)
            case grpc.StatusCode.NOT_FOUND:
                found = NotFoundError("object", text)
            case grpc.StatusCode.UNIMPLEMENTED:
                found = PreconditionError(
                    f"the API at {where} has no {method}",
                    code="smesh.precondition.unimplemented",
                    hint="it may be another listener: smeshing and events are on the private one",
                )
            case code:
                found = refusal(text) or SpacemeshError(
                    f"the node at {where} failed in {method} ({code.name.lower()}): {text}",
                    code="smesh.node",
                    hint="its log may tell more: smcli node logs",
                )
        return found


def refusal(text: str) -> PreconditionError | None:
    """Return the error for what a node cannot do as things are; None for other texts."""
    for part, code, hint in REFUSALS:
        if text.endswith(part):
            return PreconditionError(text, code=code, hint=hint)
    return None


def _target_of_url(text: str) -> str:
    """Return HOST:PORT of a URL; something else for what is none."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return ""
    if url.scheme not in {"http", "https"} or url.path.strip("/") or url.query or not url.hostname:
        return ""
    if port is None and url.scheme == "https":
        return f"{url.netloc.rstrip(':')}:{HTTPS_PORT}"
    return url.netloc


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
