"""What this machine does when it proves, measured for commands that forecast."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blake3 import blake3

from cli.context import Context
from node.base.errors import StoreError
from node.post.difficulty import compute_proving_difficulty
from node.post.estimate import ProvingSpeed
from node.post.k2pow import RandomX
from node.post.proving import BATCH_SIZE
from node.post.scan_cpu import choose_scan
from node.post.speed import FAST_MODE_GAIN, measure_pow, measure_reading, measure_scan

SMALL_SPACE: Final = 1 << 16
"""Labels below which the scan is measured as if there were so many: few are good then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Speeds that were measured."""

    scan_bytes_per_s: dict[int, float]
    """By the number of nonces of a pass."""

    disk_bytes_per_s: float | None
    """None if there was too little data to measure it."""

    pow_hashes_per_s: float

    def speed(self, nonces: int) -> ProvingSpeed:
        """Return what a pass with so many nonces does: as fast as its slower part."""
        scan = self.scan_bytes_per_s[nonces]
        return ProvingSpeed(
            nonces=nonces,
            bytes_per_s=scan if self.disk_bytes_per_s is None else min(scan, self.disk_bytes_per_s),
            pow_hashes_per_s=self.pow_hashes_per_s,
        )


def count_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def measure_machine(
    context: Context,
    *,
    nonces: Sequence[int],
    threads: int,
    fast: bool,
    k1: int,
    num_labels: int,
    files: Sequence[Path] = (),
) -> Machine:
    """Measure what a proof is made of.

    RandomX is measured in its light mode, which starts in a second; the fast mode is taken
    to be as much faster as it was found to be.

    Raises:
        StoreError: a file cannot be read.
    """
    factory = choose_scan()
    # Labels look like random bytes, and so does this.
    data = blake3(b"labels").digest(length=BATCH_SIZE)
    difficulty = compute_proving_difficulty(k1, max(num_labels, SMALL_SPACE))
    with context.output.progress() as progress:
        steps = len(nonces) + 2
        scans = {}
        for step, count in enumerate(nonces):
            progress.update("measure", step, steps, "figures")
            scans[count] = measure_scan(
                factory,
                nonces=count,
                threads=threads,
                difficulty=difficulty,
                data=data,
                clock=context.monotonic,
            )
        progress.update("measure", steps - 2, steps, "figures")
        hashes = measure_pow(RandomX(), threads=threads, clock=context.monotonic)
        progress.update("measure", steps - 1, steps, "figures")
        try:
            disk = measure_reading(files, clock=context.monotonic)
        except OSError as error:
            raise StoreError(
                f"cannot read {error.filename}: {error.strerror}",
                code="smesh.post.files",
                hint="is the disk still there?",
            ) from error
        progress.update("measure", steps, steps, "figures")
    return Machine(
        scan_bytes_per_s=scans,
        disk_bytes_per_s=disk,
        pow_hashes_per_s=hashes * (FAST_MODE_GAIN if fast else 1),
    )
