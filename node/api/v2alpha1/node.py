"""NodeService of version 2: how far the node is."""

from dataclasses import dataclass

from node.api.backend import ApiBackend
from node.api.registration import Service
from node.pb.spacemesh.v2alpha1 import node_pb2


@dataclass(frozen=True, slots=True)
class NodeService:
    """The node's own state."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(node_pb2.DESCRIPTOR.services_by_name["NodeService"], {"Status": self.status})

    async def status(self, request: node_pb2.NodeStatusRequest) -> node_pb2.NodeStatusResponse:
        """Return how far the node is."""
        backend, statuses = self.backend, node_pb2.NodeStatusResponse
        synced = backend.sync.is_synced
        return node_pb2.NodeStatusResponse(
            connected_peers=backend.peers(),
            status=statuses.SYNC_STATUS_SYNCED if synced else statuses.SYNC_STATUS_SYNCING,
            latest_layer=backend.mesh.latest,
            applied_layer=backend.mesh.applied,
            processed_layer=backend.mesh.processed,
            current_layer=backend.current_layer(),
        )
