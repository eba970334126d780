"""Files that are whole or not there: atomic writes, folders, locks, free space.

Source: style digest section 4.4; node digest section 7.
"""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from node.base.errors import PreconditionError

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700


def write_atomic(path: Path, data: bytes, *, mode: int = PRIVATE_FILE) -> None:
    """Write a file so that a reader, also after a power loss, sees the old or the new one.

    Raises:
        OSError: the folder is missing, full or read-only; the old file is untouched.
    """
    temporary = _write_temporary(path, data, mode)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, data: bytes, *, mode: int = PRIVATE_FILE) -> None:
    """Write a file that must not exist yet, whole or not at all.

    Raises:
        FileExistsError: it exists, and is untouched.
        OSError: the folder is missing, full or read-only.
    """
    temporary = _write_temporary(path, data, mode)
    try:
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_folder(path: Path, *, mode: int = PRIVATE_FOLDER) -> Path:
    """Make a folder with its parents where it is missing; return it.

    Raises:
        OSError: it cannot be made.
    """
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    return path


def sync_folder(path: Path) -> None:
    """Bring the names in a folder onto the disk.

    Raises:
        OSError: there is no such folder.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_bytes(path: Path) -> int:
    """Return the free space where ``path`` is, or would be."""
    existing = path.absolute()
    while not existing.exists():
        existing = existing.parent
    return shutil.disk_usage(existing).free


def check_free_space(path: Path, needed_bytes: int) -> None:
    """Raise unless there is room for ``needed_bytes`` at ``path``.

    Raises:
        PreconditionError: there is not.
    """
    free = free_bytes(path)
    if free < needed_bytes:
        raise PreconditionError(
            f"{path} needs {needed_bytes} bytes, {free} are free",
            code="smesh.precondition.disk_full",
            hint="free some space, or choose a folder on another disk",
        )


@contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Hold a lock file for the length of the block, against other processes too.

    Its folder is made where it is missing.

    Raises:
        PreconditionError: another process holds it.
        OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise PreconditionError(
            f"only one spacemesh instance should be running (locking file {path})",
            code="smesh.precondition.locked",
            hint="stop the other one, or give this one its own data folder and filelock",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _write_temporary(path: Path, data: bytes, mode: int) -> Path:
    """Write and sync a file beside ``path``; return its path."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary
