"""Full mode: votes added up block by block."""

from node.base import fixed
from node.consensus.tortoise.ballots import BAD_BEACON, MALICIOUS, BallotGroup, BallotReference
from node.consensus.tortoise.full import FullMode, VoteWeight, walk_down
from node.consensus.tortoise.state import TortoiseState
from node.consensus.tortoise.threshold import Thresholds
from node.consensus.tortoise.validity import Verdict
from node.consensus.tortoise.votes import AGAINST, SUPPORT, BlockInfo, VoteNode
from node.types.layer import LayerID
from tests.support.tortoise_network import (
    atx_id,
    ballot_id,
    beacon,
    header,
    parameters,
    smesher_id,
)


class Mode:
    """Full mode over a state that is filled by hand."""

    def __init__(self, layers: int = 12) -> None:
        self.state = TortoiseState(parameters())
        self.thresholds = Thresholds(self.state)
        self.full = FullMode(self.state, self.thresholds)
        for layer in range(8, layers + 1):
            self.state.layer(layer)
        self.state.processed = self.state.last = layers

    def block(self, layer: int, height: int = 5, number: int = 0xBB) -> BlockInfo:
        block = BlockInfo.of(header(layer, height, number))
        self.state.insert_block(block)
        return block

    def node(
        self, layer: int, *supported: BlockInfo, previous: VoteNode | None, abstain: bool = False
    ) -> VoteNode:
        return VoteNode(layer, abstain=abstain, supported=supported, previous=previous)

    def group(self, tail: VoteNode, *heights: int, weight: int = 10) -> BallotGroup:
        layer = LayerID(tail.layer + 1)
        group = self.state.ballots.new_group(layer, tail)
        self.state.layer(layer).groups[group.opinion] = group
        for number, height in enumerate(heights):
            reference = BallotReference(
                smesher=smesher_id(number),
                atx_id=atx_id(2, number),
                beacon=beacon(2),
                eligibility_count=1,
                height=height,
                weight=weight,
            )
            group.append(ballot_id(layer, number), reference, 1, 0)
            self.state.layer(layer).arrivals.append(group)
        return group


def test_supports_count_for_a_block_and_silence_against_it() -> None:
    mode = Mode()
    one, other, early = mode.block(9), mode.block(9, number=1), mode.block(8)
    tail = mode.node(9, one, previous=mode.node(8, previous=None))
    mode.group(tail, 5, 5)
    mode.full.enter()
    mode.full.flush()
    assert (one.margin, other.margin, early.margin) == (20, -20, -20)
    assert mode.state.layer(9).empty == -20
    assert mode.state.layer(8).empty == 20
    assert mode.full.active
    assert mode.full.counted == 12


def test_a_ballot_does_not_vote_on_blocks_above_its_height() -> None:
    mode = Mode()
    low, high = mode.block(9, 5), mode.block(9, 9, 1)
    mode.group(mode.node(9, high, previous=None), 4, 5, 7, 9, weight=1)
    mode.full.enter()
    mode.full.flush()
    assert low.margin == -3
    assert high.margin == 1
    assert mode.state.layer(9).empty == 3 - 1


def test_chains_that_join_are_walked_once_with_all_their_weight() -> None:
    mode = Mode()
    old, new = mode.block(8, 6), mode.block(9, 5)
    shared = mode.node(8, old, previous=None)
    mode.group(mode.node(9, new, previous=shared), 5, 6)
    mode.group(mode.node(9, previous=shared, abstain=True), 7)
    mode.full.enter()
    mode.full.flush()
    assert old.margin == 20
    assert new.margin == 20
    assert mode.state.layer(9).empty == -20


def test_a_layer_is_empty_for_those_too_low_to_support_any_block() -> None:
    mode = Mode()
    low, high = mode.block(9, 5), mode.block(9, 9, 1)
    mode.group(mode.node(9, low, high, previous=None), 4, 5, 9, weight=1)
    mode.full.enter()
    mode.full.flush()
    assert (low.margin, high.margin) == (2, 1)
    assert mode.state.layer(9).empty == 1 - 2


def test_layers_that_are_abstained_on_are_skipped() -> None:
    mode = Mode()
    block = mode.block(9)
    mode.group(mode.node(9, block, previous=None, abstain=True), 5)
    mode.full.enter()
    mode.full.flush()
    assert block.margin == 0
    assert mode.state.layer(9).empty == 0


def test_votes_on_layers_that_left_are_skipped() -> None:
    mode = Mode()
    kept = mode.block(9)
    mode.group(mode.node(9, kept, previous=mode.node(8, previous=None)), 5)
    mode.state.evict_below(9)
    mode.full.enter()
    mode.full.flush()
    assert kept.margin == 10


def test_malicious_ballots_are_not_counted() -> None:
    mode = Mode()
    block = mode.block(9)
    group = mode.group(mode.node(9, block, previous=None), 5, 5)
    group.marks[0] |= MALICIOUS
    mode.full.enter()
    mode.full.flush()
    assert block.margin == 10


def test_ballots_with_a_bad_beacon_are_held_up() -> None:
    mode = Mode(layers=13)
    block = mode.block(9)
    group = mode.group(mode.node(9, block, previous=None), 5, 5)
    group.mark_bad_beacon(1)
    mode.full.enter()
    mode.full.flush()
    assert block.margin == 10
    assert mode.full.delayed_count == 1
    mode.state.last = 14
    mode.full.count_layer(14)
    mode.full.flush()
    assert block.margin == 20
    assert mode.full.delayed_count == 0


def test_a_bad_beacon_is_forgiven_once_the_delay_is_over() -> None:
    mode = Mode(layers=14)
    block = mode.block(9)
    group = mode.group(mode.node(9, block, previous=None), 5)
    group.marks[0] |= BAD_BEACON
    mode.full.enter()
    mode.full.flush()
    assert block.margin == 10


def test_a_late_block_finds_all_earlier_votes_against_it() -> None:
    mode = Mode()
    on_time = mode.block(9)
    below = mode.node(8, previous=None)
    mode.group(mode.node(9, on_time, previous=below), 4, 5, 6)
    mode.group(mode.node(10, previous=mode.node(9, previous=below, abstain=True)), 9)
    mode.group(mode.node(10, previous=mode.node(9, previous=below)), 9, weight=3)
    mode.full.enter()
    late = BlockInfo.of(header(9, 5, 1))
    mode.full.add_late_block(late)
    assert mode.state.layer(9).blocks == [late, on_time]
    assert late.margin == -20 - 3
    assert on_time.margin == 20 - 3


def test_a_block_in_a_layer_that_is_not_counted_is_not_late() -> None:
    mode = Mode()
    mode.group(mode.node(9, previous=None), 5)
    block = BlockInfo.of(header(9, 5))
    mode.full.add_late_block(block)
    assert block.margin == 0
    assert mode.state.layer(9).blocks == [block]


def test_a_layer_is_decided_by_margins_over_the_global_threshold() -> None:
    mode = Mode()
    mode.state.epoch(2).weight = fixed.from_int(120)
    threshold = mode.thresholds.of(9)[1]
    low, high = mode.block(9, 5), mode.block(9, 6, 1)
    low.margin, high.margin = threshold + 1, -threshold
    assert mode.full.judge(9) is Verdict.CHANGED
    assert (low.validity, high.validity) == (SUPPORT, AGAINST)
    low.margin = threshold
    assert mode.full.judge(9) is Verdict.UNDECIDED


def test_an_empty_layer_needs_weight_as_well() -> None:
    mode = Mode()
    mode.state.epoch(2).weight = fixed.from_int(120)
    threshold = mode.thresholds.of(9)[1]
    assert mode.full.judge(9) is Verdict.UNDECIDED
    mode.state.layer(9).empty = threshold + 1
    assert mode.full.judge(9) is Verdict.SAME
    block = mode.block(9)
    assert mode.full.judge(9) is Verdict.CHANGED
    assert block.validity is AGAINST


def test_weights_from_several_groups_add_up_by_height() -> None:
    mode = Mode()
    tail = mode.node(9, previous=None)
    weight = VoteWeight(mode.group(tail, 5, 8, 6), [0, 2])
    weight.absorb(VoteWeight(mode.group(mode.node(10, previous=tail), 3, 7), range(2)))
    assert weight.total == 40
    assert [weight.at_least(height) for height in (3, 4, 5, 6, 7, 8)] == [40, 30, 30, 20, 10, 0]


def test_a_walk_without_chains_visits_nothing() -> None:
    walk_down([], 8, lambda node, weight: None)
