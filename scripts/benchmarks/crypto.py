"""Hashes, signatures and the VRF: the fast implementation beside the clear one."""

from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256, sha512
from typing import Final

from node.base.hashing import hash32
from node.crypto import clear
from node.crypto.domains import Domain, signed_bytes
from node.crypto.ed25519 import Signer, private_key_of, verify_signature
from node.crypto.vrf import verify_vrf
from scripts.benchmarks.measurement import Measurement, duration

SECONDS: Final = 1.0
"""Time for each figure."""

SEED: Final = bytes(range(32))
GENESIS_ID: Final = bytes(20)
MESSAGE: Final = bytes(120)
"""About as long as a spend."""

BLOCK: Final = bytes(160_000)
"""About as long as a block of 5000 transactions."""

ALPHA: Final = bytes.fromhex("0c0102030414350108")
PROVE_BAR_MS: Final = 0.26
VERIFY_BAR_MS: Final = 0.4


def measure() -> Iterator[Measurement]:
    """Yield the time of each operation, fast and clear."""
    yield from _measure_hashes()
    yield from _measure_vrf()
    signer = Signer(private_key_of(SEED), GENESIS_ID)
    key = signer.smesher_id
    covered = signed_bytes(GENESIS_ID, Domain.BALLOT, MESSAGE)
    signature = signer.sign(Domain.BALLOT, MESSAGE)
    forged = signature[:-1] + bytes([signature[-1] ^ 1])
    yield duration("ed25519 sign", lambda: signer.sign(Domain.BALLOT, MESSAGE), "us", SECONDS)
    for name, tried in (("verify", signature), ("reject", forged)):
        yield duration(
            f"ed25519 {name}",
            partial(verify_signature, key, covered, tried),
            "us",
            SECONDS,
            clear=partial(clear.verify_signature, key, covered, tried),
        )


def _measure_hashes() -> Iterator[Measurement]:
    for size, data in (("120 bytes", MESSAGE), ("160 000 bytes", BLOCK)):
        for name, function in (("BLAKE3", hash32), ("SHA-256", sha256), ("SHA-512", sha512)):
            hashed: Callable[[], object] = partial(function, data)
            yield duration(f"{name} of {size}", hashed, "us", SECONDS / 2)


def _measure_vrf() -> Iterator[Measurement]:
    signer = Signer(private_key_of(SEED), GENESIS_ID)
    key = signer.smesher_id
    proof = signer.vrf_sign(ALPHA)
    yield duration(
        "vrf prove",
        lambda: signer.vrf_sign(ALPHA),
        "ms",
        2 * SECONDS,
        clear=lambda: clear.prove_vrf(SEED, ALPHA),
        bar=PROVE_BAR_MS,
    )
    yield duration(
        "vrf verify",
        lambda: verify_vrf(key, ALPHA, proof),
        "ms",
        2 * SECONDS,
        clear=lambda: clear.verify_vrf(key, ALPHA, proof),
        bar=VERIFY_BAR_MS,
    )
