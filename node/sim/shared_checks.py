"""Checks whose answers the nodes of a simulation share.

Every node of a network verifies the same signatures, VRF proofs and PoET proofs.  What is
asked here depends on nothing but the bytes it is asked about, so in one process the first
node's answer does for all; each still asks.  The daemon has no part in this.
"""

from collections.abc import Sequence
from typing import Final

from node.base.lru import LruMap
from node.crypto.domains import Domain
from node.crypto.ed25519 import Verifier
from node.poet.work import Engine, Frontier
from node.types.ids import GenesisID

REMEMBERED_SIGNATURES: Final = 1 << 16
"""Of each kind; some layers of a large network."""
REMEMBERED_OPENINGS: Final = 100


class SharedVerifier(Verifier):
    """Verifies a signature once, however often it is asked."""

    def __init__(self, genesis_id: GenesisID) -> None:
        """Take the network's 20-byte identifier."""
        super().__init__(genesis_id)
        self._signatures: LruMap[tuple[Domain, bytes, bytes, bytes], bool] = LruMap(
            REMEMBERED_SIGNATURES
        )
        self._proofs: LruMap[tuple[bytes, bytes, bytes], bool] = LruMap(REMEMBERED_SIGNATURES)

    def verify(self, domain: Domain, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """See Verifier."""
        key = (domain, public_key, message, signature)
        known = self._signatures.get(key)
        if known is None:
            known = super().verify(domain, public_key, message, signature)
            self._signatures.put(key, known)
        return known

    def verify_vrf(self, public_key: bytes, alpha: bytes, proof: bytes) -> bool:
        """See Verifier."""
        key = (public_key, alpha, proof)
        known = self._proofs.get(key)
        if known is None:
            known = super().verify_vrf(public_key, alpha, proof)
            self._proofs.put(key, known)
        return known


class SharedEngine:
    """Recomputes the labels of an opened PoET proof once; an ``Engine``."""

    def __init__(self, engine: Engine) -> None:
        """Take what computes labels."""
        self.engine = engine
        self.name = engine.name
        self.deepest_layer = engine.deepest_layer
        self._opened: LruMap[tuple[object, ...], tuple[tuple[bytes, ...] | None]] = LruMap(
            REMEMBERED_OPENINGS
        )

    def extend(self, frontier: Frontier, count: int, keep_from: int) -> dict[int, bytes]:
        """See Engine."""
        return self.engine.extend(frontier, count, keep_from)

    def opened_labels(
        self,
        statement: bytes,
        root: bytes,
        indices: Sequence[int],
        leaves: Sequence[bytes],
        nodes: Sequence[bytes],
    ) -> tuple[bytes, ...] | None:
        """See Engine."""
        key = (statement, root, tuple(indices), tuple(leaves), tuple(nodes))
        known = self._opened.get(key)
        if known is None:
            known = (self.engine.opened_labels(statement, root, indices, leaves, nodes),)
            self._opened.put(key, known)
        return known[0]
