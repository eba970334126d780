"""NodeService: the process itself."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from google.protobuf.empty_pb2 import Empty

from node.api.backend import ApiBackend
from node.api.convert.v1 import layer_number
from node.api.errors import invalid
from node.api.registration import Call, Service
from node.api.streams import CAPACITY, follow
from node.events import (
    ErrorLogged,
    Event,
    LayerApplied,
    LayerStarted,
    PeerCountChanged,
    SyncChanged,
)
from node.pb.spacemesh.v1 import node_pb2, node_types_pb2, types_pb2

LEVELS: Final = {
    "error": node_types_pb2.LOG_LEVEL_ERROR,
    "critical": node_types_pb2.LOG_LEVEL_FATAL,
}
"""Levels of our log that a stream of errors has."""

STATUS_EVENTS: Final[tuple[type[Event], ...]] = (
    SyncChanged,
    PeerCountChanged,
    LayerStarted,
    LayerApplied,
)
"""What changes the status."""


@dataclass(frozen=True, slots=True)
class NodeService:
    """Version, status and errors."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            node_pb2.DESCRIPTOR.services_by_name["NodeService"],
            {
                "Echo": self.echo,
                "Version": self.version,
                "Build": self.build,
                "Status": self.status,
                "NodeInfo": self.node_info,
                "StatusStream": self.status_stream,
                "ErrorStream": self.error_stream,
            },
        )

    async def echo(self, request: node_types_pb2.EchoRequest) -> node_types_pb2.EchoResponse:
        """Return what was sent."""
        if not request.HasField("msg"):
            raise invalid("Must include `Msg`")
        return node_types_pb2.EchoResponse(msg=request.msg)

    async def version(self, request: Empty) -> node_types_pb2.VersionResponse:
        """Return the version of this program."""
        text = types_pb2.SimpleString(value=self.backend.version)
        return node_types_pb2.VersionResponse(version_string=text)

    async def build(self, request: Empty) -> node_types_pb2.BuildResponse:
        """Return what this program was built from."""
        text = types_pb2.SimpleString(value=self.backend.build)
        return node_types_pb2.BuildResponse(build_string=text)

    async def status(self, request: node_types_pb2.StatusRequest) -> node_types_pb2.StatusResponse:
        """Return how far the node is."""
        return node_types_pb2.StatusResponse(status=self._status())

    async def node_info(self, request: Empty) -> node_types_pb2.NodeInfoResponse:
        """Return the shape of the network."""
        time = self.backend.time
        return node_types_pb2.NodeInfoResponse(
            hrp=self.backend.prefix,
            first_genesis=time.first_effective_genesis,
            effective_genesis=time.effective_genesis,
            epoch_size=time.layers_per_epoch,
        )

    async def status_stream(
        self, request: node_types_pb2.StatusStreamRequest, call: Call
    ) -> AsyncIterator[node_types_pb2.StatusStreamResponse]:
        """Yield the status whenever it changes."""
        with self.backend.bus.subscribe(*STATUS_EVENTS, capacity=CAPACITY) as events:
            await call.ready()
            async for _ in follow(events, "status buffer is full"):
                yield node_types_pb2.StatusStreamResponse(status=self._status())

    async def error_stream(
        self, request: node_types_pb2.ErrorStreamRequest, call: Call
    ) -> AsyncIterator[node_types_pb2.ErrorStreamResponse]:
        """Yield what is logged as an error."""
        with self.backend.bus.subscribe(ErrorLogged, capacity=CAPACITY) as events:
            await call.ready()
            async for event in follow(events, "errors buffer is full"):
                error = node_types_pb2.NodeError(
                    level=LEVELS.get(event.level, node_types_pb2.LOG_LEVEL_ERROR),
                    msg=event.message,
                    stack_trace=event.stack_trace,
                )
                yield node_types_pb2.ErrorStreamResponse(error=error)

    def _status(self) -> node_types_pb2.NodeStatus:
        mesh, current = self.backend.mesh, self.backend.current_layer()
        verified = mesh.applied
        if current <= self.backend.time.effective_genesis:
            verified = mesh.latest
        return node_types_pb2.NodeStatus(
            connected_peers=self.backend.peers(),
            is_synced=self.backend.sync.is_synced,
            synced_layer=layer_number(mesh.latest),
            top_layer=layer_number(current),
            verified_layer=layer_number(verified),
        )
