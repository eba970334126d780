"""What judging an ATX takes in every version: its version, ticks, weight, membership.

Pure.  Source: go-spacemesh, activation; activation digest sections 1, 4, 5.6 and 6.3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from node.base import scale
from node.base.errors import DecodeError, RejectError
from node.poet.verifying import is_membership_proven
from node.post.verifying import ProofParameters
from node.types.atx import Atx
from node.types.atx_v1 import ActivationTxV1
from node.types.atx_v2 import ActivationTxV2
from node.types.ids import AtxID
from node.types.layer import EpochID

FIRST_VERSION: Final = 1
SECOND_VERSION: Final = 2
EPOCH_BITS: Final = 32
MAX_U64: Final = (1 << 64) - 1
"""Weights and heights have 64 bits."""

ActivationTx: TypeAlias = ActivationTxV1 | ActivationTxV2


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxParameters:
    """What a network demands of ATXs."""

    golden_atx: AtxID
    """The ATX that nobody published; chains and commitments may begin with it."""

    tick_size: int
    """PoET leaves in a tick; at least 1."""

    proof: ProofParameters
    """What it demands of PoSTs."""

    k3: int
    """Labels of a received PoST that are checked."""

    versions: Mapping[EpochID, int] = field(default_factory=dict)
    """Publish epoch to the version in force from it on; version 1 from epoch 0."""

    @property
    def checks_all_labels(self) -> bool:
        """Tell whether a received PoST is verified in full."""
        return self.k3 >= self.proof.k2


def version_at(versions: Mapping[EpochID, int], publish_epoch: EpochID) -> int:
    """Return the ATX version in force in an epoch."""
    reached = [epoch for epoch in versions if epoch <= publish_epoch]
    return versions[max(reached)] if reached else FIRST_VERSION


def publish_epoch_of(blob: bytes) -> EpochID:
    """Read the publish epoch, with which an ATX of any version begins.

    Raises:
        DecodeError: there is no number.
    """
    try:
        epoch, _ = scale.read_compact(blob, 0, EPOCH_BITS)
    except IndexError:
        raise DecodeError("atx: no bytes") from None
    return EpochID(epoch)


def decode_atx(blob: bytes, versions: Mapping[EpochID, int]) -> ActivationTx:
    """Read an ATX in the version that is in force in its publish epoch.

    Raises:
        DecodeError: it is malformed, or of another version.
    """
    if version_at(versions, publish_epoch_of(blob)) == SECOND_VERSION:
        return scale.decode(ActivationTxV2, blob)
    return scale.decode(ActivationTxV1, blob)


def count_ticks(leaf_count: int, tick_size: int) -> int:
    """Return the ticks of a PoET proof."""
    return leaf_count // tick_size


def compute_weight(num_units: int, ticks: int) -> int:
    """Return the weight of space over time.

    Raises:
        RejectError: it does not fit 64 bits.
    """
    weight = num_units * ticks
    if weight > MAX_U64:
        raise RejectError(f"atx weight overflows: {num_units} units times {ticks} ticks")
    return weight


def base_height(positioning: Atx | None) -> int:
    """Return the tick height an ATX starts from; None stands for the golden ATX."""
    return 0 if positioning is None else positioning.tick_height


def check_membership(
    statement: bytes, indices: Sequence[int], challenges: Sequence[bytes], nodes: Sequence[bytes]
) -> None:
    """Check that challenges were members of a PoET round.

    Raises:
        RejectError: they were not, or the proof is malformed.
    """
    if not is_membership_proven(statement, indices, challenges, nodes):
        raise RejectError("membership of the challenge in the PoET round is not proven")
