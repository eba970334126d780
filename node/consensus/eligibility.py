"""Who may vote, propose and certify: the inputs of the VRFs that decide it.

Source: go-spacemesh, hare3/eligibility and proposals/util; codec digest section 4.6.
"""

from dataclasses import dataclass
from enum import IntEnum

from node.base.scale import U16, U32, U64
from node.types.ids import Beacon
from node.types.layer import EpochID, LayerID


class EligibilityType(IntEnum):
    """First field of every VRF input, so that none can stand for another."""

    BEACON = 1
    HARE = 2
    VOTING = 3
    BEACON_WEAK_COIN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class VotingVrf:
    """Input of the VRF for one slot of an epoch."""

    type: U16
    beacon: Beacon
    epoch: EpochID
    nonce: U64
    counter: U32


@dataclass(frozen=True, slots=True, kw_only=True)
class HareVrf:
    """Input of the VRF for a hare round; the round comes before the layer."""

    type: U16
    beacon: Beacon
    round: U32
    layer: LayerID
