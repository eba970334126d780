"""NodeService: version, status and errors, and what every service shares."""

import grpc

from node.events import ErrorLogged, SyncChanged
from node.pb.spacemesh.v1 import node_types_pb2 as node
from node.pb.spacemesh.v1 import types_pb2 as types
from node.types.layer import LayerID
from tests.support.api import EMPTY_LAYER, GENESIS_NS, NS, ApiWorld

SERVICE = "spacemesh.v1.NodeService"


async def test_echo_returns_what_was_sent(world: ApiWorld) -> None:
    async with world.serve() as api:
        sent = node.EchoRequest(msg=types.SimpleString(value="hello"))
        assert (await api.unary(f"{SERVICE}/Echo", sent)).msg.value == "hello"


async def test_echo_without_a_message_is_refused(world: ApiWorld) -> None:
    async with world.serve() as api:
        assert await api.refusal(f"{SERVICE}/Echo") == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "Must include `Msg`",
        )


async def test_version_and_build_are_told(world: ApiWorld) -> None:
    async with world.serve() as api:
        assert (await api.unary(f"{SERVICE}/Version")).version_string.value == "v1.2.3"
        assert (await api.unary(f"{SERVICE}/Build")).build_string.value == "abcdef"


async def test_node_info_has_the_shape_of_the_network(world: ApiWorld) -> None:
    async with world.serve() as api:
        info = await api.unary(f"{SERVICE}/NodeInfo")
    assert info == node.NodeInfoResponse(
        hrp="sm", first_genesis=19, effective_genesis=19, epoch_size=10
    )


async def test_status_tells_how_far_the_node_is(world: ApiWorld) -> None:
    world.mesh.applied = LayerID(20)
    async with world.serve() as api:
        status = (await api.unary(f"{SERVICE}/Status")).status
    assert status.connected_peers == 3
    assert status.is_synced
    assert status.synced_layer.number == EMPTY_LAYER
    assert status.top_layer.number == 22
    assert status.verified_layer.number == 20


async def test_up_to_the_effective_genesis_the_latest_layer_is_verified(
    world: ApiWorld,
) -> None:
    world.clock.instant_ns = GENESIS_NS - 50 * NS
    world.mesh.latest = LayerID(19)
    world.mesh.applied = LayerID(0)
    async with world.serve() as api:
        status = (await api.unary(f"{SERVICE}/Status")).status
    assert (status.top_layer.number, status.verified_layer.number) == (0, 19)


async def test_the_status_stream_tells_every_change(world: ApiWorld) -> None:
    async with world.serve() as api:
        stream = api.stream(f"{SERVICE}/StatusStream")
        await stream.initial_metadata()
        world.sync.is_synced = False
        world.bus.publish(SyncChanged(is_synced=False, listens_to_gossip=False, atx_synced=False))
        assert not (await stream.read()).status.is_synced


async def test_the_error_stream_tells_what_is_logged(world: ApiWorld) -> None:
    async with world.serve() as api:
        stream = api.stream(f"{SERVICE}/ErrorStream")
        await stream.initial_metadata()
        for level in ("error", "critical"):
            world.bus.publish(
                ErrorLogged(level=level, component="mesh", message="it broke", stack_trace="here")
            )
        first, second = await stream.read(), await stream.read()
    assert first.error == node.NodeError(
        level=node.LOG_LEVEL_ERROR, msg="it broke", stack_trace="here"
    )
    assert second.error.level == node.LOG_LEVEL_FATAL
