from collections.abc import Iterator as _Iterator
from types import TracebackType
from typing import Literal, Self, overload


class Error(Exception): ...
class IOError(Error): ...
class CorruptionError(Error): ...
class IteratorInvalidError(Error): ...

class PairIterator(_Iterator[tuple[bytes, bytes]]):
    def __iter__(self) -> Self: ...
    def __next__(self) -> tuple[bytes, bytes]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> Literal[False]: ...
    def close(self) -> None: ...

class KeyIterator(_Iterator[bytes]):
    def __iter__(self) -> Self: ...
    def __next__(self) -> bytes: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> Literal[False]: ...
    def close(self) -> None: ...

class WriteBatch:
    def put(self, key: bytes, value: bytes) -> None: ...
    def delete(self, key: bytes) -> None: ...
    def clear(self) -> None: ...
    def write(self) -> None: ...

class _Readable:
    def get(
        self,
        key: bytes,
        default: None = None,
        *,
        verify_checksums: bool = False,
        fill_cache: bool = True,
    ) -> bytes | None: ...
    @overload
    def iterator(
        self,
        *,
        reverse: bool = False,
        start: bytes | None = None,
        stop: bytes | None = None,
        include_start: bool = True,
        include_stop: bool = False,
        include_key: Literal[True] = True,
        include_value: Literal[True] = True,
        verify_checksums: bool = False,
        fill_cache: bool = True,
    ) -> PairIterator: ...
    @overload
    def iterator(
        self,
        *,
        reverse: bool = False,
        start: bytes | None = None,
        stop: bytes | None = None,
        include_start: bool = True,
        include_stop: bool = False,
        include_key: Literal[True] = True,
        include_value: Literal[False],
        verify_checksums: bool = False,
        fill_cache: bool = True,
    ) -> KeyIterator: ...

class Snapshot(_Readable):
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> Literal[False]: ...
    def close(self) -> None: ...

class DB(_Readable):
    closed: bool
    name: str
    def __init__(
        self,
        name: str,
        *,
        create_if_missing: bool = False,
        error_if_exists: bool = False,
        paranoid_checks: bool | None = None,
        write_buffer_size: int | None = None,
        max_open_files: int | None = None,
        lru_cache_size: int | None = None,
        block_size: int | None = None,
        compression: Literal["snappy"] | None = "snappy",
        bloom_filter_bits: int = 0,
    ) -> None: ...
    def put(self, key: bytes, value: bytes, *, sync: bool = False) -> None: ...
    def delete(self, key: bytes, *, sync: bool = False) -> None: ...
    def write_batch(self, *, transaction: bool = False, sync: bool = False) -> WriteBatch: ...
    def snapshot(self) -> Snapshot: ...
    def compact_range(self, *, start: bytes | None = None, stop: bytes | None = None) -> None: ...
    def approximate_size(self, start: bytes, stop: bytes) -> int: ...
    def close(self) -> None: ...
