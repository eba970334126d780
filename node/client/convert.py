"""Messages of spacemesh.v1 and spacemesh.v2alpha1 as records.

Source: api digest sections 3 and 3b.
"""

from typing import Final, TypeVar

from node.base.bech32 import decode_address
from node.base.errors import DecodeError, UsageError
from node.client.records import (
    AccountState,
    Activation,
    DrainVaultContents,
    KnownTransaction,
    LayerRecord,
    LayerStatus,
    MultisigSpawnContents,
    NetworkInfo,
    NodeStatus,
    OutcomeStatus,
    ParsedTransaction,
    PostWorker,
    Reward,
    SendContents,
    SetupOptions,
    SetupProvider,
    SetupState,
    SetupStatus,
    TransactionContents,
    TransactionOutcome,
    TransactionState,
    VaultSpawnContents,
    WalletSpawnContents,
    WorkerState,
)
from node.pb.spacemesh.v1 import post_types_pb2, smesher_types_pb2
from node.pb.spacemesh.v2alpha1 import (
    account_pb2,
    activation_pb2,
    layer_pb2,
    network_pb2,
    node_pb2,
    reward_pb2,
    tx_pb2,
)
from node.types.address import NO_ADDRESS
from node.types.ids import AtxID, BlockID, FixedBytes, GenesisID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID
from node.types.transaction import RawTransaction
from node.vm.sdk import TransactionKind

CPU_PROVIDER_ID: Final = 0xFFFF_FFFF
"""Number of the processor among the devices."""

B = TypeVar("B", bound=FixedBytes)

STATES: Final = {
    tx_pb2.TRANSACTION_STATE_REJECTED: TransactionState.REJECTED,
    tx_pb2.TRANSACTION_STATE_INSUFFICIENT_FUNDS: TransactionState.INSUFFICIENT_FUNDS,
    tx_pb2.TRANSACTION_STATE_CONFLICTING: TransactionState.CONFLICTING,
    tx_pb2.TRANSACTION_STATE_MEMPOOL: TransactionState.MEMPOOL,
    tx_pb2.TRANSACTION_STATE_MESH: TransactionState.MESH,
    tx_pb2.TRANSACTION_STATE_PROCESSED: TransactionState.PROCESSED,
    tx_pb2.TRANSACTION_STATE_INEFFECTUAL: TransactionState.INEFFECTUAL,
}

KINDS: Final = {
    tx_pb2.Transaction.TRANSACTION_TYPE_SINGLE_SIG_SEND: TransactionKind.SINGLE_SIG_SEND,
    tx_pb2.Transaction.TRANSACTION_TYPE_SINGLE_SIG_SPAWN: TransactionKind.SINGLE_SIG_SPAWN,
    tx_pb2.Transaction.TRANSACTION_TYPE_SINGLE_SIG_SELFSPAWN: TransactionKind.SINGLE_SIG_SPAWN,
    tx_pb2.Transaction.TRANSACTION_TYPE_MULTI_SIG_SEND: TransactionKind.MULTI_SIG_SEND,
    tx_pb2.Transaction.TRANSACTION_TYPE_MULTI_SIG_SPAWN: TransactionKind.MULTI_SIG_SPAWN,
    tx_pb2.Transaction.TRANSACTION_TYPE_MULTI_SIG_SELFSPAWN: TransactionKind.MULTI_SIG_SPAWN,
    tx_pb2.Transaction.TRANSACTION_TYPE_VESTING_SPAWN: TransactionKind.VESTING_SPAWN,
    tx_pb2.Transaction.TRANSACTION_TYPE_VAULT_SPAWN: TransactionKind.VAULT_SPAWN,
    tx_pb2.Transaction.TRANSACTION_TYPE_DRAIN_VAULT: TransactionKind.DRAIN_VAULT,
}

OUTCOMES: Final = {
    tx_pb2.TransactionResult.TRANSACTION_STATUS_SUCCESS: OutcomeStatus.SUCCESS,
    tx_pb2.TransactionResult.TRANSACTION_STATUS_FAILURE: OutcomeStatus.FAILURE,
}

LAYER_STATUSES: Final = {
    layer_pb2.Layer.LAYER_STATUS_APPLIED: LayerStatus.APPLIED,
    layer_pb2.Layer.LAYER_STATUS_VERIFIED: LayerStatus.VERIFIED,
}

SETUP_STATES: Final = {
    smesher_types_pb2.PostSetupStatus.STATE_NOT_STARTED: SetupState.NOT_STARTED,
    smesher_types_pb2.PostSetupStatus.STATE_PREPARED: SetupState.PREPARED,
    smesher_types_pb2.PostSetupStatus.STATE_IN_PROGRESS: SetupState.IN_PROGRESS,
    smesher_types_pb2.PostSetupStatus.STATE_PAUSED: SetupState.PAUSED,
    smesher_types_pb2.PostSetupStatus.STATE_COMPLETE: SetupState.COMPLETE,
    smesher_types_pb2.PostSetupStatus.STATE_ERROR: SetupState.ERROR,
}

WORKER_STATES: Final = {
    post_types_pb2.PostState.IDLE: WorkerState.IDLE,
    post_types_pb2.PostState.PROVING: WorkerState.PROVING,
}


def read_id(kind: type[B], content: bytes) -> B:
    """Return an identifier of an answer.

    Raises:
        DecodeError: it has another length.
    """
    if len(content) != kind.SIZE:
        raise DecodeError(
            f"the node's answer has a {kind.__name__} of {len(content)} bytes",
            hint="is it a node of this network, and of a version that this program knows?",
        )
    return kind(content)


def find_id(kind: type[B], content: bytes) -> B | None:
    """Return an identifier that an answer may lack.

    Raises:
        DecodeError: it is there with another length.
    """
    return read_id(kind, content) if content else None


def find_address(text: str) -> str | None:
    """Return an address of an answer; the zero address stands for none."""
    if not text:
        return None
    try:
        return None if decode_address(text, text.rsplit("1", 1)[0]) == NO_ADDRESS else text
    except UsageError as error:
        raise DecodeError(f"the node's answer has {text!r} as an address") from error


def node_status(message: node_pb2.NodeStatusResponse) -> NodeStatus:
    """Return how far a node is."""
    return NodeStatus(
        synced=message.status == node_pb2.NodeStatusResponse.SYNC_STATUS_SYNCED,
        peers=message.connected_peers,
        current_layer=LayerID(message.current_layer),
        latest_layer=LayerID(message.latest_layer),
        applied_layer=LayerID(message.applied_layer),
        processed_layer=LayerID(message.processed_layer),
    )


def network_info(message: network_pb2.NetworkInfoResponse) -> NetworkInfo:
    """Return which network it is."""
    return NetworkInfo(
        genesis_id=read_id(GenesisID, message.genesis_id),
        genesis_ns=message.genesis_time.ToNanoseconds(),
        layer_duration_ns=message.layer_duration.ToNanoseconds(),
        layers_per_epoch=message.layers_per_epoch,
        effective_genesis=LayerID(message.effective_genesis_layer),
        labels_per_unit=message.labels_per_unit,
        address_prefix=message.hrp,
    )


def account_state(message: account_pb2.Account) -> AccountState:
    """Return an account."""
    return AccountState(
        address=message.address,
        next_nonce=message.current.counter,
        balance=message.current.balance,
        projected_nonce=message.projected.counter,
        projected_balance=message.projected.balance,
        template=message.template or None,
        layer=LayerID(message.current.layer),
    )


def reward(message: reward_pb2.Reward) -> Reward:
    """Return a reward."""
    return Reward(
        layer=LayerID(message.layer),
        total=message.total,
        layer_reward=message.layer_reward,
        coinbase=message.coinbase,
        smesher=read_id(SmesherID, message.smesher),
    )


def transaction_contents(message: tx_pb2.TransactionContents) -> TransactionContents | None:
    """Return what a transaction does, None where the node does not tell."""
    match message.WhichOneof("contents"):
        case "send":
            send = message.send
            return SendContents(destination=send.destination, amount=send.amount)
        case "single_sig_spawn":
            return WalletSpawnContents(public_key=message.single_sig_spawn.pubkey)
        case "multi_sig_spawn" | "vesting_spawn" as name:
            spawn: tx_pb2.ContentsMultiSigSpawn = getattr(message, name)
            return MultisigSpawnContents(required=spawn.required, public_keys=tuple(spawn.pubkey))
        case "vault_spawn":
            terms = message.vault_spawn
            return VaultSpawnContents(
                owner=terms.owner,
                total_amount=terms.total_amount,
                initial_unlock_amount=terms.initial_unlock_amount,
                vesting_start=LayerID(terms.vesting_start),
                vesting_end=LayerID(terms.vesting_end),
            )
        case "drain_vault":
            drain = message.drain_vault
            return DrainVaultContents(
                vault=drain.vault, destination=drain.destination, amount=drain.amount
            )
        case _:
            return None


def parsed_transaction(message: tx_pb2.Transaction) -> ParsedTransaction:
    """Return what a transaction says; its identifier is computed from its bytes."""
    return ParsedTransaction(
        id=RawTransaction.of(message.raw).id,
        raw=message.raw,
        principal=message.principal,
        template=message.template,
        method=message.method,
        nonce=message.nonce.counter,
        max_gas=message.max_gas,
        gas_price=message.gas_price,
        max_spend=message.max_spend,
        kind=KINDS.get(message.type),
        contents=transaction_contents(message.contents),
    )


def transaction_outcome(message: tx_pb2.TransactionResult) -> TransactionOutcome:
    """Return what applying a transaction did."""
    return TransactionOutcome(
        status=OUTCOMES.get(message.status, OutcomeStatus.INVALID),
        message=message.message,
        gas=message.gas_consumed,
        fee=message.fee,
        block=read_id(BlockID, message.block),
        layer=LayerID(message.layer),
        touched=tuple(message.touched_addresses),
    )


def known_transaction(message: tx_pb2.TransactionResponse) -> KnownTransaction:
    """Return a transaction with state and outcome."""
    has_outcome = message.HasField("tx_result") and bool(message.tx_result.block)
    return KnownTransaction(
        transaction=parsed_transaction(message.tx),
        state=STATES.get(message.tx_state, TransactionState.UNKNOWN),
        outcome=transaction_outcome(message.tx_result) if has_outcome else None,
    )


def layer_record(message: layer_pb2.Layer) -> LayerRecord:
    """Return a layer; the zero block stands for an empty one."""
    block = find_id(BlockID, message.block.id)
    return LayerRecord(
        number=LayerID(message.number),
        status=LAYER_STATUSES.get(message.status, LayerStatus.UNSPECIFIED),
        state_hash=find_id(Hash32, message.state_hash),
        mesh_hash=find_id(Hash32, message.cumulative_state_hash),
        block=block if block is not None and any(block) else None,
    )


def activation(message: activation_pb2.Activation) -> Activation:
    """Return an ATX."""
    return Activation(
        id=read_id(AtxID, message.id),
        smesher=read_id(SmesherID, message.smesher_id),
        publish_epoch=EpochID(message.publish_epoch),
        coinbase=message.coinbase,
        weight=message.weight,
        height=message.height,
        num_units=message.num_units,
    )


def setup_options(message: smesher_types_pb2.PostSetupOpts) -> SetupOptions:
    """Return how space is made."""
    return SetupOptions(
        data_folder=message.data_dir,
        num_units=message.num_units,
        max_file_size=message.max_file_size,
        provider=message.provider_id if message.HasField("provider_id") else None,
        throttle=message.throttle,
    )


def setup_options_message(options: SetupOptions) -> smesher_types_pb2.PostSetupOpts:
    """Return the message for ``options``."""
    return smesher_types_pb2.PostSetupOpts(
        data_dir=options.data_folder,
        num_units=options.num_units,
        max_file_size=options.max_file_size,
        provider_id=options.provider,
        throttle=options.throttle,
    )


def setup_status(message: smesher_types_pb2.PostSetupStatus) -> SetupStatus:
    """Return how far the space is."""
    return SetupStatus(
        state=SETUP_STATES.get(message.state, SetupState.UNKNOWN),
        labels_written=message.num_labels_written,
        options=setup_options(message.opts) if message.HasField("opts") else None,
    )


def setup_provider(message: smesher_types_pb2.PostSetupProvider) -> SetupProvider:
    """Return a device; nodes list the processor as a GPU of a number of its own."""
    gpu = smesher_types_pb2.PostSetupProvider.DEVICE_CLASS_GPU
    return SetupProvider(
        number=message.id,
        model=message.model,
        is_gpu=message.device_type == gpu and message.id != CPU_PROVIDER_ID,
        labels_per_second=message.performance,
    )


def post_worker(message: post_types_pb2.PostState) -> PostWorker:
    """Return an identity's worker."""
    return PostWorker(
        smesher=read_id(SmesherID, message.id),
        name=message.name,
        state=WORKER_STATES.get(message.state, WorkerState.UNKNOWN),
    )
