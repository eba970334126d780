"""VRF nonces, checked by computing the label they name.

A label takes some milliseconds of native code, and the code itself about a second to
compile when the first label is computed: threads suit that.

Source: go-spacemesh, activation, validation.go (VRFNonce); post digest sections 3 and 11.2.
"""

from dataclasses import dataclass

from node.post.difficulty import check_vrf_nonce, compute_vrf_difficulty
from node.post.labels import MAX_INDEX, make_commitment
from node.post.verifying import LabelLookup
from node.runtime.workers import Workers
from node.types.ids import AtxID, SmesherID


@dataclass(kw_only=True)
class RecomputedNonces:
    """Implements ``activation.ports.NonceVerifier``."""

    workers: Workers
    """Threads; the labels are computed without the interpreter's lock."""

    labels: LabelLookup
    """``node.post.recomputing.RecomputedLabels``."""

    scrypt_n: int
    """The network's cost of a label."""

    async def check_nonce(
        self, smesher: SmesherID, commitment_atx: AtxID, *, num_labels: int, nonce: int
    ) -> None:
        """See NonceVerifier."""
        # Before any work is done: so few or so many labels have no nonce.
        compute_vrf_difficulty(num_labels)
        label = b""
        if nonce != MAX_INDEX:
            commitment = make_commitment(smesher, commitment_atx)
            (label,) = await self.workers.run(self.labels, commitment, (nonce,), self.scrypt_n)
        check_vrf_nonce(smesher=smesher, num_labels=num_labels, nonce=nonce, label=label)
