"""Chains of votes and what ballots change of them."""

import pytest

from node.base.errors import IgnoreError
from node.consensus.tortoise.opinion import NO_OPINION
from node.consensus.tortoise.votes import (
    BlockInfo,
    Differences,
    VoteNode,
    block_order,
    decode_votes,
    opinion_of,
)
from node.types.ballot import Vote, Votes
from node.types.layer import LayerID
from tests.support.tortoise_network import block_id, header, votes


def base_chain(*layers: tuple[Vote, ...] | None, first: int = 7) -> VoteNode | None:
    """Return a chain; None abstains on a layer."""
    tail: VoteNode | None = None
    for number, supported in enumerate(layers, first):
        tail = VoteNode(
            number,
            abstain=supported is None,
            supported=tuple(map(BlockInfo.of, supported or ())),
            previous=tail,
        )
    return tail


def decode(layer: int, base: VoteNode | None, changes: Votes) -> VoteNode | None:
    base_layer = 7 if base is None else base.layer + 1
    return decode_votes(layer, base_layer, base, Differences(base_layer, changes))


def content(tail: VoteNode | None) -> list[tuple[int, bool, list[Vote]]]:
    """Return the layers of a chain, oldest first."""
    layers = []
    while tail is not None:
        layers.append((tail.layer, tail.abstain, [block.vote() for block in tail.supported]))
        tail = tail.previous
    return layers[::-1]


def test_a_ballot_votes_on_every_layer_from_its_base_up_to_its_own() -> None:
    tail = decode(
        10,
        base_chain((header(7, 5),)),
        votes(support=[header(9, 5), header(9, 3, 1)], abstain=[8]),
    )
    assert content(tail) == [
        (7, False, [header(7, 5)]),
        (8, True, []),
        (9, False, [header(9, 3, 1), header(9, 5)]),
    ]


def test_without_a_base_all_layers_from_genesis_are_opposed() -> None:
    assert content(decode(9, None, votes())) == [(7, False, []), (8, False, [])]


def test_older_layers_are_shared_with_the_base() -> None:
    base = base_chain((header(7, 5),), (header(8, 5),), (header(9, 5),))
    tail = decode(11, base, votes(against=[header(9, 5)]))
    assert base is not None
    assert tail is not None
    assert tail.previous is not None
    assert tail.previous.previous is base.previous


def test_a_vote_against_takes_a_support_back() -> None:
    base = base_chain((header(7, 5), header(7, 6, 1)), ())
    tail = decode(9, base, votes(against=[header(7, 5)]))
    assert content(tail)[0] == (7, False, [header(7, 6, 1)])


def test_a_support_may_change_the_height_of_a_block() -> None:
    base = base_chain((header(7, 5),))
    tail = decode(8, base, votes(support=[header(7, 9)]))
    assert content(tail) == [(7, False, [header(7, 9)])]


def test_a_vote_against_must_name_the_block_as_it_was_supported() -> None:
    base = base_chain((header(7, 5),))
    with pytest.raises(IgnoreError) as caught:
        decode(8, base, votes(against=[header(7, 6)]))
    assert str(caught.value) == (
        "wrong target. last supported is (07bb000000/5), but is against (07bb000000/6)"
    )


def test_a_vote_against_what_was_not_supported_changes_nothing() -> None:
    base = base_chain((header(7, 5),))
    assert content(decode(8, base, votes(against=[header(7, 5, 1)]))) == [
        (7, False, [header(7, 5)])
    ]


def test_abstaining_takes_all_supports_back() -> None:
    base = base_chain((header(7, 5),))
    assert content(decode(8, base, votes(abstain=[7]))) == [(7, True, [])]


def test_supporting_in_a_layer_the_base_abstains_on_leaves_it_abstained() -> None:
    base = base_chain(None)
    tail = decode(8, base, votes(support=[header(7, 5)]))
    assert content(tail) == [(7, True, [header(7, 5)])]
    assert opinion_of(tail) == opinion_of(base_chain((header(7, 5),)))


def test_votes_on_the_ballots_own_layer_have_no_effect() -> None:
    assert content(decode(8, None, votes(support=[header(8, 5)]))) == [(7, False, [])]


@pytest.mark.parametrize(
    "changes",
    [
        votes(support=[header(7, 5), header(7, 6)]),
        votes(against=[header(7, 5)], support=[header(7, 6)]),
    ],
)
def test_a_block_is_named_once_in_a_layer(changes: Votes) -> None:
    with pytest.raises(IgnoreError) as caught:
        Differences(7, changes)
    assert str(caught.value) == (
        "conflicting votes on the same id 07bb000000 with different heights 5 conflict with 6"
    )


@pytest.mark.parametrize(
    "changes", [votes(support=[header(7, 5)], abstain=[7]), votes(abstain=[7, 7])]
)
def test_an_abstained_layer_is_named_once(changes: Votes) -> None:
    with pytest.raises(IgnoreError, match="votes on layer 7 conflict with abstain"):
        Differences(7, changes)


def test_the_first_layer_is_the_lowest_mentioned() -> None:
    assert Differences(9, votes()).first_layer == 9
    assert Differences(9, votes(support=[header(10, 5)])).first_layer == 9
    assert Differences(9, votes(against=[header(8, 5)], abstain=[7])).first_layer == 7


def test_a_block_is_recognised_by_id_layer_and_height() -> None:
    block = BlockInfo(block_id(7), LayerID(7), 5)
    assert block.matches(header(7, 5))
    assert not block.matches(header(7, 6))
    assert not block.matches(header(7, 5, 1))
    moved = Vote(block=block_id(7), layer=LayerID(8), height=5)
    assert not block.matches(moved)
    assert block_order(block) == (5, block_id(7))


def test_a_chain_without_layers_has_no_opinion() -> None:
    assert opinion_of(None) == NO_OPINION
