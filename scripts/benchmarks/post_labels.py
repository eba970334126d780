"""Labels a second on one processor core, beside a scrypt of the standard library.

The reference computes labels with compiled C; the standard library's scrypt is another
function of the same cost, compiled C as well, and at hand on every machine.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from node.post.engine import ReferenceEngine, self_test
from node.post.engine_cpu import CpuLabelEngine, LabelCode
from node.post.labels import MAINNET_SCRYPT_N
from scripts.benchmarks.measurement import Measurement, rate

SECONDS: Final = 5.0
"""Time for each figure."""

COMMITMENT: Final = bytes(range(32))
BATCH: Final = 16
"""Rounds of all lanes in one call."""

SMALL_N: Final = 2
"""Fastnet's scrypt N: there the key derivation is nearly all of a label."""


def measure() -> Iterator[Measurement]:
    """Yield label rates, and the rate of the standard library's scrypt."""
    code = LabelCode()
    for scrypt_n in (MAINNET_SCRYPT_N, SMALL_N):
        engine = CpuLabelEngine(scrypt_n, code=code)
        self_test(engine, scrypt_n)
        count = engine.lanes * BATCH

        def compute(engine: CpuLabelEngine = engine, count: int = count) -> object:
            return engine.labels(COMMITMENT, 0, count)

        yield Measurement(f"labels, N = {scrypt_n}", rate(compute, SECONDS) * count, "labels/s")
    clear = ReferenceEngine(MAINNET_SCRYPT_N)
    yield Measurement(
        f"labels, N = {MAINNET_SCRYPT_N}, clear",
        rate(lambda: clear.labels(COMMITMENT, 0, 1), SECONDS),
        "labels/s",
    )

    def standard_scrypt() -> object:
        return hashlib.scrypt(COMMITMENT, salt=b"", n=MAINNET_SCRYPT_N, r=1, p=1, dklen=32)

    yield Measurement(
        f"hashlib.scrypt, N = {MAINNET_SCRYPT_N}", rate(standard_scrypt, SECONDS), "calls/s"
    )
