"""What the tortoise remembers of layers and epochs."""

from node.consensus.tortoise.state import TortoiseState
from node.consensus.tortoise.votes import SUPPORT, BlockInfo
from node.types.layer import EpochID
from tests.support.tortoise_network import block_id, header, parameters


def put(state: TortoiseState, layer: int, height: int, number: int = 0) -> BlockInfo:
    block = BlockInfo.of(header(layer, height, number))
    state.insert_block(block)
    return block


def test_memory_begins_at_the_effective_genesis() -> None:
    state = TortoiseState(parameters())
    assert (state.last, state.processed, state.pending) == (7, 7, 7)
    assert (state.evicted, state.verified) == (6, 0)
    genesis = state.layer(7)
    assert genesis.hare_terminated
    assert genesis.opinion.hex().startswith("af1349b9")
    assert list(state.epochs) == [1]


def test_blocks_are_sorted_by_height_then_id() -> None:
    state = TortoiseState(parameters())
    for height, number in ((20, 1), (10, 9), (20, 0)):
        put(state, 9, height, number)
    assert [block.id for block in state.layer(9).blocks] == [
        block_id(9, 9),
        block_id(9, 0),
        block_id(9, 1),
    ]
    assert state.find_block(header(9, 20, 1)) is state.layer(9).blocks[2]
    assert state.find_block(header(9, 21, 1)) is None


def test_the_reference_height_follows_blocks_up_to_the_median() -> None:
    state = TortoiseState(parameters())
    put(state, 9, 5)
    assert state.layer(9).ref_height == 0, "the epoch is not known"
    state.epoch(2).height = 15
    put(state, 9, 10, 1)
    put(state, 9, 16, 2)
    put(state, 9, 7, 3)
    assert state.layer(9).ref_height == 10


def test_the_reference_height_is_taken_over_from_the_nearest_layer_with_blocks() -> None:
    state = TortoiseState(parameters())
    state.epoch(2).height = 15
    put(state, 8, 12)
    state.layer(9)
    put(state, 10, 20)
    assert state.layer(10).ref_height == 12


def test_an_opinion_follows_hare_within_hdist_and_validity_below() -> None:
    state = TortoiseState(parameters())
    hare, valid = put(state, 8, 5, 1), put(state, 8, 5, 2)
    hare.hare = valid.validity = SUPPORT
    layer = state.layer(8)
    layer.previous = state.layer(7)
    assert layer.form_opinion(within_hdist=True)
    abstained = layer.opinion
    assert not layer.form_opinion(within_hdist=True)
    layer.hare_terminated = True
    assert layer.form_opinion(within_hdist=True)
    by_hare = layer.opinion
    assert layer.form_opinion(within_hdist=False)
    assert len({abstained, by_hare, layer.opinion}) == 3


def test_an_opinion_rests_on_the_constant_where_the_layer_before_left() -> None:
    state = TortoiseState(parameters())
    state.layer(8).previous = state.layer(7)
    state.layer(8).form_opinion(within_hdist=True)
    first = state.layer(8).opinion
    state.evict_below(8)
    assert state.layer(8).previous is None
    assert not state.layer(8).form_opinion(within_hdist=True)
    assert state.layer(8).opinion == first


def test_epochs_leave_with_their_last_layer() -> None:
    state = TortoiseState(parameters())
    state.epoch(2)
    state.layer(9)
    assert state.evict_below(10) == [EpochID(1)]
    assert state.evicted == 9
    assert list(state.epochs) == [2]
    assert list(state.layers) == [10]
    assert state.evict_below(16) == [EpochID(2), EpochID(3)]


def test_the_lowest_changed_layer_is_remembered() -> None:
    state = TortoiseState(parameters())
    state.note_change(9)
    assert state.pending == 7
    state.pending = 0
    state.note_change(9)
    assert state.pending == 9
