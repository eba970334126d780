"""Deciding a layer, and how far decisions go."""

import pytest

from node.consensus.tortoise.state import TortoiseState
from node.consensus.tortoise.validity import (
    Progress,
    Verdict,
    decide_layer,
    local_vote,
    run_layers,
)
from node.consensus.tortoise.votes import ABSTAIN, AGAINST, SUPPORT, BlockInfo, Sign
from tests.support.tortoise_network import header, parameters


def blocks(*heights: int) -> list[BlockInfo]:
    return [BlockInfo.of(header(9, height, n)) for n, height in enumerate(heights)]


@pytest.mark.parametrize(
    ("heights", "decisions", "validities"),
    [
        pytest.param((1, 2), (SUPPORT, AGAINST), (SUPPORT, AGAINST), id="all decided"),
        pytest.param((1, 2), (SUPPORT, ABSTAIN), (SUPPORT, AGAINST), id="open above valid"),
        pytest.param(
            (1, 2, 3),
            (AGAINST, SUPPORT, ABSTAIN),
            (AGAINST, SUPPORT, AGAINST),
            id="open above valid, invalid below",
        ),
    ],
)
def test_a_layer_is_decided(
    heights: tuple[int, ...], decisions: tuple[Sign, ...], validities: tuple[Sign, ...]
) -> None:
    layer = blocks(*heights)
    assert decide_layer(layer, decisions) is Verdict.CHANGED
    assert tuple(block.validity for block in layer) == validities
    assert decide_layer(layer, decisions) is Verdict.SAME


@pytest.mark.parametrize(
    ("heights", "decisions"),
    [
        pytest.param((1, 2), (ABSTAIN, SUPPORT), id="open below valid"),
        pytest.param((2, 2), (SUPPORT, ABSTAIN), id="open as high as valid"),
        pytest.param((1, 2), (AGAINST, ABSTAIN), id="open without any valid"),
    ],
)
def test_nothing_is_written_while_a_block_is_open(
    heights: tuple[int, ...], decisions: tuple[Sign, ...]
) -> None:
    layer = blocks(*heights)
    assert decide_layer(layer, decisions) is Verdict.UNDECIDED
    assert [block.validity for block in layer] == [ABSTAIN, ABSTAIN]


def test_a_layer_without_blocks_never_changes() -> None:
    assert decide_layer([], []) is Verdict.SAME


def test_the_local_vote_is_hares_then_ours_once_verified() -> None:
    state = TortoiseState(parameters())
    (block,) = blocks(1)
    block.hare, block.validity = SUPPORT, AGAINST
    state.verified = 9
    assert local_vote(state, block, 11) == (SUPPORT, True)
    assert local_vote(state, block, 12) == (AGAINST, False)
    state.verified = 8
    assert local_vote(state, block, 12) == (ABSTAIN, False)


def test_judging_stops_at_the_first_open_layer() -> None:
    state = TortoiseState(parameters())
    state.processed = 12
    verdicts = {
        7: Verdict.SAME,
        8: Verdict.CHANGED,
        9: Verdict.CHANGED,
        10: Verdict.UNDECIDED,
        11: Verdict.SAME,
    }
    assert run_layers(state, verdicts.__getitem__) == Progress(9, 8)
    state.processed = 10
    assert run_layers(state, verdicts.__getitem__) == Progress(9, 8)
    state.processed = 8
    assert run_layers(state, verdicts.__getitem__) == Progress(7, None)
    state.processed = 7
    assert run_layers(state, verdicts.__getitem__) == Progress(6, None)
