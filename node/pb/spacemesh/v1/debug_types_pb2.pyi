from node.pb.spacemesh.v1 import global_state_types_pb2 as _global_state_types_pb2
from node.pb.spacemesh.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccountsRequest(_message.Message):
    __slots__ = ("layer",)
    LAYER_FIELD_NUMBER: _ClassVar[int]
    layer: int
    def __init__(self, layer: _Optional[int] = ...) -> None: ...

class AccountsResponse(_message.Message):
    __slots__ = ("account_wrapper",)
    ACCOUNT_WRAPPER_FIELD_NUMBER: _ClassVar[int]
    account_wrapper: _containers.RepeatedCompositeFieldContainer[_global_state_types_pb2.Account]
    def __init__(self, account_wrapper: _Optional[_Iterable[_Union[_global_state_types_pb2.Account, _Mapping]]] = ...) -> None: ...

class DataStats(_message.Message):
    __slots__ = ("bytes_sent", "bytes_received", "send_rate", "recv_rate")
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SEND_RATE_FIELD_NUMBER: _ClassVar[int]
    RECV_RATE_FIELD_NUMBER: _ClassVar[int]
    bytes_sent: int
    bytes_received: int
    send_rate: _containers.RepeatedScalarFieldContainer[int]
    recv_rate: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, bytes_sent: _Optional[int] = ..., bytes_received: _Optional[int] = ..., send_rate: _Optional[_Iterable[int]] = ..., recv_rate: _Optional[_Iterable[int]] = ...) -> None: ...

class NetworkInfoResponse(_message.Message):
    __slots__ = ("id", "listen_addresses", "known_addresses", "nat_type_udp", "nat_type_tcp", "reachability", "dht_server_enabled", "stats")
    class NATType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NATTypeUnknown: _ClassVar[NetworkInfoResponse.NATType]
        Cone: _ClassVar[NetworkInfoResponse.NATType]
        Symmetric: _ClassVar[NetworkInfoResponse.NATType]
    NATTypeUnknown: NetworkInfoResponse.NATType
    Cone: NetworkInfoResponse.NATType
    Symmetric: NetworkInfoResponse.NATType
    class Reachability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ReachabilityUnknown: _ClassVar[NetworkInfoResponse.Reachability]
        Public: _ClassVar[NetworkInfoResponse.Reachability]
        Private: _ClassVar[NetworkInfoResponse.Reachability]
    ReachabilityUnknown: NetworkInfoResponse.Reachability
    Public: NetworkInfoResponse.Reachability
    Private: NetworkInfoResponse.Reachability
    class StatsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: DataStats
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[DataStats, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    LISTEN_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    KNOWN_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    NAT_TYPE_UDP_FIELD_NUMBER: _ClassVar[int]
    NAT_TYPE_TCP_FIELD_NUMBER: _ClassVar[int]
    REACHABILITY_FIELD_NUMBER: _ClassVar[int]
    DHT_SERVER_ENABLED_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    id: str
    listen_addresses: _containers.RepeatedScalarFieldContainer[str]
    known_addresses: _containers.RepeatedScalarFieldContainer[str]
    nat_type_udp: NetworkInfoResponse.NATType
    nat_type_tcp: NetworkInfoResponse.NATType
    reachability: NetworkInfoResponse.Reachability
    dht_server_enabled: bool
    stats: _containers.MessageMap[str, DataStats]
    def __init__(self, id: _Optional[str] = ..., listen_addresses: _Optional[_Iterable[str]] = ..., known_addresses: _Optional[_Iterable[str]] = ..., nat_type_udp: _Optional[_Union[NetworkInfoResponse.NATType, str]] = ..., nat_type_tcp: _Optional[_Union[NetworkInfoResponse.NATType, str]] = ..., reachability: _Optional[_Union[NetworkInfoResponse.Reachability, str]] = ..., dht_server_enabled: _Optional[bool] = ..., stats: _Optional[_Mapping[str, DataStats]] = ...) -> None: ...

class EpochData(_message.Message):
    __slots__ = ("beacon",)
    BEACON_FIELD_NUMBER: _ClassVar[int]
    beacon: bytes
    def __init__(self, beacon: _Optional[bytes] = ...) -> None: ...

class Eligibility(_message.Message):
    __slots__ = ("j", "signature")
    J_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    j: int
    signature: bytes
    def __init__(self, j: _Optional[int] = ..., signature: _Optional[bytes] = ...) -> None: ...

class ActiveSetRequest(_message.Message):
    __slots__ = ("epoch",)
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    def __init__(self, epoch: _Optional[int] = ...) -> None: ...

class ActiveSetResponse(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedCompositeFieldContainer[_types_pb2.ActivationId]
    def __init__(self, ids: _Optional[_Iterable[_Union[_types_pb2.ActivationId, _Mapping]]] = ...) -> None: ...

class Proposal(_message.Message):
    __slots__ = ("id", "epoch", "layer", "smesher", "reference", "data", "ballot", "eligibilities", "status")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        Created: _ClassVar[Proposal.Status]
        Included: _ClassVar[Proposal.Status]
    Created: Proposal.Status
    Included: Proposal.Status
    ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    BALLOT_FIELD_NUMBER: _ClassVar[int]
    ELIGIBILITIES_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    epoch: _types_pb2.EpochNumber
    layer: _types_pb2.LayerNumber
    smesher: _types_pb2.SmesherId
    reference: bytes
    data: EpochData
    ballot: bytes
    eligibilities: _containers.RepeatedCompositeFieldContainer[Eligibility]
    status: Proposal.Status
    def __init__(self, id: _Optional[bytes] = ..., epoch: _Optional[_Union[_types_pb2.EpochNumber, _Mapping]] = ..., layer: _Optional[_Union[_types_pb2.LayerNumber, _Mapping]] = ..., smesher: _Optional[_Union[_types_pb2.SmesherId, _Mapping]] = ..., reference: _Optional[bytes] = ..., data: _Optional[_Union[EpochData, _Mapping]] = ..., ballot: _Optional[bytes] = ..., eligibilities: _Optional[_Iterable[_Union[Eligibility, _Mapping]]] = ..., status: _Optional[_Union[Proposal.Status, str]] = ...) -> None: ...

class ChangeLogLevelRequest(_message.Message):
    __slots__ = ("module", "level")
    MODULE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    module: str
    level: str
    def __init__(self, module: _Optional[str] = ..., level: _Optional[str] = ...) -> None: ...
