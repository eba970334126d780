from node.pb.spacemesh.v1 import types_pb2 as _types_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    def __init__(self, id: _Optional[bytes] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("atx", "malfeasance_proof")
    ATX_FIELD_NUMBER: _ClassVar[int]
    MALFEASANCE_PROOF_FIELD_NUMBER: _ClassVar[int]
    atx: _types_pb2.Activation
    malfeasance_proof: _types_pb2.MalfeasanceProof
    def __init__(self, atx: _Optional[_Union[_types_pb2.Activation, _Mapping]] = ..., malfeasance_proof: _Optional[_Union[_types_pb2.MalfeasanceProof, _Mapping]] = ...) -> None: ...

class HighestResponse(_message.Message):
    __slots__ = ("atx",)
    ATX_FIELD_NUMBER: _ClassVar[int]
    atx: _types_pb2.Activation
    def __init__(self, atx: _Optional[_Union[_types_pb2.Activation, _Mapping]] = ...) -> None: ...
