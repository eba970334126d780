"""Thresholds: which labels count for a proof, and which one is a VRF nonce.

All arithmetic is exact; both kinds compare as big-endian numbers, so that a threshold of
bytes is compared with ``<`` on ``bytes``.

Source: post-rs ``difficulty``, ``initialize``; post for Go, shared, PowDifficulty;
digest post 2.3 and 3.
"""

from typing import Final, NamedTuple

from node.base.errors import RejectError
from node.post.labels import MAX_INDEX

MAX_VRF_NUM_LABELS: Final = 2**63 - 1
"""Most labels for which the reference computes a VRF difficulty."""

MIN_VRF_NUM_LABELS: Final = 9
"""With 8 labels or fewer the VRF difficulty would not fit 32 bytes."""

GOOD_VRF_LABELS: Final = 8
"""How many labels of a whole space are expected to be valid VRF nonces."""

_LOW_BITS: Final = 56


class ProvingDifficulty(NamedTuple):
    """The threshold of a proof, split as the scan uses it.

    A label is good if its first cipher byte is below ``msb``, or equal to it while the
    56-bit number of the second cipher is below ``lsb``.
    """

    msb: int
    """Top byte, 0 to 255."""

    lsb: int
    """Low 56 bits."""


def compute_proving_difficulty(k1: int, num_labels: int) -> int:
    """Return the 64-bit threshold that ``k1`` of ``num_labels`` labels are expected to pass.

    Raises:
        RejectError: there are no labels, or not more than ``k1``.
    """
    if num_labels == 0:
        raise RejectError("number of label blocks must be > 0")
    if num_labels <= k1:
        raise RejectError(f"number of labels ({num_labels}) must be bigger than k1 ({k1})")
    return (k1 << 64) // num_labels


def split_difficulty(difficulty: int) -> ProvingDifficulty:
    """Return the two parts of a 64-bit proving difficulty."""
    return ProvingDifficulty(difficulty >> _LOW_BITS, difficulty & ((1 << _LOW_BITS) - 1))


def count_index_bits(num_labels: int) -> int:
    """Return how many bits an index takes in a proof: those of ``num_labels`` itself."""
    return num_labels.bit_length()


def compute_vrf_difficulty(num_labels: int) -> bytes:
    """Return the 32 bytes that a label must be below to be a VRF nonce.

    Raises:
        RejectError: so few or so many labels have no VRF difficulty.
    """
    if not MIN_VRF_NUM_LABELS <= num_labels <= MAX_VRF_NUM_LABELS:
        raise RejectError(
            f"no VRF difficulty for {num_labels} labels; "
            f"expected {MIN_VRF_NUM_LABELS} to {MAX_VRF_NUM_LABELS}"
        )
    return ((1 << 256) // num_labels * GOOD_VRF_LABELS).to_bytes(32, "big")


def check_vrf_nonce(*, smesher: bytes, num_labels: int, nonce: int, label: bytes) -> None:
    """Check a VRF nonce against the label it names.

    The nonce may lie beyond ``num_labels``.

    Args:
        smesher: 32-byte id, for the message only.
        num_labels: labels of the whole space.
        nonce: index of the label.
        label: all 32 bytes of label ``nonce``; not looked at for the largest index, which
            the reference cannot compute.

    Raises:
        RejectError: the label is not below the difficulty, or the index is the largest one.

    Source: post for Go, verifying, VerifyVRFNonce.
    """
    difficulty = compute_vrf_difficulty(num_labels)
    if nonce == MAX_INDEX:
        raise RejectError("invalid labels range")
    if label >= difficulty:
        shown = " ".join(str(byte) for byte in smesher)
        raise RejectError(f"nonce {nonce} is not valid for node [{shown}]")
