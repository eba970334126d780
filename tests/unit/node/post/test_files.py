"""Data directories on a real file system."""

import os
from pathlib import Path

import pytest

from node.base.errors import PreconditionError, StoreError
from node.post.files import (
    LabelWriter,
    find_metadata,
    is_locked,
    list_data_files,
    lock_directory,
    read_labels,
    read_metadata,
    remove_data_file,
    remove_space,
    shorten_data_file,
    write_metadata,
)
from node.post.metadata import METADATA_FILE_NAME, SpaceMetadata

METADATA = SpaceMetadata(
    smesher=bytes(32), commitment_atx=bytes(32), labels_per_unit=64, num_units=1, max_file_size=1024
)


def test_files_are_listed_by_number(tmp_path: Path) -> None:
    for name in ("postdata_10.bin", "postdata_2.bin", "postdata_0.bin"):
        (tmp_path / name).write_bytes(bytes(33))
    for name in ("postdata_.bin", "postdata_1xbin", "postdata_03.bin", "postdata_1.bin.bak"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "postdata_5.bin").mkdir()

    files = list_data_files(tmp_path)

    assert [file.index for file in files] == [0, 2, 10]
    assert [file.num_labels for file in files] == [2, 2, 2]
    assert list_data_files(tmp_path / "missing") == ()


def test_metadata_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "data"
    assert find_metadata(directory) is None

    write_metadata(directory, METADATA)
    path = directory / METADATA_FILE_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700

    path.chmod(0o640)
    write_metadata(directory, METADATA)
    assert path.stat().st_mode & 0o777 == 0o640
    assert read_metadata(directory) == METADATA
    assert [entry.name for entry in directory.iterdir()] == [METADATA_FILE_NAME]


def test_a_directory_without_metadata_says_so(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="metadata file is missing") as caught:
        read_metadata(tmp_path)
    assert "post init" in caught.value.hint


def test_a_file_system_that_refuses_is_a_message(tmp_path: Path) -> None:
    (tmp_path / METADATA_FILE_NAME).mkdir()
    with pytest.raises(StoreError, match="cannot read"):
        find_metadata(tmp_path)
    with pytest.raises(StoreError, match="cannot write"):
        write_metadata(tmp_path, METADATA)
    with pytest.raises(StoreError, match="cannot open"):
        LabelWriter(tmp_path / "missing", 0)
    with pytest.raises(StoreError, match="cannot delete"):
        remove_data_file(tmp_path, 0)
    with pytest.raises(StoreError, match="cannot shorten"):
        shorten_data_file(tmp_path, 0, 1)
    with pytest.raises(StoreError, match="cannot delete"):
        remove_space(tmp_path)
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(StoreError, match="cannot lock"), lock_directory(file / "below"):
        pytest.fail("the lock was taken")


def test_labels_are_written_behind_each_other_over_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "postdata_3.bin"
    path.write_bytes(b"a" * 16 + b"torn")
    writer = LabelWriter(tmp_path, 3)

    assert writer.read_label(0) == b"a" * 16
    writer.write(1, b"b" * 32)
    writer.sync()
    writer.close()

    assert path.read_bytes() == b"a" * 16 + b"b" * 32
    (file,) = list_data_files(tmp_path)
    assert read_labels(file, 1, 1) == b"b" * 16
    assert read_labels(file, 2, 5) == b"b" * 16


def test_short_writes_are_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: whole(fd, bytes(data[:5]), at))
    writer = LabelWriter(tmp_path, 0)

    writer.write(0, bytes(range(32)))
    writer.close()

    assert (tmp_path / "postdata_0.bin").read_bytes() == bytes(range(32))


def test_a_disk_that_fails_is_a_message(tmp_path: Path) -> None:
    writer = LabelWriter(tmp_path, 0)
    writer.close()
    with pytest.raises(StoreError, match="cannot write"):
        writer.write(0, bytes(16))
    with pytest.raises(StoreError, match="cannot sync"):
        writer.sync()
    with pytest.raises(StoreError, match="cannot read"):
        writer.read_label(0)
    (file,) = list_data_files(tmp_path)
    file.path.unlink()
    with pytest.raises(StoreError, match="cannot read"):
        read_labels(file, 0, 1)


def test_only_one_process_writes(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    with lock_directory(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(PreconditionError, match="already initializing"):
            remove_space(tmp_path)
    assert not is_locked(tmp_path)


def test_a_reset_removes_labels_and_metadata_only(tmp_path: Path) -> None:
    assert remove_space(tmp_path / "missing") == ()
    write_metadata(tmp_path, METADATA)
    for name in ("postdata_0.bin", "postdata_1.bin", "identity.key", "postdata_x.bin"):
        (tmp_path / name).write_bytes(b"")

    assert remove_space(tmp_path) == ("postdata_0.bin", "postdata_1.bin", METADATA_FILE_NAME)
    assert remove_space(tmp_path) == ()
    assert (tmp_path / "identity.key").exists()
    assert (tmp_path / "postdata_x.bin").exists()
