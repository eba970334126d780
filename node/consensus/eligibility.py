"""Who may vote, propose and certify: the VRF inputs, and what their proofs win.

Source: go-spacemesh, hare3/eligibility and proposals/util; codec digest section 4.6, hare
digest 8.1 to 8.3.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from node.base import fixed, scale
from node.base.binomial import Binomial
from node.base.errors import IgnoreError
from node.base.lru import LruMap
from node.base.scale import U16, U32, U64
from node.types.ids import Beacon, VrfSignature
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


CERTIFY_ROUND: Final = (1 << 31) - 1
"""Round that stands for certification in the committee's VRF."""
MAX_TRIALS: Final = 1 << 30
"""Most weight that the arithmetic supports."""
NEIGHBOURS: Final = 4
"""Seats below a bisection's answer that are looked at."""
MAX_U64: Final = (1 << 64) - 1
RECENT_LOTTERIES: Final = 1 << 14
"""Lotteries whose distribution is kept; each takes a few kilobytes at most."""


def voting_vrf_input(beacon: Beacon, epoch: EpochID, nonce: int, counter: int) -> bytes:
    """Return the VRF input of one slot of a smesher in an epoch."""
    return scale.encode(
        VotingVrf(
            type=EligibilityType.VOTING, beacon=beacon, epoch=epoch, nonce=nonce, counter=counter
        )
    )


def committee_vrf_input(beacon: Beacon, layer: LayerID, round_: int) -> bytes:
    """Return the VRF input for seats in a committee.

    Args:
        beacon: of the layer's epoch.
        layer: the layer.
        round_: absolute hare round, or CERTIFY_ROUND.
    """
    return scale.encode(
        HareVrf(type=EligibilityType.HARE, beacon=beacon, round=round_, layer=layer)
    )


@dataclass(frozen=True, slots=True)
class Lottery:
    """How many seats of a committee a smesher's weight may win.

    Source: go-spacemesh, hare3/eligibility/oracle.go, prepareEligibilityCheck.
    """

    trials: int
    """Weight of the smesher, scaled up where the committee is larger than all weight."""

    chance: int
    """Probability of a seat for one unit of weight, fixed point."""

    @classmethod
    def of(cls, weight: int, total: int, committee: int) -> "Lottery":
        """Return the lottery for a smesher.

        Raises:
            FixedOverflowError: ``total`` is 0.
        """
        if committee > total:
            total = total * committee & MAX_U64
            weight = weight * committee & MAX_U64
        return cls(weight, fixed.from_ratio(committee, total))

    @property
    def is_supported(self) -> bool:
        """Tell whether the arithmetic can handle this weight."""
        return self.trials <= MAX_TRIALS


@dataclass(slots=True)
class Distributions:
    """Distributions of the lotteries that were drawn from most recently.

    All proofs of a smesher in an epoch are drawn from one lottery for each committee.
    """

    _recent: LruMap[Lottery, Binomial] = field(default_factory=lambda: LruMap(RECENT_LOTTERIES))

    def of(self, lottery: Lottery) -> Binomial:
        """Return the distribution of a lottery's seats."""
        found = self._recent.get(lottery)
        if found is None:
            found = Binomial(lottery.trials, lottery.chance)
            self._recent.put(lottery, found)
        return found


def count_seats_clearly(proof: VrfSignature, lottery: Lottery) -> int:
    """Return the seats that a VRF proof wins; 0 where the weight is not supported.

    The reference's own linear search, the oracle of ``count_seats``.
    """
    if not lottery.is_supported:
        return 0
    drawn = fixed.fraction_of(proof)
    distribution = Binomial(lottery.trials, lottery.chance)
    for seats in range(lottery.trials):
        if distribution.cdf(seats) > drawn:
            return seats
    return lottery.trials


def count_seats(proof: VrfSignature, lottery: Lottery, distributions: Distributions) -> int:
    """Return the seats that a VRF proof wins, in a few steps instead of one for each seat.

    The approximated distribution is monotonic but for its last bits, so a bisection ends
    next to the answer of the linear search, and a look at the seats just below finds it.
    """
    if not lottery.is_supported:
        return 0
    drawn = fixed.fraction_of(proof)
    distribution = distributions.of(lottery)
    low, high = 0, lottery.trials
    while low < high:
        middle = (low + high) // 2
        if distribution.cdf(middle) > drawn:
            high = middle
        else:
            low = middle + 1
    below = range(max(0, low - NEIGHBOURS), low)
    return next((seats for seats in below if distribution.cdf(seats) > drawn), low)


def check_seats(
    proof: VrfSignature, lottery: Lottery, count: int, distributions: Distributions
) -> bool:
    """Tell whether a VRF proof wins exactly ``count`` seats, as the reference tells.

    Raises:
        IgnoreError: the weight is not supported.
    """
    if not lottery.is_supported:
        raise IgnoreError(f"weight {lottery.trials}, at most {MAX_TRIALS} is supported")
    drawn = fixed.fraction_of(proof)
    distribution = distributions.of(lottery)
    return distribution.cdf(count - 1) <= drawn < distribution.cdf(count)
