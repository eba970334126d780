"""When an ATX's steps are due, and which PoET proof it takes.

Source: go-spacemesh, activation/nipost.go and activation.go; activation digest 8.2, 8.3.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from node.base.errors import SpacemeshError
from node.types.atx_v1 import NIPostChallengeV1
from node.types.challenge import PendingChallenge
from node.types.ids import Hash32, PoetRef
from node.types.layer import EpochID
from node.types.layer_time import LayerTime
from node.types.post import MembershipProof

JITTER_LOW: Final = 200
"""Least wait behind a round's end, in millionths of the cycle gap."""
JITTER_SPAN: Final = 200
"""Width of the range of waits, in millionths of the cycle gap."""
MILLION: Final = 1_000_000
WORD_BYTES: Final = 4


class ChallengeExpiredError(SpacemeshError):
    """The challenge's time is over: a new one has to be made for a later epoch."""

    default_code = "smesh.atx.expired"


class PoetUnstableError(SpacemeshError):
    """No PoET took the challenge, or none has a proof: try again soon."""

    default_code = "smesh.poet.unstable"


class InvalidInitialPostError(SpacemeshError):
    """The stored initial PoST does not hold: a new one has to be made."""

    default_code = "smesh.post.initial"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetTimes:
    """The instants that bound the making of one ATX."""

    round_start_ns: int
    """The PoET's work begins: registration is over."""

    round_end_ns: int
    """The PoET's proof is due."""

    publish_end_ns: int
    """The publish epoch is over: the ATX is of no use any more."""

    proof_deadline_ns: int
    """A PoET proof that comes later leaves no time for the PoST."""

    @classmethod
    def of(
        cls, publish_epoch: EpochID, time: LayerTime, *, phase_shift_ns: int, cycle_gap_ns: int
    ) -> "PoetTimes":
        """Return the instants for an ATX of ``publish_epoch``."""
        end_ns = time.epoch_start(EpochID(publish_epoch + 1))
        return cls(
            round_start_ns=time.epoch_start(EpochID(publish_epoch - 1)) + phase_shift_ns,
            round_end_ns=time.epoch_start(publish_epoch) + phase_shift_ns - cycle_gap_ns,
            publish_end_ns=end_ns,
            proof_deadline_ns=end_ns - cycle_gap_ns,
        )


def publish_epoch_at(
    now_ns: int, time: LayerTime, phase_shift_ns: int, previous_publish: EpochID | None
) -> EpochID:
    """Return the epoch in which an ATX started now is published.

    Registration for the round that starts in the running epoch may be over; and an ATX
    comes after the previous one.
    """
    current = time.epoch_of(time.layer_at(now_ns))
    if previous_publish is not None:
        current = max(current, previous_publish)
    if now_ns >= time.epoch_start(current) + phase_shift_ns:
        current = EpochID(current + 1)
    return EpochID(current + 1)


def round_start_for(publish_epoch: EpochID, time: LayerTime, phase_shift_ns: int) -> int:
    """Return when the PoET round for a publish epoch starts."""
    return time.epoch_start(EpochID(publish_epoch - 1)) + phase_shift_ns


def jitter_ns(cycle_gap_ns: int, random: bytes) -> int:
    """Return a wait of 0.02 to 0.04 % of the cycle gap, so that not all ask at once."""
    draw = int.from_bytes(random[:WORD_BYTES], "little") % (JITTER_SPAN + 1)
    return cycle_gap_ns * (JITTER_LOW + draw) // MILLION


def challenge_of(pending: PendingChallenge) -> NIPostChallengeV1:
    """Return a stored challenge as it is registered and published."""
    return NIPostChallengeV1(
        publish_epoch=pending.publish_epoch,
        sequence=pending.sequence,
        previous_atx=pending.previous_atx,
        positioning_atx=pending.positioning_atx,
        commitment_atx=pending.commitment_atx,
        initial_post=pending.initial_post,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetCandidate:
    """A PoET proof that our challenge is a member of."""

    ref: PoetRef
    leaf_count: int
    ticks: int
    membership: MembershipProof
    address: str
    round_id: str


def best_candidate(candidates: Iterable[PoetCandidate]) -> PoetCandidate | None:
    """Return the proof with the most work; of equal ones the first."""
    return max(candidates, key=lambda candidate: candidate.leaf_count, default=None)


ZERO_CHALLENGE: Final = Hash32.zero()
"""What the initial PoST is made for."""
