from google.rpc import status_pb2 as _status_pb2
from node.pb.spacemesh.v2alpha1 import v2alpha1_pb2 as _v2alpha1_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TransactionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSACTION_STATE_UNSPECIFIED: _ClassVar[TransactionState]
    TRANSACTION_STATE_REJECTED: _ClassVar[TransactionState]
    TRANSACTION_STATE_INSUFFICIENT_FUNDS: _ClassVar[TransactionState]
    TRANSACTION_STATE_CONFLICTING: _ClassVar[TransactionState]
    TRANSACTION_STATE_MEMPOOL: _ClassVar[TransactionState]
    TRANSACTION_STATE_MESH: _ClassVar[TransactionState]
    TRANSACTION_STATE_PROCESSED: _ClassVar[TransactionState]
    TRANSACTION_STATE_INEFFECTUAL: _ClassVar[TransactionState]
TRANSACTION_STATE_UNSPECIFIED: TransactionState
TRANSACTION_STATE_REJECTED: TransactionState
TRANSACTION_STATE_INSUFFICIENT_FUNDS: TransactionState
TRANSACTION_STATE_CONFLICTING: TransactionState
TRANSACTION_STATE_MEMPOOL: TransactionState
TRANSACTION_STATE_MESH: TransactionState
TRANSACTION_STATE_PROCESSED: TransactionState
TRANSACTION_STATE_INEFFECTUAL: TransactionState

class Transaction(_message.Message):
    __slots__ = ("id", "principal", "template", "method", "nonce", "max_gas", "gas_price", "max_spend", "raw", "type", "contents")
    class TransactionType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TRANSACTION_TYPE_UNSPECIFIED: _ClassVar[Transaction.TransactionType]
        TRANSACTION_TYPE_SINGLE_SIG_SEND: _ClassVar[Transaction.TransactionType]
        TRANSACTION_TYPE_SINGLE_SIG_SPAWN: _ClassVar[Transaction.TransactionType]
        TRANSACTION_TYPE_SINGLE_SIG_SELFSPAWN: _ClassVar[Transaction.TransactionType]
        TRANSACTION_TYPE_MULTI_SIG_SEND: _ClassVar[Transaction.TransactionType]
        TRANSACTION_TYPE_MULTI_SIG_SPAWN: _ClassVar[Transaction.TransactionType]
        TRANSACTION_TYPE_MULTI_SIG_SELFSPAWN: _ClassVar[Transaction.TransactionType]
        TRANSACTION_TYPE_VESTING_SPAWN: _ClassVar[Transaction.TransactionType]
        TRANSACTION_TYPE_VAULT_SPAWN: _ClassVar[Transaction.TransactionType]
        TRANSACTION_TYPE_DRAIN_VAULT: _ClassVar[Transaction.TransactionType]
    TRANSACTION_TYPE_UNSPECIFIED: Transaction.TransactionType
    TRANSACTION_TYPE_SINGLE_SIG_SEND: Transaction.TransactionType
    TRANSACTION_TYPE_SINGLE_SIG_SPAWN: Transaction.TransactionType
    TRANSACTION_TYPE_SINGLE_SIG_SELFSPAWN: Transaction.TransactionType
    TRANSACTION_TYPE_MULTI_SIG_SEND: Transaction.TransactionType
    TRANSACTION_TYPE_MULTI_SIG_SPAWN: Transaction.TransactionType
    TRANSACTION_TYPE_MULTI_SIG_SELFSPAWN: Transaction.TransactionType
    TRANSACTION_TYPE_VESTING_SPAWN: Transaction.TransactionType
    TRANSACTION_TYPE_VAULT_SPAWN: Transaction.TransactionType
    TRANSACTION_TYPE_DRAIN_VAULT: Transaction.TransactionType
    ID_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    MAX_GAS_FIELD_NUMBER: _ClassVar[int]
    GAS_PRICE_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEND_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    principal: str
    template: str
    method: int
    nonce: Nonce
    max_gas: int
    gas_price: int
    max_spend: int
    raw: bytes
    type: Transaction.TransactionType
    contents: TransactionContents
    def __init__(self, id: _Optional[bytes] = ..., principal: _Optional[str] = ..., template: _Optional[str] = ..., method: _Optional[int] = ..., nonce: _Optional[_Union[Nonce, _Mapping]] = ..., max_gas: _Optional[int] = ..., gas_price: _Optional[int] = ..., max_spend: _Optional[int] = ..., raw: _Optional[bytes] = ..., type: _Optional[_Union[Transaction.TransactionType, str]] = ..., contents: _Optional[_Union[TransactionContents, _Mapping]] = ...) -> None: ...

class ContentsSend(_message.Message):
    __slots__ = ("destination", "amount")
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    destination: str
    amount: int
    def __init__(self, destination: _Optional[str] = ..., amount: _Optional[int] = ...) -> None: ...

class ContentsSingleSigSpawn(_message.Message):
    __slots__ = ("pubkey",)
    PUBKEY_FIELD_NUMBER: _ClassVar[int]
    pubkey: str
    def __init__(self, pubkey: _Optional[str] = ...) -> None: ...

class ContentsMultiSigSpawn(_message.Message):
    __slots__ = ("required", "pubkey")
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    PUBKEY_FIELD_NUMBER: _ClassVar[int]
    required: int
    pubkey: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, required: _Optional[int] = ..., pubkey: _Optional[_Iterable[str]] = ...) -> None: ...

class ContentsVaultSpawn(_message.Message):
    __slots__ = ("owner", "total_amount", "initial_unlock_amount", "vesting_start", "vesting_end")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TOTAL_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    INITIAL_UNLOCK_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    VESTING_START_FIELD_NUMBER: _ClassVar[int]
    VESTING_END_FIELD_NUMBER: _ClassVar[int]
    owner: str
    total_amount: int
    initial_unlock_amount: int
    vesting_start: int
    vesting_end: int
    def __init__(self, owner: _Optional[str] = ..., total_amount: _Optional[int] = ..., initial_unlock_amount: _Optional[int] = ..., vesting_start: _Optional[int] = ..., vesting_end: _Optional[int] = ...) -> None: ...

class ContentsDrainVault(_message.Message):
    __slots__ = ("vault", "destination", "amount")
    VAULT_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    vault: str
    destination: str
    amount: int
    def __init__(self, vault: _Optional[str] = ..., destination: _Optional[str] = ..., amount: _Optional[int] = ...) -> None: ...

class TransactionContents(_message.Message):
    __slots__ = ("send", "single_sig_spawn", "multi_sig_spawn", "vesting_spawn", "vault_spawn", "drain_vault")
    SEND_FIELD_NUMBER: _ClassVar[int]
    SINGLE_SIG_SPAWN_FIELD_NUMBER: _ClassVar[int]
    MULTI_SIG_SPAWN_FIELD_NUMBER: _ClassVar[int]
    VESTING_SPAWN_FIELD_NUMBER: _ClassVar[int]
    VAULT_SPAWN_FIELD_NUMBER: _ClassVar[int]
    DRAIN_VAULT_FIELD_NUMBER: _ClassVar[int]
    send: ContentsSend
    single_sig_spawn: ContentsSingleSigSpawn
    multi_sig_spawn: ContentsMultiSigSpawn
    vesting_spawn: ContentsMultiSigSpawn
    vault_spawn: ContentsVaultSpawn
    drain_vault: ContentsDrainVault
    def __init__(self, send: _Optional[_Union[ContentsSend, _Mapping]] = ..., single_sig_spawn: _Optional[_Union[ContentsSingleSigSpawn, _Mapping]] = ..., multi_sig_spawn: _Optional[_Union[ContentsMultiSigSpawn, _Mapping]] = ..., vesting_spawn: _Optional[_Union[ContentsMultiSigSpawn, _Mapping]] = ..., vault_spawn: _Optional[_Union[ContentsVaultSpawn, _Mapping]] = ..., drain_vault: _Optional[_Union[ContentsDrainVault, _Mapping]] = ...) -> None: ...

class Nonce(_message.Message):
    __slots__ = ("counter",)
    COUNTER_FIELD_NUMBER: _ClassVar[int]
    counter: int
    def __init__(self, counter: _Optional[int] = ...) -> None: ...

class TransactionResult(_message.Message):
    __slots__ = ("status", "message", "gas_consumed", "fee", "block", "layer", "touched_addresses")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TRANSACTION_STATUS_UNSPECIFIED: _ClassVar[TransactionResult.Status]
        TRANSACTION_STATUS_SUCCESS: _ClassVar[TransactionResult.Status]
        TRANSACTION_STATUS_FAILURE: _ClassVar[TransactionResult.Status]
        TRANSACTION_STATUS_INVALID: _ClassVar[TransactionResult.Status]
    TRANSACTION_STATUS_UNSPECIFIED: TransactionResult.Status
    TRANSACTION_STATUS_SUCCESS: TransactionResult.Status
    TRANSACTION_STATUS_FAILURE: TransactionResult.Status
    TRANSACTION_STATUS_INVALID: TransactionResult.Status
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    GAS_CONSUMED_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    TOUCHED_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    status: TransactionResult.Status
    message: str
    gas_consumed: int
    fee: int
    block: bytes
    layer: int
    touched_addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, status: _Optional[_Union[TransactionResult.Status, str]] = ..., message: _Optional[str] = ..., gas_consumed: _Optional[int] = ..., fee: _Optional[int] = ..., block: _Optional[bytes] = ..., layer: _Optional[int] = ..., touched_addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class TransactionStreamRequest(_message.Message):
    __slots__ = ("start_layer", "end_layer", "txid", "principal", "watch")
    START_LAYER_FIELD_NUMBER: _ClassVar[int]
    END_LAYER_FIELD_NUMBER: _ClassVar[int]
    TXID_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    start_layer: int
    end_layer: int
    txid: _containers.RepeatedScalarFieldContainer[bytes]
    principal: str
    watch: bool
    def __init__(self, start_layer: _Optional[int] = ..., end_layer: _Optional[int] = ..., txid: _Optional[_Iterable[bytes]] = ..., principal: _Optional[str] = ..., watch: _Optional[bool] = ...) -> None: ...

class TransactionRequest(_message.Message):
    __slots__ = ("start_layer", "end_layer", "txid", "address", "offset", "limit", "include_state", "include_result", "sort_order")
    START_LAYER_FIELD_NUMBER: _ClassVar[int]
    END_LAYER_FIELD_NUMBER: _ClassVar[int]
    TXID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_STATE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RESULT_FIELD_NUMBER: _ClassVar[int]
    SORT_ORDER_FIELD_NUMBER: _ClassVar[int]
    start_layer: int
    end_layer: int
    txid: _containers.RepeatedScalarFieldContainer[bytes]
    address: str
    offset: int
    limit: int
    include_state: bool
    include_result: bool
    sort_order: _v2alpha1_pb2.SortOrder
    def __init__(self, start_layer: _Optional[int] = ..., end_layer: _Optional[int] = ..., txid: _Optional[_Iterable[bytes]] = ..., address: _Optional[str] = ..., offset: _Optional[int] = ..., limit: _Optional[int] = ..., include_state: _Optional[bool] = ..., include_result: _Optional[bool] = ..., sort_order: _Optional[_Union[_v2alpha1_pb2.SortOrder, str]] = ...) -> None: ...

class TransactionResponse(_message.Message):
    __slots__ = ("tx", "tx_result", "tx_state")
    TX_FIELD_NUMBER: _ClassVar[int]
    TX_RESULT_FIELD_NUMBER: _ClassVar[int]
    TX_STATE_FIELD_NUMBER: _ClassVar[int]
    tx: Transaction
    tx_result: TransactionResult
    tx_state: TransactionState
    def __init__(self, tx: _Optional[_Union[Transaction, _Mapping]] = ..., tx_result: _Optional[_Union[TransactionResult, _Mapping]] = ..., tx_state: _Optional[_Union[TransactionState, str]] = ...) -> None: ...

class TransactionList(_message.Message):
    __slots__ = ("transactions",)
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    transactions: _containers.RepeatedCompositeFieldContainer[TransactionResponse]
    def __init__(self, transactions: _Optional[_Iterable[_Union[TransactionResponse, _Mapping]]] = ...) -> None: ...

class ParseTransactionRequest(_message.Message):
    __slots__ = ("transaction", "verify")
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    transaction: bytes
    verify: bool
    def __init__(self, transaction: _Optional[bytes] = ..., verify: _Optional[bool] = ...) -> None: ...

class ParseTransactionResponse(_message.Message):
    __slots__ = ("status", "tx")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TX_FIELD_NUMBER: _ClassVar[int]
    status: _status_pb2.Status
    tx: Transaction
    def __init__(self, status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., tx: _Optional[_Union[Transaction, _Mapping]] = ...) -> None: ...

class SubmitTransactionRequest(_message.Message):
    __slots__ = ("transaction",)
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    transaction: bytes
    def __init__(self, transaction: _Optional[bytes] = ...) -> None: ...

class SubmitTransactionResponse(_message.Message):
    __slots__ = ("status", "tx_id")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    status: _status_pb2.Status
    tx_id: bytes
    def __init__(self, status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., tx_id: _Optional[bytes] = ...) -> None: ...

class EstimateGasRequest(_message.Message):
    __slots__ = ("transaction",)
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    transaction: bytes
    def __init__(self, transaction: _Optional[bytes] = ...) -> None: ...

class EstimateGasResponse(_message.Message):
    __slots__ = ("status", "recommended_max_gas")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_MAX_GAS_FIELD_NUMBER: _ClassVar[int]
    status: _status_pb2.Status
    recommended_max_gas: int
    def __init__(self, status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., recommended_max_gas: _Optional[int] = ...) -> None: ...
