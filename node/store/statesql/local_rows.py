"""Rows and tables of ``local.sql``, schema version 9.

Source: post digest section 12.4, sync digest section 4.
"""

from dataclasses import dataclass
from typing import Any, Final

from node.store.local import MAX_ACTIVE_SET
from node.store.statesql.forms import (
    BLOB,
    EPOCH,
    SECONDS,
    UNSIGNED,
    Form,
    Table,
    fixed,
    optional,
    record,
    sequence,
)
from node.types.ids import AtxID, Hash32, PoetRef, SmesherID
from node.types.layer import EpochID
from node.types.post import MembershipProof, Post

LOCAL_VERSION: Final = 9
"""``user_version`` of the files this module reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxSyncRequestRow:
    """How far the download of an epoch is."""

    epoch: EpochID
    listed_ns: int
    total: int | None
    downloaded: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxSyncStateRow:
    """An ATX that is wanted."""

    epoch: EpochID
    id: AtxID
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRow:
    """What is being proven."""

    smesher: SmesherID
    publish_epoch: EpochID
    sequence: int
    previous_atx: AtxID
    positioning_atx: AtxID
    commitment_atx: AtxID | None
    post_nonce: int | None
    post_indices: bytes | None
    post_pow: int | None
    poet_ref: PoetRef | None
    membership: MembershipProof | None

    @property
    def initial_post(self) -> Post | None:
        """The PoST of an initial ATX."""
        if self.post_nonce is None or self.post_indices is None or self.post_pow is None:
            return None
        return Post(nonce=self.post_nonce, indices=self.post_indices, pow=self.post_pow)


@dataclass(frozen=True, slots=True, kw_only=True)
class MalfeasanceSyncRow:
    """When all proofs were last in."""

    id: int
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NIPostRow:
    """A NIPoST that is ready to be published."""

    smesher: SmesherID
    post_nonce: int
    post_indices: bytes
    post_pow: int
    num_units: int
    vrf_nonce: int
    membership: MembershipProof
    poet_ref: PoetRef
    labels_per_unit: int

    @property
    def post(self) -> Post:
        """The PoST in it."""
        return Post(nonce=self.post_nonce, indices=self.post_indices, pow=self.post_pow)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetCertificateRow:
    """A certifier's permission to register."""

    smesher: SmesherID
    certifier: bytes
    certificate: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetRegistrationRow:
    """That a PoET took the challenge into a round."""

    smesher: SmesherID
    challenge_hash: Hash32
    address: str
    round_id: str
    round_end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialPostRow:
    """The PoST over the labels."""

    smesher: SmesherID
    post_nonce: int
    post_indices: bytes
    post_pow: int
    num_units: int
    commitment_atx: AtxID
    vrf_nonce: int
    challenge: Hash32

    @property
    def post(self) -> Post:
        """The PoST itself."""
        return Post(nonce=self.post_nonce, indices=self.post_indices, pow=self.post_pow)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedActiveSetRow:
    """An active set made ready for an epoch."""

    kind: int
    epoch: EpochID
    digest: Hash32
    weight: int
    atx_ids: tuple[AtxID, ...]


PLAIN_TEXT: Final = Form(str, str)
"""Text that the reference stores as text."""

ATX_SYNC_REQUESTS: Final = Table(
    "atx_sync_requests",
    AtxSyncRequestRow,
    ("epoch", "epoch", EPOCH),
    ("timestamp", "listed_ns", SECONDS),
    ("total", "total", optional(UNSIGNED)),
    ("downloaded", "downloaded", optional(UNSIGNED)),
)
ATX_SYNC_STATE: Final = Table(
    "atx_sync_state",
    AtxSyncStateRow,
    ("epoch", "epoch", EPOCH),
    ("id", "id", fixed(AtxID)),
    ("requests", "requests", UNSIGNED),
)
CHALLENGES: Final = Table(
    "challenge",
    ChallengeRow,
    ("id", "smesher", fixed(SmesherID)),
    ("epoch", "publish_epoch", EPOCH),
    ("sequence", "sequence", UNSIGNED),
    ("prev_atx", "previous_atx", fixed(AtxID)),
    ("pos_atx", "positioning_atx", fixed(AtxID)),
    ("commit_atx", "commitment_atx", optional(fixed(AtxID))),
    ("post_nonce", "post_nonce", optional(UNSIGNED)),
    ("post_indices", "post_indices", optional(BLOB)),
    ("post_pow", "post_pow", optional(UNSIGNED)),
    ("poet_proof_ref", "poet_ref", optional(fixed(PoetRef))),
    ("poet_proof_membership", "membership", optional(record(MembershipProof))),
)
MALFEASANCE_SYNC: Final = Table(
    "malfeasance_sync_state",
    MalfeasanceSyncRow,
    ("id", "id", UNSIGNED),
    ("timestamp", "at_ns", SECONDS),
)
NIPOSTS: Final = Table(
    "nipost",
    NIPostRow,
    ("id", "smesher", fixed(SmesherID)),
    ("post_nonce", "post_nonce", UNSIGNED),
    ("post_indices", "post_indices", BLOB),
    ("post_pow", "post_pow", UNSIGNED),
    ("num_units", "num_units", UNSIGNED),
    ("vrf_nonce", "vrf_nonce", UNSIGNED),
    ("poet_proof_membership", "membership", record(MembershipProof)),
    ("poet_proof_ref", "poet_ref", fixed(PoetRef)),
    ("labels_per_unit", "labels_per_unit", UNSIGNED),
)
POET_CERTIFICATES: Final = Table(
    "poet_certificates",
    PoetCertificateRow,
    ("node_id", "smesher", fixed(SmesherID)),
    ("certifier_id", "certifier", BLOB),
    ("certificate", "certificate", BLOB),
    ("signature", "signature", BLOB),
)
POET_REGISTRATIONS: Final = Table(
    "poet_registration",
    PoetRegistrationRow,
    ("id", "smesher", fixed(SmesherID)),
    ("hash", "challenge_hash", fixed(Hash32)),
    ("address", "address", PLAIN_TEXT),
    ("round_id", "round_id", PLAIN_TEXT),
    ("round_end", "round_end_ns", SECONDS),
)
INITIAL_POSTS: Final = Table(
    "post",
    InitialPostRow,
    ("id", "smesher", fixed(SmesherID)),
    ("post_nonce", "post_nonce", UNSIGNED),
    ("post_indices", "post_indices", BLOB),
    ("post_pow", "post_pow", UNSIGNED),
    ("num_units", "num_units", UNSIGNED),
    ("commit_atx", "commitment_atx", fixed(AtxID)),
    ("vrf_nonce", "vrf_nonce", UNSIGNED),
    ("challenge", "challenge", fixed(Hash32)),
)
PREPARED_ACTIVE_SETS: Final = Table(
    "prepared_activeset",
    PreparedActiveSetRow,
    ("kind", "kind", UNSIGNED),
    ("epoch", "epoch", EPOCH),
    ("id", "digest", fixed(Hash32)),
    ("weight", "weight", UNSIGNED),
    ("data", "atx_ids", sequence(AtxID, MAX_ACTIVE_SET)),
)

LOCAL_TABLES: Final[tuple[Table[Any], ...]] = (
    ATX_SYNC_REQUESTS,
    ATX_SYNC_STATE,
    CHALLENGES,
    MALFEASANCE_SYNC,
    NIPOSTS,
    POET_CERTIFICATES,
    POET_REGISTRATIONS,
    INITIAL_POSTS,
    PREPARED_ACTIVE_SETS,
)
"""Every table of the file, by name."""
