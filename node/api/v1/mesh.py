"""MeshService: time, layers and what they hold."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from node.api.backend import ApiBackend
from node.api.convert.malfeasance import malfeasance_message
from node.api.convert.v1 import ToV1, layer_number
from node.api.errors import internal, invalid
from node.api.queries import (
    clip,
    find_layer_content,
    history_of,
    in_turns,
    parse_filter_address,
    parse_hex,
)
from node.api.registration import Call, Service
from node.api.streams import CAPACITY, follow, kinds_of
from node.base.errors import SpacemeshError
from node.events import (
    AtxStored,
    Event,
    LayerApplied,
    LayerApproved,
    LayerStarted,
    LayerVerified,
    SmesherMalicious,
    TransactionStored,
)
from node.layer_ticker import NS_PER_SECOND
from node.pb.spacemesh.v1 import mesh_pb2, mesh_types_pb2, types_pb2
from node.store.atxs import atxs_in_epoch
from node.store.identities import find_malfeasance, is_malicious, malfeasances
from node.types.ids import SmesherID
from node.types.layer import EpochID, LayerID

MAX_U32: Final = 0xFFFF_FFFF

LayerChange: TypeAlias = LayerStarted | LayerApproved | LayerApplied | LayerVerified

LAYER_STATUSES: Final[dict[type[LayerChange], "types_pb2.Layer.LayerStatus"]] = {
    LayerStarted: types_pb2.Layer.LAYER_STATUS_UNSPECIFIED,
    LayerApproved: types_pb2.Layer.LAYER_STATUS_APPROVED,
    LayerApplied: types_pb2.Layer.LAYER_STATUS_APPLIED,
    LayerVerified: types_pb2.Layer.LAYER_STATUS_APPLIED,
}
"""What the stream of layers calls a layer after each event."""

ACCOUNT_KINDS: Final[dict[int, tuple[type[Event], ...]]] = {
    mesh_types_pb2.ACCOUNT_MESH_DATA_FLAG_TRANSACTIONS: (TransactionStored,),
    mesh_types_pb2.ACCOUNT_MESH_DATA_FLAG_ACTIVATIONS: (AtxStored,),
}
"""The events behind each flag."""


@dataclass(frozen=True, slots=True)
class MeshService:
    """Constants of the network, layers, ATXs, misbehaviour."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            mesh_pb2.DESCRIPTOR.services_by_name["MeshService"],
            {
                "GenesisTime": self.genesis_time,
                "CurrentLayer": self.current_layer,
                "CurrentEpoch": self.current_epoch,
                "GenesisID": self.genesis_id,
                "EpochNumLayers": self.epoch_num_layers,
                "LayerDuration": self.layer_duration,
                "MaxTransactionsPerSecond": self.max_transactions_per_second,
                "AccountMeshDataQuery": self.account_mesh_data_query,
                "LayersQuery": self.layers_query,
                "AccountMeshDataStream": self.account_mesh_data_stream,
                "LayerStream": self.layer_stream,
                "EpochStream": self.epoch_stream,
                "MalfeasanceQuery": self.malfeasance_query,
                "MalfeasanceStream": self.malfeasance_stream,
            },
        )

    @property
    def _to(self) -> ToV1:
        return ToV1(self.backend.prefix)

    # Constants and the clock

    async def genesis_time(
        self, request: mesh_types_pb2.GenesisTimeRequest
    ) -> mesh_types_pb2.GenesisTimeResponse:
        """Return when layer 0 began, in seconds since the Unix epoch."""
        seconds = self.backend.time.genesis_ns // NS_PER_SECOND
        return mesh_types_pb2.GenesisTimeResponse(unixtime=types_pb2.SimpleInt(value=seconds))

    async def current_layer(
        self, request: mesh_types_pb2.CurrentLayerRequest
    ) -> mesh_types_pb2.CurrentLayerResponse:
        """Return the layer running now."""
        layer = layer_number(self.backend.current_layer())
        return mesh_types_pb2.CurrentLayerResponse(layernum=layer)

    async def current_epoch(
        self, request: mesh_types_pb2.CurrentEpochRequest
    ) -> mesh_types_pb2.CurrentEpochResponse:
        """Return the epoch running now."""
        epoch = self.backend.time.epoch_of(self.backend.current_layer())
        number = types_pb2.EpochNumber(number=epoch)
        return mesh_types_pb2.CurrentEpochResponse(epochnum=number)

    async def genesis_id(
        self, request: mesh_types_pb2.GenesisIDRequest
    ) -> mesh_types_pb2.GenesisIDResponse:
        """Return what tells this network from others."""
        return mesh_types_pb2.GenesisIDResponse(genesis_id=self.backend.genesis_id)

    async def epoch_num_layers(
        self, request: mesh_types_pb2.EpochNumLayersRequest
    ) -> mesh_types_pb2.EpochNumLayersResponse:
        """Return how many layers an epoch has."""
        layers = layer_number(self.backend.time.layers_per_epoch)
        return mesh_types_pb2.EpochNumLayersResponse(numlayers=layers)

    async def layer_duration(
        self, request: mesh_types_pb2.LayerDurationRequest
    ) -> mesh_types_pb2.LayerDurationResponse:
        """Return the whole seconds that a layer takes."""
        seconds = types_pb2.SimpleInt(value=self._layer_seconds())
        return mesh_types_pb2.LayerDurationResponse(duration=seconds)

    async def max_transactions_per_second(
        self, request: mesh_types_pb2.MaxTransactionsPerSecondRequest
    ) -> mesh_types_pb2.MaxTransactionsPerSecondResponse:
        """Return how many transactions full proposals hold for each second of a layer."""
        main = self.backend.config.main
        in_layer = (main.txs_per_proposal * main.layer_average_size) & MAX_U32
        rate = types_pb2.SimpleInt(value=in_layer // max(self._layer_seconds(), 1))
        return mesh_types_pb2.MaxTransactionsPerSecondResponse(max_txs_per_second=rate)

    def _layer_seconds(self) -> int:
        return self.backend.time.layer_duration_ns // NS_PER_SECOND

    # Accounts

    async def account_mesh_data_query(
        self, request: mesh_types_pb2.AccountMeshDataQueryRequest
    ) -> mesh_types_pb2.AccountMeshDataQueryResponse:
        """Return transactions of an account; its activations are never returned.

        Raises:
            ApiError: a part of the request is missing, or wrong.
        """
        first, last = LayerID(request.min_layer.number), self.backend.mesh.latest
        if first > last:
            raise invalid("`LatestLayer` must be less than or equal to latest layer")
        address = parse_filter_address(
            self.backend, request, request.filter.account_mesh_data_flags
        )
        data: list[mesh_types_pb2.AccountMeshData] = []
        flags = request.filter.account_mesh_data_flags
        if flags & mesh_types_pb2.ACCOUNT_MESH_DATA_FLAG_TRANSACTIONS:
            async for stored in in_turns(history_of(self.backend.db, address, first, last)):
                layer = LayerID(0) if stored.result is None else stored.result.layer
                found = self._to.mesh_transaction(stored.transaction, layer)
                data.append(mesh_types_pb2.AccountMeshData(mesh_transaction=found))
        if request.offset > len(data):
            return mesh_types_pb2.AccountMeshDataQueryResponse()
        return mesh_types_pb2.AccountMeshDataQueryResponse(
            data=clip(data, request.offset, request.max_results), total_results=len(data)
        )

    async def account_mesh_data_stream(
        self, request: mesh_types_pb2.AccountMeshDataStreamRequest, call: Call
    ) -> AsyncIterator[mesh_types_pb2.AccountMeshDataStreamResponse]:
        """Yield activations that reward an account, and transactions it pays.

        Raises:
            ApiError: a part of the request is missing, or wrong.
        """
        flags = request.filter.account_mesh_data_flags
        address = parse_filter_address(self.backend, request, flags)
        kinds = kinds_of(flags, ACCOUNT_KINDS)
        full = "tx buffer is full" if TransactionStored in kinds else "activations buffer is full"
        with self.backend.bus.subscribe(*kinds, capacity=CAPACITY) as events:
            await call.ready()
            async for event in follow(events, full):
                datum = None
                match event:
                    case AtxStored(atx=atx) if atx.coinbase == address:
                        datum = mesh_types_pb2.AccountMeshData(activation=self._to.activation(atx))
                    case TransactionStored(transaction=transaction, is_valid=True, layer=layer):
                        header = transaction.header
                        if header is not None and header.principal == address:
                            found = self._to.mesh_transaction(transaction, layer)
                            datum = mesh_types_pb2.AccountMeshData(mesh_transaction=found)
                if datum is not None:
                    yield mesh_types_pb2.AccountMeshDataStreamResponse(datum=datum)

    # Layers and epochs

    async def layers_query(
        self, request: mesh_types_pb2.LayersQueryRequest
    ) -> mesh_types_pb2.LayersQueryResponse:
        """Return layers with their blocks.

        Raises:
            ApiError: one of them cannot be read.
        """
        mesh = self.backend.mesh
        layers = []
        numbers = range(request.start_layer.number, request.end_layer.number + 1)
        async for number in in_turns(numbers):
            layer = LayerID(number)
            status = types_pb2.Layer.LAYER_STATUS_UNSPECIFIED
            if layer <= mesh.applied:
                status = types_pb2.Layer.LAYER_STATUS_APPROVED
            if layer <= mesh.processed:
                status = types_pb2.Layer.LAYER_STATUS_CONFIRMED
            layers.append(self._layer(layer, status))
        return mesh_types_pb2.LayersQueryResponse(layer=layers)

    async def layer_stream(
        self, request: mesh_types_pb2.LayerStreamRequest, call: Call
    ) -> AsyncIterator[mesh_types_pb2.LayerStreamResponse]:
        """Yield a layer whenever something about it is decided.

        Raises:
            ApiError: one cannot be read.
        """
        genesis = self.backend.time.effective_genesis
        kinds: tuple[type[LayerChange], ...] = tuple(LAYER_STATUSES)
        with self.backend.bus.subscribe(*kinds, capacity=CAPACITY) as events:
            await call.ready()
            async for event in follow(events, "layer buffer is full"):
                if event.layer > genesis or not isinstance(event, LayerStarted):
                    found = self._layer(event.layer, LAYER_STATUSES[type(event)])
                    yield mesh_types_pb2.LayerStreamResponse(layer=found)

    def _layer(self, layer: LayerID, status: "types_pb2.Layer.LayerStatus") -> types_pb2.Layer:
        try:
            content = find_layer_content(self.backend.db, layer)
        except SpacemeshError as error:
            raise internal("error retrieving layer data") from error
        if content is None:
            return self._to.layer(layer, status)
        return self._to.layer(
            layer,
            status,
            block=content.block,
            transactions=content.transactions,
            mesh_hash=content.mesh_hash,
            root=content.state_hash,
        )

    async def epoch_stream(
        self, request: mesh_types_pb2.EpochStreamRequest, call: Call
    ) -> AsyncIterator[mesh_types_pb2.EpochStreamResponse]:
        """Yield the ATXs that were published in an epoch by honest smeshers."""
        await call.ready()
        async for atx in in_turns(atxs_in_epoch(self.backend.db, EpochID(request.epoch))):
            if not is_malicious(self.backend.db, atx.smesher):
                yield mesh_types_pb2.EpochStreamResponse(id=types_pb2.ActivationId(id=atx.id))

    # Misbehaviour

    async def malfeasance_query(
        self, request: mesh_types_pb2.MalfeasanceRequest
    ) -> mesh_types_pb2.MalfeasanceResponse:
        """Return what is known against a smesher; an empty proof if nothing is.

        Raises:
            ApiError: the smesher is not 32 bytes in hexadecimal.
        """
        wanted = parse_hex(request.smesher_hex)
        if len(wanted) != SmesherID.SIZE:
            raise invalid(f"invalid smesher id length ({len(wanted)}), expected ({SmesherID.SIZE})")
        found = find_malfeasance(self.backend.db, SmesherID(wanted))
        proof = types_pb2.MalfeasanceProof()
        if found is not None:
            proof = malfeasance_message(
                found.smesher, found.proof, include_proof=request.include_proof
            )
        return mesh_types_pb2.MalfeasanceResponse(proof=proof)

    async def malfeasance_stream(
        self, request: mesh_types_pb2.MalfeasanceStreamRequest, call: Call
    ) -> AsyncIterator[mesh_types_pb2.MalfeasanceStreamResponse]:
        """Yield what is known against smeshers, then what is learned."""
        with self.backend.bus.subscribe(SmesherMalicious, capacity=CAPACITY) as events:
            await call.ready()
            async for known in in_turns(malfeasances(self.backend.db)):
                yield self._convict(known.smesher, known.proof, request)
            async for event in follow(events, "buffer is full"):
                yield self._convict(event.smesher, event.proof, request)

    def _convict(
        self, smesher: SmesherID, proof: bytes, request: mesh_types_pb2.MalfeasanceStreamRequest
    ) -> mesh_types_pb2.MalfeasanceStreamResponse:
        found = malfeasance_message(smesher, proof, include_proof=request.include_proof)
        return mesh_types_pb2.MalfeasanceStreamResponse(proof=found)
