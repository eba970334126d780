"""What a node answers, as plain records.

Addresses are text, as the node writes them with the prefix of its network.  Amounts are
smidge.  Instants are nanoseconds since the Unix epoch, durations nanoseconds.

Source: api digest sections 3, 3b and 7.
"""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import TypeAlias

from node.types.ids import AtxID, BlockID, GenesisID, Hash32, SmesherID, TransactionID
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from node.vm.sdk import TransactionKind

# --- node and network ---


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """How far a node is."""

    synced: bool
    peers: int
    """Connected ones."""

    current_layer: LayerID
    """Layer that the clock shows."""

    latest_layer: LayerID
    """Highest layer of which the node has seen anything."""

    applied_layer: LayerID
    """Last layer in the state: balances are those after it."""

    processed_layer: LayerID
    """Highest layer up to which the tortoise has counted votes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeVersion:
    """What a node runs."""

    version: str
    build: str
    """Such as a commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInfo:
    """The network a node belongs to."""

    genesis_id: GenesisID
    genesis_ns: int
    """Start of layer 0."""

    layer_duration_ns: int
    layers_per_epoch: int
    effective_genesis: LayerID
    """Last layer without blocks."""

    labels_per_unit: int
    """Labels of 16 bytes in a space unit."""

    address_prefix: str

    @property
    def time(self) -> LayerTime:
        """The clock face of the network."""
        usual = 2 * self.layers_per_epoch - 1
        restored = LayerID(self.effective_genesis + 1)
        return LayerTime(
            genesis_ns=self.genesis_ns,
            layer_duration_ns=self.layer_duration_ns,
            layers_per_epoch=self.layers_per_epoch,
            restored_layer=None if self.effective_genesis == usual else restored,
        )


# --- state ---


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account now, and as it will be once everything pending is applied.

    An account nobody has paid to yet is all zeros.
    """

    address: str
    next_nonce: int
    balance: int
    projected_nonce: int
    """What the next transaction has to carry."""

    projected_balance: int
    template: str | None
    """Address of its template; None until it is spawned."""

    layer: LayerID
    """Layer that changed it last."""

    @property
    def is_spawned(self) -> bool:
        """Whether it can spend."""
        return self.template is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateHash:
    """Root of the state behind a layer."""

    layer: LayerID
    root: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """What a smesher was paid for a layer."""

    layer: LayerID
    total: int
    """Subsidy and fees."""

    layer_reward: int
    """The subsidy alone."""

    coinbase: str
    smesher: SmesherID


# --- transactions ---


@unique
class TransactionState(StrEnum):
    """How far a transaction is."""

    UNKNOWN = "unknown"
    REJECTED = "rejected"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    CONFLICTING = "conflicting"
    MEMPOOL = "mempool"
    MESH = "mesh"
    """In a proposal or block."""

    PROCESSED = "processed"
    """Applied, successfully or not."""

    INEFFECTUAL = "ineffectual"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendContents:
    """Pay to an address."""

    destination: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletSpawnContents:
    """Open the account of one key."""

    public_key: str
    """In hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultisigSpawnContents:
    """Open an account of several keys, which may be a vesting one."""

    required: int
    public_keys: tuple[str, ...]
    """In hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSpawnContents:
    """Open a vault, which lets its owner have more of it from layer to layer."""

    owner: str
    total_amount: int
    initial_unlock_amount: int
    vesting_start: LayerID
    vesting_end: LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainVaultContents:
    """Pay out of a vault."""

    vault: str
    destination: str
    amount: int


TransactionContents: TypeAlias = (
    SendContents
    | WalletSpawnContents
    | MultisigSpawnContents
    | VaultSpawnContents
    | DrainVaultContents
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedTransaction:
    """What a transaction says.

    Of one that a node holds without having judged it, only ``id`` and ``raw`` are known, and
    what its bytes tell by themselves; then ``principal`` and ``template`` are empty.
    """

    id: TransactionID
    raw: bytes
    principal: str
    """Who pays."""

    template: str
    """Address of the principal's template."""

    method: int
    """0 spawn, 16 spend, 17 drain a vault."""

    nonce: int
    max_gas: int
    gas_price: int
    """Smidge for a unit of gas."""

    max_spend: int
    """What it moves at most, without the fee."""

    kind: TransactionKind | None
    """As far as the bytes alone tell; None for bytes that tell nothing."""

    contents: TransactionContents | None

    @property
    def max_fee(self) -> int:
        """The most that it can cost beside what it moves."""
        return self.max_gas * self.gas_price


@unique
class OutcomeStatus(StrEnum):
    """How applying a transaction ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    """The fee was taken, nothing else happened."""

    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionOutcome:
    """What applying a transaction did."""

    status: OutcomeStatus
    message: str
    """Why it failed; empty for success."""

    gas: int
    fee: int
    block: BlockID
    layer: LayerID
    touched: tuple[str, ...]
    """Addresses it changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTransaction:
    """A transaction that a node holds."""

    transaction: ParsedTransaction
    state: TransactionState
    outcome: TransactionOutcome | None
    """None until it is applied."""


# --- mesh ---


@unique
class LayerStatus(StrEnum):
    """How far a layer is."""

    UNSPECIFIED = "unspecified"
    APPLIED = "applied"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecord:
    """A layer."""

    number: LayerID
    status: LayerStatus
    state_hash: Hash32 | None
    """Root of the state behind it."""

    mesh_hash: Hash32 | None
    """Digest of all applied blocks up to it; equal on nodes that agree."""

    block: BlockID | None
    """The applied one; None for an empty layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """An ATX."""

    id: AtxID
    smesher: SmesherID
    publish_epoch: EpochID
    coinbase: str
    weight: int
    height: int
    """Ticks of its chain of PoET proofs."""

    num_units: int

    @property
    def target_epoch(self) -> EpochID:
        """Epoch in which it entitles to proposals."""
        return EpochID(self.publish_epoch + 1)


# --- smeshing ---


@unique
class SetupState(StrEnum):
    """How far the space of the supervised identity is."""

    UNKNOWN = "unknown"
    NOT_STARTED = "not_started"
    PREPARED = "prepared"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    COMPLETE = "complete"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupOptions:
    """How the space of the supervised identity is made."""

    data_folder: str
    num_units: int
    max_file_size: int
    """Bytes of a label file."""

    provider: int | None = None
    """Number of the compute device; None for the best one found."""

    throttle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupStatus:
    """The space of the supervised identity."""

    state: SetupState
    labels_written: int
    options: SetupOptions | None
    """None before anything was set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmeshingStatus:
    """What a node does as a smesher."""

    is_supervised: bool
    """Whether the node itself makes and proves the space of an identity."""

    is_smeshing: bool
    """Whether the supervised identity builds ATXs."""

    smeshers: tuple[SmesherID, ...]
    """Own identities."""

    coinbase: str | None
    """Where rewards of future ATXs go; None until it is set."""

    setup: SetupStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupProvider:
    """A device that can make space."""

    number: int
    model: str
    is_gpu: bool
    labels_per_second: int
    """0 where it was not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostConfig:
    """What space has to look like on a network."""

    bits_per_label: int
    labels_per_unit: int
    min_units: int
    max_units: int
    k1: int
    k2: int


@unique
class WorkerState(StrEnum):
    """What the PoST worker of an identity does."""

    UNKNOWN = "unknown"
    IDLE = "idle"
    PROVING = "proving"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostWorker:
    """An identity and its PoST worker."""

    smesher: SmesherID
    name: str
    """Name of the key file."""

    state: WorkerState
