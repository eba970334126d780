"""The listeners: addresses, reflection, limits, TLS, faults."""

import datetime as dt
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from structlog.testing import capture_logs

from node.api.errors import ApiError, status_of
from node.api.listeners import ListenAddress
from node.api.registration import Service, generic_handler
from node.api.server import open_api
from node.base.errors import (
    ConfigError,
    IgnoreError,
    NotFoundError,
    PreconditionError,
    RejectError,
    SpacemeshError,
    UnavailableError,
    UsageError,
)
from node.config.model.api import ApiConfig
from node.pb.spacemesh.v1 import node_pb2, node_types_pb2, tx_types_pb2, types_pb2
from tests.support.api import ApiWorld

ECHO = "spacemesh.v1.NodeService/Echo"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
STATES = "spacemesh.v1.PostInfoService/PostStates"


async def test_reflection_names_the_services_of_a_listener(world: ApiWorld) -> None:
    async with world.serve() as api:
        described = Default().FindMessageTypeByName(f"{REFLECTION}Request")
        request = GetMessageClass(described)(list_services="")
        call = api.stream(f"{REFLECTION}/ServerReflectionInfo", iter([request]), on="post")
        answer = await call.read()
        names = {service.name for service in answer.list_services_response.service}
    assert names == {
        "spacemesh.v1.PostService",
        "spacemesh.v1.PostInfoService",
        REFLECTION,
    }


async def test_every_listener_has_its_own_services(world: ApiWorld) -> None:
    async with world.serve() as api:
        code, _ = await api.refusal("spacemesh.v1.SmesherService/IsSmeshing")
        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert (await api.unary(STATES, on="post")).states
        code, _ = await api.refusal(STATES, on="private")
        assert code is grpc.StatusCode.UNIMPLEMENTED


async def test_an_empty_address_is_off(world: ApiWorld) -> None:
    async with world.serve(private_listener="", post_listener="") as api:
        assert api.endpoints.private == api.endpoints.post == api.endpoints.tls == ""
        assert api.endpoints.public.startswith("127.0.0.1:")


async def test_an_address_that_is_in_use_is_refused(world: ApiWorld) -> None:
    async with world.serve() as api:
        taken = api.endpoints.public
        with pytest.raises(PreconditionError, match="cannot listen on"):
            async with open_api(world.backend, ApiConfig(public_listener=taken)):
                pass


@pytest.mark.parametrize("text", ["9092", "localhost:", "localhost:x", "localhost:70000"])
async def test_a_malformed_address_is_refused(world: ApiWorld, text: str) -> None:
    with pytest.raises(ConfigError, match="no address to listen on"):
        async with world.serve(public_listener=text):
            pass


@pytest.mark.parametrize(
    ("text", "is_public", "bound"),
    [
        ("127.0.0.1:0", False, "127.0.0.1:7"),
        ("localhost:0", False, "localhost:7"),
        ("0.0.0.0:0", True, "0.0.0.0:7"),
        ("node.example:0", True, "node.example:7"),
        (":0", True, "[::]:7"),
        ("[::1]:0", False, "[::1]:7"),
    ],
)
def test_hosts_are_told_apart(text: str, is_public: bool, bound: str) -> None:
    address = ListenAddress.parse(text, path="api.grpc-public-listener")
    assert address.is_public == is_public
    assert address.with_port(7) == bound


async def test_private_services_that_are_public_are_warned_of(world: ApiWorld) -> None:
    with capture_logs() as logs:
        async with world.serve(private_listener="0.0.0.0:0", json_listener="127.0.0.1:0"):
            pass
    warned = {entry["event"]: entry for entry in logs if entry["log_level"] == "warning"}
    assert warned["private_services_are_public"]["address"] == "0.0.0.0:0"
    assert warned["setting_has_no_effect"]["key"] == "api.grpc-json-listener"


async def test_a_request_over_the_limit_is_refused(world: ApiWorld) -> None:
    request = node_types_pb2.EchoRequest(msg=types_pb2.SimpleString(value="x" * 2000))
    async with world.serve(receive_message_size=1000) as api:
        code, _ = await api.refusal(ECHO, request)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_answer_over_the_limit_is_not_sent(world: ApiWorld) -> None:
    request = node_types_pb2.EchoRequest(msg=types_pb2.SimpleString(value="x" * 2000))
    async with world.serve(send_message_size=1000) as api:
        code, _ = await api.refusal(ECHO, request)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_fault_of_ours_is_logged_and_not_explained(world: ApiWorld) -> None:
    world.submit_error = ZeroDivisionError("secret")
    request = "spacemesh.v1.TransactionService/SubmitTransaction"
    async with world.serve() as api:
        with capture_logs() as logs:
            refusal = await api.refusal(
                request, tx_types_pb2.SubmitTransactionRequest(transaction=b"x")
            )
    assert refusal == (grpc.StatusCode.INTERNAL, "internal error")
    assert [entry["event"] for entry in logs] == ["call_failed"]


async def test_a_method_that_nobody_implements_answers_so(world: ApiWorld) -> None:
    async with world.serve() as api:
        code, _ = await api.stream_refusal("spacemesh.v1.AdminService/PeerInfoStream", on="private")
    assert code is grpc.StatusCode.UNIMPLEMENTED


async def test_a_client_that_leaves_ends_its_stream(world: ApiWorld) -> None:
    async with world.serve() as api:
        stream = api.stream("spacemesh.v1.NodeService/StatusStream")
        await stream.initial_metadata()
        stream.cancel()
        await api.unary(ECHO, node_types_pb2.EchoRequest(msg=types_pb2.SimpleString(value="x")))


def test_a_service_cannot_have_methods_that_are_not_described() -> None:
    async def nothing(request: object) -> types_pb2.SimpleInt:
        raise AssertionError

    service = Service(node_pb2.DESCRIPTOR.services_by_name["NodeService"], {"Nothing": nothing})
    with pytest.raises(KeyError):
        generic_handler(service)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ApiError(grpc.StatusCode.ABORTED, "x"), grpc.StatusCode.ABORTED),
        (RejectError("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (UsageError("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (NotFoundError("atx", b"x"), grpc.StatusCode.NOT_FOUND),
        (IgnoreError("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (PreconditionError("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (UnavailableError("x"), grpc.StatusCode.UNAVAILABLE),
        (SpacemeshError("x"), grpc.StatusCode.INTERNAL),
    ],
)
def test_every_error_has_a_status(error: SpacemeshError, status: grpc.StatusCode) -> None:
    assert status_of(error) is status


# TLS


def write_pem(folder: Path, name: str, issuer: str) -> tuple[Path, Path]:
    """Write a certificate and its key; ``issuer`` is its own name for an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key = key
    if issuer != name:
        pem = (folder / f"{issuer}.key").read_bytes()
        loaded = serialization.load_pem_private_key(pem, None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        issuer_key = loaded
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer == name, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


async def test_the_tls_listener_lets_clients_in_who_have_a_certificate(
    world: ApiWorld, tmp_path: Path
) -> None:
    authority, _ = write_pem(tmp_path, "authority", "authority")
    certificate, key = write_pem(tmp_path, "server", "authority")
    client_certificate, client_key = write_pem(tmp_path, "client", "authority")
    settings = {
        "tls_listener": "localhost:0",
        "tls_ca_cert": str(authority),
        "tls_cert": str(certificate),
        "tls_key": str(key),
    }
    async with world.serve(**settings) as api:
        credentials = grpc.ssl_channel_credentials(
            authority.read_bytes(), client_key.read_bytes(), client_certificate.read_bytes()
        )
        secure = grpc.aio.secure_channel(api.endpoints.tls, credentials)
        states = await api.over(secure, STATES)
        assert len(states.states) == 1
        await secure.close(None)
        anonymous = grpc.aio.secure_channel(
            api.endpoints.tls, grpc.ssl_channel_credentials(authority.read_bytes())
        )
        with pytest.raises(grpc.aio.AioRpcError):
            await api.over(anonymous, STATES)
        await anonymous.close(None)


async def test_a_tls_listener_without_its_files_is_refused(world: ApiWorld) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        async with world.serve(tls_listener="localhost:0"):
            pass


async def test_an_unknown_service_for_tls_is_refused(world: ApiWorld) -> None:
    with pytest.raises(ConfigError, match="unsupported service: nothing"):
        async with world.serve(tls_listener="localhost:0", tls_services=("nothing",)):
            pass
