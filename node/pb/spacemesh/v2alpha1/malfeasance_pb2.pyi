from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MalfeasanceProof(_message.Message):
    __slots__ = ("smesher", "domain", "type", "properties")
    class MalfeasanceDomain(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DOMAIN_UNSPECIFIED: _ClassVar[MalfeasanceProof.MalfeasanceDomain]
        DOMAIN_ACTIVATION: _ClassVar[MalfeasanceProof.MalfeasanceDomain]
        DOMAIN_BALLOT: _ClassVar[MalfeasanceProof.MalfeasanceDomain]
        DOMAIN_HARE: _ClassVar[MalfeasanceProof.MalfeasanceDomain]
    DOMAIN_UNSPECIFIED: MalfeasanceProof.MalfeasanceDomain
    DOMAIN_ACTIVATION: MalfeasanceProof.MalfeasanceDomain
    DOMAIN_BALLOT: MalfeasanceProof.MalfeasanceDomain
    DOMAIN_HARE: MalfeasanceProof.MalfeasanceDomain
    class PropertiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SMESHER_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    smesher: bytes
    domain: MalfeasanceProof.MalfeasanceDomain
    type: int
    properties: _containers.ScalarMap[str, str]
    def __init__(self, smesher: _Optional[bytes] = ..., domain: _Optional[_Union[MalfeasanceProof.MalfeasanceDomain, str]] = ..., type: _Optional[int] = ..., properties: _Optional[_Mapping[str, str]] = ...) -> None: ...

class MalfeasanceRequest(_message.Message):
    __slots__ = ("smesher_id", "offset", "limit")
    SMESHER_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    smesher_id: _containers.RepeatedScalarFieldContainer[bytes]
    offset: int
    limit: int
    def __init__(self, smesher_id: _Optional[_Iterable[bytes]] = ..., offset: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class MalfeasanceList(_message.Message):
    __slots__ = ("proofs",)
    PROOFS_FIELD_NUMBER: _ClassVar[int]
    proofs: _containers.RepeatedCompositeFieldContainer[MalfeasanceProof]
    def __init__(self, proofs: _Optional[_Iterable[_Union[MalfeasanceProof, _Mapping]]] = ...) -> None: ...

class MalfeasanceStreamRequest(_message.Message):
    __slots__ = ("smesher_id", "watch")
    SMESHER_ID_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    smesher_id: _containers.RepeatedScalarFieldContainer[bytes]
    watch: bool
    def __init__(self, smesher_id: _Optional[_Iterable[bytes]] = ..., watch: _Optional[bool] = ...) -> None: ...
