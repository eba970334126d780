"""Changes of a database that nothing in the file can show, each with the reason.

Everything else has to be found by an audit.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final, TypeAlias

from node.base import scale
from node.base.errors import DecodeError
from node.checkpoint.audit.findings import ObjectKind
from node.checkpoint.audit.run import TABLES
from node.checkpoint.audit.transactions import STRAY_PART
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.types.ballot import Ballot
from node.types.block import Block

KINDS: Final = {table: kind for kind, table in TABLES.items() if table}
"""What the rows of each table are."""


@unique
class How(StrEnum):
    """Ways of changing a database."""

    BIT = "one bit"
    BYTE = "one byte"
    EMPTY = "set to NULL"
    SHORTER = "one byte less"
    LONGER = "one byte more"
    COPIED = "value of another row"
    SWAPPED = "swapped with another row"
    TWICE = "a second row"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done to a database."""

    table: str
    column: str
    """Empty: the row was deleted."""

    how: How
    before: Mapping[str, Any]
    after: Mapping[str, Any] | None
    """None: the row was deleted."""

    other: Mapping[str, Any] | None
    """The row that it was swapped with."""

    keys: tuple[str, ...]
    """What may name the object: keys of the rows, and the changed values."""

    @property
    def kind(self) -> ObjectKind:
        """Kind of the object that was changed."""
        return KINDS[self.table]


Excuse: TypeAlias = Callable[[Change, sqlite3.Connection], str]

CLOCK: Final = "when this node received something: nothing else tells"
WEAK_COIN: Final = "weak coin: hare's messages, which toss it, are not recorded"
PRUNED: Final = "nodes forget active sets of old epochs"
SYNCED: Final = "hare's output of a layer: a node that synced the layer has no row"
NO_CERTIFICATE: Final = "a row without its certificate is what a node's own hare leaves"
UNUSED: Final = "nothing in the file names it"
VERIFIED: Final = "validity 0 and 1: whether this node has verified, true of every good ATX"
PROCESSED: Final = "layers that are counted together: only the last one is marked"
OLD_VERSION: Final = "0 and NULL stand for version 1"
UNDECIDED: Final = "a block that nothing later is decided after may be undecided"
PROOF_LAYER: Final = "layer of a proof of misbehaviour: nobody verifies it"
WAITING: Final = "a transaction that waits: a node need not have judged it, or have it"
ORPHAN: Final = "account of a transaction that was cut off from the file"
CHECKPOINT: Final = "an ATX out of a checkpoint: without its bytes nothing proves its columns"
NEXT_BEACON: Final = "the beacon of an epoch that no ballot of the file names"


def excuse(change: Change, connection: sqlite3.Connection) -> str:
    """Return why the file cannot show a change; empty: an audit has to find it.

    Args:
        change: what was done.
        connection: to the changed file.
    """
    for place in ((change.table, change.column), (change.table, "")):
        found = EXCUSES.get(place)
        told = "" if found is None else found(change, connection)
        if told:
            return told
    return ""


def named_also(change: Change) -> tuple[ObjectKind, ...]:
    """Return kinds under which a change may be told, too: of objects with the same name."""
    if change.table in ("atxs", "atx_blobs", "posts"):
        # One identifier stands for the three.
        return (ObjectKind.ATX, ObjectKind.ATX_BLOB, ObjectKind.POST)
    return ()


def _always(reason: str) -> Excuse:
    return lambda *_: reason


def _if_deleted(reason: str) -> Excuse:
    return lambda change, _: reason if change.how is How.DELETED else ""


def _validity(change: Change, _: sqlite3.Connection) -> str:
    new = _new(change)
    return VERIFIED if new in (0, 1) and not isinstance(new, bytes) else ""


def _checkpointed(name: str) -> Excuse:
    """Return the excuse for columns of a table that names ATXs in a column."""

    def find(change: Change, connection: sqlite3.Connection) -> str:
        if change.how in (How.DELETED, How.TWICE):
            return ""
        query = "SELECT count(*) FROM atx_blobs WHERE id = ? AND atx NOT NULL"
        rows = [row for row in (change.before, change.other) if row is not None]
        proven = [connection.execute(query, (row[name],)).fetchone()[0] for row in rows]
        return "" if all(proven) else CHECKPOINT

    return find


def _new(change: Change) -> Any:
    return None if change.after is None else change.after[change.column]


def _if_null(reason: str) -> Excuse:
    return lambda change, _: reason if change.after is not None and _new(change) is None else ""


def _version(change: Change, _: sqlite3.Connection) -> str:
    versions = {change.before["version"], _new(change)}
    return OLD_VERSION if versions <= {None, 0, 1} else ""


def _block_validity(change: Change, connection: sqlite3.Connection) -> str:
    if change.how is How.DELETED or _new(change) not in (None, 0):
        return ""
    query = "SELECT max(layer) FROM blocks WHERE validity != 0"
    (last,) = connection.execute(query).fetchone()
    return UNDECIDED if last is None or change.before["layer"] >= last else ""


def _proof(change: Change, _: sqlite3.Connection) -> str:
    try:
        old = scale.decode(MalfeasanceProof, change.before["proof"])
        new = scale.decode(MalfeasanceProof, _new(change))
    except (DecodeError, TypeError):
        return ""
    return PROOF_LAYER if old.data == new.data and scale.encode(new) == _new(change) else ""


def _ballot(change: Change, connection: sqlite3.Connection) -> str:
    if change.how is not How.DELETED:
        return ""
    identifier, layer = change.before["id"][:20], change.before["layer"]
    for (blob,) in connection.execute("SELECT ballot FROM ballots WHERE layer >= ?", (layer,)):
        ballot = scale.decode(Ballot, blob)
        if identifier in (ballot.votes.base, ballot.inner.ref_ballot):
            return ""
    for (blob,) in connection.execute("SELECT block FROM blocks WHERE layer = ?", (layer,)):
        rewards = scale.decode(Block, blob).rewards
        if any(reward.atx_id == change.before["atx"] for reward in rewards):
            return ""
    return UNUSED


def _poet(change: Change, connection: sqlite3.Connection) -> str:
    if change.how is not How.DELETED:
        return ""
    query = "SELECT count(*) FROM atx_blobs WHERE instr(atx, ?)"
    (number,) = connection.execute(query, (change.before["ref"],)).fetchone()
    return "" if number else UNUSED


def _identity(change: Change, connection: sqlite3.Connection) -> str:
    if change.how is not How.DELETED:
        return ""
    query = "SELECT count(*) FROM atxs WHERE pubkey = ? GROUP BY epoch ORDER BY 1 DESC LIMIT 1"
    row = connection.execute(query, (change.before["pubkey"],)).fetchone()
    return "" if row is not None and row[0] > 1 else UNUSED


def _beacon(change: Change, connection: sqlite3.Connection) -> str:
    (last,) = connection.execute("SELECT max(layer) FROM ballots").fetchone()
    (first,) = connection.execute("SELECT min(layer) FROM ballots").fetchone()
    per_epoch = _layers_per_epoch(connection)
    voted = range(first // per_epoch, last // per_epoch + 1)
    rows = [row for row in (change.before, change.after, change.other) if row is not None]
    if change.how is How.TWICE:
        rows = rows[1:]
    epochs = {row["epoch"] for row in rows}
    beyond = all(isinstance(e, int) and e == voted[-1] + 1 for e in epochs)
    return NEXT_BEACON if beyond else ""


def _layers_per_epoch(connection: sqlite3.Connection) -> int:
    # All recordings begin their first effective layer at twice this.
    (first,) = connection.execute("SELECT min(id) FROM layers").fetchone()
    return int(first + 1) // 2


def _transaction(change: Change, _: sqlite3.Connection) -> str:
    return WAITING if change.how is How.DELETED and change.before["result"] is None else ""


def _touched(change: Change, connection: sqlite3.Connection) -> str:
    query = (
        "SELECT count(*), count(t.id) FROM transactions_results_addresses a "
        "LEFT JOIN transactions t ON t.id = a.tid"
    )
    rows, known = connection.execute(query).fetchone()
    if (rows - known) * STRAY_PART <= rows:
        return ""
    query = "SELECT count(*) FROM transactions WHERE id = ?"
    # What a row says that was right before is missed; what only another one says is not.
    lost = change.after if change.how is How.TWICE else change.before
    found = None if lost is None else connection.execute(query, (lost["tid"],)).fetchone()
    return "" if found is not None and found[0] else ORPHAN


def _layer(change: Change, connection: sqlite3.Connection) -> str:
    if change.how is not How.DELETED or change.before["applied_block"] is not None:
        return ""
    (last,) = connection.execute("SELECT max(id) FROM layers").fetchone()
    return UNUSED if change.before["id"] > last else ""


EXCUSES: Final[Mapping[tuple[str, str], Excuse]] = {
    ("activesets", ""): _if_deleted(PRUNED),
    ("atx_blobs", "version"): _version,
    ("atxs", ""): _checkpointed("id"),
    ("atxs", "received"): _always(CLOCK),
    ("atxs", "validity"): _validity,
    ("ballots", ""): _ballot,
    ("beacons", ""): _beacon,
    ("blocks", "validity"): _block_validity,
    ("certificates", ""): _if_deleted(SYNCED),
    ("certificates", "cert"): _if_null(NO_CERTIFICATE),
    ("identities", ""): _identity,
    ("identities", "proof"): _proof,
    ("identities", "received"): _always(CLOCK),
    ("layers", ""): _layer,
    ("layers", "processed"): _if_null(PROCESSED),
    ("layers", "weak_coin"): _always(WEAK_COIN),
    ("poets", ""): _poet,
    ("posts", ""): _checkpointed("atxid"),
    ("transactions", ""): _transaction,
    ("transactions", "timestamp"): _always(CLOCK),
    ("transactions_results_addresses", ""): _touched,
}
"""By table and column; without a column: of every change in the table."""
