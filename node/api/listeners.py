"""One address a gRPC server listens on, with or without TLS.

Source: go-spacemesh, api/grpcserver/grpc.go; api digest section 2.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import grpc
import structlog
from grpc_reflection.v1alpha import reflection

from node.api.registration import Service, generic_handler
from node.base.errors import ConfigError, PreconditionError

log = structlog.get_logger("grpc")

GRACE_S: Final = 1.0
"""How long calls may go on after the server was told to stop."""

MAX_PORT: Final = 65_535

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS

COMMON_OPTIONS: Final = (
    # Two nodes must not share a port unnoticed.
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", MINUTE_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_timeout_ms", 10 * SECOND_MS),
)
LASTING_OPTIONS: Final = (("grpc.keepalive_time_ms", 10 * MINUTE_MS),)
"""For clients who stay: operators and PoST workers."""

PASSING_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", MINUTE_MS),
    ("grpc.max_connection_idle_ms", 2 * HOUR_MS),
    ("grpc.max_connection_age_ms", 3 * HOUR_MS),
    ("grpc.max_connection_age_grace_ms", 10 * MINUTE_MS),
)
"""For strangers."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """HOST:PORT of the configuration."""

    host: str
    """Empty for every interface."""

    port: int
    """0 for any that is free."""

    @classmethod
    def parse(cls, text: str, *, path: str) -> "ListenAddress":
        """Read ``text``, which the key ``path`` of the configuration holds.

        Raises:
            ConfigError: it is not HOST:PORT.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdecimal() or int(port) > MAX_PORT:
            raise ConfigError(
                f"`{text}` is no address to listen on",
                path=path,
                hint="write HOST:PORT, such as 127.0.0.1:9092; port 0 takes any free one",
            )
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    @property
    def is_public(self) -> bool:
        """Tell whether other machines may reach it."""
        if not self.host:
            return True
        try:
            return not ip_address(self.host).is_loopback
        except ValueError:
            return self.host != "localhost"

    def with_port(self, port: int) -> str:
        """Return the text of this host with a port."""
        host = self.host or "::"
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Files of a listener that only lets known clients in, all PEM."""

    authority: str
    """Certificates that clients must be signed by."""

    certificate: str
    key: str

    def load(self) -> grpc.ServerCredentials:
        """Read the files.

        Raises:
            ConfigError: one of them cannot be read.
        """
        authority = _read(self.authority, "api.grpc-tls-ca-cert")
        certificate = _read(self.certificate, "api.grpc-tls-cert")
        key = _read(self.key, "api.grpc-tls-key")
        return grpc.ssl_server_credentials(
            [(key, certificate)], root_certificates=authority, require_client_auth=True
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """What is served at one address, and how."""

    key: str
    """Of the configuration, for messages."""

    address: ListenAddress
    services: tuple[Service, ...]

    max_send: int
    """Most bytes of an answer."""

    max_receive: int
    """Most bytes of a request."""

    is_for_strangers: bool = False
    """Whether idle and old connections are closed."""

    credentials: Credentials | None = None


@asynccontextmanager
async def listen(listener: Listener) -> AsyncIterator[str]:
    """Serve for the length of the block; give HOST:PORT as bound.

    Raises:
        ConfigError: the files for TLS cannot be read.
        PreconditionError: the address is in use, or is none of this machine.
    """
    behaviour = PASSING_OPTIONS if listener.is_for_strangers else LASTING_OPTIONS
    server = grpc.aio.server(
        options=(
            *COMMON_OPTIONS,
            *behaviour,
            ("grpc.max_send_message_length", listener.max_send),
            ("grpc.max_receive_message_length", listener.max_receive),
        )
    )
    server.add_generic_rpc_handlers([generic_handler(service) for service in listener.services])
    names = (service.descriptor.full_name for service in listener.services)
    reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)
    bound = _bind(server, listener)
    await server.start()
    log.info("listening", listener=listener.key, address=bound)
    try:
        yield bound
    finally:
        await server.stop(GRACE_S)


def warn_of_public(listeners: Iterable[Listener]) -> None:
    """Log each address of these that other machines may reach."""
    for listener in listeners:
        if listener.address.is_public:
            log.warning(
                "private_services_are_public",
                listener=listener.key,
                address=listener.address.with_port(listener.address.port),
            )


def _bind(server: grpc.aio.Server, listener: Listener) -> str:
    wanted = listener.address.with_port(listener.address.port)
    try:
        if listener.credentials is None:
            port = server.add_insecure_port(wanted)
        else:
            port = server.add_secure_port(wanted, listener.credentials.load())
    except RuntimeError as error:
        raise PreconditionError(
            f"cannot listen on {wanted}",
            code="smesh.api.listen",
            hint=f"another program may use the port; choose another one with api.{listener.key}",
        ) from error
    return listener.address.with_port(port)


def _read(file: str, path: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"`{file}` cannot be read: {error.strerror}",
            path=path,
            hint="the TLS listener needs three PEM files",
        ) from error
