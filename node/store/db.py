"""Ordered key-value store: the only module of the node that knows LevelDB.

Three protocols are all that the repositories see: a Reader looks up and scans, a Batch
collects writes, a Database is a Reader that makes batches and snapshots.
"""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

import plyvel

from node.base.errors import StoreError

if TYPE_CHECKING:
    from plyvel._plyvel import Snapshot

DEFAULT_CACHE_BYTES: Final = 64 << 20
"""Blocks kept decompressed in memory."""
DEFAULT_WRITE_BUFFER_BYTES: Final = 16 << 20
"""Writes kept in memory before they are sorted into a file."""
BLOOM_FILTER_BITS: Final = 10
"""Bits a key in the filters that spare most look-ups of absent keys a disk access."""
MAX_OPEN_FILES: Final = 512
LAST_BYTE: Final = 0xFF


class Reader(Protocol):
    """Point and range reads."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value, or None."""

    def scan(
        self,
        prefix: bytes,
        *,
        start: bytes = b"",
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key without prefix, value) in key order, as of the first step.

        Args:
            prefix: what every key begins with.
            start: first key, behind the prefix.
            stop: end of the keys, not itself among them, behind the prefix.
            reverse: from the last key to the first.
        """

    def keys(
        self,
        prefix: bytes,
        *,
        start: bytes = b"",
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[bytes]:
        """Yield what ``scan`` yields, without the values."""


class Batch(Protocol):
    """Writes that become visible together, or not at all."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set ``key``."""

    def delete(self, key: bytes) -> None:
        """Remove ``key`` if it is there."""


class Database(Reader, Protocol):
    """A reader that can also write."""

    def batch(self, *, sync: bool = True) -> AbstractContextManager[Batch]:
        """Write atomically when the block ends without an exception.

        With ``sync`` the data are on the disk when the block is left.  Without, a power
        loss may take the last writes back, the newest first, but never a part of a batch.
        """

    def snapshot(self) -> AbstractContextManager[Reader]:
        """Return a reader that later writes do not change."""


def successor(prefix: bytes) -> bytes | None:
    """Return the smallest key above every key that begins with ``prefix``, None if there is none.

    >>> successor(b"ab")
    b'ac'
    """
    stripped = prefix.rstrip(bytes([LAST_BYTE]))
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


class _View:
    """Reads of a database or of a snapshot of one."""

    def __init__(self, handle: "plyvel.DB | Snapshot", path: Path) -> None:
        self._handle = handle
        self.path = path

    def get(self, key: bytes) -> bytes | None:
        """See Reader."""
        try:
            return self._handle.get(key)
        except plyvel.Error as error:
            raise _damaged(self.path, error) from error

    def scan(
        self,
        prefix: bytes,
        *,
        start: bytes = b"",
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """See Reader."""
        size = len(prefix)
        end = successor(prefix) if stop is None else prefix + stop
        try:
            with self._handle.iterator(start=prefix + start, stop=end, reverse=reverse) as pairs:
                for key, value in pairs:
                    yield key[size:], value
        except plyvel.Error as error:
            raise _damaged(self.path, error) from error

    def keys(
        self,
        prefix: bytes,
        *,
        start: bytes = b"",
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[bytes]:
        """See Reader."""
        size = len(prefix)
        end = successor(prefix) if stop is None else prefix + stop
        try:
            with self._handle.iterator(
                start=prefix + start, stop=end, reverse=reverse, include_value=False
            ) as found:
                for key in found:
                    yield key[size:]
        except plyvel.Error as error:
            raise _damaged(self.path, error) from error


class LevelDB(_View):
    """A LevelDB folder as a Database; a context manager that closes it.

    One process at a time may have a folder open.
    """

    def __init__(
        self,
        path: Path,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        write_buffer_bytes: int = DEFAULT_WRITE_BUFFER_BYTES,
        durable: bool = True,
    ) -> None:
        """Open the folder, and make it where there is none.

        Args:
            path: the folder.
            cache_bytes: blocks kept decompressed in memory.
            write_buffer_bytes: writes kept in memory before they are sorted into a file.
            durable: without it no batch waits for the disk; the end of a process still
                costs nothing, a power loss may. For simulations, whose processes only die.

        Raises:
            StoreError: it cannot be read or written, is damaged, or is open elsewhere.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._db = plyvel.DB(
                str(path),
                create_if_missing=True,
                lru_cache_size=cache_bytes,
                write_buffer_size=write_buffer_bytes,
                bloom_filter_bits=BLOOM_FILTER_BITS,
                max_open_files=MAX_OPEN_FILES,
            )
        except (plyvel.Error, OSError) as error:
            raise StoreError(
                f"database {path} cannot be opened: {error}",
                code="smesh.store.open",
                hint="another process may have it open, or the disk is full or read-only",
            ) from error
        super().__init__(self._db, path)
        self._durable = durable

    @contextmanager
    def batch(self, *, sync: bool = True) -> Generator[Batch, None, None]:
        """See Database."""
        batch = self._db.write_batch(sync=sync and self._durable)
        yield batch
        try:
            batch.write()
        except plyvel.Error as error:
            raise StoreError(
                f"database {self.path} refused a write: {error}",
                code="smesh.store.write",
                hint="check the free space of the disk; nothing of the write was kept",
            ) from error

    @contextmanager
    def snapshot(self) -> Generator[Reader, None, None]:
        """See Database."""
        with self._db.snapshot() as handle:
            yield _View(handle, self.path)

    def verify(self) -> int:
        """Read every row against its checksum and return how many there are.

        Raises:
            StoreError: a row is damaged.
        """
        rows = 0
        try:
            with self._db.iterator(verify_checksums=True, fill_cache=False) as pairs:
                for _ in pairs:
                    rows += 1
        except plyvel.Error as error:
            raise _damaged(self.path, error) from error
        return rows

    def compact(self) -> None:
        """Rewrite all files without overwritten and deleted rows; may take minutes."""
        self._db.compact_range()

    def size_bytes(self) -> int:
        """Return what the folder takes on the disk."""
        return sum(entry.stat().st_size for entry in self.path.iterdir())

    def close(self) -> None:
        """End all scans and release the folder; closing twice is harmless."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _damaged(path: Path, error: plyvel.Error) -> StoreError:
    return StoreError(
        f"database {path} cannot be read: {error}",
        code="smesh.store.damaged",
        hint="restore a backup, or remove the folder: what peers know is fetched again",
    )
