"""Verifying mode: enough weight agrees with everything we think, so hare was right.

A *good* ballot has our beacon, votes exactly as we do on all layers before it, and could vote
on the blocks that matter.  The weight of the good ballots after a layer is the margin for our
own votes on it; whatever did not vote, or votes otherwise, is taken to be against.

Weights are sums of exact integers, so adding up groups gives what adding up ballots would.

Source: go-spacemesh, tortoise/verifying; tortoise digest sections 6.1 and 8.
"""

from node.consensus.tortoise.ballots import BAD_BEACON, BallotGroup
from node.consensus.tortoise.state import TortoiseState
from node.consensus.tortoise.threshold import Thresholds
from node.consensus.tortoise.validity import Verdict, decide_layer, local_vote
from node.consensus.tortoise.votes import ABSTAIN


class VerifyingMode:
    """Adds up the weight of good ballots.

    Attributes:
        total_good: weight of all good ballots, fixed point.

    Invariant: ``good_uncounted`` never falls from a layer to the next.
    """

    def __init__(self, state: TortoiseState, thresholds: Thresholds) -> None:
        self._state = state
        self._thresholds = thresholds
        self.total_good = 0

    def count(self, group: BallotGroup, row: int) -> None:
        """Count a ballot if it is good."""
        state = self._state
        before = state.layer(group.layer - 1)
        if (
            group.marks[row] & BAD_BEACON
            or before.opinion != group.opinion
            or before.ref_height > group.references[row].height
        ):
            return
        weight = group.weight(row)
        for layer in range(group.layer, state.processed + 1):
            state.layer(layer).good_uncounted += weight
        self.total_good += weight

    def recount_after(self, layer: int) -> None:
        """Count anew the ballots of all layers after ``layer``, whose opinion changed."""
        state = self._state
        total = state.layer(layer).good_uncounted
        before = state.layer(layer)
        for number in range(layer + 1, state.processed + 1):
            info = state.layer(number)
            group = info.groups.get(before.opinion)
            if group is not None:
                total += group.good_weight_from(before.ref_height)
            info.good_uncounted = total
            before = info
        self.total_good = total

    def judge(self, layer: int) -> Verdict:
        """Decide the blocks of a layer as we vote on them, if enough weight agrees."""
        state = self._state
        info = state.layers[layer]
        if not info.hare_terminated:
            return Verdict.UNDECIDED
        expected, threshold = self._thresholds.of(layer)
        margin = self.total_good - info.good_uncounted
        if expected > margin:
            margin -= expected - margin
        if margin <= 0 or margin <= threshold:
            return Verdict.UNDECIDED
        decisions = [
            ABSTAIN if block.height > info.ref_height else local_vote(state, block, state.last)[0]
            for block in info.blocks
        ]
        return decide_layer(info.blocks, decisions)
