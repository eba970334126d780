from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Activation(_message.Message):
    __slots__ = ("id", "smesher_id", "publish_epoch", "coinbase", "weight", "height", "num_units")
    ID_FIELD_NUMBER: _ClassVar[int]
    SMESHER_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_EPOCH_FIELD_NUMBER: _ClassVar[int]
    COINBASE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    NUM_UNITS_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    smesher_id: bytes
    publish_epoch: int
    coinbase: str
    weight: int
    height: int
    num_units: int
    def __init__(self, id: _Optional[bytes] = ..., smesher_id: _Optional[bytes] = ..., publish_epoch: _Optional[int] = ..., coinbase: _Optional[str] = ..., weight: _Optional[int] = ..., height: _Optional[int] = ..., num_units: _Optional[int] = ...) -> None: ...

class ActivationStreamRequest(_message.Message):
    __slots__ = ("start_epoch", "end_epoch", "id", "smesher_id", "coinbase", "watch")
    START_EPOCH_FIELD_NUMBER: _ClassVar[int]
    END_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SMESHER_ID_FIELD_NUMBER: _ClassVar[int]
    COINBASE_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    start_epoch: int
    end_epoch: int
    id: _containers.RepeatedScalarFieldContainer[bytes]
    smesher_id: _containers.RepeatedScalarFieldContainer[bytes]
    coinbase: str
    watch: bool
    def __init__(self, start_epoch: _Optional[int] = ..., end_epoch: _Optional[int] = ..., id: _Optional[_Iterable[bytes]] = ..., smesher_id: _Optional[_Iterable[bytes]] = ..., coinbase: _Optional[str] = ..., watch: _Optional[bool] = ...) -> None: ...

class ActivationRequest(_message.Message):
    __slots__ = ("start_epoch", "end_epoch", "id", "smesher_id", "coinbase", "offset", "limit")
    START_EPOCH_FIELD_NUMBER: _ClassVar[int]
    END_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SMESHER_ID_FIELD_NUMBER: _ClassVar[int]
    COINBASE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    start_epoch: int
    end_epoch: int
    id: _containers.RepeatedScalarFieldContainer[bytes]
    smesher_id: _containers.RepeatedScalarFieldContainer[bytes]
    coinbase: str
    offset: int
    limit: int
    def __init__(self, start_epoch: _Optional[int] = ..., end_epoch: _Optional[int] = ..., id: _Optional[_Iterable[bytes]] = ..., smesher_id: _Optional[_Iterable[bytes]] = ..., coinbase: _Optional[str] = ..., offset: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ActivationList(_message.Message):
    __slots__ = ("activations",)
    ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    activations: _containers.RepeatedCompositeFieldContainer[Activation]
    def __init__(self, activations: _Optional[_Iterable[_Union[Activation, _Mapping]]] = ...) -> None: ...

class ActivationsCountRequest(_message.Message):
    __slots__ = ("epoch",)
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    def __init__(self, epoch: _Optional[int] = ...) -> None: ...

class ActivationsCountResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class HighestResponse(_message.Message):
    __slots__ = ("activation",)
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    activation: Activation
    def __init__(self, activation: _Optional[_Union[Activation, _Mapping]] = ...) -> None: ...

class HighestRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
