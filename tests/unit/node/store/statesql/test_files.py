"""Opening the reference's files."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from node.base.errors import StoreError
from node.store.statesql import state_rows
from node.store.statesql.files import SqlFile, open_local_sql, open_sql_file, open_state_sql
from tests.unit.node.store.statesql.conftest import MakeFile

BEACONS = {"beacons": [(2, b"abcd"), (3, b"efgh")]}


def test_rows_are_read_in_order_and_by_condition(make_file: MakeFile) -> None:
    with open_state_sql(make_file("state", BEACONS)) as file:
        assert file.count(state_rows.BEACONS) == 2
        assert [row.epoch for row in file.rows(state_rows.BEACONS)] == [2, 3]
        (row,) = file.rows(state_rows.BEACONS, "epoch = ?", 3)
        assert row.beacon == b"efgh"


def test_a_file_of_another_version_is_refused(make_file: MakeFile) -> None:
    path = make_file("state", {})
    with pytest.raises(StoreError, match="has schema version 25, this program reads 9"):
        open_local_sql(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        open_state_sql(tmp_path / "state.sql")


def test_a_path_that_sqlite_refuses_is_told() -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        open_state_sql(Path("/dev/null/state.sql"))


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.sql").write_bytes(b"not a database, but long enough" * 100)
    with pytest.raises(StoreError, match="cannot be read") as caught:
        open_state_sql(tmp_path / "state.sql")
    assert "go-spacemesh" in caught.value.hint


def test_a_file_without_a_table_is_told(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "empty.sql")
    connection.execute("PRAGMA user_version = 25")
    connection.execute("CREATE TABLE other (id)")
    connection.commit()
    connection.close()
    with open_sql_file(tmp_path / "empty.sql", 25) as file:
        with pytest.raises(StoreError, match="no such table"):
            file.count(state_rows.BEACONS)
        with pytest.raises(StoreError, match="no such table"):
            list(file.rows(state_rows.BEACONS))


def test_a_write_ahead_log_is_read_too(make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file("state", BEACONS)
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("INSERT INTO beacons VALUES (4, x'01020304')")
    writer.commit()
    copy = tmp_path / "copy.sql"
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    with open_state_sql(copy) as file:
        assert file.count(state_rows.BEACONS) == 3
    writer.close()


def test_nothing_can_be_written(make_file: MakeFile) -> None:
    with open_state_sql(make_file("state", BEACONS)) as file:
        connection = file._connection
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM beacons")


def test_a_connection_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.sql"
    path.write_bytes(b"nonsense" * 1000)
    with (
        SqlFile(sqlite3.connect(path), "x.sql") as file,
        pytest.raises(StoreError, match=r"x\.sql"),
    ):
        file.version()
