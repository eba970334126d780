from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GenProofStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GEN_PROOF_STATUS_UNSPECIFIED: _ClassVar[GenProofStatus]
    GEN_PROOF_STATUS_OK: _ClassVar[GenProofStatus]
    GEN_PROOF_STATUS_ERROR: _ClassVar[GenProofStatus]
GEN_PROOF_STATUS_UNSPECIFIED: GenProofStatus
GEN_PROOF_STATUS_OK: GenProofStatus
GEN_PROOF_STATUS_ERROR: GenProofStatus

class NodeRequest(_message.Message):
    __slots__ = ("metadata", "gen_proof")
    METADATA_FIELD_NUMBER: _ClassVar[int]
    GEN_PROOF_FIELD_NUMBER: _ClassVar[int]
    metadata: MetadataRequest
    gen_proof: GenProofRequest
    def __init__(self, metadata: _Optional[_Union[MetadataRequest, _Mapping]] = ..., gen_proof: _Optional[_Union[GenProofRequest, _Mapping]] = ...) -> None: ...

class ServiceResponse(_message.Message):
    __slots__ = ("metadata", "gen_proof")
    METADATA_FIELD_NUMBER: _ClassVar[int]
    GEN_PROOF_FIELD_NUMBER: _ClassVar[int]
    metadata: MetadataResponse
    gen_proof: GenProofResponse
    def __init__(self, metadata: _Optional[_Union[MetadataResponse, _Mapping]] = ..., gen_proof: _Optional[_Union[GenProofResponse, _Mapping]] = ...) -> None: ...

class GenProofRequest(_message.Message):
    __slots__ = ("challenge",)
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    challenge: bytes
    def __init__(self, challenge: _Optional[bytes] = ...) -> None: ...

class Proof(_message.Message):
    __slots__ = ("nonce", "indices", "pow")
    NONCE_FIELD_NUMBER: _ClassVar[int]
    INDICES_FIELD_NUMBER: _ClassVar[int]
    POW_FIELD_NUMBER: _ClassVar[int]
    nonce: int
    indices: bytes
    pow: int
    def __init__(self, nonce: _Optional[int] = ..., indices: _Optional[bytes] = ..., pow: _Optional[int] = ...) -> None: ...

class Metadata(_message.Message):
    __slots__ = ("node_id", "commitment_atx_id", "nonce", "num_units", "labels_per_unit")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_ATX_ID_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    NUM_UNITS_FIELD_NUMBER: _ClassVar[int]
    LABELS_PER_UNIT_FIELD_NUMBER: _ClassVar[int]
    node_id: bytes
    commitment_atx_id: bytes
    nonce: int
    num_units: int
    labels_per_unit: int
    def __init__(self, node_id: _Optional[bytes] = ..., commitment_atx_id: _Optional[bytes] = ..., nonce: _Optional[int] = ..., num_units: _Optional[int] = ..., labels_per_unit: _Optional[int] = ...) -> None: ...

class ProofMetadata(_message.Message):
    __slots__ = ("challenge", "meta")
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    challenge: bytes
    meta: Metadata
    def __init__(self, challenge: _Optional[bytes] = ..., meta: _Optional[_Union[Metadata, _Mapping]] = ...) -> None: ...

class GenProofResponse(_message.Message):
    __slots__ = ("status", "proof", "metadata")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    status: GenProofStatus
    proof: Proof
    metadata: ProofMetadata
    def __init__(self, status: _Optional[_Union[GenProofStatus, str]] = ..., proof: _Optional[_Union[Proof, _Mapping]] = ..., metadata: _Optional[_Union[ProofMetadata, _Mapping]] = ...) -> None: ...

class MetadataResponse(_message.Message):
    __slots__ = ("meta",)
    META_FIELD_NUMBER: _ClassVar[int]
    meta: Metadata
    def __init__(self, meta: _Optional[_Union[Metadata, _Mapping]] = ...) -> None: ...

class PostState(_message.Message):
    __slots__ = ("id", "state", "name")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNUSED: _ClassVar[PostState.State]
        IDLE: _ClassVar[PostState.State]
        PROVING: _ClassVar[PostState.State]
    UNUSED: PostState.State
    IDLE: PostState.State
    PROVING: PostState.State
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    state: PostState.State
    name: str
    def __init__(self, id: _Optional[bytes] = ..., state: _Optional[_Union[PostState.State, str]] = ..., name: _Optional[str] = ...) -> None: ...

class PostStatesResponse(_message.Message):
    __slots__ = ("states",)
    STATES_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedCompositeFieldContainer[PostState]
    def __init__(self, states: _Optional[_Iterable[_Union[PostState, _Mapping]]] = ...) -> None: ...

class MetadataRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PostStatesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
