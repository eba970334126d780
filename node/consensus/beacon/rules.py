"""Checks of beacon messages, and the encoding of votes.

Source: go-spacemesh, beacon/handlers.go and beacon/util.go; beacon digest 3, 4.1 and 5.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from node.base import scale
from node.base.errors import IgnoreError
from node.base.hashing import hash32
from node.consensus.beacon.wire import BeaconProposalVrf, WeakCoinVrf
from node.consensus.eligibility import EligibilityType
from node.types.ids import AtxID, Beacon, BeaconProposal, VrfSignature
from node.types.layer import EpochID


@dataclass(frozen=True, slots=True, kw_only=True)
class Miner:
    """A smesher with a place in the protocol: its ATX of the epoch before."""

    atx_id: AtxID
    weight: int
    num_units: int
    received_ns: int
    """When its ATX came in."""

    nonce: int
    """Nonce of its VRF in this epoch."""

    malicious: bool

    @property
    def vote_weight(self) -> int:
        """Weight of its votes: none for malicious smeshers."""
        return 0 if self.malicious else self.weight


class Category(Enum):
    """What a proposal counts as."""

    VALID = auto()
    POTENTIALLY_VALID = auto()
    INVALID = auto()


def proposal_vrf_input(nonce: int, epoch: EpochID) -> bytes:
    """Return the VRF input of a beacon proposal."""
    return scale.encode(BeaconProposalVrf(type=EligibilityType.BEACON, nonce=nonce, epoch=epoch))


def weak_coin_vrf_input(nonce: int, epoch: EpochID, round_: int, unit: int) -> bytes:
    """Return the VRF input of a weak coin throw."""
    return scale.encode(
        WeakCoinVrf(
            type=EligibilityType.BEACON_WEAK_COIN,
            nonce=nonce,
            epoch=epoch,
            round=round_,
            unit=unit,
        )
    )


def proposal_of(proof: VrfSignature) -> BeaconProposal:
    """Return the value that a VRF proof proposes."""
    return BeaconProposal(proof[: BeaconProposal.SIZE])


def passes(proof: VrfSignature, threshold: int) -> bool:
    """Tell whether a proof, read as a big-endian number, is below a threshold."""
    return int.from_bytes(proof, "big") < threshold


def check_timely(epoch: EpochID, current: EpochID, now_ns: int, next_opens_ns: int) -> None:
    """Check when a proposal may be made.

    Args:
        epoch: epoch the proposal is for.
        current: epoch running now.
        now_ns: instant of arrival.
        next_opens_ns: instant from which proposals for the next epoch are welcome.

    Raises:
        IgnoreError: it is too early or too late.
    """
    if epoch == current or (epoch == current + 1 and now_ns > next_opens_ns):
        return
    raise IgnoreError(f"beacon proposal for epoch {epoch} in epoch {current}")


def encode_votes(first: Sequence[BeaconProposal], support: Collection[BeaconProposal]) -> bytes:
    """Return which items of a smesher's own first votes it supports, as a bit string.

    Bit i, from the least significant, is item i; the bytes are a big-endian number
    without leading zeros.
    """
    bits = sum(1 << k for k, proposal in enumerate(first) if proposal in support)
    return bits.to_bytes((bits.bit_length() + 7) // 8, "big")


def decode_votes(
    first: Sequence[BeaconProposal], votes: bytes
) -> tuple[tuple[BeaconProposal, ...], tuple[BeaconProposal, ...]]:
    """Return the supported and the other items of first votes."""
    bits = int.from_bytes(votes, "big")
    support = tuple(p for k, p in enumerate(first) if bits >> k & 1)
    against = tuple(p for k, p in enumerate(first) if not bits >> k & 1)
    return support, against


def beacon_of(support: Collection[BeaconProposal]) -> Beacon | None:
    """Return the beacon that a set of proposals amounts to; None where there is none."""
    if not support:
        return None
    beacon = Beacon(hash32(b"".join(sorted(support)))[: Beacon.SIZE])
    return None if beacon == Beacon.zero() else beacon
