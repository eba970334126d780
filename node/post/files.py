"""The files of a data directory: labels, metadata, and the lock of who writes them.

``postdata_N.bin`` holds labels of 16 bytes in index order, ``postdata_metadata.json`` what
they are.  Nothing here shortens or removes a file by the way: the two functions that do
say so in their names.

Source: post for Go, persistence and initialization; digest post 4.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import filelock

from node.base.errors import PreconditionError, StoreError
from node.post.labels import LABEL_SIZE
from node.post.metadata import (
    METADATA_FILE_NAME,
    SpaceMetadata,
    decode_metadata,
    encode_metadata,
)
from node.runtime.files import PRIVATE_FILE, make_folder, write_atomic

IDENTITY_FILE_NAME: Final = "identity.key"
"""Key that postcli made for the data, if it made one."""

LOCK_FILE_NAME: Final = "postdata_init.lock"
"""Held by the process that writes labels; the reference does not look at it."""

_DATA_FILE: Final = re.compile(r"postdata_(\d+)\.bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A file of labels that is there."""

    index: int
    """Number in its name."""

    path: Path
    size: int
    """In bytes; after a torn write no multiple of 16."""

    @property
    def num_labels(self) -> int:
        """Whole labels in it."""
        return self.size // LABEL_SIZE


def data_file_name(index: int) -> str:
    """Return the name of the file with a number."""
    return f"postdata_{index}.bin"


def list_data_files(directory: Path) -> tuple[DataFile, ...]:
    """Return the files of labels of a directory by number; none if it does not exist."""
    if not directory.is_dir():
        return ()
    files = []
    for path in directory.iterdir():
        match = _DATA_FILE.fullmatch(path.name)
        if match and path.is_file():
            index = int(match[1])
            # A name with leading zeros is another file than the one of that number.
            if path.name == data_file_name(index):
                files.append(DataFile(index=index, path=path, size=path.stat().st_size))
    return tuple(sorted(files, key=lambda file: file.index))


def find_metadata(directory: Path) -> SpaceMetadata | None:
    """Return the metadata of a directory, or None if there is none.

    Raises:
        StoreError: the file is damaged or cannot be read.
    """
    try:
        return decode_metadata((directory / METADATA_FILE_NAME).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(directory / METADATA_FILE_NAME, "read", error) from error


def read_metadata(directory: Path) -> SpaceMetadata:
    """Return the metadata of a directory.

    Raises:
        PreconditionError: there is none.
        StoreError: the file is damaged or cannot be read.
    """
    metadata = find_metadata(directory)
    if metadata is None:
        raise PreconditionError(
            "metadata file is missing",
            code="smesh.post.no_metadata",
            hint=f"{directory} holds no initialised space; see `smcli post init`",
        )
    return metadata


def write_metadata(directory: Path, metadata: SpaceMetadata) -> None:
    """Replace the metadata of a directory; a crash leaves the old file or the new one.

    The directory is made if it does not exist; an existing file keeps its mode.

    Raises:
        StoreError: the file system refuses.
    """
    target = directory / METADATA_FILE_NAME
    try:
        make_folder(directory)
        mode = target.stat().st_mode & 0o777 if target.exists() else PRIVATE_FILE
        write_atomic(target, encode_metadata(metadata), mode=mode)
    except OSError as error:
        raise _refused(target, "write", error) from error


class LabelWriter:
    """Writes labels into one file, from a position on, over a torn label if there is one."""

    def __init__(self, directory: Path, index: int) -> None:
        """Open or make the file.

        Raises:
            StoreError: the file system refuses.
        """
        self.path = directory / data_file_name(index)
        self.index = index
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as error:
            raise _refused(self.path, "open", error) from error

    def read_label(self, position: int) -> bytes:
        """Return the label that stands at a position of the file.

        Raises:
            StoreError: the file system refuses.
        """
        try:
            return os.pread(self._descriptor, LABEL_SIZE, position * LABEL_SIZE)
        except OSError as error:
            raise _refused(self.path, "read", error) from error

    def write(self, position: int, labels: bytes) -> None:
        """Write stored labels from a position of the file on.

        Raises:
            StoreError: the file system refuses; what was written before stays.
        """
        offset, rest = position * LABEL_SIZE, memoryview(labels)
        try:
            while rest:
                written = os.pwrite(self._descriptor, rest, offset)
                offset, rest = offset + written, rest[written:]
        except OSError as error:
            raise _refused(self.path, "write", error) from error

    def sync(self) -> None:
        """Wait until everything written is on the disk.

        Raises:
            StoreError: the disk refuses.
        """
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise _refused(self.path, "sync", error) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_labels(file: DataFile, position: int, count: int) -> bytes:
    """Return up to ``count`` stored labels from a position of a file on.

    Raises:
        StoreError: the file system refuses.
    """
    try:
        with file.path.open("rb") as stream:
            stream.seek(position * LABEL_SIZE)
            return stream.read(count * LABEL_SIZE)
    except OSError as error:
        raise _refused(file.path, "read", error) from error


def shorten_data_file(directory: Path, index: int, num_labels: int) -> None:
    """Cut a file down to its first labels; what follows is lost.

    Raises:
        StoreError: the file system refuses.
    """
    path = directory / data_file_name(index)
    try:
        os.truncate(path, num_labels * LABEL_SIZE)
    except OSError as error:
        raise _refused(path, "shorten", error) from error


def remove_data_file(directory: Path, index: int) -> None:
    """Delete a file of labels.

    Raises:
        StoreError: the file system refuses.
    """
    path = directory / data_file_name(index)
    try:
        path.unlink()
    except OSError as error:
        raise _refused(path, "delete", error) from error


def remove_space(directory: Path) -> tuple[str, ...]:
    """Delete all labels and the metadata of a directory; an identity file stays.

    Returns:
        The names of the deleted files.

    Raises:
        PreconditionError: a process is writing labels there.
        StoreError: the file system refuses.
    """
    if not directory.is_dir():
        return ()
    with lock_directory(directory):
        removed = []
        for file in list_data_files(directory):
            remove_data_file(directory, file.index)
            removed.append(file.path.name)
        path = directory / METADATA_FILE_NAME
        try:
            path.unlink()
        except FileNotFoundError:
            return tuple(removed)
        except OSError as error:
            raise _refused(path, "delete", error) from error
        return (*removed, path.name)


@contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    """Be the only process that writes labels into a directory.

    Raises:
        PreconditionError: another one is at it.
        StoreError: the directory cannot be made or written to.
    """
    lock = filelock.FileLock(directory / LOCK_FILE_NAME, thread_local=False, mode=PRIVATE_FILE)
    try:
        make_folder(directory)
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise PreconditionError(
            f"already initializing: another process writes labels into {directory}",
            code="smesh.post.initializing",
            hint="stop it first, for example with Ctrl-C; nothing is lost",
        ) from error
    except OSError as error:
        raise _refused(directory, "lock", error) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(directory: Path) -> bool:
    """Return whether a process is writing labels into a directory."""
    if not (directory / LOCK_FILE_NAME).exists():
        return False
    try:
        with lock_directory(directory):
            return False
    except PreconditionError:
        return True


def _refused(path: Path, action: str, error: OSError) -> StoreError:
    return StoreError(
        f"cannot {action} {path}: {error.strerror or error}",
        code="smesh.post.files",
        hint="check the free space and the rights of the data directory",
    )
