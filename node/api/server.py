"""The gRPC servers of a node: public, private, for PoST workers, and with TLS.

Source: go-spacemesh, node/node.go and api/grpcserver; api digest section 2.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from node.api.backend import ApiBackend
from node.api.catalog import POST, PRIVATE, PUBLIC, make_services
from node.api.listeners import Credentials, ListenAddress, Listener, listen, warn_of_public
from node.api.user_events import record, user_events
from node.config.model.api import ApiConfig

log = structlog.get_logger("grpc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where the services listen, HOST:PORT as bound; empty where nothing does."""

    public: str
    private: str
    post: str
    tls: str


@asynccontextmanager
async def open_api(backend: ApiBackend, config: ApiConfig) -> AsyncIterator[Endpoints]:
    """Serve for the length of the block, and keep the log of user events.

    Leaving the block lets calls go on for a second.

    Raises:
        ConfigError: an address is malformed, or a service or file for TLS is not there.
        PreconditionError: an address is in use.
    """
    if config.json_listener:
        log.warning(
            "setting_has_no_effect",
            key="api.grpc-json-listener",
            reason="this version has no JSON gateway",
        )
    listeners = make_listeners(backend, config)
    warn_of_public(listener for listener in listeners.values() if not listener.is_for_strangers)
    async with AsyncExitStack() as stack:
        events = stack.enter_context(user_events(backend.bus))
        bound = {
            name: await stack.enter_async_context(listen(listener))
            for name, listener in listeners.items()
        }
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        recorder = tasks.create_task(record(backend.user_events, events, backend.clock))
        stack.callback(recorder.cancel)
        yield Endpoints(
            **{name: bound.get(name, "") for name in ("public", "private", "post", "tls")}
        )


def make_listeners(backend: ApiBackend, config: ApiConfig) -> dict[str, Listener]:
    """Return the listeners of a configuration that are on, by name.

    Raises:
        ConfigError: an address is malformed, or a service for TLS is not there.
    """
    wanted = (
        ("public", "grpc-public-listener", config.public_listener, PUBLIC),
        ("private", "grpc-private-listener", config.private_listener, PRIVATE),
        ("post", "grpc-post-listener", config.post_listener, POST),
        ("tls", "grpc-tls-listener", config.tls_listener, config.tls_services),
    )
    credentials = Credentials(
        authority=config.tls_ca_cert, certificate=config.tls_cert, key=config.tls_key
    )
    return {
        name: Listener(
            key=key,
            address=ListenAddress.parse(text, path=f"api.{key}"),
            services=make_services(backend, services),
            max_send=config.send_message_size,
            max_receive=config.receive_message_size,
            is_for_strangers=name == "public",
            credentials=credentials if name == "tls" else None,
        )
        for name, key, text, services in wanted
        if text
    }
