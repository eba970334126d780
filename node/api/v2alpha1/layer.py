"""LayerService of version 2: layers in order."""

from collections.abc import Iterator
from dataclasses import dataclass

from node.api.backend import ApiBackend
from node.api.convert.v2alpha1 import layer
from node.api.queries import check_limit, page
from node.api.registration import Service
from node.pb.spacemesh.v2alpha1 import layer_pb2, v2alpha1_pb2
from node.store.blocks import block_ids_in_layer
from node.store.layers import layers_between
from node.types.layer import MAX_LAYER, LayerID


@dataclass(frozen=True, slots=True)
class LayerService:
    """Layers and what was applied in them."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(layer_pb2.DESCRIPTOR.services_by_name["LayerService"], {"List": self.list})

    async def list(self, request: layer_pb2.LayerRequest) -> layer_pb2.LayerList:
        """Return known layers; one with several blocks is there once for each."""
        check_limit(request.limit)
        layers = await page(self._rows(request), request.offset, request.limit)
        return layer_pb2.LayerList(layers=layers)

    def _rows(self, request: layer_pb2.LayerRequest) -> Iterator[layer_pb2.Layer]:
        db = self.backend.db
        found = layers_between(
            db,
            LayerID(request.start_layer),
            LayerID(request.end_layer or MAX_LAYER),
            newest_first=request.sort_order == v2alpha1_pb2.DESC,
        )
        for facts in found:
            blocks = sum(1 for _ in block_ids_in_layer(db, facts.layer))
            for _ in range(max(blocks, 1)):
                yield layer(facts, has_block=blocks > 0)
