"""Every key prefix of both databases, in one place.

A prefix has two bytes: the letter of a repository and the letter of a view.  Behind it
come fixed-size parts, unless a layout says otherwise, so no key is the beginning of
another.  Numbers in keys are big-endian: LevelDB's byte order is then numeric order.
Values are SCALE records, except the few plain ones whose layout is told.

A view that is scanned often carries the record itself, and the identifier points there:
a scan of an epoch or a layer reads one contiguous range.
"""

from typing import Final, TypeVar

from node.base import scale
from node.base.errors import DecodeError, StoreError

T = TypeVar("T")

# --- both databases ---

VERSION: Final = b"!v"
"""-> name of the database, one space, schema version in decimal; ASCII."""

# --- database "state" ---

ATX: Final = b"AE"
"""publish epoch u32 | atx 32 -> AtxRecord."""
ATX_EPOCH: Final = b"AI"
"""atx 32 -> publish epoch u32."""
ATX_BLOB: Final = b"AB"
"""atx 32 -> bytes as received; absent for an ATX out of a checkpoint."""
ATX_VALIDITY: Final = b"AV"
"""atx 32 -> u8: 1 valid, 2 invalid; absent while unknown."""
ATX_BY_SMESHER: Final = b"AS"
"""smesher 32 | publish epoch u32 | received ns u64 | atx 32 -> empty."""
ATX_BY_COINBASE: Final = b"AC"
"""coinbase 24 | publish epoch u32 | atx 32 -> empty."""
ATX_BY_HEIGHT: Final = b"AH"
"""tick height u64 | publish epoch u32 | atx 32 -> empty."""
ATX_BY_MARRIAGE: Final = b"AM"
"""marriage atx 32 | publish epoch u32 | atx 32 -> empty."""
ATX_COMMITMENT: Final = b"AK"
"""smesher 32 | publish epoch u32 | atx 32 -> commitment atx 32."""
ATX_POST: Final = b"AP"
"""atx 32 | smesher 32 -> AtxPost."""
ATX_POST_BY_SMESHER: Final = b"AQ"
"""smesher 32 | publish epoch u32 | atx 32 -> empty."""
ATX_POST_BY_PREVIOUS: Final = b"AR"
"""smesher 32 | previous atx 32, zero for none | atx 32 -> empty."""

ACTIVE_SET: Final = b"VI"
"""hash 32 -> EpochActiveSet."""
ACTIVE_SET_BY_EPOCH: Final = b"VE"
"""epoch u32 | hash 32 -> empty."""

POET: Final = b"PI"
"""reference 32 -> PoetProofMessage."""
POET_BY_ROUND: Final = b"PR"
"""length u8 of the service id | service id | round id, UTF-8 -> reference 32."""

BALLOT: Final = b"BL"
"""layer u32 | smesher 32 | ballot 20 -> Ballot."""
BALLOT_PLACE: Final = b"BI"
"""ballot 20 -> layer u32 | smesher 32."""
BALLOT_BY_SMESHER: Final = b"BS"
"""smesher 32 | layer u32 | ballot 20 -> empty."""
BALLOT_BY_ATX: Final = b"BA"
"""atx 32 | layer u32 | ballot 20 -> smesher 32."""

BLOCK: Final = b"KL"
"""layer u32 | block 20 -> Block."""
BLOCK_LAYER: Final = b"KI"
"""block 20 -> layer u32."""
BLOCK_VALIDITY: Final = b"KV"
"""layer u32 | block 20 -> u8: 1 valid, 2 invalid; absent while undecided."""
VALID_BLOCK: Final = b"KW"
"""layer u32 | block 20 -> empty; the valid ones of the view above."""

LAYER: Final = b"LI"
"""layer u32 -> empty; there whenever any fact of the layer was ever stored."""
LAYER_WEAK_COIN: Final = b"LC"
"""layer u32 -> u8, 0 or 1."""
LAYER_PROCESSED: Final = b"LP"
"""layer u32 -> empty."""
LAYER_APPLIED: Final = b"LA"
"""layer u32 -> block 20, zero for a layer applied empty."""
LAYER_STATE_HASH: Final = b"LS"
"""layer u32 -> hash 32."""
LAYER_MESH_HASH: Final = b"LM"
"""layer u32 -> hash 32."""
RESTORE_LAYER: Final = b"LR"
"""-> layer u32 from which a checkpoint was recovered."""

CERTIFICATE_ROW: Final = b"CR"
"""layer u32 | block 20 -> u8: 1 valid, 0 invalid; a hare output or a certificate."""
CERTIFICATE: Final = b"CC"
"""layer u32 | block 20 -> Certificate."""

BEACON: Final = b"EB"
"""epoch u32 -> beacon 4."""

TRANSACTION: Final = b"TI"
"""tx 32 -> received ns u64 | raw bytes."""
TRANSACTION_HEADER: Final = b"TH"
"""tx 32 -> TransactionHeader; absent while it could not be parsed."""
TRANSACTION_RESULT: Final = b"TR"
"""tx 32 -> TransactionResult."""
TRANSACTION_UNAPPLIED: Final = b"TU"
"""tx 32 -> empty; those without a result."""
TRANSACTION_PENDING: Final = b"TP"
"""principal 24 | nonce u64 | tx 32 -> empty; those with a header and without a result."""
TRANSACTION_BY_LAYER: Final = b"TL"
"""layer u32 | tx 32 -> empty; those with a result."""
TRANSACTION_BY_ADDRESS: Final = b"TA"
"""address 24 | layer u32 | tx 32 -> empty; results that touched the address."""
TRANSACTION_IN_BLOCK: Final = b"TB"
"""tx 32 | layer u32 | block 20 -> empty."""
TRANSACTION_IN_PROPOSAL: Final = b"TQ"
"""tx 32 | layer u32 | proposal 20 -> empty."""
PROPOSAL_TRANSACTION: Final = b"TX"
"""layer u32 | tx 32 | proposal 20 -> empty; the view above, for pruning."""

ACCOUNT: Final = b"SA"
"""address 24 | layer u32 -> Account."""
ACCOUNT_BY_LAYER: Final = b"SL"
"""layer u32 | address 24 -> empty."""

REWARD: Final = b"RL"
"""layer u32 | smesher 32 -> Reward."""
REWARD_BY_SMESHER: Final = b"RS"
"""smesher 32 | layer u32 -> empty."""
REWARD_BY_COINBASE: Final = b"RC"
"""coinbase 24 | layer u32 | smesher 32 -> empty."""

MALICIOUS: Final = b"IM"
"""smesher 32 -> received ns u64 | encoded proof, empty for one condemned by its marriage."""
MARRIAGE: Final = b"MS"
"""smesher 32 -> MarriageRecord."""
MARRIAGE_MEMBER: Final = b"MI"
"""marriage u32 | sequence u64 -> smesher 32."""
MARRIAGE_BY_ATX: Final = b"MA"
"""marriage atx 32 | index u32 -> smesher 32."""
MARRIAGE_SEQUENCE: Final = b"MQ"
"""sequence u64 -> marriage u32; all members in the order of their arrival."""

# --- database "local" ---

INITIAL_POST: Final = b"pI"
"""smesher 32 -> InitialPost."""
CHALLENGE: Final = b"pC"
"""smesher 32 -> PendingChallenge."""
POET_REGISTRATION: Final = b"pR"
"""smesher 32 | address, UTF-8 -> PoetRegistration."""
POET_CERTIFICATE: Final = b"pK"
"""smesher 32 | certifier key -> PoetCertificate."""
FINISHED_NIPOST: Final = b"pN"
"""smesher 32 -> FinishedNIPost."""
BUILT_ATX: Final = b"pA"
"""smesher 32 | publish epoch u32 -> encoded ATX, signed."""
PREPARED_ACTIVE_SET: Final = b"pV"
"""kind u8 | epoch u32 -> PreparedActiveSet."""
CLAIM: Final = b"pG"
"""duty u8 | smesher 32 | slot u64 -> digest 32 of the one thing signed there."""

ATX_SYNC: Final = b"yA"
"""publish epoch u32 | atx 32 -> u32, big-endian: requests that failed."""
EPOCH_SYNC: Final = b"yE"
"""publish epoch u32 -> EpochSync."""
MALFEASANCE_SYNC: Final = b"yM"
"""-> ns u64: when all proofs were last in."""

JOURNAL: Final = b"jE"
"""number u64 -> JournalEntry."""
JOURNAL_BY_SMESHER: Final = b"jS"
"""smesher 32 | number u64 -> empty."""
SLOT_OUTCOME: Final = b"jO"
"""smesher 32 | layer u32 -> SlotOutcome."""
SYNC_SAMPLE: Final = b"jH"
"""ns u64 -> SyncSample."""

U8_SIZE: Final = 1
U32_SIZE: Final = 4
U64_SIZE: Final = 8


def key_u8(number: int) -> bytes:
    """Return a number below 2^8 as a part of a key."""
    return number.to_bytes(U8_SIZE, "big")


def key_u32(number: int) -> bytes:
    """Return a layer, an epoch or an index as a part of a key."""
    return number.to_bytes(U32_SIZE, "big")


def key_u64(number: int) -> bytes:
    """Return a height, a nonce or an instant as a part of a key."""
    return number.to_bytes(U64_SIZE, "big")


def number_of(part: bytes) -> int:
    """Return the number that a part of a key, or a plain value, stands for."""
    return int.from_bytes(part, "big")


def after_u32(number: int) -> bytes | None:
    """Return where a scan up to and including ``number`` stops; None: at the end."""
    return key_u32(number + 1) if number + 1 < 1 << 8 * U32_SIZE else None


def read_record(cls: type[T], value: bytes) -> T:
    """Decode a stored record.

    Raises:
        StoreError: the bytes are not what this version wrote; never a DecodeError, which
            would blame a peer.
    """
    try:
        return scale.decode(cls, value)
    except DecodeError as error:
        raise StoreError(
            f"a stored {cls.__name__} is damaged: {error}", code="smesh.store.damaged"
        ) from error
