from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NodeStatusResponse(_message.Message):
    __slots__ = ("connected_peers", "status", "latest_layer", "applied_layer", "processed_layer", "current_layer")
    class SyncStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SYNC_STATUS_UNSPECIFIED: _ClassVar[NodeStatusResponse.SyncStatus]
        SYNC_STATUS_OFFLINE: _ClassVar[NodeStatusResponse.SyncStatus]
        SYNC_STATUS_SYNCING: _ClassVar[NodeStatusResponse.SyncStatus]
        SYNC_STATUS_SYNCED: _ClassVar[NodeStatusResponse.SyncStatus]
    SYNC_STATUS_UNSPECIFIED: NodeStatusResponse.SyncStatus
    SYNC_STATUS_OFFLINE: NodeStatusResponse.SyncStatus
    SYNC_STATUS_SYNCING: NodeStatusResponse.SyncStatus
    SYNC_STATUS_SYNCED: NodeStatusResponse.SyncStatus
    CONNECTED_PEERS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LATEST_LAYER_FIELD_NUMBER: _ClassVar[int]
    APPLIED_LAYER_FIELD_NUMBER: _ClassVar[int]
    PROCESSED_LAYER_FIELD_NUMBER: _ClassVar[int]
    CURRENT_LAYER_FIELD_NUMBER: _ClassVar[int]
    connected_peers: int
    status: NodeStatusResponse.SyncStatus
    latest_layer: int
    applied_layer: int
    processed_layer: int
    current_layer: int
    def __init__(self, connected_peers: _Optional[int] = ..., status: _Optional[_Union[NodeStatusResponse.SyncStatus, str]] = ..., latest_layer: _Optional[int] = ..., applied_layer: _Optional[int] = ..., processed_layer: _Optional[int] = ..., current_layer: _Optional[int] = ...) -> None: ...

class NodeStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
