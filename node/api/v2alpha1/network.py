"""NetworkService of version 2: which network this is."""

from dataclasses import dataclass

from node.api.backend import ApiBackend
from node.api.convert.user_events import duration, timestamp
from node.api.registration import Service
from node.pb.spacemesh.v2alpha1 import network_pb2


@dataclass(frozen=True, slots=True)
class NetworkService:
    """The constants of the network."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            network_pb2.DESCRIPTOR.services_by_name["NetworkService"], {"Info": self.info}
        )

    async def info(
        self, request: network_pb2.NetworkInfoRequest
    ) -> network_pb2.NetworkInfoResponse:
        """Return the constants of the network."""
        backend, time = self.backend, self.backend.time
        return network_pb2.NetworkInfoResponse(
            genesis_time=timestamp(time.genesis_ns),
            layer_duration=duration(time.layer_duration_ns),
            genesis_id=backend.genesis_id,
            hrp=backend.prefix,
            effective_genesis_layer=time.effective_genesis,
            layers_per_epoch=time.layers_per_epoch,
            labels_per_unit=backend.config.post.labels_per_unit,
        )
