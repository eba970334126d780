"""PoSTs without waiting: labels, proofs and checks on the event loop, for simulations.

Everything is the real thing, at the smallest cost of a label, but for the proof of work
before each pass: it is BLAKE3 here, because RandomX takes 256 MiB and 40 ms a hash.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node.base.hashing import hash32
from node.base.lru import LruMap
from node.post.difficulty import check_vrf_nonce, compute_vrf_difficulty
from node.post.init_engines import CHEAP_CHECKS, InitEngines
from node.post.k2pow import ProvingStoppedError
from node.post.labels import make_commitment
from node.post.proving import ProofOptions, ProofProgress, open_space, prove
from node.post.recomputing import RecomputedLabels
from node.post.rules import make_pow_input
from node.post.scan import PlainScan
from node.post.verifying import Mode, PostClaim, ProofParameters, check_post
from node.types.ids import AtxID, SmesherID
from node.types.post import Post

SCRYPT_N = 2
"""Least cost of a label."""
REMEMBERED_PROOFS: Final = 10_000
"""Proofs that hold; every node checks each."""


def cheap_pow(
    nonce_group: int,
    challenge: bytes,
    smesher: bytes,
    difficulty: bytes,
    *,
    stopped: Callable[[], bool],
) -> int:
    """Return the smallest number whose BLAKE3 hash is below the difficulty.

    Raises:
        ProvingStoppedError: ``stopped`` said so.
    """
    number = 0
    while hash32(make_pow_input(number, nonce_group, challenge, smesher)) >= difficulty:
        if stopped():
            raise ProvingStoppedError("the search for a proof of work was stopped")
        number += 1
    return number


@dataclass
class CheapLabels:
    """A label source: compiled code, at the least cost of a label."""

    compute: RecomputedLabels

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """See LabelSource."""
        return b"".join(self.compute(commitment, range(start, start + count), SCRYPT_N))

    async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """See LabelSource."""
        pairs = zip(commitments, indices, strict=True)
        return b"".join(self.compute(one, (index,), SCRYPT_N)[0] for one, index in pairs)


@dataclass
class InlinePosts:
    """Makes and checks proofs at once; one object serves all nodes of a simulation.

    A proof that held for one node is not checked again for the next: the answer depends on
    nothing but what is asked.
    """

    labels: RecomputedLabels = field(default_factory=RecomputedLabels)
    _good: LruMap[tuple[object, ...], None] = field(
        default_factory=lambda: LruMap(REMEMBERED_PROOFS)
    )

    def engines(self) -> InitEngines:
        """Return who computes the labels of a space."""
        return InitEngines(source=CheapLabels(self.labels), checker=None, checks=CHEAP_CHECKS)

    async def prove(
        self,
        directory: Path,
        options: ProofOptions,
        *,
        fast: bool = False,
        remote_pow: str = "",
        progress: Callable[[ProofProgress], None] | None = None,
    ) -> Post:
        """See ``node.post.service.Prover``."""
        return prove(
            open_space(directory),
            options,
            pow_search=cheap_pow,
            scan_factory=PlainScan,
            progress=progress or _tell_nobody,
            stopped=lambda: False,
        )

    async def verify(
        self,
        post: Post,
        claim: PostClaim,
        parameters: ProofParameters,
        mode: Mode,
        *,
        prioritized: bool = False,
    ) -> None:
        """Check a proof.

        Raises:
            RejectError: it does not hold.
        """
        asked = (post, claim, parameters, mode)
        if asked not in self._good:
            check_post(post, claim, parameters, mode, labels=self.labels, pow_hash=_pow_hash)
            self._good.put(asked, None)

    async def check_nonce(
        self, smesher: SmesherID, commitment_atx: AtxID, *, num_labels: int, nonce: int
    ) -> None:
        """See ``activation.ports.NonceVerifier``."""
        asked = (smesher, commitment_atx, num_labels, nonce)
        if asked in self._good:
            return
        compute_vrf_difficulty(num_labels)
        (label,) = self.labels(make_commitment(smesher, commitment_atx), (nonce,), SCRYPT_N)
        check_vrf_nonce(smesher=smesher, num_labels=num_labels, nonce=nonce, label=label)
        self._good.put(asked, None)


def _tell_nobody(_: ProofProgress) -> None:
    """Nobody waits for the progress of a proof that is made at once."""


def _pow_hash(data: bytes) -> bytes:
    return hash32(data)
