"""Audits of recorded databases as they are, and of files that cannot be audited."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import ConfigError, PreconditionError, SpacemeshError, StoreError
from node.checkpoint.audit.findings import ObjectKind
from node.checkpoint.audit.run import TABLES, audit, open_audited
from node.store.statesql.state_rows import STATE_TABLES
from tests.support.audits import CHAIN_CONFIG, CREW, NETWORK_CONFIG, Recorded, auditor

OBJECTS = {
    ObjectKind.FILE: 1,
    ObjectKind.POET: 1,
    ObjectKind.ATX: 1,
    ObjectKind.ATX_BLOB: 1,
    ObjectKind.POST: 1,
    ObjectKind.ACTIVE_SET: 1,
    ObjectKind.BALLOT: 3,
    ObjectKind.BEACON: 1,
    ObjectKind.BLOCK: 2,
    ObjectKind.CERTIFICATE: 3,
    ObjectKind.LAYER: 4,
    ObjectKind.ACCOUNT: 23,
    ObjectKind.REWARD: 2,
    ObjectKind.TRANSACTION: 10,
    ObjectKind.BLOCK_TRANSACTION: 10,
    ObjectKind.PROPOSAL_TRANSACTION: 10,
    ObjectKind.TOUCHED_ACCOUNT: 10,
}


def test_a_recorded_chain_comes_out_equal_and_every_object_is_counted(chain: Recorded) -> None:
    before = chain.path.read_bytes()
    report = chain.audit()
    assert (report.findings, report.differences, report.is_clean) == ((), 0, True)
    assert (report.first_layer, report.last_layer) == (20, 22)
    assert report.state_root == chain.value("SELECT state_hash FROM layers WHERE id = 22")
    assert {one.kind: one.objects for one in report.kinds if one.objects} == OBJECTS
    for summary in report.kinds:
        if summary.table:
            assert summary.objects == chain.value(f"SELECT count(*) FROM {summary.table}")
        assert bool(summary.checks) == bool(summary.objects)
    assert chain.path.read_bytes() == before
    assert [path.name for path in chain.path.parent.iterdir()] == ["chain.sql"]


@pytest.mark.parametrize("name", ["second", "malfeasance"])
def test_other_parts_of_recorded_databases_come_out_equal(tmp_path: Path, name: str) -> None:
    assert Recorded(tmp_path, name).audit().findings == ()


def test_every_table_is_of_a_kind() -> None:
    assert {table for table in TABLES.values() if table} == {t.name for t in STATE_TABLES}
    assert set(TABLES) == set(ObjectKind)


def test_progress_ends_with_all_rows_done(chain: Recorded) -> None:
    told: list[tuple[str, int, int, str]] = []
    with open_audited(chain.path) as file:
        audit(
            file,
            auditor(CHAIN_CONFIG).parameters,
            crew=CREW,
            report=lambda *report: told.append(report),
        )
    total = sum(OBJECTS.values()) - OBJECTS[ObjectKind.FILE]
    assert told[-1] == ("audit", total, total, "rows")
    assert [done for _, done, _, _ in told] == sorted(done for _, done, _, _ in told)


def test_a_configuration_of_another_network_is_refused(chain: Recorded) -> None:
    with pytest.raises(ConfigError, match="is of another network") as caught:
        auditor(NETWORK_CONFIG).audit(chain.path)
    assert caught.value.code == "smesh.config.genesis"
    assert "--config" in caught.value.hint


def test_other_genesis_accounts_are_differences(chain: Recorded) -> None:
    one = auditor(CHAIN_CONFIG)
    first, second, *rest = one.parameters.genesis
    changed = (replace(first, balance=first.balance + 1), *rest)
    with open_audited(chain.path) as file:
        report = audit(
            file,
            replace(one.parameters, genesis=changed),
            crew=CREW,
            report=lambda *_: None,
        )
    told = {(finding.id, finding.rule) for finding in report.findings}
    assert (f"{first.address.hex()} in layer 0", "balance") in told
    assert (f"{second.address.hex()} in layer 0", "version") in told


def _remove(path: Path) -> None:
    path.unlink()


def _overwrite(path: Path) -> None:
    path.write_bytes(b"no database, but long enough to be one" * 100)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 3 * 4096])


def _sql(statement: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return run


def _leave_log(path: Path) -> None:
    path.with_name(path.name + "-wal").write_bytes(b"frames")


@pytest.mark.parametrize(
    ("spoil", "kind", "code", "text"),
    [
        (_remove, StoreError, "smesh.store.missing", "there is no file"),
        (_overwrite, StoreError, "smesh.store.sqlite", "not a database"),
        (_cut, StoreError, "smesh.store.sqlite", "malformed"),
        (_sql("PRAGMA user_version = 26"), StoreError, "smesh.store.sqlite.version", "version 26"),
        (_sql("PRAGMA user_version = 24"), StoreError, "smesh.store.sqlite.version", "version 24"),
        (_sql("PRAGMA user_version = 0"), StoreError, "smesh.store.sqlite.version", "version 0"),
        (_sql("DROP TABLE ballots"), StoreError, "smesh.store.sqlite.tables", "table ballots"),
        (
            _sql("ALTER TABLE atxs RENAME COLUMN weight TO heaviness"),
            StoreError,
            "smesh.store.sqlite.tables",
            "column weight in table atxs",
        ),
        (_leave_log, PreconditionError, "smesh.precondition.store_log", "changes that are not"),
    ],
)
def test_what_cannot_be_audited_is_told(
    chain: Recorded,
    spoil: Callable[[Path], None],
    kind: type[SpacemeshError],
    code: str,
    text: str,
) -> None:
    spoil(chain.path)
    with pytest.raises(kind, match=text) as caught:
        chain.audit()
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)


def test_an_empty_log_is_no_hindrance(chain: Recorded) -> None:
    log = chain.path.with_name(chain.path.name + "-wal")
    log.touch()
    connection = sqlite3.connect(f"file:{chain.path}?mode=ro&immutable=1", uri=True)
    connection.close()
    assert chain.audit().is_clean
    assert log.stat().st_size == 0


def test_a_damaged_schema_is_told_though_its_text_is_not_utf_8(chain: Recorded) -> None:
    data = chain.path.read_bytes()
    chain.path.write_bytes(
        data.replace(
            b"CREATE INDEX atxs_by_coinbase", b"CREATE \xff\xff\xff\xff\xff atxs_by_coinbase"
        )
    )
    with pytest.raises(StoreError, match="cannot be read") as caught:
        chain.audit()
    assert caught.value.code == "smesh.store.sqlite"


def test_text_that_is_not_utf_8_is_one_bad_column(chain: Recorded) -> None:
    chain.run("UPDATE ballots SET pubkey = CAST(x'ff' AS TEXT) WHERE layer = 21")
    found = chain.differences()
    assert found[0] == (ObjectKind.BALLOT, "form of the row")


def test_a_changed_page_is_found(chain: Recorded) -> None:
    data = bytearray(chain.path.read_bytes())
    root = chain.value("SELECT rootpage FROM sqlite_master WHERE name = 'rewards_by_layer'")
    data[(root - 1) * 4096 + 4090] ^= 0x40
    chain.path.write_bytes(data)
    assert (ObjectKind.FILE, "structure") in chain.differences()


def test_a_recovered_database_starts_from_its_accounts(chain: Recorded) -> None:
    for table in ("ballots", "blocks", "certificates", "rewards", "block_transactions"):
        chain.run(f"DELETE FROM {table}")
    for table in ("transactions", "transactions_results_addresses", "proposal_transactions"):
        chain.run(f"DELETE FROM {table}")
    chain.run("DELETE FROM beacons")
    chain.run("DELETE FROM layers WHERE id < 22")
    chain.run("UPDATE layers SET applied_block = zeroblob(20), state_hash = NULL")
    chain.run("UPDATE layers SET aggregated_hash = ?", bytes.fromhex(EMPTY_OPINION))
    chain.run("INSERT INTO recovery VALUES (1, 23)")
    report = chain.audit()
    assert report.findings == ()
    (accounts,) = (one for one in report.kinds if one.kind is ObjectKind.ACCOUNT)
    assert accounts.unchecked == {"out of a checkpoint": accounts.objects}
    chain.run("UPDATE recovery SET restore = 30")
    assert (ObjectKind.RECOVERY, "restore layer") in chain.differences()


EMPTY_OPINION = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
