"""RandomX proofs of work, one for every sixteen nonces ("k2pow").

RandomX hashes with a cache of 256 MiB (light) or, six times faster, a data set of
2080 MiB (fast); the hashes are equal.  ``RandomX`` is the one place that makes this
memory: at the first hash, once for all threads, and it gives it back when asked.

Source: post-rs, crate ``post``, pow::randomx; post digest sections 7 and 17.5.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

import cyrx

from node.base.errors import UnavailableError
from node.post.rules import LOW_BITS, make_pow_input

CACHE_KEY: Final = b"spacemesh-randomx-cache-key"
"""Key of the RandomX cache; it never changes."""

LIGHT_MEMORY_BYTES: Final = 256 << 20
"""What the cache takes."""

FAST_MEMORY_BYTES: Final = 2080 << 20
"""What the data set takes, besides the cache while it is being made."""


class ProvingStoppedError(UnavailableError):
    """Somebody asked to stop before a proof was found."""

    default_code = "smesh.post.stopped"


class PowSearch(Protocol):
    """Finds proofs of work, here or elsewhere."""

    def __call__(
        self,
        nonce_group: int,
        challenge: bytes,
        smesher: bytes,
        difficulty: bytes,
        *,
        stopped: Callable[[], bool],
    ) -> int:
        """Return a number whose hash is below ``difficulty``; see ``RandomX.search``."""
        ...


@dataclass(slots=True)
class _Memory:
    """What RandomX has allocated; machines keep using it as long as they are referred to."""

    cache: cyrx.Cache | None
    dataset: cyrx.Dataset | None


@dataclass(slots=True)
class RandomX:
    """RandomX over the network's key, for any number of threads.

    The first hash makes the memory (about a second for the light mode; a minute of
    processor time for the fast mode) while other threads wait.
    """

    fast: bool = False
    """Whether to trade 2080 MiB for speed."""

    threads: int = 1
    """Threads that make the data set."""

    flags: int = field(default_factory=cyrx.get_flags)
    """RandomX flags without FULL_MEM; those the processor supports unless given."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _memory: _Memory | None = None
    _idle: list[cyrx.VM] = field(default_factory=list)
    _busy: int = 0
    _used: bool = False

    def hash(self, data: bytes) -> bytes:
        """Return the 32-byte hash of ``data``; releases the GIL.

        Raises:
            UnavailableError: there is not enough memory.
        """
        with self._machine() as machine:
            return machine.hash(data)

    def search(
        self,
        nonce_group: int,
        challenge: bytes,
        smesher: bytes,
        difficulty: bytes,
        *,
        stopped: Callable[[], bool],
        threads: int = 1,
    ) -> int:
        """Return the smallest number whose hash is below ``difficulty``.

        Any solution is valid; the smallest makes proofs reproducible with any number of
        threads, at the price of at most one more hash in each.

        Args:
            nonce_group: 0 to 255.
            challenge: at least its first 8 bytes.
            smesher: 32-byte id.
            difficulty: 32 bytes, already scaled by the number of units.
            stopped: asked before every hash.
            threads: how many to use.

        Raises:
            ProvingStoppedError: ``stopped`` said so, or the numbers are exhausted.
            UnavailableError: there is not enough memory.
        """
        found = _Smallest()

        def work(first: int) -> None:
            with self._machine() as machine:
                for candidate in range(first, LOW_BITS + 1, threads):
                    if candidate > found.value or found.given_up:
                        return
                    if stopped():
                        found.given_up = True
                        return
                    data = make_pow_input(candidate, nonce_group, challenge, smesher)
                    if machine.hash(data) < difficulty:
                        found.offer(candidate)
                        return

        if threads == 1:
            work(0)
        else:
            with ThreadPoolExecutor(threads, "k2pow") as pool:
                for done in [pool.submit(work, first) for first in range(threads)]:
                    done.result()
        if found.value > LOW_BITS:
            raise ProvingStoppedError("the search for a proof of work was stopped")
        return found.value

    def release_unused(self) -> bool:
        """Give the memory back unless a hash was made since the last call of this.

        To be called every few minutes by whoever owns the object.

        Returns:
            Whether there is no memory in use now.
        """
        with self._lock:
            if self._used or self._busy:
                self._used = False
                return False
            self._idle.clear()
            self._memory = None
            return True

    @property
    def has_memory(self) -> bool:
        """Whether the cache or data set exists."""
        return self._memory is not None

    @contextmanager
    def _machine(self) -> Iterator[cyrx.VM]:
        """Lend a virtual machine; it has a scratchpad of 2 MiB and serves one thread."""
        with self._lock:
            if self._memory is None:
                self._memory = self._allocate()
            machine = self._idle.pop() if self._idle else self._make_machine(self._memory)
            self._busy += 1
            self._used = True
        try:
            yield machine
        finally:
            with self._lock:
                self._busy -= 1
                self._idle.append(machine)

    def _allocate(self) -> _Memory:
        try:
            cache = cyrx.Cache(self.flags)
            cache.init(CACHE_KEY)
            if not self.fast:
                return _Memory(cache, None)
            dataset = cyrx.Dataset(self.flags | cyrx.CYRX_FLAG_FULL_MEM)
        except MemoryError as error:
            needed = FAST_MEMORY_BYTES if self.fast else LIGHT_MEMORY_BYTES
            raise UnavailableError(
                f"RandomX needs {needed >> 20} MiB of memory",
                code="smesh.post.memory",
                hint="set smeshing-opts-proving-randomx-mode to light" if self.fast else "",
            ) from error
        total = cyrx.dataset_item_count()
        share = -(-total // self.threads)
        with ThreadPoolExecutor(self.threads, "randomx-dataset") as pool:
            parts = [
                pool.submit(dataset.init, cache, start, min(share, total - start))
                for start in range(0, total, share)
            ]
            for part in parts:
                part.result()
        return _Memory(None, dataset)

    def _make_machine(self, memory: _Memory) -> cyrx.VM:
        if memory.dataset is None:
            return cyrx.VM(self.flags, memory.cache)
        return cyrx.VM(self.flags | cyrx.CYRX_FLAG_FULL_MEM, None, memory.dataset)


class _Smallest:
    """The smallest solution that several threads have found."""

    def __init__(self) -> None:
        self.value = LOW_BITS + 1
        self.given_up = False
        self._lock = threading.Lock()

    def offer(self, candidate: int) -> None:
        with self._lock:
            self.value = min(self.value, candidate)
