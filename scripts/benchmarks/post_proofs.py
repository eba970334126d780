"""The scan of a proof, RandomX, and the verification of a proof with 37 indices."""

import os
from collections.abc import Iterator

from node.post.engine import ScanEngine
from node.post.k2pow import RandomX
from node.post.recomputing import RecomputedLabels
from node.post.rules import pack_indices
from node.post.scan import PlainScan, ScanKeys, make_scan_keys
from node.post.scan_cpu import compile_scan, usable_widths
from node.post.verifying import All, PostClaim, ProofParameters, find_fault
from node.types.post import Post
from scripts.benchmarks.measurement import Measurement, rate

MAINNET_DIFFICULTY = (26 << 64) // (4 << 32)
"""Of the smallest space on mainnet."""

NONCES = 288
"""Nonces of a pass on mainnet."""

GROUPS = NONCES // 16
DATA_SIZE = 4 << 20
GIB = 1 << 30
MS = 1000
SECONDS = 3.0


def measure() -> Iterator[Measurement]:
    """Yield the figures."""
    keys = make_scan_keys(
        bytes(32), range(NONCES), dict.fromkeys(range(GROUPS), 0), MAINNET_DIFFICULTY
    )
    yield _measure_scan("scan, plain", PlainScan(keys))
    for width in usable_widths():
        yield _measure_scan(f"scan, {width} bits", compile_scan(width).open(keys))
    yield from _measure_verification()
    yield _measure_keys(keys)


def _measure_scan(name: str, engine: ScanEngine) -> Measurement:
    data = os.urandom(DATA_SIZE)
    scans = rate(lambda: engine.scan(data, 0), SECONDS)
    return Measurement(f"post: {name}", scans * DATA_SIZE * GROUPS / GIB, "GiB*groups/s")


def _measure_keys(keys: ScanKeys) -> Measurement:
    """The start of a pass in every thread."""
    code = compile_scan() if usable_widths() else None
    opened = rate(lambda: (code.open if code else PlainScan)(keys), 1.0)
    return Measurement("post: open a scan of 288 nonces", MS / opened, "ms")


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
        scrypt_n=8192,
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

    verify()
    yield Measurement("post: verify 37 indices", MS / rate(verify, SECONDS), "ms")
    hashes = rate(lambda: randomx.hash(bytes(48)), SECONDS)
    yield Measurement("post: RandomX light hash", MS / hashes, "ms")
    batch = list(range(37))
    recomputed = rate(lambda: labels(bytes(32), batch, 8192), SECONDS)
    yield Measurement("post: 37 labels", MS / recomputed, "ms")
    single = rate(lambda: labels(bytes(32), (5,), 8192), SECONDS)
    yield Measurement("post: 1 label", MS / single, "ms")
