"""Verify a PoST: recompute the labels it names and check that they are good.

A verifier does not hold the prover's data.  It recomputes labels from the commitment,
either all that the proof names, a random subset of them, or a single one.

The checks are the reference's, in its order, and nothing is added to them: indices may
repeat, may be in any order and may lie beyond the number of labels.

Source: post-rs, crates ``post`` (verification) and ``ffi``; post for Go, verifying;
post digest section 10.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, assert_never

from node.base.errors import InvalidPostError, RejectError
from node.post.difficulty import compute_proving_difficulty, count_index_bits, split_difficulty
from node.post.labels import LABEL_SIZE, make_commitment
from node.post.rules import (
    MAX_NONCE_GROUP,
    NONCES_PER_GROUP,
    derive_group_key,
    derive_lazy_key,
    lazy_value,
    make_block_cipher,
    make_pow_input,
    packed_length,
    scale_pow_difficulty,
    shuffle_ordinals,
    subset_seed,
    take,
    unpack_indices,
)
from node.types.post import Post

_ID_SIZE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofParameters:
    """What a network demands of proofs."""

    k1: int
    """Expected number of good labels for one nonce."""

    k2: int
    """Good labels a proof must name."""

    pow_difficulty: bytes
    """Difficulty of the RandomX proof of work for one space unit, 32 bytes big-endian."""

    min_num_units: int
    max_num_units: int

    labels_per_unit: int
    """The network's, whatever an ATX says of itself."""

    scrypt_n: int
    """Number of chunks the label function stores; a power of two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostClaim:
    """Who claims a proof, for what."""

    smesher: bytes
    """32-byte id."""

    commitment_atx: bytes
    """32-byte id of the ATX the labels are bound to."""

    challenge: bytes
    """32 bytes: id of a PoET proof, or zeros for an initial PoST."""

    num_units: int


@dataclass(frozen=True, slots=True)
class All:
    """Check every index, in the order of the proof."""


@dataclass(frozen=True, slots=True)
class One:
    """Check the index with this ordinal; where there is none, nothing is checked."""

    ordinal: int


@dataclass(frozen=True, slots=True)
class Subset:
    """Check ``k3`` indices, picked at random by a seed of the verifier's own."""

    k3: int
    seed: bytes


Mode: TypeAlias = All | One | Subset


class LabelLookup(Protocol):
    """Recomputes labels."""

    def __call__(self, commitment: bytes, indices: Sequence[int], scrypt_n: int) -> Sequence[bytes]:
        """Return the labels with these indices, 16 bytes or longer, in the same order."""


class PowHash(Protocol):
    """RandomX with the network's key."""

    def __call__(self, data: bytes) -> bytes:
        """Return the 32-byte hash."""


@dataclass(frozen=True, slots=True)
class UnitsTooSmall:
    """Fewer space units than the network admits."""

    minimum: int
    got: int

    def __str__(self) -> str:
        return f"numunits too small: {self.got} < {self.minimum}"


@dataclass(frozen=True, slots=True)
class UnitsTooLarge:
    """More space units than the network admits."""

    maximum: int
    got: int

    def __str__(self) -> str:
        return f"numunits too large: {self.got} > {self.maximum}"


@dataclass(frozen=True, slots=True)
class NonceGroupOutOfBounds:
    """The nonce belongs to no group."""

    group: int

    def __str__(self) -> str:
        # The reference prints this zero, whatever the group.
        return f"nonce group (0) out of bounds (max {MAX_NONCE_GROUP})"


@dataclass(frozen=True, slots=True)
class InvalidPow:
    """The RandomX hash is not below the difficulty."""

    def __str__(self) -> str:
        return "invalid proof of work"


@dataclass(frozen=True, slots=True)
class InvalidIndicesLength:
    """The string of packed indices is not as long as K2 indices are."""

    expected: int
    got: int

    def __str__(self) -> str:
        return f"invalid number of indices (expected: {self.expected}, got: {self.got})"


@dataclass(frozen=True, slots=True)
class InvalidNumLabels:
    """The space has so few labels that there is no proving difficulty."""

    num_labels: int

    def __str__(self) -> str:
        # The reference prints this zero, whatever the number.
        return "invalid number of labels: (0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidMsb:
    """The first cipher byte of a label is above the difficulty's."""

    index: int
    ordinal: int
    msb: int
    difficulty_msb: int
    label: bytes

    def __str__(self) -> str:
        return (
            f"MSB value for index: {self.index} (id: {self.ordinal}) doesn't satisfy difficulty: "
            f"{self.msb} > {self.difficulty_msb} (label: {list(self.label)})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidLsb:
    """The first cipher byte of a label is the difficulty's, the lazy value is too large."""

    index: int
    ordinal: int
    lsb: int
    difficulty_lsb: int
    label: bytes

    def __str__(self) -> str:
        return (
            f"LSB value for index: {self.index} (id: {self.ordinal}) doesn't satisfy difficulty: "
            f"{self.lsb} >= {self.difficulty_lsb} (label: {list(self.label)})"
        )


Fault: TypeAlias = (
    UnitsTooSmall
    | UnitsTooLarge
    | NonceGroupOutOfBounds
    | InvalidPow
    | InvalidIndicesLength
    | InvalidNumLabels
    | InvalidMsb
    | InvalidLsb
)
"""Why a proof does not hold; ``str`` gives the reference's text."""


def find_fault(
    post: Post,
    claim: PostClaim,
    parameters: ProofParameters,
    mode: Mode,
    *,
    labels: LabelLookup,
    pow_hash: PowHash,
) -> Fault | None:
    """Return the first fault of a proof, or None if it holds.

    Costs one RandomX hash, and one label for each index checked.

    Args:
        post: the proof.
        claim: for whom and what it is; its three byte strings are 32 bytes long.
        parameters: the network's.
        mode: which indices to check.
        labels: recomputes labels.
        pow_hash: RandomX.
    """
    fault = _find_pow_fault(post, claim, parameters, pow_hash)
    if fault is not None:
        return fault
    num_labels = claim.num_units * parameters.labels_per_unit
    bits = count_index_bits(num_labels)
    expected = packed_length(bits, parameters.k2)
    if len(post.indices) != expected:
        return InvalidIndicesLength(expected, len(post.indices))
    try:
        difficulty = compute_proving_difficulty(parameters.k1, num_labels)
    except RejectError:
        return InvalidNumLabels(num_labels)
    indices = unpack_indices(post.indices, bits)[: parameters.k2]
    chosen = _choose(indices, claim, mode)
    found = labels(
        make_commitment(claim.smesher, claim.commitment_atx),
        [index for _, index in chosen],
        parameters.scrypt_n,
    )
    return _find_bad_label(post, claim.challenge, difficulty, chosen, found)


def _find_pow_fault(
    post: Post, claim: PostClaim, parameters: ProofParameters, pow_hash: PowHash
) -> Fault | None:
    minimum = max(1, parameters.min_num_units)
    if claim.num_units < minimum:
        return UnitsTooSmall(minimum, claim.num_units)
    if claim.num_units > parameters.max_num_units:
        return UnitsTooLarge(parameters.max_num_units, claim.num_units)
    group = post.nonce // NONCES_PER_GROUP
    if group > MAX_NONCE_GROUP:
        return NonceGroupOutOfBounds(group)
    difficulty = scale_pow_difficulty(parameters.pow_difficulty, claim.num_units)
    if not is_pow_valid(
        post.pow, group, claim.challenge, claim.smesher, difficulty, pow_hash=pow_hash
    ):
        return InvalidPow()
    return None


def is_pow_valid(
    pow_nonce: int,
    nonce_group: int,
    challenge: bytes,
    smesher: bytes,
    difficulty: bytes,
    *,
    pow_hash: PowHash,
) -> bool:
    """Return whether a RandomX hash is below a difficulty, both read as bytes."""
    return pow_hash(make_pow_input(pow_nonce, nonce_group, challenge, smesher)) < difficulty


def check_post(
    post: Post,
    claim: PostClaim,
    parameters: ProofParameters,
    mode: Mode,
    *,
    labels: LabelLookup,
    pow_hash: PowHash,
) -> None:
    """Check a proof as a node does.

    Raises:
        InvalidPostError: a label is bad; only this proves misbehaviour.
        RejectError: the proof fails in any other way.

    Source: post for Go, verifying, ProofVerifier.Verify.
    """
    check_lengths(post, claim)
    fault = find_fault(post, claim, parameters, mode, labels=labels, pow_hash=pow_hash)
    if fault is not None:
        raise fault_error(fault)


def check_lengths(post: Post, claim: PostClaim) -> None:
    """Check what a node looks at before it verifies at all.

    Raises:
        RejectError: an id or the challenge is not 32 bytes long, or there are no indices.
    """
    for name, value in (
        ("node id", claim.smesher),
        ("commitment atx id", claim.commitment_atx),
        ("challenge", claim.challenge),
    ):
        if len(value) != _ID_SIZE:
            raise RejectError(f"{name} length is {len(value)}, expected {_ID_SIZE}")
    if not post.indices:
        raise RejectError("proof indices are empty", code="smesh.reject.post.indices")


def fault_error(fault: Fault) -> RejectError:
    """Return the error that a fault is for the rest of the node."""
    match fault:
        case InvalidMsb() | InvalidLsb():
            return InvalidPostError(str(fault), index=fault.ordinal)
        case InvalidPow() | NonceGroupOutOfBounds():
            return RejectError(str(fault), code="smesh.reject.post.pow")
        case InvalidIndicesLength():
            return RejectError(str(fault), code="smesh.reject.post.indices")
        case UnitsTooSmall() | UnitsTooLarge() | InvalidNumLabels():
            return RejectError(str(fault), code="smesh.reject.post.units")
        case _:
            assert_never(fault)


def _choose(indices: Sequence[int], claim: PostClaim, mode: Mode) -> tuple[tuple[int, int], ...]:
    """Return (ordinal, index) of what is to be checked, in order."""
    match mode:
        case One(ordinal):
            return take(indices, (ordinal,))
        case Subset(k3, seed) if k3 != len(indices):
            parts = subset_seed(seed, claim.smesher, claim.challenge)
            return take(indices, shuffle_ordinals(len(indices), parts, k3))
        case _:
            return tuple(enumerate(indices))


def _find_bad_label(
    post: Post,
    challenge: bytes,
    difficulty: int,
    chosen: Sequence[tuple[int, int]],
    labels: Sequence[bytes],
) -> InvalidMsb | InvalidLsb | None:
    limit = split_difficulty(difficulty)
    group = post.nonce // NONCES_PER_GROUP
    position = post.nonce % NONCES_PER_GROUP
    by_group = make_block_cipher(derive_group_key(challenge, group, post.pow))
    lazily = make_block_cipher(derive_lazy_key(challenge, post.nonce, post.pow))
    for (ordinal, index), full_label in zip(chosen, labels, strict=True):
        label = full_label[:LABEL_SIZE]
        msb = by_group.update(label)[position]
        if msb > limit.msb:
            return InvalidMsb(
                index=index, ordinal=ordinal, msb=msb, difficulty_msb=limit.msb, label=label
            )
        if msb < limit.msb:
            continue
        lsb = lazy_value(lazily.update(label))
        if lsb >= limit.lsb:
            return InvalidLsb(
                index=index, ordinal=ordinal, lsb=lsb, difficulty_lsb=limit.lsb, label=label
            )
    return None
