"""The votes of our next ballot: which base, which differences."""

import pytest

from node.base.errors import PreconditionError
from node.consensus.tortoise.encoding import VoteEncoder
from node.consensus.tortoise.state import TortoiseState
from node.consensus.tortoise.votes import ABSTAIN, AGAINST, SUPPORT, BlockInfo, Sign
from node.types.ids import NO_BALLOT, BlockID
from node.types.layer import LayerID
from tests.support.tortoise_network import (
    Network,
    ballot_id,
    header,
    parameters,
    smesher_id,
    votes,
)


def encoder(state: TortoiseState, current: int = 12) -> VoteEncoder:
    return VoteEncoder(state, local_threshold=10, current=current)


def block_at(layer: int, validity: Sign = ABSTAIN) -> BlockInfo:
    block = BlockInfo.of(header(layer, 5))
    block.data = True
    block.validity = validity
    return block


def test_a_block_without_content_is_opposed() -> None:
    block = block_at(11)
    block.hare, block.data = SUPPORT, False
    assert encoder(TortoiseState(parameters())).vote(block) is AGAINST


def test_hare_decides_within_hdist_even_if_it_says_nothing() -> None:
    block = block_at(11)
    assert encoder(TortoiseState(parameters())).vote(block) is ABSTAIN
    block.hare = SUPPORT
    assert encoder(TortoiseState(parameters())).vote(block) is SUPPORT


def test_what_is_verified_decides_below_hdist() -> None:
    state = TortoiseState(parameters())
    state.verified = 8
    assert encoder(state).vote(block_at(8, SUPPORT)) is SUPPORT
    assert encoder(state).vote(block_at(8, AGAINST)) is AGAINST


@pytest.mark.parametrize(("margin", "vote"), [(11, SUPPORT), (-11, AGAINST)])
def test_the_margin_decides_what_is_not_verified(margin: int, vote: Sign) -> None:
    block = block_at(8)
    block.margin = margin
    assert encoder(TortoiseState(parameters())).vote(block) is vote


def test_the_weak_coin_decides_what_the_margin_does_not() -> None:
    state = TortoiseState(parameters())
    state.layer(11).coin = AGAINST
    assert encoder(state).vote(block_at(8)) is AGAINST
    state.layer(11).coin = ABSTAIN
    with pytest.raises(PreconditionError) as caught:
        encoder(state).vote(block_at(8))
    assert str(caught.value) == (
        "coinflip is not recorded in 11. required for vote on 08bb000000 / 8"
    )


def test_the_first_ballot_rests_on_genesis() -> None:
    network = Network()
    network.tally(8)
    opinion = network.tortoise.encode_votes(LayerID(8))
    assert opinion.votes == votes(NO_BALLOT)
    assert opinion.hash.hex().startswith("af1349b9")
    assert network.tortoise.encode_votes() == network.tortoise.encode_votes(LayerID(9))


def test_the_first_ballot_to_arrive_in_the_newest_layer_is_the_base() -> None:
    network = Network()
    network.live(8, smeshers=[3, 1, 2])
    network.live(9, smeshers=[])
    opinion = network.tortoise.encode_votes(LayerID(10))
    assert opinion.votes == votes(ballot_id(8, 3), support=[header(8, 20), header(9, 20)])


def test_ballots_of_malicious_smeshers_are_no_base() -> None:
    network = Network()
    network.tortoise.on_malfeasance(smesher_id(3))
    network.live(8, smeshers=[3, 1])
    assert network.tortoise.encode_votes(LayerID(9)).votes.base == ballot_id(8, 1)


def test_layers_in_which_hare_runs_are_abstained_on() -> None:
    network = Network()
    network.live(8)
    network.live(9, hare=False)
    opinion = network.tortoise.encode_votes(LayerID(10))
    assert opinion.votes == votes(ballot_id(9, 1), abstain=[9])
    network.tortoise.on_ballot(network.ballot(10, 1, opinion))
    opinion = network.tortoise.encode_votes(LayerID(11))
    assert opinion.votes == votes(ballot_id(10, 1), abstain=[10])


def test_a_layer_the_base_voted_on_may_be_abstained_on() -> None:
    network = Network()
    network.live(8)
    network.live(9, hare=False)
    network.tortoise.on_ballot(
        network.ballot(10, 1, votes(ballot_id(9, 1), support=[header(9, 20)]))
    )
    opinion = network.tortoise.encode_votes(LayerID(11))
    assert opinion.votes == votes(ballot_id(10, 1), abstain=[9, 10])


def test_a_ballot_that_abstains_where_hare_ended_is_no_base() -> None:
    network = Network(hdist=5, zdist=5)
    network.live(8)
    network.live(9, hare=False)
    network.live(10)
    network.tortoise.on_hare_output(LayerID(9), header(9, 20).block)
    network.tally(11)
    opinion = network.tortoise.encode_votes(LayerID(11))
    assert opinion.votes == votes(ballot_id(9, 1), support=[header(9, 20), header(10, 20)])


def test_votes_may_differ_from_the_base_in_both_directions() -> None:
    network = Network(hdist=5)
    network.live(8)
    network.block(8, 20, number=1)
    opinion = network.vote(9, smeshers=[1])
    assert opinion.votes.support == (header(8, 20),)
    network.tortoise.on_hare_output(LayerID(8), header(8, 20, 1).block)
    network.tally(9)
    network.tortoise.on_hare_output(LayerID(9), BlockID.zero())
    opinion = network.tortoise.encode_votes(LayerID(10))
    assert opinion.votes == votes(
        ballot_id(9, 1), support=[header(8, 20, 1)], against=[header(8, 20)]
    )


def test_where_we_abstain_on_a_block_the_base_may_differ() -> None:
    network = Network()
    network.live(8)
    network.live(9)
    network.tortoise._state.layer(8).blocks[0].hare = ABSTAIN
    assert network.tortoise.encode_votes(LayerID(10)).votes.against == ()


def test_too_many_differences_make_a_base_useless() -> None:
    network = Network(max_exceptions=1)
    for layer in (8, 9):
        network.live(layer, smeshers=[])
    with pytest.raises(PreconditionError) as caught:
        network.tortoise.encode_votes(LayerID(10))
    assert str(caught.value) == "failed to encode votes: too many exceptions (2)"


def unfit_state(*smeshers: int) -> Network:
    """Return a network in which every ballot abstains on a layer that hare ended in late."""
    network = Network(hdist=8, zdist=8)
    network.live(8, smeshers=[], hare=False)
    network.live(9, smeshers=smeshers, hare=False)
    network.tortoise.on_hare_output(LayerID(8), BlockID.zero())
    network.tortoise._state.evict_below(8)
    return network


def test_the_failure_of_the_last_ballot_is_told() -> None:
    network = unfit_state(2, 1, 3)
    with pytest.raises(PreconditionError) as caught:
        network.tortoise.encode_votes(LayerID(10))
    assert str(caught.value) == (
        "failed to encode votes: ballot 0903000000 can't be used as a base ballot"
    )


def test_ballots_that_vote_alike_fail_alike() -> None:
    network = Network(max_exceptions=1)
    network.live(8, smeshers=[])
    network.live(9, smeshers=[1, 2])
    network.live(10, smeshers=[])
    network.tortoise._state.evict_below(8)
    with pytest.raises(PreconditionError) as caught:
        network.tortoise.encode_votes(LayerID(11))
    assert str(caught.value) == "failed to encode votes: too many exceptions (2)"


def test_without_any_ballot_there_is_no_base() -> None:
    with pytest.raises(PreconditionError) as caught:
        unfit_state().tortoise.encode_votes(LayerID(10))
    assert str(caught.value) == "no ballots within a sliding window"


def test_ballots_waiting_for_a_beacon_hold_encoding_up() -> None:
    network = Network(epochs=())
    network.add_epoch(2, with_beacon=False)
    network.tally(8)
    network.vote(8, smeshers=[1, 2])
    with pytest.raises(PreconditionError) as caught:
        network.tortoise.encode_votes(LayerID(9))
    assert str(caught.value) == (
        "all ballots from processed layers (2) must be counted before encoding votes"
    )


def test_two_blocks_with_one_id_cannot_be_voted_on() -> None:
    network = Network()
    network.live(8)
    network.block(8, 25)
    network.tortoise.on_hare_output(LayerID(8), header(8, 20).block)
    with pytest.raises(PreconditionError, match="conflicting votes on the same id 08bb000000"):
        network.tortoise.encode_votes(LayerID(9))
