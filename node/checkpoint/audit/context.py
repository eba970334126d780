"""What the checkers of an audit share: the file, the ledger, facts of earlier checkers.

Facts are as we compute them.  Where the file says the same, they are read from it again when
they are asked for, so that memory does not grow with the chain; only what differs is kept.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

from node.base.lru import LruMap
from node.checkpoint.audit.findings import Ledger, ObjectKind
from node.checkpoint.audit.parameters import AuditParameters
from node.checkpoint.audit.rows import KnownRows, Unreadable, count_rows, read_rows
from node.checkpoint.audit.verdicts import Verdicts
from node.checkpoint.audit.work import HOLDS, SignatureWork, Work
from node.consensus.activation.rules import publish_epoch_of
from node.consensus.atxdata import AtxEntry
from node.consensus.tortoise.ballots import BallotInfo
from node.consensus.tortoise.votes import VoteNode
from node.crypto.domains import Domain, signed_bytes
from node.store.atxs import AtxPost
from node.store.statesql import state_rows
from node.store.statesql.files import SqlFile
from node.store.statesql.forms import SqlValue, Table
from node.types.atx import Atx
from node.types.ids import (
    NO_ATX,
    PADDED_SIZE,
    AtxID,
    BallotID,
    Beacon,
    BlockID,
    Hash32,
    PoetRef,
    SmesherID,
)
from node.types.layer import EpochID, LayerID

R = TypeVar("R")

CACHED_ATXS: Final = 100_000
"""ATXs in memory; one takes half a kilobyte."""
CACHED_ROWS: Final = 4096
"""Rows in memory; one takes 2 KiB, rarely more."""
CACHED_EPOCHS: Final = 2
"""Epochs whose weights are in memory."""
REPORTED_EACH: Final = 50
"""Rows between two reports of progress."""
SHORT_SIZE: Final = 20
"""Bytes of the identifiers that some tables pad."""

FORM: Final = "form of the row"
"""Rule: each column is what the table declares, in the one form a node writes."""
STORED_COLUMNS: Final = "a row with such a column"
"""What a file says where a row cannot be read."""

IDENTIFIED: Final = frozenset(
    {
        ObjectKind.POET,
        ObjectKind.ATX,
        ObjectKind.ATX_BLOB,
        ObjectKind.ACTIVE_SET,
        ObjectKind.BALLOT,
        ObjectKind.BLOCK,
        ObjectKind.TRANSACTION,
    }
)
"""Kinds whose first column is an identifier that other objects name."""


class ReportProgress(Protocol):
    """Takes how far a part of the audit is."""

    def __call__(self, name: str, done: int, total: int, unit: str) -> None:
        """Report ``done`` of ``total`` units."""


@dataclass(frozen=True, slots=True)
class PoetFacts:
    """What a good PoET proof proves."""

    statement: Hash32
    leaf_count: int


@dataclass(frozen=True, slots=True)
class KnownBallot:
    """A ballot whose signature is good."""

    info: BallotInfo

    tail: VoteNode | None
    """Its votes; None if they could not be worked out."""


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A block whose content is what its identifier says."""

    id: BlockID
    height: int
    valid: bool | None


@dataclass(slots=True)
class Facts:
    """What earlier checkers found out."""

    damaged: set[bytes] = field(default_factory=set)
    """Identifiers of objects that are in the file, but not as they should be.  What rests on
    one of them is not judged: the damage is told once, where it is."""

    unreadable: set[tuple[ObjectKind, str]] = field(default_factory=set)
    """Kind and first column of rows that cannot be read."""

    malicious: set[SmesherID] = field(default_factory=set)
    poets: dict[PoetRef, PoetFacts] = field(default_factory=dict)
    atxs: dict[AtxID, Atx] = field(default_factory=dict)
    """ATXs of which the file says something else."""

    commitments: dict[SmesherID, AtxID] = field(default_factory=dict)
    """What labels commit to, where the file says something else."""

    posts: dict[tuple[AtxID, SmesherID], int] = field(default_factory=dict)
    """Declared space units of which the file says something else."""

    ballots: dict[EpochID, dict[BallotID, KnownBallot]] = field(default_factory=dict)
    """Ballots of the epoch in work and of the one before."""

    beacons: dict[EpochID, Beacon] = field(default_factory=dict)
    """Beacons of which the file says something else."""

    blocks: dict[LayerID, list[KnownBlock]] = field(default_factory=dict)
    moved_blocks: dict[BlockID, SqlValue] = field(default_factory=dict)
    """Blocks that the file keeps under another identifier, with that one."""

    certified: dict[LayerID, dict[BlockID, bool]] = field(default_factory=dict)
    """Outputs of hare by the certificate rows, and whether the row counts."""

    def damage(self, *keys: bytes) -> None:
        """Note that what has one of these identifiers is damaged."""
        for key in keys:
            self.damaged.add(bytes(key))
            if len(key) == PADDED_SIZE and not any(key[SHORT_SIZE:]):
                self.damaged.add(bytes(key[:SHORT_SIZE]))


class Cursor(Generic[R]):
    """Rows in ascending order, handed out a group at a time."""

    def __init__(self, rows: Iterable[R], place: Callable[[R], int]) -> None:
        """Take rows.

        Args:
            rows: ascending by ``place``.
            place: gives the number of a row's group.
        """
        self._rows = iter(rows)
        self._place = place
        self._next: R | None = next(self._rows, None)

    @property
    def place(self) -> int | None:
        """Number of the next group; None: there is none."""
        return None if self._next is None else self._place(self._next)

    def take(self, place: int) -> Iterator[R]:
        """Yield the rows up to and including the group ``place``."""
        while self._next is not None and self._place(self._next) <= place:
            row, self._next = self._next, next(self._rows, None)
            yield row


@dataclass(kw_only=True)
class AuditContext:
    """The surroundings of a checker."""

    file: SqlFile
    parameters: AuditParameters
    ledger: Ledger
    verdicts: Verdicts
    report: ReportProgress
    facts: Facts = field(default_factory=Facts)
    known_rows: KnownRows = field(default_factory=lambda: LruMap(CACHED_ROWS))

    _total: int = 0
    """Rows of all tables."""

    _done: int = 0
    _atxs: LruMap[AtxID, Atx] = field(default_factory=lambda: LruMap(CACHED_ATXS))
    _weights: LruMap[EpochID, dict[AtxID, tuple[SmesherID, int]]] = field(
        default_factory=lambda: LruMap(CACHED_EPOCHS)
    )

    def __post_init__(self) -> None:
        """Count what there is to do."""
        self._total = sum(count_rows(self.file, table) for table in state_rows.STATE_TABLES)

    def finish(self) -> None:
        """Report that all is done, whatever was damaged on the way."""
        self.report("audit", self._total, self._total, "rows")

    def scan(
        self,
        kind: ObjectKind,
        table: Table[R],
        where: str = "",
        *,
        foresee: Callable[[R], Iterable[Work]] | None = None,
    ) -> Iterator[R]:
        """Yield the rows of a table that can be read; count them, and tell of the others.

        Each table is scanned once.  Rows with equal sorting keys may come in any order.

        Args:
            kind: of the objects in the table.
            table: what to read.
            where: an SQL condition, with an order.
            foresee: tells what work a row will need; it is done ahead.
        """
        rows = read_rows(self.file, self.known_rows, table, where)
        if foresee is not None:
            rows = self.verdicts.ahead(rows, partial(_foresee_readable, foresee))
        for row in rows:
            self._done += 1
            if not self._done % REPORTED_EACH:
                self.report("audit", self._done, self._total, "rows")
            self.ledger.tallies[kind].objects += 1
            if isinstance(row, Unreadable):
                self.facts.unreadable.add((kind, row.name))
                if kind in IDENTIFIED:
                    self.facts.damage(row.key)
                self.ledger.fail(kind, row.name, FORM, row.problem, STORED_COLUMNS)
            else:
                self.ledger.tallies[kind].checks[FORM] += 1
                yield row

    def look(self, table: Table[R], where: str, *values: SqlValue) -> Iterator[R]:
        """Yield the rows that a condition selects and that can be read."""
        for row in read_rows(self.file, self.known_rows, table, where, *values):
            if not isinstance(row, Unreadable):
                yield row

    def find(self, table: Table[R], where: str, *values: SqlValue) -> R | None:
        """Return the first row that a condition selects and that can be read."""
        return next(self.look(table, where, *values), None)

    # --- work ---

    def judge_work(self, kind: ObjectKind, identifier: object, rule: str, work: Work) -> bool:
        """Apply a rule that takes work; return whether it holds."""
        return self.ledger.hold(kind, identifier, rule, self.verdicts.of(work))

    def is_good(self, work: Work) -> bool:
        """Tell whether work comes out as it should."""
        return self.verdicts.of(work) == HOLDS

    def signature(
        self, domain: Domain, smesher: SmesherID, message: bytes, signature: bytes
    ) -> SignatureWork:
        """Return the work of verifying what a smesher signed on this network."""
        covered = signed_bytes(self.parameters.genesis_id, domain, message)
        return SignatureWork(smesher, covered, signature)

    # --- ATXs ---

    def keep_atx(self, atx: Atx, *, differs: bool) -> None:
        """Take an ATX as we compute it."""
        if differs:
            self.facts.atxs[atx.id] = atx
        self._atxs.put(atx.id, atx)

    def find_atx(self, identifier: AtxID) -> Atx | None:
        """Return an ATX, as we compute it where that was possible."""
        known = self.facts.atxs.get(identifier) or self._atxs.get(identifier)
        if known is not None:
            return known
        row = self.find(state_rows.ATXS, "id = ?", identifier)
        return None if row is None else self.stored_atx(row)

    def stored_atx(self, row: state_rows.AtxRow) -> Atx:
        """Return an ATX as the file has it."""
        own = self.find(state_rows.POSTS, "atxid = ? AND pubkey = ?", row.id, row.smesher)
        previous = None if own is None else own.previous_atx
        blob = self.find(state_rows.ATX_BLOBS, "id = ?", row.id)
        epoch = row.publish_epoch
        if blob is not None and blob.blob:
            # The row may be one that is not checked yet because of just this column.
            epoch = publish_epoch_of(blob.blob)
        return Atx(
            id=row.id,
            smesher=row.smesher,
            publish_epoch=epoch,
            sequence=row.sequence,
            commitment_atx=row.commitment_atx,
            previous_atx=NO_ATX if previous is None else previous,
            coinbase=row.coinbase,
            num_units=row.num_units,
            vrf_nonce=row.vrf_nonce,
            base_tick_height=row.base_tick_height,
            tick_count=row.tick_count,
            weight=_weight_of(row),
            received_ns=row.received_ns,
            version=1,
        )

    def find_units(self, atx: AtxID, smesher: SmesherID) -> int | None:
        """Return the space units that a smesher declared in an ATX."""
        corrected = self.facts.posts.get((atx, smesher))
        if corrected is not None:
            return corrected
        row: AtxPost | None = self.find(state_rows.POSTS, "atxid = ? AND pubkey = ?", atx, smesher)
        return None if row is None else row.num_units

    def find_commitment(self, smesher: SmesherID) -> AtxID | None:
        """Return what a smesher's labels commit to, by its newest ATX that tells."""
        if smesher in self.facts.commitments:
            return self.facts.commitments[smesher]
        row = self.find(
            state_rows.ATXS,
            "pubkey = ? AND commitment_atx IS NOT NULL ORDER BY epoch DESC LIMIT 1",
            smesher,
        )
        return None if row is None else row.commitment_atx

    def find_entry(self, epoch: EpochID, identifier: AtxID) -> AtxEntry | None:
        """Return what a node has in memory of an ATX that is active in an epoch."""
        atx = self.find_atx(identifier)
        if atx is None or atx.target_epoch != epoch:
            return None
        return AtxEntry(
            smesher=atx.smesher,
            coinbase=atx.coinbase,
            weight=atx.weight,
            base_height=atx.base_tick_height,
            height=atx.tick_height,
            nonce=atx.vrf_nonce,
        )

    def weights(self, epoch: EpochID) -> dict[AtxID, tuple[SmesherID, int]]:
        """Return smesher and weight of every ATX that is active in an epoch."""
        known = self._weights.get(epoch)
        if known is None:
            known = {}
            for row in self.look(state_rows.ATXS, "epoch = ?", epoch - 1):
                known[row.id] = (row.smesher, _weight_of(row))
            for atx in self.facts.atxs.values():
                known.pop(atx.id, None)
                if atx.target_epoch == epoch:
                    known[atx.id] = (atx.smesher, atx.weight)
            self._weights.put(epoch, known)
        return known

    # --- the rest ---

    def find_beacon(self, epoch: EpochID) -> Beacon | None:
        """Return an epoch's beacon."""
        if epoch in self.facts.beacons:
            return self.facts.beacons[epoch]
        row = self.find(state_rows.BEACONS, "epoch = ?", epoch)
        return None if row is None else row.beacon

    def layer_span(self) -> tuple[LayerID, LayerID] | None:
        """Return the first and the last layer that have a row; None: there is none."""
        first = self.find(state_rows.LAYERS, "1 ORDER BY id LIMIT 1")
        last = self.find(state_rows.LAYERS, "1 ORDER BY id DESC LIMIT 1")
        return None if first is None or last is None else (first.layer, last.layer)

    def find_block(self, identifier: BlockID) -> state_rows.BlockRow | None:
        """Return a block by the identifier of its content."""
        stored = self.facts.moved_blocks.get(identifier, identifier.ljust(PADDED_SIZE, b"\0"))
        row = self.find(state_rows.BLOCKS, "id = ?", stored)
        return row if row is not None and row.block.id == identifier else None

    def find_active_set(self, digest: Hash32) -> state_rows.ActiveSetRow | None:
        """Return an active set."""
        return self.find(state_rows.ACTIVE_SETS, "id = ?", digest)

    def has_findings(self, kind: ObjectKind) -> bool:
        """Tell whether objects of a kind differ, so that others may lack what they rest on."""
        return bool(self.ledger.tallies[kind].findings)

    def is_damaged(self, *identifiers: bytes) -> bool:
        """Tell whether one of these is in the file, but not as it should be."""
        return any(bytes(identifier) in self.facts.damaged for identifier in identifiers)


def _foresee_readable(
    foresee: Callable[[R], Iterable[Work]], row: R | Unreadable
) -> Iterable[Work]:
    return () if isinstance(row, Unreadable) else foresee(row)


def _weight_of(row: state_rows.AtxRow) -> int:
    """Return the weight of an ATX; the file does not tell that of one out of a checkpoint."""
    return row.num_units * row.tick_count if row.weight is None else row.weight
