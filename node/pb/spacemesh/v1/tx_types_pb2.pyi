from google.rpc import status_pb2 as _status_pb2
from node.pb.spacemesh.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TransactionsIds(_message.Message):
    __slots__ = ("transaction_id",)
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    transaction_id: _containers.RepeatedCompositeFieldContainer[_types_pb2.TransactionId]
    def __init__(self, transaction_id: _Optional[_Iterable[_Union[_types_pb2.TransactionId, _Mapping]]] = ...) -> None: ...

class SubmitTransactionRequest(_message.Message):
    __slots__ = ("transaction",)
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    transaction: bytes
    def __init__(self, transaction: _Optional[bytes] = ...) -> None: ...

class SubmitTransactionResponse(_message.Message):
    __slots__ = ("status", "txstate")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TXSTATE_FIELD_NUMBER: _ClassVar[int]
    status: _status_pb2.Status
    txstate: TransactionState
    def __init__(self, status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., txstate: _Optional[_Union[TransactionState, _Mapping]] = ...) -> None: ...

class TransactionsStateRequest(_message.Message):
    __slots__ = ("transaction_id", "include_transactions")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    transaction_id: _containers.RepeatedCompositeFieldContainer[_types_pb2.TransactionId]
    include_transactions: bool
    def __init__(self, transaction_id: _Optional[_Iterable[_Union[_types_pb2.TransactionId, _Mapping]]] = ..., include_transactions: _Optional[bool] = ...) -> None: ...

class TransactionsStateResponse(_message.Message):
    __slots__ = ("transactions_state", "transactions")
    TRANSACTIONS_STATE_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    transactions_state: _containers.RepeatedCompositeFieldContainer[TransactionState]
    transactions: _containers.RepeatedCompositeFieldContainer[_types_pb2.Transaction]
    def __init__(self, transactions_state: _Optional[_Iterable[_Union[TransactionState, _Mapping]]] = ..., transactions: _Optional[_Iterable[_Union[_types_pb2.Transaction, _Mapping]]] = ...) -> None: ...

class TransactionsStateStreamRequest(_message.Message):
    __slots__ = ("transaction_id", "include_transactions")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    transaction_id: _containers.RepeatedCompositeFieldContainer[_types_pb2.TransactionId]
    include_transactions: bool
    def __init__(self, transaction_id: _Optional[_Iterable[_Union[_types_pb2.TransactionId, _Mapping]]] = ..., include_transactions: _Optional[bool] = ...) -> None: ...

class TransactionsStateStreamResponse(_message.Message):
    __slots__ = ("transaction_state", "transaction")
    TRANSACTION_STATE_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    transaction_state: TransactionState
    transaction: _types_pb2.Transaction
    def __init__(self, transaction_state: _Optional[_Union[TransactionState, _Mapping]] = ..., transaction: _Optional[_Union[_types_pb2.Transaction, _Mapping]] = ...) -> None: ...

class TransactionState(_message.Message):
    __slots__ = ("id", "state")
    class TransactionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TRANSACTION_STATE_UNSPECIFIED: _ClassVar[TransactionState.TransactionState]
        TRANSACTION_STATE_REJECTED: _ClassVar[TransactionState.TransactionState]
        TRANSACTION_STATE_INSUFFICIENT_FUNDS: _ClassVar[TransactionState.TransactionState]
        TRANSACTION_STATE_CONFLICTING: _ClassVar[TransactionState.TransactionState]
        TRANSACTION_STATE_MEMPOOL: _ClassVar[TransactionState.TransactionState]
        TRANSACTION_STATE_MESH: _ClassVar[TransactionState.TransactionState]
        TRANSACTION_STATE_PROCESSED: _ClassVar[TransactionState.TransactionState]
        TRANSACTION_STATE_INEFFECTUAL: _ClassVar[TransactionState.TransactionState]
    TRANSACTION_STATE_UNSPECIFIED: TransactionState.TransactionState
    TRANSACTION_STATE_REJECTED: TransactionState.TransactionState
    TRANSACTION_STATE_INSUFFICIENT_FUNDS: TransactionState.TransactionState
    TRANSACTION_STATE_CONFLICTING: TransactionState.TransactionState
    TRANSACTION_STATE_MEMPOOL: TransactionState.TransactionState
    TRANSACTION_STATE_MESH: TransactionState.TransactionState
    TRANSACTION_STATE_PROCESSED: TransactionState.TransactionState
    TRANSACTION_STATE_INEFFECTUAL: TransactionState.TransactionState
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    id: _types_pb2.TransactionId
    state: TransactionState.TransactionState
    def __init__(self, id: _Optional[_Union[_types_pb2.TransactionId, _Mapping]] = ..., state: _Optional[_Union[TransactionState.TransactionState, str]] = ...) -> None: ...

class TransactionResultsRequest(_message.Message):
    __slots__ = ("id", "address", "start", "end", "watch")
    ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    address: str
    start: int
    end: int
    watch: bool
    def __init__(self, id: _Optional[bytes] = ..., address: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., watch: _Optional[bool] = ...) -> None: ...

class TransactionResult(_message.Message):
    __slots__ = ("tx", "status", "message", "gas_consumed", "fee", "block", "layer", "touched_addresses")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SUCCESS: _ClassVar[TransactionResult.Status]
        FAILURE: _ClassVar[TransactionResult.Status]
        INVALID: _ClassVar[TransactionResult.Status]
    SUCCESS: TransactionResult.Status
    FAILURE: TransactionResult.Status
    INVALID: TransactionResult.Status
    TX_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    GAS_CONSUMED_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    TOUCHED_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    tx: _types_pb2.Transaction
    status: TransactionResult.Status
    message: str
    gas_consumed: int
    fee: int
    block: bytes
    layer: int
    touched_addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tx: _Optional[_Union[_types_pb2.Transaction, _Mapping]] = ..., status: _Optional[_Union[TransactionResult.Status, str]] = ..., message: _Optional[str] = ..., gas_consumed: _Optional[int] = ..., fee: _Optional[int] = ..., block: _Optional[bytes] = ..., layer: _Optional[int] = ..., touched_addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class ParseTransactionRequest(_message.Message):
    __slots__ = ("transaction", "verify")
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    transaction: bytes
    verify: bool
    def __init__(self, transaction: _Optional[bytes] = ..., verify: _Optional[bool] = ...) -> None: ...

class ParseTransactionResponse(_message.Message):
    __slots__ = ("tx",)
    TX_FIELD_NUMBER: _ClassVar[int]
    tx: _types_pb2.Transaction
    def __init__(self, tx: _Optional[_Union[_types_pb2.Transaction, _Mapping]] = ...) -> None: ...
