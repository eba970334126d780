"""From a service's table of methods to what grpc.aio calls.

Names, message types and streaming come from the descriptors, so a service is a name and a
mapping of method names to bound coroutines; nothing is generated for it.  A method that
the descriptor has and the mapping lacks answers UNIMPLEMENTED.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from node.api.errors import status_of
from node.base.errors import SpacemeshError

log = structlog.get_logger("grpc")

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

UNEXPECTED: Final = "internal error"
"""What a client is told of a fault of ours; the log has the rest."""


class Call:
    """What a stream can tell its client beside messages."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def ready(self) -> None:
        """Tell the client, once, that from now on nothing is missed: send the header."""
        await self._context.send_initial_metadata(())


Unary: TypeAlias = Callable[[Any], Awaitable[Message]]
"""One request, one answer."""

Stream: TypeAlias = Callable[[Any, Call], AsyncIterator[Message]]
"""One request, or an iterator of them, and many answers."""


@dataclass(frozen=True, slots=True)
class Service:
    """A gRPC service and what implements it."""

    descriptor: ServiceDescriptor

    methods: Mapping[str, Unary | Stream]
    """By the names in the descriptor."""


def generic_handler(service: Service) -> grpc.GenericRpcHandler:
    """Return what a server routes the service's calls to.

    Raises:
        KeyError: the service implements a method that its descriptor lacks.
    """
    described = service.descriptor.methods_by_name
    handlers = {
        name: _rpc_handler(described[name], method) for name, method in service.methods.items()
    }
    return grpc.method_handlers_generic_handler(service.descriptor.full_name, handlers)


def _rpc_handler(
    described: MethodDescriptor, method: Unary | Stream
) -> "grpc.RpcMethodHandler[Any, Any]":
    request = GetMessageClass(described.input_type)
    options: dict[str, Any] = {
        "request_deserializer": request.FromString,
        "response_serializer": _serialize,
    }
    if described.client_streaming:
        return grpc.stream_stream_rpc_method_handler(_stream(cast("Stream", method)), **options)
    if described.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_stream(cast("Stream", method)), **options)
    return grpc.unary_unary_rpc_method_handler(_unary(cast("Unary", method)), **options)


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _unary(method: Unary) -> Callable[[Any, Context], Awaitable[Message]]:
    async def call(request: Any, context: Context) -> Message:
        try:
            return await method(request)
        except Exception as error:
            await _abort(context, error)
            raise

    return call


def _stream(method: Stream) -> Callable[[Any, Context], Awaitable[None]]:
    """Return a handler that closes the method's iterator as soon as the call ends."""

    async def call(requests: Any, context: Context) -> None:
        try:
            async with aclosing(cast("Any", method(requests, Call(context)))) as messages:
                async for message in messages:
                    await context.write(message)
        except Exception as error:
            await _abort(context, error)
            raise

    return call


async def _abort(context: Context, error: Exception) -> None:
    """End a call with the status of an error; this raises unless the call is over already."""
    if isinstance(error, SpacemeshError):
        await context.abort(status_of(error), str(error))
    if not isinstance(error, grpc.aio.AbortError | grpc.aio.UsageError):
        log.error("call_failed", exc_info=error)
        await context.abort(grpc.StatusCode.INTERNAL, UNEXPECTED)
