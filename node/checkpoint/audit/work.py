"""What takes an audit its time: checks that follow from their own bytes alone.

Each is a value: it can be done ahead, in another process, or in an audit before this one,
and its verdict is the same.  Whatever the verdict depends on is in it.

Source: this project; the checks are those of the component digests.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias, assert_never

from node.base.errors import RejectError
from node.crypto.ed25519 import verify_signature
from node.crypto.vrf import verify_vrf
from node.poet.engines import make_engine
from node.poet.verifying import check_proof_message
from node.poet.work import Engine
from node.post.difficulty import check_vrf_nonce, compute_vrf_difficulty
from node.post.k2pow import RandomX
from node.post.labels import MAX_INDEX, make_commitment
from node.post.recomputing import RecomputedLabels
from node.post.verifying import (
    LabelLookup,
    Mode,
    PostClaim,
    PowHash,
    ProofParameters,
    check_post,
)
from node.types.ids import AtxID, SmesherID
from node.types.poet import PoetProofMessage
from node.types.post import Post

HOLDS: Final = ""
"""Verdict on what breaks no rule; every other one tells how."""


@dataclass(frozen=True, slots=True)
class SignatureWork:
    """An Ed25519 signature over exactly these bytes."""

    public_key: bytes
    message: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class VrfWork:
    """A VRF proof."""

    public_key: bytes
    message: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class PoetWork:
    """Sequential work."""

    message: PoetProofMessage


@dataclass(frozen=True, slots=True)
class NonceWork:
    """The label that a VRF nonce names."""

    smesher: SmesherID
    commitment_atx: AtxID
    num_labels: int
    nonce: int
    scrypt_n: int


@dataclass(frozen=True, slots=True)
class PostWork:
    """A proof of space: its proof of work, and the labels it names."""

    post: Post
    claim: PostClaim
    parameters: ProofParameters
    mode: Mode


Work: TypeAlias = SignatureWork | VrfWork | PoetWork | NonceWork | PostWork


@dataclass(slots=True)
class Tools:
    """What the work is done with; each tool is made at its first use.

    Threads may share one of these, and with it the 256 MiB of RandomX.
    """

    make_poet_engine: Callable[[], Engine] = make_engine
    labels: LabelLookup = field(default_factory=RecomputedLabels)
    pow_hash: PowHash = field(default_factory=lambda: RandomX().hash)

    _poet_engine: Engine | None = None

    @property
    def poet_engine(self) -> Engine:
        """Recomputes sequential work."""
        if self._poet_engine is None:
            self._poet_engine = self.make_poet_engine()
        return self._poet_engine


def is_native(work: Work) -> bool:
    """Tell whether nearly all of the work is done outside of the interpreter's lock."""
    return isinstance(work, NonceWork | PostWork)


def do_work(work: Work, tools: Tools) -> str:
    """Return the verdict on one piece of work: ``HOLDS``, or how a rule is broken.

    Raises:
        UnavailableError: there is not enough memory to tell.
    """
    match work:
        case SignatureWork(key, message, signature):
            return HOLDS if verify_signature(key, message, signature) else f"not by {key.hex()}"
        case VrfWork(key, message, proof):
            return HOLDS if verify_vrf(key, message, proof) else f"not by {key.hex()}"
        case PoetWork(message):
            return _told(lambda: check_proof_message(message, tools.poet_engine))
        case NonceWork():
            return _told(lambda: _check_nonce(work, tools))
        case PostWork(post, claim, parameters, mode):
            return _told(
                lambda: check_post(
                    post, claim, parameters, mode, labels=tools.labels, pow_hash=tools.pow_hash
                )
            )
        case _:
            assert_never(work)


def _told(check: Callable[[], None]) -> str:
    try:
        check()
    except RejectError as error:
        return str(error)
    return HOLDS


def _check_nonce(work: NonceWork, tools: Tools) -> None:
    # Before any label is computed: so few or so many labels have no nonce.
    compute_vrf_difficulty(work.num_labels)
    label = b""
    if work.nonce != MAX_INDEX:
        commitment = make_commitment(work.smesher, work.commitment_atx)
        (label,) = tools.labels(commitment, (work.nonce,), work.scrypt_n)
    check_vrf_nonce(smesher=work.smesher, num_labels=work.num_labels, nonce=work.nonce, label=label)
