"""Labels a second on one processor core, beside a scrypt of the standard library.

The reference computes labels with compiled C; the standard library's scrypt is another
function of the same cost, compiled C as well, and at hand on every machine.
"""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Final

from node.post.engine import ReferenceEngine, self_test
from node.post.engine_cpu import CpuLabelEngine, LabelCode
from node.post.labels import MAINNET_SCRYPT_N
from scripts.benchmarks.measurement import Measurement, throughput

SECONDS: Final = 5.0
"""Time for each figure."""

COMMITMENT: Final = bytes(range(32))
LABELS_BAR: Final = 2_800

SMALL_N: Final = 2
"""Fastnet's scrypt N: there the key derivation is nearly all of a label."""


def measure() -> Iterator[Measurement]:
    """Yield label rates, and the rate of the standard library's scrypt."""
    code = LabelCode()
    for scrypt_n, bar in ((MAINNET_SCRYPT_N, LABELS_BAR), (SMALL_N, None)):
        engine = CpuLabelEngine(scrypt_n, code=code)
        self_test(engine, scrypt_n)
        clear = ReferenceEngine(scrypt_n)
        yield throughput(
            f"labels, N = {scrypt_n}",
            partial(engine.labels, COMMITMENT, 0, engine.lanes),
            "labels/s",
            SECONDS,
            amount=engine.lanes,
            clear=partial(clear.labels, COMMITMENT, 0, 1),
            clear_amount=1,
            bar=bar,
        )

    def standard_scrypt() -> object:
        return hashlib.scrypt(COMMITMENT, salt=b"", n=MAINNET_SCRYPT_N, r=1, p=1, dklen=32)

    yield throughput(f"hashlib.scrypt, N = {MAINNET_SCRYPT_N}", standard_scrypt, "calls/s", SECONDS)
