"""The signatures and VRF proofs among the VM's vectors (``edge``, ``vrf`` and ``sign``)."""

from collections.abc import Iterator
from typing import Any

from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, Verifier, verify_signature
from node.crypto.vrf import verify_vrf
from scripts.vectors.family import Case, compare

MAINNET = bytes.fromhex("9eebff023abb17ccb775c602daade8ed708f0a50")
SIGNED_MESSAGE = b"hello"
SIGNED_DOMAINS = (Domain.ATX, Domain.BEACON_FOLLOWUP_MESSAGE)


def edge_cases(data: dict[str, Any]) -> Iterator[Case]:
    """Compare the acceptance of signatures, VRF proofs, and signatures by domain."""
    for number, (public_key, signature, message, accepted, _strict) in enumerate(data["edge"]):
        ours = verify_signature(*map(bytes.fromhex, (public_key, message, signature)))
        yield compare(f"edge {number}", ours, accepted)
    for number, entry in enumerate(data["vrf"]):
        private_key, alpha, proof = map(bytes.fromhex, entry[:3])
        signer = Signer(private_key, MAINNET)
        ours_and_verdicts = (
            signer.vrf_sign(alpha).hex(),
            verify_vrf(signer.smesher_id, alpha, proof),
            verify_vrf(signer.smesher_id, alpha + b"x", proof),
        )
        yield compare(f"vrf {number}", ours_and_verdicts, (entry[2], True, False))
    signer = Signer(bytes.fromhex(data["sign"][0]), MAINNET)
    verifier = Verifier(MAINNET)
    for domain, recorded in zip(SIGNED_DOMAINS, data["sign"][1:], strict=True):
        signature = signer.sign(domain, SIGNED_MESSAGE)
        verdicts = [
            verifier.verify(other, signer.smesher_id, SIGNED_MESSAGE, signature)
            for other in SIGNED_DOMAINS
        ]
        expected = [other == domain for other in SIGNED_DOMAINS]
        yield compare(f"sign {domain.name}", (signature.hex(), verdicts), (recorded, expected))
