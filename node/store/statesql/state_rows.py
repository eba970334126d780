"""Rows and tables of ``state.sql``, schema version 25.

Where a record of ours says the same, it is the row; otherwise the row stands here.
"""

from dataclasses import dataclass
from typing import Any, Final

from node.store.atxs import AtxPost
from node.store.certificates import CertificateRow
from node.store.layers import LayerFacts
from node.store.statesql.forms import (
    BIG_ENDIAN,
    BLOB,
    EPOCH,
    FLAG,
    LAYER,
    TEXT,
    UNSIGNED,
    VERDICT,
    Table,
    empty_as_null,
    fixed,
    optional,
    padded,
    record,
)
from node.types.account import Account
from node.types.active_set import EpochActiveSet
from node.types.address import Address
from node.types.ballot import Ballot
from node.types.block import Block
from node.types.certificate import Certificate
from node.types.ids import (
    NO_SMESHER,
    AtxID,
    BallotID,
    Beacon,
    BlockID,
    EdSignature,
    Hash32,
    PoetRef,
    ProposalID,
    SmesherID,
    TransactionID,
)
from node.types.layer import EpochID, LayerID
from node.types.marriage import Marriage
from node.types.poet import PoetProofMessage
from node.types.reward import Reward
from node.types.transaction import TransactionHeader, TransactionResult

STATE_VERSION: Final = 25
"""``user_version`` of the files this module reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveSetRow:
    """An active set under its digest."""

    digest: Hash32
    active_set: EpochActiveSet
    epoch: EpochID


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxBlobRow:
    """The bytes of an ATX."""

    id: AtxID

    blob: bytes | None
    """None for one out of a checkpoint."""

    version: int | None
    """1 or 2; None and 0 mean 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxRow:
    """An ATX as the reference keeps it."""

    id: AtxID
    publish_epoch: EpochID
    num_units: int
    commitment_atx: AtxID | None
    vrf_nonce: int
    base_tick_height: int
    tick_count: int
    sequence: int
    smesher: SmesherID
    coinbase: Address
    received_ns: int
    validity: int
    marriage_atx: AtxID | None

    weight: int | None
    """None for one out of a checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotRow:
    """A ballot with the columns taken out of it."""

    id: BallotID
    atx: AtxID
    layer: LayerID
    smesher: SmesherID
    ballot: Ballot


@dataclass(frozen=True, slots=True, kw_only=True)
class BeaconRow:
    """The beacon of an epoch."""

    epoch: EpochID
    beacon: Beacon


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockInclusionRow:
    """That a block holds a transaction."""

    transaction: TransactionID
    block: BlockID
    layer: LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalInclusionRow:
    """That a proposal offers a transaction."""

    transaction: TransactionID
    proposal: ProposalID
    layer: LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow:
    """A block with the tortoise's decision."""

    id: BlockID
    layer: LayerID
    valid: bool | None
    block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRow:
    """An identity that misbehaved."""

    smesher: SmesherID
    proof: bytes
    received_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MalfeasanceRow:
    """An identity that misbehaved, second format; the reference does not use it yet."""

    smesher: SmesherID
    marriage_id: int | None
    received_ns: int
    domain: int | None
    proof: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarriageRow:
    """One identity's place in a marriage."""

    smesher: SmesherID
    marriage_id: int
    marriage_atx: AtxID
    index: int
    target: SmesherID
    signature: EdSignature

    @property
    def marriage(self) -> Marriage:
        """The same without the number of the set."""
        return Marriage(
            smesher=self.smesher,
            marriage_atx=self.marriage_atx,
            index=self.index,
            target=self.target,
            signature=self.signature,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetRow:
    """A PoET proof with the columns taken out of it."""

    reference: PoetRef
    message: PoetProofMessage
    service_id: bytes
    round_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRow:
    """Which layer the database was recovered at."""

    id: int
    restore_layer: LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRow:
    """A transaction with the columns taken out of header and result."""

    id: TransactionID
    raw: bytes
    header: TransactionHeader | None
    result: TransactionResult | None
    layer: LayerID | None
    block: BlockID | None
    principal: Address | None
    nonce: int | None
    received_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchedRow:
    """That an applied transaction touched an account."""

    address: Address
    transaction: TransactionID


ACCOUNTS: Final = Table(
    "accounts",
    Account,
    ("address", "address", fixed(Address)),
    ("balance", "balance", UNSIGNED),
    ("next_nonce", "next_nonce", UNSIGNED),
    ("layer_updated", "layer", LAYER),
    ("template", "template", optional(fixed(Address))),
    ("state", "state", empty_as_null(BLOB, b"")),
)
ACTIVE_SETS: Final = Table(
    "activesets",
    ActiveSetRow,
    ("id", "digest", fixed(Hash32)),
    ("active_set", "active_set", record(EpochActiveSet)),
    ("epoch", "epoch", EPOCH),
)
ATX_BLOBS: Final = Table(
    "atx_blobs",
    AtxBlobRow,
    ("id", "id", fixed(AtxID)),
    ("atx", "blob", optional(BLOB)),
    ("version", "version", optional(UNSIGNED)),
)
ATXS: Final = Table(
    "atxs",
    AtxRow,
    ("id", "id", fixed(AtxID)),
    ("epoch", "publish_epoch", EPOCH),
    ("effective_num_units", "num_units", UNSIGNED),
    ("commitment_atx", "commitment_atx", optional(fixed(AtxID))),
    ("nonce", "vrf_nonce", UNSIGNED),
    ("base_tick_height", "base_tick_height", UNSIGNED),
    ("tick_count", "tick_count", UNSIGNED),
    ("sequence", "sequence", UNSIGNED),
    ("pubkey", "smesher", fixed(SmesherID)),
    ("coinbase", "coinbase", fixed(Address)),
    ("received", "received_ns", UNSIGNED),
    ("validity", "validity", UNSIGNED),
    ("marriage_atx", "marriage_atx", optional(fixed(AtxID))),
    ("weight", "weight", optional(UNSIGNED)),
)
BALLOTS: Final = Table(
    "ballots",
    BallotRow,
    ("id", "id", padded(BallotID)),
    ("atx", "atx", fixed(AtxID)),
    ("layer", "layer", LAYER),
    ("pubkey", "smesher", fixed(SmesherID)),
    ("ballot", "ballot", record(Ballot)),
)
BEACONS: Final = Table(
    "beacons", BeaconRow, ("epoch", "epoch", EPOCH), ("beacon", "beacon", fixed(Beacon))
)
BLOCK_TRANSACTIONS: Final = Table(
    "block_transactions",
    BlockInclusionRow,
    ("tid", "transaction", fixed(TransactionID)),
    ("bid", "block", padded(BlockID)),
    ("layer", "layer", LAYER),
)
BLOCKS: Final = Table(
    "blocks",
    BlockRow,
    ("id", "id", padded(BlockID)),
    ("layer", "layer", LAYER),
    ("validity", "valid", VERDICT),
    ("block", "block", record(Block)),
)
CERTIFICATES: Final = Table(
    "certificates",
    CertificateRow,
    ("layer", "layer", LAYER),
    ("block", "block", fixed(BlockID)),
    ("cert", "certificate", optional(record(Certificate))),
    ("valid", "is_valid", FLAG),
)
IDENTITIES: Final = Table(
    "identities",
    IdentityRow,
    ("pubkey", "smesher", fixed(SmesherID)),
    ("proof", "proof", BLOB),
    ("received", "received_ns", UNSIGNED),
)
LAYERS: Final = Table(
    "layers",
    LayerFacts,
    ("id", "layer", LAYER),
    ("weak_coin", "weak_coin", optional(FLAG)),
    ("processed", "is_processed", empty_as_null(FLAG, empty=False)),
    ("applied_block", "applied_block", optional(fixed(BlockID))),
    ("state_hash", "state_hash", optional(fixed(Hash32))),
    ("aggregated_hash", "mesh_hash", optional(fixed(Hash32))),
)
MALFEASANCE: Final = Table(
    "malfeasance",
    MalfeasanceRow,
    ("pubkey", "smesher", fixed(SmesherID)),
    ("marriage_id", "marriage_id", optional(UNSIGNED)),
    ("received", "received_ns", UNSIGNED),
    ("domain", "domain", optional(UNSIGNED)),
    ("proof", "proof", optional(BLOB)),
)
MARRIAGES: Final = Table(
    "marriages",
    MarriageRow,
    ("pubkey", "smesher", fixed(SmesherID)),
    ("id", "marriage_id", UNSIGNED),
    ("marriage_atx", "marriage_atx", fixed(AtxID)),
    ("marriage_idx", "index", UNSIGNED),
    ("marriage_target", "target", fixed(SmesherID)),
    ("marriage_sig", "signature", fixed(EdSignature)),
)
POETS: Final = Table(
    "poets",
    PoetRow,
    ("ref", "reference", fixed(PoetRef)),
    ("poet", "message", record(PoetProofMessage)),
    ("service_id", "service_id", BLOB),
    ("round_id", "round_id", TEXT),
)
POSTS: Final = Table(
    "posts",
    AtxPost,
    ("atxid", "atx", fixed(AtxID)),
    ("pubkey", "smesher", fixed(SmesherID)),
    ("prev_atxid", "previous_atx", optional(fixed(AtxID))),
    ("prev_atx_index", "previous_index", UNSIGNED),
    ("units", "num_units", UNSIGNED),
    ("publish_epoch", "publish_epoch", EPOCH),
)
PROPOSAL_TRANSACTIONS: Final = Table(
    "proposal_transactions",
    ProposalInclusionRow,
    ("tid", "transaction", fixed(TransactionID)),
    ("pid", "proposal", padded(ProposalID)),
    ("layer", "layer", LAYER),
)
RECOVERY: Final = Table(
    "recovery", RecoveryRow, ("id", "id", UNSIGNED), ("restore", "restore_layer", LAYER)
)
REWARDS: Final = Table(
    "rewards",
    Reward,
    ("pubkey", "smesher", empty_as_null(fixed(SmesherID), NO_SMESHER)),
    ("coinbase", "coinbase", fixed(Address)),
    ("layer", "layer", LAYER),
    ("total_reward", "total_reward", UNSIGNED),
    ("layer_reward", "layer_reward", UNSIGNED),
)
TRANSACTIONS: Final = Table(
    "transactions",
    TransactionRow,
    ("id", "id", fixed(TransactionID)),
    ("tx", "raw", BLOB),
    ("header", "header", optional(record(TransactionHeader))),
    ("result", "result", optional(record(TransactionResult))),
    ("layer", "layer", optional(LAYER)),
    ("block", "block", optional(fixed(BlockID))),
    ("principal", "principal", optional(fixed(Address))),
    ("nonce", "nonce", optional(BIG_ENDIAN)),
    ("timestamp", "received_ns", UNSIGNED),
)
TRANSACTION_ADDRESSES: Final = Table(
    "transactions_results_addresses",
    TouchedRow,
    ("address", "address", fixed(Address)),
    ("tid", "transaction", fixed(TransactionID)),
)

STATE_TABLES: Final[tuple[Table[Any], ...]] = (
    ACCOUNTS,
    ACTIVE_SETS,
    ATX_BLOBS,
    ATXS,
    BALLOTS,
    BEACONS,
    BLOCK_TRANSACTIONS,
    BLOCKS,
    CERTIFICATES,
    IDENTITIES,
    LAYERS,
    MALFEASANCE,
    MARRIAGES,
    POETS,
    POSTS,
    PROPOSAL_TRANSACTIONS,
    RECOVERY,
    REWARDS,
    TRANSACTIONS,
    TRANSACTION_ADDRESSES,
)
"""Every table of the file, by name."""
