"""Families ``chain/state``, ``chain/local``, ``network/state-node0``, …: databases of Go nodes.

A dump is the recorded form of a database: its schema and its rows.  Where the SQLite file
itself lies beside it, that is read; otherwise the dump is made into one.  Per row, three
things are compared: our reading, written back, with the dump; identifiers and columns
computed anew with those recorded; and, for a state database, what our own store answers
after an import.

``chain/meta`` and ``chain/config`` are inputs of the other families; of them the network's
identity, the keys and the addresses are computed again.
"""

import json
import lzma
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from node.base import scale
from node.base.bech32 import decode_address, encode_address
from node.base.errors import DecodeError, StoreError
from node.config.durations import Instant
from node.config.genesis import genesis_id
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.crypto.ed25519 import private_key_of, public_key_of
from node.store import (
    accounts,
    activesets,
    atxs,
    ballots,
    beacons,
    blocks,
    certificates,
    identities,
    layers,
    poets,
    rewards,
    transactions,
)
from node.store.db import LevelDB, Reader
from node.store.statesql import local_rows, state_rows
from node.store.statesql.files import SqlFile, open_local_sql, open_state_sql
from node.store.statesql.forms import SqlValue, Table
from node.store.statesql.load import import_local, import_state
from node.types.account import Account
from node.types.active_set import active_set_hash
from node.types.atx_v1 import ActivationTxV1, NIPostChallengeV1
from node.types.atx_v2 import ActivationTxV2, NIPostChallengeV2
from node.types.ids import NO_ATX, AtxID
from node.types.reward import Reward
from node.types.transaction import RawTransaction
from scripts.vectors.family import Case, Family, compare, read_json, read_json_lines, read_lines

SECRET_SIZE = 32
SECOND_VERSION = 2


@dataclass(frozen=True, slots=True)
class Dump:
    """A recorded database."""

    version: int
    schema: str
    tables: dict[str, list[tuple[SqlValue, ...]]]


def read_dump(path: Path) -> Dump:
    """Read the lines of a dump: version and schema, rows, and a line after each table."""
    lines = read_json_lines(path)
    head = next(lines)
    tables: dict[str, list[tuple[SqlValue, ...]]] = {}
    for line in lines:
        if isinstance(line, dict):
            tables.setdefault(line["table"], [])
        else:
            tables.setdefault(line[0], []).append(tuple(map(_plain_value, line[1:])))
    return Dump(head["user_version"], head["schema"], tables)


def _plain_value(value: Any) -> SqlValue:
    if isinstance(value, str) and value.startswith("x"):
        return bytes.fromhex(value[1:])
    return value  # type: ignore[no-any-return]


def write_sqlite(dump: Dump, path: Path) -> None:
    """Make the SQLite file that a dump was taken of; triggers are left out."""
    connection = sqlite3.connect(path)
    for statement in statements(dump.schema):
        connection.execute(statement)
    for table, rows in dump.tables.items():
        for row in rows:
            marks = ", ".join("?" * len(row))
            connection.execute(f'INSERT INTO "{table}" VALUES ({marks})', row)  # noqa: S608
    connection.execute(f"PRAGMA user_version = {dump.version:d}")
    connection.commit()
    connection.close()


def statements(schema: str | list[str]) -> Iterator[str]:
    """Yield the CREATE statements of a schema that make tables and indexes."""
    text = schema if isinstance(schema, str) else "\n".join(schema)
    found = _statement_texts(text.splitlines())
    yield from (statement for statement in found if not statement.startswith("CREATE TRIGGER"))


def _statement_texts(lines: list[str]) -> Iterator[str]:
    current: list[str] = []
    for line in lines:
        if line.startswith("CREATE ") and current:
            yield "\n".join(current)
            current = []
        current.append(line)
    if current:
        yield "\n".join(current)


@contextmanager
def _opened(dump: Dump, recorded: Path | None, version: int) -> Iterator[SqlFile]:
    """Open the recorded SQLite file, or the one made of the dump."""
    opener = open_state_sql if version == state_rows.STATE_VERSION else open_local_sql
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "database.sql"
        if recorded is None:
            write_sqlite(dump, path)
        else:
            data = recorded.read_bytes()
            path.write_bytes(lzma.decompress(data) if recorded.suffix == ".xz" else data)
        with opener(path) as file:
            yield file


def check_state(folder: Path, *, name: str) -> Iterator[Case]:
    """Compare a dump of state.sql, and the file itself if it is there, row by row."""
    for path in sorted(folder.glob(f"{name}.jsonl*")):
        dump = read_dump(path)
        stem = path.name.partition(".")[0]
        recorded = next(path.parent.glob(f"{stem}.sql*"), None)
        with (
            _opened(dump, recorded, state_rows.STATE_VERSION) as file,
            tempfile.TemporaryDirectory() as target,
            LevelDB(Path(target)) as db,
        ):
            try:
                import_state(db, file)
                facts = _Facts.of(file)
            except StoreError as error:
                yield Case(f"{stem}, import", str(error))
                continue
            for table in state_rows.STATE_TABLES:
                for case, row in _rows(stem, file, table, dump):
                    yield case if case.problem else Case(case.name, _judge(facts, db, row))


def check_local(folder: Path, *, name: str) -> Iterator[Case]:
    """Compare a dump of local.sql row by row."""
    for path in sorted(folder.glob(f"{name}.jsonl*")):
        dump = read_dump(path)
        stem = path.name.partition(".")[0]
        with (
            _opened(dump, None, local_rows.LOCAL_VERSION) as file,
            tempfile.TemporaryDirectory() as target,
            LevelDB(Path(target)) as db,
        ):
            try:
                imported = import_local(db, file)
            except StoreError as error:
                yield Case(f"{stem}, import", str(error))
                continue
            registered = tuple(file.rows(local_rows.POET_REGISTRATIONS))
            for table in local_rows.LOCAL_TABLES:
                for case, row in _rows(stem, file, table, dump):
                    problem = case.problem or _derive_local(row, registered)
                    yield Case(case.name, problem)
                rows = len(dump.tables.get(table.name, []))
                yield compare(f"{stem}, import of {table.name}", imported[table.name], rows)


def _rows(stem: str, file: SqlFile, table: Table[Any], dump: Dump) -> Iterator[tuple[Case, Any]]:
    """Yield each recorded row with the comparison of our reading of it."""
    recorded = dump.tables.get(table.name, [])
    if file.count(table) != len(recorded):
        yield Case(f"{stem}, {table.name}", f"{file.count(table)} rows, {len(recorded)}"), None
        return
    try:
        for number, (row, values) in enumerate(
            zip(_sorted_rows(file, table), sorted(recorded, key=repr), strict=True), 1
        ):
            yield compare(f"{stem}, {table.name} {number}", table.write(row), values), row
    except StoreError as error:
        yield Case(f"{stem}, {table.name}", str(error)), None


def _sorted_rows(file: SqlFile, table: Table[Any]) -> list[Any]:
    return sorted(file.rows(table), key=lambda row: repr(table.write(row)))


@dataclass(frozen=True, slots=True)
class _Facts:
    """Rows that others refer to."""

    blobs: dict[AtxID, state_rows.AtxBlobRow]
    atxs: dict[AtxID, state_rows.AtxRow]

    @classmethod
    def of(cls, file: SqlFile) -> "_Facts":
        return cls(
            {row.id: row for row in file.rows(state_rows.ATX_BLOBS)},
            {row.id: row for row in file.rows(state_rows.ATXS)},
        )


def _judge(facts: _Facts, reader: Reader, row: Any) -> str:
    """Tell what is wrong with a row's computed values, or with our store's answer."""
    try:
        problem = _derive(facts, row)
    except DecodeError as error:
        return str(error)
    if problem:
        return problem
    keeper = STORED.get(type(row))
    return "" if keeper is None or keeper(reader, row) else "our store answers otherwise"


def _derive(facts: _Facts, row: Any) -> str:
    match row:
        case state_rows.AtxBlobRow():
            return _derive_blob(facts, row)
        case state_rows.AtxRow():
            return _derive_atx(facts, row)
        case _:
            rule = DERIVED.get(type(row))
            return "" if rule is None else _differences(*rule(row))


def _derive_blob(facts: _Facts, row: state_rows.AtxBlobRow) -> str:
    if row.blob is None:
        return ""
    stored = facts.atxs.get(row.id)
    if stored is None:
        return "not recorded in the table atxs"
    atx = _decode_atx(row)
    if isinstance(atx, ActivationTxV1):
        challenge = atx.inner.challenge
        return _differences(
            (scale.encode(atx), row.blob),
            (atx.id, row.id),
            (challenge.publish_epoch, stored.publish_epoch),
            (challenge.sequence, stored.sequence),
            (challenge.commitment_atx, stored.commitment_atx),
            (atx.inner.coinbase, stored.coinbase),
            (atx.smesher, stored.smesher),
        )
    return _differences(
        (scale.encode(atx), row.blob),
        (atx.id, row.id),
        (atx.publish_epoch, stored.publish_epoch),
        (atx.vrf_nonce, stored.vrf_nonce),
        (None if atx.initial is None else atx.initial.commitment_atx, stored.commitment_atx),
        (atx.coinbase, stored.coinbase),
        (atx.marriage_atx, stored.marriage_atx),
        (atx.smesher, stored.smesher),
    )


def _derive_atx(facts: _Facts, row: state_rows.AtxRow) -> str:
    blob = facts.blobs.get(row.id)
    if blob is None:
        return "not recorded in the table atx_blobs"
    if blob.blob is None:
        return _differences((row.received_ns, 0), (row.weight, None))
    atx = _decode_atx(blob)
    positioning = (
        atx.inner.challenge.positioning_atx
        if isinstance(atx, ActivationTxV1)
        else atx.positioning_atx
    )
    below = facts.atxs.get(positioning)
    height = 0 if below is None else below.base_tick_height + below.tick_count
    return _differences(
        (height, row.base_tick_height), (row.num_units * row.tick_count, row.weight)
    )


def _decode_atx(row: state_rows.AtxBlobRow) -> ActivationTxV1 | ActivationTxV2:
    if row.version == SECOND_VERSION:
        return scale.decode(ActivationTxV2, row.blob or b"")
    return scale.decode(ActivationTxV1, row.blob or b"")


Pairs: TypeAlias = tuple[tuple[object, object], ...]


def _transaction_pairs(row: state_rows.TransactionRow) -> Pairs:
    header, result = row.header, row.result
    return (
        (RawTransaction.of(row.raw).id, row.id),
        (None if header is None else header.principal, row.principal),
        (None if header is None else header.nonce, row.nonce),
        (None if result is None else result.layer, row.layer),
        (None if result is None else result.block, row.block),
    )


def _identity_pairs(row: state_rows.IdentityRow) -> Pairs:
    return ((scale.encode(scale.decode(MalfeasanceProof, row.proof)), row.proof),)


DERIVED: dict[type, Callable[[Any], Pairs]] = {
    state_rows.ActiveSetRow: lambda row: (
        (active_set_hash(row.active_set.atx_ids), row.digest),
        (row.active_set.epoch, row.epoch),
    ),
    state_rows.BallotRow: lambda row: (
        (row.ballot.id, row.id),
        (row.ballot.atx_id, row.atx),
        (row.ballot.layer, row.layer),
        (row.ballot.smesher, row.smesher),
    ),
    state_rows.BlockRow: lambda row: ((row.block.id, row.id), (row.block.layer, row.layer)),
    certificates.CertificateRow: lambda row: (
        (row.block if row.certificate is None else row.certificate.block_id, row.block),
    ),
    state_rows.IdentityRow: _identity_pairs,
    state_rows.PoetRow: lambda row: (
        (row.message.proof.ref, row.reference),
        (row.message.poet_service_id, row.service_id),
        (row.message.round_id, row.round_id),
    ),
    state_rows.TransactionRow: _transaction_pairs,
}
"""What is computed of the object in a row, with the columns it must equal."""


def _derive_local(row: Any, registered: tuple[local_rows.PoetRegistrationRow, ...]) -> str:
    match row:
        case local_rows.PreparedActiveSetRow():
            return _differences((active_set_hash(row.atx_ids), row.digest))
        case local_rows.ChallengeRow():
            hashes = {_challenge_v1(row).challenge_hash(), _challenge_v2(row).challenge_hash()}
            unknown = [r.address for r in registered if r.challenge_hash not in hashes]
            return _differences((unknown, []))
        case _:
            return ""


def _challenge_v1(row: local_rows.ChallengeRow) -> NIPostChallengeV1:
    return NIPostChallengeV1(
        publish_epoch=row.publish_epoch,
        sequence=row.sequence,
        previous_atx=row.previous_atx,
        positioning_atx=row.positioning_atx,
        commitment_atx=row.commitment_atx,
        initial_post=row.initial_post,
    )


def _challenge_v2(row: local_rows.ChallengeRow) -> NIPostChallengeV2:
    return NIPostChallengeV2(
        publish_epoch=row.publish_epoch,
        previous_atx=row.previous_atx,
        positioning_atx=row.positioning_atx,
        initial_post=row.initial_post,
    )


def _differences(*pairs: tuple[object, object]) -> str:
    return "; ".join(f"{ours!r}, recorded {theirs!r}" for ours, theirs in pairs if ours != theirs)


def _keeps_atx(reader: Reader, row: state_rows.AtxRow) -> bool:
    atx = atxs.get_atx(reader, row.id)
    return (
        atx.weight == (row.weight or 0)
        and atx.received_ns == row.received_ns
        and row.id in atxs.atx_ids_in_epoch(reader, row.publish_epoch)
        and row.id in atxs.atx_ids_of_smesher_in_epoch(reader, row.smesher, row.publish_epoch)
        and row.id in atxs.atx_ids_with_coinbase(reader, row.coinbase)
        and atxs.find_validity(reader, row.id) == row.validity
        and atxs.find_commitment_atx(reader, row.smesher) is not None
    )


def _keeps_post(reader: Reader, row: atxs.AtxPost) -> bool:
    previous = row.previous_atx or NO_ATX
    return (
        atxs.find_post(reader, row.atx, row.smesher) == row
        and row.atx in atxs.atx_ids_with_post(reader, row.smesher, row.publish_epoch)
        and row.atx in atxs.atx_ids_after(reader, row.smesher, row.previous_atx)
        and atxs.get_atx(reader, row.atx).previous_atx == previous
    )


def _keeps_ballot(reader: Reader, row: state_rows.BallotRow) -> bool:
    return (
        ballots.get_ballot(reader, row.id) == row.ballot
        and row.id in ballots.ballot_ids_in_layer(reader, row.layer)
        and row.id in ballots.ballot_ids_of_smesher_in_layer(reader, row.smesher, row.layer)
    )


def _keeps_transaction(reader: Reader, row: state_rows.TransactionRow) -> bool:
    stored = transactions.get_transaction(reader, row.id)
    if row.result is None:
        return row.id in transactions.unapplied_transaction_ids(reader)
    layer = row.result.layer
    return (
        stored.transaction.raw.raw == row.raw
        and stored.transaction.header == row.header
        and stored.received_ns == row.received_ns
        and stored.result == row.result
        and row.id in transactions.transaction_ids_applied(reader, layer, layer)
    )


def _keeps_reward(reader: Reader, row: Reward) -> bool:
    span = row.layer, row.layer
    return (
        rewards.find_reward(reader, row.smesher, row.layer) == row
        and row in rewards.rewards_of_smesher(reader, row.smesher, *span)
        and row in rewards.rewards_of_coinbase(reader, row.coinbase, *span)
    )


def _keeps_touched(reader: Reader, row: state_rows.TouchedRow) -> bool:
    result = transactions.find_transaction_result(reader, row.transaction)
    if result is None:
        # A dump that was cut at a layer has lost the later transactions.
        return not transactions.has_transaction(reader, row.transaction)
    span = result.layer, result.layer
    return row.transaction in transactions.transaction_ids_of_address(reader, row.address, *span)


STORED: dict[type, Callable[[Reader, Any], bool]] = {
    Account: lambda reader, row: row in accounts.account_versions(reader, row.address),
    state_rows.ActiveSetRow: lambda reader, row: (
        activesets.find_active_set(reader, row.digest) == row.active_set
    ),
    state_rows.AtxBlobRow: lambda reader, row: atxs.find_atx_blob(reader, row.id) == row.blob,
    state_rows.AtxRow: _keeps_atx,
    atxs.AtxPost: _keeps_post,
    state_rows.BallotRow: _keeps_ballot,
    state_rows.BeaconRow: lambda reader, row: beacons.find_beacon(reader, row.epoch) == row.beacon,
    state_rows.BlockRow: lambda reader, row: (
        blocks.find_block(reader, row.id) == row.block
        and blocks.find_block_validity(reader, row.id) == row.valid
    ),
    state_rows.BlockInclusionRow: lambda reader, row: (
        (row.layer, row.block) in transactions.blocks_with(reader, row.transaction)
    ),
    state_rows.ProposalInclusionRow: lambda reader, row: (
        (row.layer, row.proposal) in transactions.proposals_with(reader, row.transaction)
    ),
    certificates.CertificateRow: lambda reader, row: (
        row in certificates.certificate_rows(reader, row.layer)
    ),
    state_rows.IdentityRow: lambda reader, row: (
        identities.find_malfeasance_blob(reader, row.smesher) == row.proof
    ),
    layers.LayerFacts: lambda reader, row: layers.find_layer(reader, row.layer) == row,
    state_rows.MarriageRow: lambda reader, row: (
        identities.find_marriage(reader, row.smesher) == row.marriage
    ),
    state_rows.PoetRow: lambda reader, row: (
        poets.find_poet(reader, row.reference) == row.message
        and poets.find_poet_of_round(reader, row.service_id, row.round_id) == row.reference
    ),
    state_rows.RecoveryRow: lambda reader, row: (
        layers.find_restore_layer(reader) == row.restore_layer
    ),
    Reward: _keeps_reward,
    state_rows.TransactionRow: _keeps_transaction,
    state_rows.TouchedRow: _keeps_touched,
}
"""What our own store answers to each kind of row after an import."""


def cut_dump(source: Path, target: Path, rows: int, limits: Mapping[str, int]) -> int:
    """Write a dump with few rows of each table; return the size of the file.

    Args:
        source: the recorded dump.
        target: where to, compressed.
        rows: how many rows of a table to keep, the shortest ones.
        limits: how many of certain tables, because others refer to them or they are large.
    """
    head, *lines = read_lines(source)
    tables: dict[str, list[str]] = {}
    ends: dict[str, str] = {}
    for line in lines:
        value = json.loads(line)
        if isinstance(value, dict):
            ends[value["table"]] = line
        else:
            tables.setdefault(value[0], []).append(line)
    kept = [head]
    for table, end in ends.items():
        kept += sorted(tables.get(table, []), key=len)[: limits.get(table, rows)]
        kept.append(end)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(lzma.compress(("\n".join(kept) + "\n").encode(), preset=9))
    return target.stat().st_size


def check_meta(folder: Path) -> Iterator[Case]:
    """Compute the network's identity, the keys and the addresses of the chain again."""
    meta = read_json(next(folder.glob("chain/meta.json*")))
    spec, known = meta["spec"], meta["accounts"]
    identity = genesis_id(Instant.parse(spec["genesis_time"]), spec["extra"])
    yield compare("genesis id", identity.hex(), known["genesis_id"])
    for key in spec["keys"]:
        private = bytes.fromhex(key["priv"])
        yield compare(f"key {key['name']}", private_key_of(private[:SECRET_SIZE]), private)
    for name, address in known["addresses"].items():
        shown = encode_address(spec["hrp"], decode_address(address, spec["hrp"]))
        yield compare(f"address of {name}", shown, address)
    yield compare("genesis accounts", meta["genesis_json"]["Accounts"], known["accounts"])
    smesher = public_key_of(private_key_of(bytes.fromhex(meta["smesher_seed"])))
    for path in folder.glob("chain/state.jsonl*"):
        found = {row[8] for row in read_dump(path).tables["atxs"]}
        yield compare("smesher of all ATXs", sorted(map(_hex, found)), [smesher.hex()])


def _hex(value: SqlValue) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)


def check_config(folder: Path) -> Iterator[Case]:
    """Compare the node's configuration file with the one in ``meta.json``."""
    config = read_json(next(folder.glob("chain/config.json*")))
    for path in folder.glob("chain/meta.json*"):
        recorded = read_json(path)["config"]
        for section in sorted({*config, *recorded}):
            ours = json.dumps(config.get(section), sort_keys=True)
            theirs = json.dumps(recorded.get(section), sort_keys=True)
            yield compare(f"section {section}", ours, theirs)


def _database(name: str, check: Callable[..., Iterator[Case]]) -> Family:
    files = (f"{name}.jsonl*", f"{name}.sql*")
    return Family(name, files, partial(check, name=name))


FAMILIES = (
    _database("chain/state", check_state),
    _database("chain/recovered-state", check_state),
    _database("chain/local", check_local),
    _database("network/state-node0", check_state),
    _database("network/hare4-state-node0", check_state),
    _database("network/local-node0", check_local),
    Family("chain/meta", ("chain/meta.json*",), check_meta),
    Family("chain/config", ("chain/config.json*",), check_config),
)
