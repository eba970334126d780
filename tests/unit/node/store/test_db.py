"""Reads, batches, snapshots and failures of the key-value store."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import plyvel
import pytest

from node.base.errors import StoreError
from node.store.db import LevelDB, successor


def fill(db: LevelDB, *keys: bytes) -> None:
    with db.batch(sync=False) as batch:
        for key in keys:
            batch.put(key, b"value of " + key)


def test_a_batch_becomes_visible_when_its_block_ends(db: LevelDB) -> None:
    with db.batch() as batch:
        batch.put(b"a", b"1")
        assert db.get(b"a") is None
    assert db.get(b"a") == b"1"


def test_a_batch_whose_block_fails_writes_nothing(db: LevelDB) -> None:
    def fail() -> None:
        with db.batch() as batch:
            batch.put(b"a", b"1")
            raise ValueError("changed my mind")

    with pytest.raises(ValueError, match="changed my mind"):
        fail()
    assert db.get(b"a") is None


def test_the_last_write_of_a_key_in_a_batch_wins(db: LevelDB) -> None:
    with db.batch() as batch:
        batch.put(b"a", b"1")
        batch.delete(b"a")
        batch.delete(b"b")
        batch.put(b"b", b"2")
    assert list(db.scan(b"")) == [(b"b", b"2")]


def test_a_scan_yields_the_keys_behind_the_prefix_in_order(db: LevelDB) -> None:
    fill(db, b"pb", b"pa", b"p", b"q", b"o\xff")
    assert list(db.scan(b"p")) == [
        (b"", b"value of p"),
        (b"a", b"value of pa"),
        (b"b", b"value of pb"),
    ]
    assert list(db.keys(b"p")) == [b"", b"a", b"b"]


def test_a_scan_goes_backwards_and_between_bounds(db: LevelDB) -> None:
    fill(db, b"p1", b"p2", b"p3", b"p4")
    assert list(db.keys(b"p", start=b"2", stop=b"4")) == [b"2", b"3"]
    assert list(db.keys(b"p", start=b"2", stop=b"4", reverse=True)) == [b"3", b"2"]
    assert [key for key, _ in db.scan(b"p", start=b"3", reverse=True)] == [b"4", b"3"]


def test_a_prefix_of_highest_bytes_has_an_end(db: LevelDB) -> None:
    fill(db, b"\xff\xff1", b"\xff\xfe", b"a\xff1", b"b")
    assert list(db.keys(b"\xff\xff")) == [b"1"]
    assert list(db.keys(b"a\xff")) == [b"1"]
    assert successor(b"a\xff") == b"b"
    assert successor(b"\xff") is None


def test_a_scan_shows_the_state_of_its_beginning(db: LevelDB) -> None:
    fill(db, b"1", b"2")
    found = db.keys(b"")
    assert next(found) == b"1"
    fill(db, b"3")
    assert list(found) == [b"2"]


def test_a_snapshot_does_not_change(db: LevelDB) -> None:
    fill(db, b"1")
    with db.snapshot() as before:
        fill(db, b"2")
        assert before.get(b"2") is None
        assert list(before.keys(b"")) == [b"1"]
        assert list(before.scan(b"")) == [(b"1", b"value of 1")]


def test_verifying_counts_the_rows(db: LevelDB) -> None:
    fill(db, b"1", b"2", b"3")
    db.compact()
    assert db.verify() == 3
    assert db.size_bytes() > 0


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    with LevelDB(tmp_path / "db") as db:
        fill(db, b"1")
    with LevelDB(tmp_path / "db") as db:
        assert db.get(b"1") == b"value of 1"


def test_a_folder_opens_once_at_a_time(tmp_path: Path) -> None:
    with (
        LevelDB(tmp_path / "db"),
        pytest.raises(StoreError, match="cannot be opened") as caught,
    ):
        LevelDB(tmp_path / "db")
    assert caught.value.code == "smesh.store.open"
    assert "another process" in caught.value.hint


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"")
    with pytest.raises(StoreError):
        LevelDB(tmp_path / "db")


def damage(folder: Path) -> None:
    """Overwrite the middle of every table file."""
    for table in folder.glob("*.ldb"):
        data = bytearray(table.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 64] = bytes(64)
        table.write_bytes(bytes(data))


def test_damage_is_a_store_error(tmp_path: Path) -> None:
    with LevelDB(tmp_path / "db") as db:
        with db.batch() as batch:
            for number in range(2000):
                batch.put(number.to_bytes(4, "big"), number.to_bytes(200, "big"))
        db.compact()
    damage(tmp_path / "db")
    with LevelDB(tmp_path / "db") as db, pytest.raises(StoreError):
        db.verify()


class BrokenHandle:
    """A plyvel database in which every call fails."""

    def get(self, key: bytes) -> bytes | None:
        raise plyvel.CorruptionError(key.hex())

    def iterator(self, **_options: object) -> None:
        raise plyvel.CorruptionError("no table")

    def write_batch(self, **_options: object) -> "BrokenHandle":
        return self

    def write(self) -> None:
        raise plyvel.IOError("disk full")


def test_every_failure_of_the_library_is_a_store_error(
    db: LevelDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "_handle", BrokenHandle())
    with pytest.raises(StoreError):
        db.get(b"a")
    with pytest.raises(StoreError):
        list(db.scan(b"a"))
    with pytest.raises(StoreError):
        list(db.keys(b"a"))
    original = db._db
    monkeypatch.setattr(db, "_db", BrokenHandle())
    with pytest.raises(StoreError, match="refused a write"), db.batch():
        pass
    with pytest.raises(StoreError):
        db.verify()
    monkeypatch.setattr(db, "_db", original)


WRITER = """
import os, signal, sys
from pathlib import Path
from node.store.db import LevelDB

db = LevelDB(Path(sys.argv[1]))
with db.batch(sync=True) as batch:
    batch.put(b"claim", b"1")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_synced_batch_survives_a_killed_process(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path / "db")], check=False, capture_output=True
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with LevelDB(tmp_path / "db") as db:
        assert db.get(b"claim") == b"1"


def test_of_a_write_that_the_disk_took_in_part_nothing_is_left(tmp_path: Path) -> None:
    """A machine without power leaves a log that ends anywhere: whole batches are left of it."""
    ends = []
    with LevelDB(tmp_path / "db") as db:
        (log,) = (tmp_path / "db").glob("*.log")
        for number in range(4):
            with db.batch(sync=False) as batch:
                batch.put(b"first", bytes([number]))
                batch.put(b"second", bytes([number]) * 20)
            ends.append(log.stat().st_size)
        shutil.copytree(tmp_path / "db", tmp_path / "whole")
    for size in sorted({0, *(end - back for end in ends for back in (0, 1, 20, 40))}):
        torn = tmp_path / f"torn{size}"
        shutil.copytree(tmp_path / "whole", torn)
        os.truncate(torn / log.name, size)
        whole = sum(1 for end in ends if end <= size)
        expected = bytes([whole - 1]) if whole else None
        with LevelDB(torn) as db:
            assert db.get(b"first") == expected, size
            assert db.get(b"second") == (None if expected is None else expected * 20), size
        shutil.rmtree(torn)
