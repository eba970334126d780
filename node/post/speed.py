"""How fast this machine makes proofs: the scan, the disk, the proof of work.

Every figure comes from a fixed amount of work, so that a measurement always ends.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from node.post.k2pow import RandomX
from node.post.proving import BATCH_SIZE
from node.post.rules import NONCES_PER_GROUP, make_pow_input
from node.post.scan import ScanFactory, make_scan_keys

SCANS: Final = 16
"""Batches that each thread scans."""

HASHES: Final = 8
"""RandomX hashes that each thread makes."""

READ_BYTES: Final = 1 << 30
"""Most bytes that are read to measure a disk."""

LEAST_READ_BYTES: Final = 64 << 20
"""With less data a disk cannot be measured."""

FAST_MODE_GAIN: Final = 5
"""How many times faster RandomX hashes with its data set than with its cache (digest 17.5)."""


def measure_scan(
    factory: ScanFactory,
    *,
    nonces: int,
    threads: int,
    difficulty: int,
    data: bytes,
    clock: Callable[[], int],
) -> float:
    """Return the bytes a second that the processor scans, reading left aside.

    Args:
        factory: opens the scan for a thread.
        nonces: nonces of a pass, a multiple of 16.
        threads: how many scan at once.
        difficulty: proving difficulty, u64.
        data: labels to scan, random ones.
        clock: nanoseconds.
    """
    pows = dict.fromkeys(range(nonces // NONCES_PER_GROUP), 0)
    keys = make_scan_keys(bytes(32), range(nonces), pows, difficulty)
    engines = [factory(keys) for _ in range(threads)]

    def work(number: int) -> None:
        for _ in range(SCANS):
            engines[number].scan(data, 0)

    taken_ns = _time_threads(work, threads, clock)
    return SCANS * threads * len(data) * 1e9 / taken_ns


def measure_pow(randomx: RandomX, *, threads: int, clock: Callable[[], int]) -> float:
    """Return the RandomX hashes a second; the time to allocate its memory does not count."""
    randomx.hash(bytes(1))

    def work(number: int) -> None:
        for count in range(HASHES):
            randomx.hash(make_pow_input(count, number, bytes(32), bytes(32)))

    return HASHES * threads * 1e9 / _time_threads(work, threads, clock)


def measure_reading(files: Sequence[Path], *, clock: Callable[[], int]) -> float | None:
    """Return the bytes a second that a disk yields, or None if there is too little data.

    The system is asked to forget what it keeps of the files, so that the disk is measured.

    Raises:
        OSError: a file cannot be read.
    """
    buffer = bytearray(BATCH_SIZE)
    done = taken_ns = 0
    for path in files:
        with path.open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
            began = clock()
            while done < READ_BYTES and (count := file.readinto(buffer)):
                done += count
            taken_ns += clock() - began
    if done < LEAST_READ_BYTES:
        return None
    return done * 1e9 / max(taken_ns, 1)


def _time_threads(work: Callable[[int], None], threads: int, clock: Callable[[], int]) -> int:
    """Return the nanoseconds that ``threads`` threads take for their work, at least 1."""
    with ThreadPoolExecutor(threads, "measure") as pool:
        began = clock()
        for done in [pool.submit(work, number) for number in range(threads)]:
            done.result()
        return max(clock() - began, 1)
