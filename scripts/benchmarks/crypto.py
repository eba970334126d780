"""Signatures and the VRF: the fast implementation beside the clear one."""

from collections.abc import Callable, Iterator

from node.crypto import clear
from node.crypto.domains import Domain, signed_bytes
from node.crypto.ed25519 import Signer, private_key_of, verify_signature
from node.crypto.vrf import verify_vrf
from scripts.benchmarks.measurement import Measurement, rate

SECONDS = 1.0
"""Time for each figure."""

SEED = bytes(range(32))
GENESIS_ID = bytes(20)
MESSAGE = bytes(120)
"""About as long as a spend."""

ALPHA = bytes.fromhex("0c0102030414350108")


def measure() -> Iterator[Measurement]:
    """Yield calls a second of each operation, fast and clear."""
    signer = Signer(private_key_of(SEED), GENESIS_ID)
    key = signer.smesher_id
    covered = signed_bytes(GENESIS_ID, Domain.BALLOT, MESSAGE)
    signature = signer.sign(Domain.BALLOT, MESSAGE)
    forged = signature[:-1] + bytes([signature[-1] ^ 1])
    proof = signer.vrf_sign(ALPHA)
    operations: tuple[tuple[str, Callable[[], object]], ...] = (
        ("vrf prove", lambda: signer.vrf_sign(ALPHA)),
        ("vrf prove, clear", lambda: clear.prove_vrf(SEED, ALPHA)),
        ("vrf verify", lambda: verify_vrf(key, ALPHA, proof)),
        ("vrf verify, clear", lambda: clear.verify_vrf(key, ALPHA, proof)),
        ("ed25519 sign", lambda: signer.sign(Domain.BALLOT, MESSAGE)),
        ("ed25519 verify", lambda: verify_signature(key, covered, signature)),
        ("ed25519 reject", lambda: verify_signature(key, covered, forged)),
        ("ed25519 verify, clear", lambda: clear.verify_signature(key, covered, signature)),
    )
    for name, operation in operations:
        yield Measurement(name, rate(operation, SECONDS), "1/s")
