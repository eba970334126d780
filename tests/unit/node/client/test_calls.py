"""Addresses of APIs, and what becomes of statuses."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from node.base.errors import (
    NotFoundError,
    PreconditionError,
    SpacemeshError,
    UnavailableError,
    UsageError,
)
from node.client.calls import Connection, Endpoint
from node.pb.spacemesh.v1 import types_pb2

METHOD = "test.Service/Say"
STREAM = "test.Service/Tell"


@pytest.mark.parametrize(
    ("text", "target", "is_secure"),
    [
        ("127.0.0.1:9092", "127.0.0.1:9092", False),
        (" node.example:1 ", "node.example:1", False),
        ("[::1]:9092", "[::1]:9092", False),
        ("http://127.0.0.1:9092/", "127.0.0.1:9092", False),
        ("https://api.example:9092", "api.example:9092", True),
        ("https://api.example", "api.example:443", True),
        ("https://[::1]", "[::1]:443", True),
    ],
)
def test_addresses_are_read(text: str, target: str, is_secure: bool) -> None:
    assert Endpoint.parse(text) == Endpoint(target=target, is_secure=is_secure)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "node",
        "node:",
        ":9092",
        "node:0",
        "node:70000",
        "a b:1",
        "http://node",
        "ftp://node:1",
        "https://node/path",
        "https://node:x",
        "https://node?x=1",
        "https://",
        "::1:9092",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Endpoint.parse(text)
    assert caught.value.code == "smesh.usage.endpoint"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("target", "is_local"),
    [
        ("127.0.0.1:1", True),
        ("0.0.0.0:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("10.0.0.1:1", False),
        ("node.example:1", False),
    ],
)
def test_this_machine_is_recognised(target: str, is_local: bool) -> None:
    assert Endpoint(target=target, is_secure=False).is_local is is_local


def _say(request: types_pb2.SimpleString, context: grpc.ServicerContext) -> types_pb2.SimpleString:
    name, _, text = request.value.partition(" ")
    if name in grpc.StatusCode.__members__:
        context.abort(grpc.StatusCode[name], text)
    return types_pb2.SimpleString(value=request.value[::-1])


def _tell(
    request: types_pb2.SimpleString, context: grpc.ServicerContext
) -> Iterator[types_pb2.SimpleString]:
    for letter in "abc":
        yield types_pb2.SimpleString(value=letter)
    if request.value == "wait":
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait()
    if request.value == "full":
        context.abort(grpc.StatusCode.CANCELLED, "buffer is full")


@contextmanager
def serving() -> Iterator[str]:
    forms: dict[str, Any] = {
        "request_deserializer": types_pb2.SimpleString.FromString,
        "response_serializer": lambda message: message.SerializeToString(),
    }
    handlers = {
        "Say": grpc.unary_unary_rpc_method_handler(_say, **forms),
        "Tell": grpc.unary_stream_rpc_method_handler(_tell, **forms),
        "Wait": grpc.unary_unary_rpc_method_handler(_wait, **forms),
    }
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads)
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("test.Service", handlers)]
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


def _wait(request: types_pb2.SimpleString, context: grpc.ServicerContext) -> types_pb2.SimpleString:
    ended = threading.Event()
    if context.add_callback(ended.set):  # False where the call has ended already
        ended.wait()
    return request


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def connection(address: str) -> Iterator[Connection]:
    connection = Connection(Endpoint.parse(address), limit_s=10)
    yield connection
    connection.close()


def say(connection: Connection, text: str) -> str:
    request = types_pb2.SimpleString(value=text)
    return connection.ask(METHOD, request, types_pb2.SimpleString).value


def tell(connection: Connection, text: str) -> Iterator[str]:
    request = types_pb2.SimpleString(value=text)
    return (one.value for one in connection.follow(STREAM, request, types_pb2.SimpleString))


def test_an_answer_is_returned(connection: Connection) -> None:
    assert say(connection, "abc") == "cba"


@pytest.mark.parametrize(
    ("status", "kind", "code", "message"),
    [
        ("UNAVAILABLE down", UnavailableError, "smesh.unavailable.node", "no node answers at"),
        ("CANCELLED full", UnavailableError, "smesh.unavailable.stream", "ended test.Service"),
        ("INVALID_ARGUMENT bad text", UsageError, "smesh.usage.node", "bad text"),
        (
            "INVALID_ARGUMENT Failed to verify transaction: bad nonce",
            PreconditionError,
            "smesh.precondition.nonce",
            "bad nonce",
        ),
        (
            "INVALID_ARGUMENT x: insufficient balance",
            PreconditionError,
            "smesh.precondition.balance",
            "balance",
        ),
        (
            "INVALID_ARGUMENT failed to parse tx: aa (err: account is not spawned)",
            PreconditionError,
            "smesh.precondition.spawn",
            "spawned",
        ),
        (
            "FAILED_PRECONDITION not in sync",
            PreconditionError,
            "smesh.precondition.node",
            "not in sync",
        ),
        ("NOT_FOUND id was not found", NotFoundError, "smesh.not_found", "id was not found"),
        (
            "UNIMPLEMENTED x",
            PreconditionError,
            "smesh.precondition.unimplemented",
            "has no test.Service/Say",
        ),
        ("UNKNOWN failed to parse in.Id.Address `x`: y", UsageError, "smesh.usage.node", "`x`"),
        ("UNKNOWN strange", SpacemeshError, "smesh.node", "(unknown): strange"),
        (
            "INTERNAL failed to start post supervisor: post service already started",
            PreconditionError,
            "smesh.precondition.smeshing",
            "already",
        ),
        ("INTERNAL broken", SpacemeshError, "smesh.node", "failed in test.Service/Say (internal)"),
    ],
)
def test_statuses_become_errors(
    connection: Connection, status: str, kind: type[SpacemeshError], code: str, message: str
) -> None:
    with pytest.raises(kind) as caught:
        say(connection, status)
    assert caught.value.code == code
    assert message in str(caught.value)


def test_an_answer_that_takes_too_long_is_given_up(address: str) -> None:
    connection = Connection(Endpoint.parse(address), limit_s=0.05)
    request = types_pb2.SimpleString()
    with pytest.raises(UnavailableError, match=r"did not answer .* within 0\.05 s"):
        connection.ask("test.Service/Wait", request, types_pb2.SimpleString)
    with pytest.raises(UnavailableError, match=r"within 0\.01 s"):
        connection.ask("test.Service/Wait", request, types_pb2.SimpleString, limit_s=0.01)
    connection.close()


def test_nobody_there_is_told() -> None:
    with serving() as address:
        pass
    connection = Connection(Endpoint.parse(address), limit_s=10)
    with pytest.raises(UnavailableError, match="no node answers") as caught:
        say(connection, "abc")
    assert "--node" in caught.value.hint
    connection.close()


def test_a_tls_endpoint_does_not_speak_plainly(address: str) -> None:
    connection = Connection(Endpoint.parse(f"https://{address}"), limit_s=10)
    with pytest.raises(UnavailableError):
        say(connection, "abc")
    connection.close()


def test_a_stream_ends_where_the_node_ends_it(connection: Connection) -> None:
    assert list(tell(connection, "end")) == ["a", "b", "c"]


def test_a_stream_that_lost_messages_is_told(connection: Connection) -> None:
    stream = tell(connection, "full")
    assert [next(stream) for _ in range(3)] == ["a", "b", "c"]
    with pytest.raises(UnavailableError, match="buffer is full"):
        next(stream)


def test_a_stream_can_be_left(connection: Connection) -> None:
    stream = connection.follow(STREAM, types_pb2.SimpleString(value="wait"), types_pb2.SimpleString)
    assert next(stream).value == "a"
    stream.close()  # type: ignore[attr-defined]
    assert say(connection, "abc") == "cba"


def test_closing_ends_a_stream_in_another_thread(connection: Connection) -> None:
    heard: list[str] = []
    third = threading.Event()

    def listen() -> None:
        for letter in tell(connection, "wait"):
            heard.append(letter)
            if len(heard) == 3:
                third.set()

    listener = threading.Thread(target=listen)
    listener.start()
    third.wait()
    assert not connection.is_closed
    connection.close()
    listener.join()
    assert heard == ["a", "b", "c"]
    assert connection.is_closed


def test_nothing_is_asked_after_closing(connection: Connection) -> None:
    connection.close()
    with pytest.raises(UnavailableError, match="is closed"):
        say(connection, "abc")
    with pytest.raises(UnavailableError, match="is closed"):
        list(tell(connection, "end"))


def test_a_message_that_is_none_is_a_fault_of_ours(connection: Connection) -> None:
    with pytest.raises(SpacemeshError):
        connection.ask("test.Service/Nothing", types_pb2.SimpleString(), types_pb2.SimpleString)


def test_closing_gives_up_a_call_in_another_thread(connection: Connection) -> None:
    problems: list[Exception] = []
    started = threading.Event()

    def ask() -> None:
        started.set()
        try:
            connection.ask("test.Service/Wait", types_pb2.SimpleString(), types_pb2.SimpleString)
        except UnavailableError as error:
            problems.append(error)

    asker = threading.Thread(target=ask)
    asker.start()
    started.wait()
    connection.close()
    asker.join()
    assert "is closed" in str(problems[0])
