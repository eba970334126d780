from node.pb.spacemesh.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccountMeshDataFlag(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNT_MESH_DATA_FLAG_UNSPECIFIED: _ClassVar[AccountMeshDataFlag]
    ACCOUNT_MESH_DATA_FLAG_TRANSACTIONS: _ClassVar[AccountMeshDataFlag]
    ACCOUNT_MESH_DATA_FLAG_ACTIVATIONS: _ClassVar[AccountMeshDataFlag]
ACCOUNT_MESH_DATA_FLAG_UNSPECIFIED: AccountMeshDataFlag
ACCOUNT_MESH_DATA_FLAG_TRANSACTIONS: AccountMeshDataFlag
ACCOUNT_MESH_DATA_FLAG_ACTIVATIONS: AccountMeshDataFlag

class GenesisTimeResponse(_message.Message):
    __slots__ = ("unixtime",)
    UNIXTIME_FIELD_NUMBER: _ClassVar[int]
    unixtime: _types_pb2.SimpleInt
    def __init__(self, unixtime: _Optional[_Union[_types_pb2.SimpleInt, _Mapping]] = ...) -> None: ...

class CurrentLayerResponse(_message.Message):
    __slots__ = ("layernum",)
    LAYERNUM_FIELD_NUMBER: _ClassVar[int]
    layernum: _types_pb2.LayerNumber
    def __init__(self, layernum: _Optional[_Union[_types_pb2.LayerNumber, _Mapping]] = ...) -> None: ...

class CurrentEpochResponse(_message.Message):
    __slots__ = ("epochnum",)
    EPOCHNUM_FIELD_NUMBER: _ClassVar[int]
    epochnum: _types_pb2.EpochNumber
    def __init__(self, epochnum: _Optional[_Union[_types_pb2.EpochNumber, _Mapping]] = ...) -> None: ...

class GenesisIDResponse(_message.Message):
    __slots__ = ("genesis_id",)
    GENESIS_ID_FIELD_NUMBER: _ClassVar[int]
    genesis_id: bytes
    def __init__(self, genesis_id: _Optional[bytes] = ...) -> None: ...

class EpochNumLayersResponse(_message.Message):
    __slots__ = ("numlayers",)
    NUMLAYERS_FIELD_NUMBER: _ClassVar[int]
    numlayers: _types_pb2.LayerNumber
    def __init__(self, numlayers: _Optional[_Union[_types_pb2.LayerNumber, _Mapping]] = ...) -> None: ...

class LayerDurationResponse(_message.Message):
    __slots__ = ("duration",)
    DURATION_FIELD_NUMBER: _ClassVar[int]
    duration: _types_pb2.SimpleInt
    def __init__(self, duration: _Optional[_Union[_types_pb2.SimpleInt, _Mapping]] = ...) -> None: ...

class MaxTransactionsPerSecondResponse(_message.Message):
    __slots__ = ("max_txs_per_second",)
    MAX_TXS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    max_txs_per_second: _types_pb2.SimpleInt
    def __init__(self, max_txs_per_second: _Optional[_Union[_types_pb2.SimpleInt, _Mapping]] = ...) -> None: ...

class AccountMeshDataFilter(_message.Message):
    __slots__ = ("account_id", "account_mesh_data_flags")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_MESH_DATA_FLAGS_FIELD_NUMBER: _ClassVar[int]
    account_id: _types_pb2.AccountId
    account_mesh_data_flags: int
    def __init__(self, account_id: _Optional[_Union[_types_pb2.AccountId, _Mapping]] = ..., account_mesh_data_flags: _Optional[int] = ...) -> None: ...

class AccountMeshData(_message.Message):
    __slots__ = ("mesh_transaction", "activation")
    MESH_TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    mesh_transaction: _types_pb2.MeshTransaction
    activation: _types_pb2.Activation
    def __init__(self, mesh_transaction: _Optional[_Union[_types_pb2.MeshTransaction, _Mapping]] = ..., activation: _Optional[_Union[_types_pb2.Activation, _Mapping]] = ...) -> None: ...

class AccountMeshDataStreamRequest(_message.Message):
    __slots__ = ("filter",)
    FILTER_FIELD_NUMBER: _ClassVar[int]
    filter: AccountMeshDataFilter
    def __init__(self, filter: _Optional[_Union[AccountMeshDataFilter, _Mapping]] = ...) -> None: ...

class AccountMeshDataStreamResponse(_message.Message):
    __slots__ = ("datum",)
    DATUM_FIELD_NUMBER: _ClassVar[int]
    datum: AccountMeshData
    def __init__(self, datum: _Optional[_Union[AccountMeshData, _Mapping]] = ...) -> None: ...

class AccountMeshDataQueryRequest(_message.Message):
    __slots__ = ("filter", "min_layer", "max_results", "offset")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    MIN_LAYER_FIELD_NUMBER: _ClassVar[int]
    MAX_RESULTS_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    filter: AccountMeshDataFilter
    min_layer: _types_pb2.LayerNumber
    max_results: int
    offset: int
    def __init__(self, filter: _Optional[_Union[AccountMeshDataFilter, _Mapping]] = ..., min_layer: _Optional[_Union[_types_pb2.LayerNumber, _Mapping]] = ..., max_results: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class AccountMeshDataQueryResponse(_message.Message):
    __slots__ = ("data", "total_results")
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTAL_RESULTS_FIELD_NUMBER: _ClassVar[int]
    data: _containers.RepeatedCompositeFieldContainer[AccountMeshData]
    total_results: int
    def __init__(self, data: _Optional[_Iterable[_Union[AccountMeshData, _Mapping]]] = ..., total_results: _Optional[int] = ...) -> None: ...

class LayersQueryRequest(_message.Message):
    __slots__ = ("start_layer", "end_layer")
    START_LAYER_FIELD_NUMBER: _ClassVar[int]
    END_LAYER_FIELD_NUMBER: _ClassVar[int]
    start_layer: _types_pb2.LayerNumber
    end_layer: _types_pb2.LayerNumber
    def __init__(self, start_layer: _Optional[_Union[_types_pb2.LayerNumber, _Mapping]] = ..., end_layer: _Optional[_Union[_types_pb2.LayerNumber, _Mapping]] = ...) -> None: ...

class LayersQueryResponse(_message.Message):
    __slots__ = ("layer",)
    LAYER_FIELD_NUMBER: _ClassVar[int]
    layer: _containers.RepeatedCompositeFieldContainer[_types_pb2.Layer]
    def __init__(self, layer: _Optional[_Iterable[_Union[_types_pb2.Layer, _Mapping]]] = ...) -> None: ...

class LayerStreamResponse(_message.Message):
    __slots__ = ("layer",)
    LAYER_FIELD_NUMBER: _ClassVar[int]
    layer: _types_pb2.Layer
    def __init__(self, layer: _Optional[_Union[_types_pb2.Layer, _Mapping]] = ...) -> None: ...

class EpochStreamRequest(_message.Message):
    __slots__ = ("epoch",)
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    def __init__(self, epoch: _Optional[int] = ...) -> None: ...

class EpochStreamResponse(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: _types_pb2.ActivationId
    def __init__(self, id: _Optional[_Union[_types_pb2.ActivationId, _Mapping]] = ...) -> None: ...

class MalfeasanceRequest(_message.Message):
    __slots__ = ("smesher_hex", "include_proof")
    SMESHER_HEX_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_PROOF_FIELD_NUMBER: _ClassVar[int]
    smesher_hex: str
    include_proof: bool
    def __init__(self, smesher_hex: _Optional[str] = ..., include_proof: _Optional[bool] = ...) -> None: ...

class MalfeasanceResponse(_message.Message):
    __slots__ = ("proof",)
    PROOF_FIELD_NUMBER: _ClassVar[int]
    proof: _types_pb2.MalfeasanceProof
    def __init__(self, proof: _Optional[_Union[_types_pb2.MalfeasanceProof, _Mapping]] = ...) -> None: ...

class MalfeasanceStreamRequest(_message.Message):
    __slots__ = ("include_proof",)
    INCLUDE_PROOF_FIELD_NUMBER: _ClassVar[int]
    include_proof: bool
    def __init__(self, include_proof: _Optional[bool] = ...) -> None: ...

class MalfeasanceStreamResponse(_message.Message):
    __slots__ = ("proof",)
    PROOF_FIELD_NUMBER: _ClassVar[int]
    proof: _types_pb2.MalfeasanceProof
    def __init__(self, proof: _Optional[_Union[_types_pb2.MalfeasanceProof, _Mapping]] = ...) -> None: ...

class GenesisTimeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CurrentLayerRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CurrentEpochRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GenesisIDRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EpochNumLayersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LayerDurationRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MaxTransactionsPerSecondRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LayerStreamRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
