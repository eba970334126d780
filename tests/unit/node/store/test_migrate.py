"""Opening databases: new, current, older, newer, foreign."""

from pathlib import Path

import pytest

from node.base.errors import StoreError
from node.store import migrate, schema
from node.store.db import Batch, Database, LevelDB
from node.store.migrate import DatabaseName, open_local, open_state, read_version


def set_mark(folder: Path, mark: bytes) -> None:
    with LevelDB(folder) as db, db.batch() as batch:
        batch.put(schema.VERSION, mark)


def test_a_new_folder_gets_the_current_version(tmp_path: Path) -> None:
    with open_state(tmp_path) as state, open_local(tmp_path) as local:
        assert read_version(state, DatabaseName.STATE) == migrate.SCHEMA_VERSION
        assert read_version(local, DatabaseName.LOCAL) == migrate.SCHEMA_VERSION
    assert sorted(path.name for path in tmp_path.iterdir()) == ["local", "state"]


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    with open_state(tmp_path) as state, state.batch() as batch:
        batch.put(b"key", b"value")
    with open_state(tmp_path) as state:
        assert state.get(b"key") == b"value"


def test_a_newer_database_is_refused_and_released(tmp_path: Path) -> None:
    set_mark(tmp_path / "state", b"state 999")
    for _ in range(2):
        with pytest.raises(StoreError, match="version 999, this program knows 1") as caught:
            open_state(tmp_path)
        assert caught.value.code == "smesh.store.newer"


@pytest.mark.parametrize("mark", [b"local 1", b"nonsense", b"state x"])
def test_another_database_is_refused(tmp_path: Path, mark: bytes) -> None:
    set_mark(tmp_path / "state", mark)
    with pytest.raises(StoreError, match="is not the database 'state'"):
        open_state(tmp_path)


def test_a_folder_with_other_rows_is_refused(tmp_path: Path) -> None:
    with LevelDB(tmp_path / "state") as db, db.batch() as batch:
        batch.put(b"someone", b"else's")
    with pytest.raises(StoreError, match="is not the database"):
        open_state(tmp_path)


def test_older_databases_are_brought_up_step_by_step(tmp_path: Path) -> None:
    def rename(_database: Database, batch: Batch) -> None:
        batch.delete(b"old")
        batch.put(b"new", b"1")

    def double(database: Database, batch: Batch) -> None:
        assert database.get(b"new") == b"1"
        batch.put(b"new", b"2")

    set_mark(tmp_path / "state", b"state 1")
    name = DatabaseName.STATE
    with LevelDB(tmp_path / "state") as db:
        with db.batch() as batch:
            batch.put(b"old", b"1")
        migrate.migrate(db, name, steps={(name, 1): rename, (name, 2): double}, target=3)
        assert read_version(db, name) == 3
        assert (db.get(b"old"), db.get(b"new")) == (None, b"2")


def test_a_version_without_a_step_is_refused(tmp_path: Path) -> None:
    set_mark(tmp_path / "state", b"state 0")
    with pytest.raises(StoreError, match="cannot be upgraded"):
        open_state(tmp_path)
