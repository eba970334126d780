"""Atomic files, locks, free space."""

import os
import stat
from pathlib import Path

import pytest

from node.base.errors import PreconditionError
from node.runtime import files


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "key"
    files.write_atomic(path, b"one")
    files.write_atomic(path, b"two", mode=0o644)
    assert path.read_bytes() == b"two"
    assert mode_of(path) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_private_by_default(tmp_path: Path) -> None:
    files.write_atomic(tmp_path / "key", b"secret")
    assert mode_of(tmp_path / "key") == 0o600


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    files.write_atomic(path, b"one")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomic(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_cannot_be_taken_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        files.write_atomic(tmp_path / "folder", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    files.write_new(path, b"one")
    with pytest.raises(FileExistsError):
        files.write_new(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_private_and_may_exist(tmp_path: Path) -> None:
    folder = files.make_folder(tmp_path / "data")
    assert mode_of(folder) == 0o700
    assert files.make_folder(folder) == folder


def test_free_space_is_that_of_the_nearest_folder(tmp_path: Path) -> None:
    assert files.free_bytes(tmp_path / "not" / "yet") > 0
    files.check_free_space(tmp_path, 1)
    with pytest.raises(PreconditionError, match="are free") as caught:
        files.check_free_space(tmp_path / "post", 1 << 80)
    assert caught.value.code == "smesh.precondition.disk_full"


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "LOCK"
    with files.locked(path):
        second = files.locked(path)
        with pytest.raises(PreconditionError, match="only one spacemesh instance"):
            second.__enter__()
    with files.locked(path):
        assert path.exists()
