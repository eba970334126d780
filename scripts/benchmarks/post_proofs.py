"""The scan of a proof, RandomX, and the verification of a proof with 37 indices."""

import os
from collections.abc import Iterator
from functools import partial

from node.post.engine import ReferenceEngine, ScanEngine
from node.post.k2pow import RandomX
from node.post.labels import MAINNET_SCRYPT_N
from node.post.recomputing import RecomputedLabels
from node.post.rules import pack_indices
from node.post.scan import PlainScan, ScanKeys, make_scan_keys
from node.post.scan_cpu import compile_scan, usable_widths
from node.post.verifying import All, PostClaim, ProofParameters, find_fault
from node.types.post import Post
from scripts.benchmarks.measurement import Measurement, duration, throughput

MAINNET_DIFFICULTY = (26 << 64) // (4 << 32)
"""Of the smallest space on mainnet."""

NONCES = 288
"""Nonces of a pass on mainnet."""

GROUPS = NONCES // 16
DATA_SIZE = 1 << 18
GIB = 1 << 30
SECONDS = 3.0

WIDE_SCAN_BAR = 12.0
NARROW_SCAN_BAR = 6.5
VERIFY_BAR_MS = 50.0


def measure() -> Iterator[Measurement]:
    """Yield the figures."""
    keys = make_scan_keys(
        bytes(32), range(NONCES), dict.fromkeys(range(GROUPS), 0), MAINNET_DIFFICULTY
    )
    for width in usable_widths():
        yield _measure_scan(f"scan, {width} bits", compile_scan(width).open(keys), keys)
    yield from _measure_verification()
    yield _measure_keys(keys)


def _measure_scan(name: str, engine: ScanEngine, keys: ScanKeys) -> Measurement:
    data = os.urandom(DATA_SIZE)
    plain = PlainScan(keys)
    return throughput(
        f"post: {name}",
        lambda: engine.scan(data, 0),
        "GiB*groups/s",
        SECONDS,
        amount=DATA_SIZE * GROUPS / GIB,
        clear=lambda: plain.scan(data, 0),
        bar=NARROW_SCAN_BAR if name.endswith("128 bits") else WIDE_SCAN_BAR,
    )


def _measure_keys(keys: ScanKeys) -> Measurement:
    """The start of a pass in every thread."""
    code = compile_scan() if usable_widths() else None
    return duration(
        "post: open a scan of 288 nonces",
        lambda: (code.open if code else PlainScan)(keys),
        "ms",
        1.0,
    )


def _measure_verification() -> Iterator[Measurement]:
    """Verify 37 labels that are all good, because the difficulty lets every label pass."""
    randomx, labels = RandomX(), RecomputedLabels()
    num_units, labels_per_unit = 4, 1 << 32
    parameters = ProofParameters(
        k1=num_units * labels_per_unit - 1,
        k2=37,
        pow_difficulty=b"\xff" * 32,
        min_num_units=1,
        max_num_units=100,
        labels_per_unit=labels_per_unit,
        scrypt_n=MAINNET_SCRYPT_N,
    )
    bits = (num_units * labels_per_unit).bit_length()
    indices = pack_indices((number * 987_654_321 for number in range(37)), bits)
    claim = PostClaim(
        smesher=bytes(32), commitment_atx=bytes(32), challenge=bytes(32), num_units=num_units
    )
    pow_nonce = randomx.search(0, bytes(32), bytes(32), b"\x3f" * 32, stopped=lambda: False)
    post = Post(nonce=0, indices=indices, pow=pow_nonce)

    def verify() -> None:
        find_fault(post, claim, parameters, All(), labels=labels, pow_hash=randomx.hash)

    # The first one compiles.
    verify()
    yield duration("post: verify 37 indices", verify, "ms", 2 * SECONDS, bar=VERIFY_BAR_MS)
    yield duration("post: RandomX light hash", lambda: randomx.hash(bytes(48)), "ms", SECONDS)
    clear = ReferenceEngine(MAINNET_SCRYPT_N)
    for count in (37, 1):
        yield duration(
            f"post: labels, {count}",
            partial(labels, bytes(32), range(count), MAINNET_SCRYPT_N),
            "ms",
            SECONDS,
            clear=lambda: clear.labels(bytes(32), 0, 1),
            clear_parts=1 / count,
        )
