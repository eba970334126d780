"""The tortoise as a whole: the digest's scenario, and each input."""

import dataclasses

import pytest

from node.base import fixed
from node.base.errors import IgnoreError, PreconditionError, RejectError
from node.consensus.tortoise.ballots import weight_of_eligibility
from node.consensus.tortoise.decoding import BallotExistsError
from node.consensus.tortoise.machine import MAX_ATX_WEIGHT, Tortoise
from node.consensus.tortoise.state import Mode, RecoveredBlock, TortoiseDescription
from node.types.ballot import Opinion
from node.types.ids import NO_BALLOT, NO_BLOCK, Hash32
from node.types.layer import EpochID, LayerID
from node.types.opinion import BlockVote, LayerResult
from tests.support.tortoise_network import (
    Network,
    ballot_id,
    beacon,
    block_id,
    header,
    smesher_id,
    votes,
)

SCENARIO = {
    8: (NO_BALLOT, (), (), "af1349b9f5f9a1a6"),
    9: (ballot_id(8, 1), (8,), (), "733a91908e8a2c3d"),
    10: (ballot_id(9, 1), (9,), (), "d3c0b5d04aaa2ab7"),
    11: (ballot_id(10, 2), (10,), (), "e15552bed694b0a1"),
    12: (ballot_id(11, 1), (), (), "66fa1206d8edd42b"),
    13: (ballot_id(12, 1), (12,), (), "e1bdcb43a9664c9d"),
    14: (ballot_id(13, 1), (), (13,), "a0f8b5ba26ce4460"),
    15: (ballot_id(13, 1), (14,), (), "82e8a2425ef7affd"),
    16: (ballot_id(15, 2), (15,), (), "8e1a4f0c89819c54"),
    17: (ballot_id(16, 1), (16,), (), "e693e96fe183750d"),
}
"""Layer: base, layers whose block is supported, layers abstained on, opinion."""


def live_scenario(network: Network) -> dict[int, tuple[LayerResult, ...]]:
    """Live through the digest's mini scenario; return the updates of each layer."""
    updates = {}
    for number, expected in SCENARIO.items():
        layer = LayerID(number)
        network.tally(layer)
        opinion = network.tortoise.encode_votes(layer)
        check_opinion(opinion, *expected)
        for smesher in (1, 2, 3):
            if (layer + smesher - 1) % 5:
                first = number % 4 == 0 or not network.tortoise.has_ballot(
                    ballot_id(number // 4 * 4, smesher)
                )
                reference = None if first else ballot_id(number // 4 * 4, smesher)
                ballot = network.ballot(layer, smesher, opinion, ref_ballot=reference)
                network.tortoise.store_ballot(network.tortoise.decode_ballot(ballot))
        block = NO_BLOCK if layer == 11 else network.block(layer)
        if layer != 13:
            network.tortoise.on_hare_output(layer, block)
        network.tortoise.on_weak_coin(layer, coin=layer % 2 == 0)
        network.tally(layer)
        updates[number] = network.tortoise.updates()
        network.apply()
    return updates


def check_opinion(
    opinion: Opinion,
    base: object,
    support: tuple[int, ...],
    abstain: tuple[int, ...],
    digest: str,
) -> None:
    assert opinion.votes.base == base
    assert [vote.layer for vote in opinion.votes.support] == list(support)
    assert opinion.votes.against == ()
    assert opinion.votes.abstain == abstain
    assert opinion.hash.hex()[:16] == digest


def test_the_scenario_of_the_digest() -> None:
    network = Network(epochs=(2, 3, 4))
    updates = live_scenario(network)
    by_layer = {result.layer: result for result in updates[14]}
    assert by_layer[LayerID(12)].verified
    assert by_layer[LayerID(12)].blocks[0].valid
    assert not by_layer[LayerID(13)].verified
    assert by_layer[LayerID(13)].opinion.hex().startswith("a0f8b5ba")
    by_layer = {result.layer: result for result in updates[15]}
    assert by_layer[LayerID(13)].opinion.hex().startswith("0c050848")
    by_layer = {result.layer: result for result in updates[16]}
    assert by_layer[LayerID(13)].verified
    assert by_layer[LayerID(13)].blocks[0].invalid
    assert by_layer[LayerID(14)].blocks[0].valid
    assert by_layer[LayerID(15)].blocks[0].valid
    assert network.tortoise.mode is Mode.VERIFYING
    assert network.tortoise.latest_complete == 16


def test_results_show_layers_and_blocks() -> None:
    network = Network()
    network.live(8)
    genesis, first = network.tortoise.updates()
    assert genesis.first_layer
    assert genesis.verified
    assert not first.first_layer
    assert first == LayerResult(
        layer=LayerID(8),
        first_layer=False,
        verified=False,
        opinion=first.opinion,
        blocks=(
            BlockVote(
                header=header(8, 20), valid=False, invalid=False, hare=True, data=True, local=False
            ),
        ),
    )


def test_layers_below_the_window_have_no_results() -> None:
    with pytest.raises(PreconditionError, match=r"layer 6 is outside the window \(evicted 6\)"):
        Network().tortoise.results(LayerID(6), LayerID(7))


def test_applied_layers_are_not_reported_again() -> None:
    network = Network()
    for layer in range(8, 11):
        network.live(layer)
    network.apply()
    assert [result.layer for result in network.tortoise.updates()] == [10]
    assert not network.tortoise.on_applied(LayerID(9), Hash32.zero())
    assert not network.tortoise.on_applied(LayerID(6), Hash32.zero())
    opinion = network.tortoise.results(LayerID(10), LayerID(10))[0].opinion
    assert network.tortoise.on_applied(LayerID(10), opinion)
    assert [result.layer for result in network.tortoise.updates()] == [10]


def test_where_the_tortoise_stands() -> None:
    network = Network()
    network.tortoise.on_malfeasance(smesher_id(9))
    network.live(8)
    assert network.tortoise.describe() == TortoiseDescription(
        mode=Mode.VERIFYING,
        last=LayerID(8),
        processed=LayerID(8),
        verified=LayerID(7),
        evicted=LayerID(6),
        pending=LayerID(7),
        layers=2,
        ballots=3,
        waiting_ballots=0,
        delayed_ballots=0,
        malicious=1,
    )


def test_atxs_of_malicious_smeshers_weigh_nothing() -> None:
    network = Network(epochs=())
    network.tortoise.on_malfeasance(smesher_id(1))
    network.add_epoch(2)
    assert network.tortoise._state.epoch(2).weight == fixed.from_int(100)


def test_an_atx_of_the_present_epoch_moves_the_local_threshold() -> None:
    network = Network(epochs=(2,))
    network.tally(8)
    before = network.tortoise._thresholds.local
    network.add_atx(2, 4, 1200, 10)
    assert network.tortoise._thresholds.local - before == fixed.from_int(100)


def test_a_weight_of_sixty_four_bits_is_refused() -> None:
    network = Network(epochs=())
    with pytest.raises(RejectError, match="weighs 9223372036854775808"):
        network.add_atx(2, 1, MAX_ATX_WEIGHT + 1, 10)


def test_inputs_for_layers_that_left_are_ignored() -> None:
    network = Network(epochs=())
    tortoise = network.tortoise
    before = tortoise.describe()
    tortoise.on_weak_coin(LayerID(6), coin=True)
    tortoise.on_block(header(6, 5))
    tortoise.on_valid_block(header(6, 5))
    tortoise.on_hare_output(LayerID(6), block_id(6))
    tortoise.on_beacon(EpochID(0), beacon(0))
    tortoise.on_ballot(network.ballot(6, 1, votes()))
    assert tortoise.describe() == before
    assert list(tortoise._state.epochs) == [1]


def test_a_decoded_ballot_whose_layer_left_is_not_stored() -> None:
    network = Network()
    network.live(8)
    opinion = network.tortoise.encode_votes(LayerID(9))
    decoded = network.tortoise.decode_ballot(network.ballot(9, 1, opinion))
    network.tortoise._state.evict_below(10)
    network.tortoise.store_ballot(decoded)
    assert not network.tortoise.has_ballot(decoded.data.id)


def test_a_block_named_by_a_ballot_gets_its_content_later() -> None:
    network = Network()
    network.live(8, smeshers=[])
    network.tortoise.on_ballot(
        network.ballot(9, 1, votes(support=[header(8, 20), header(8, 21, 1)]))
    )
    blocks = network.tortoise.results(LayerID(8), LayerID(8))[0].blocks
    assert [block.data for block in blocks] == [True, False]
    network.tortoise.on_block(header(8, 21, 1))
    network.tortoise.on_valid_block(header(8, 22, 2))
    blocks = network.tortoise.results(LayerID(8), LayerID(8))[0].blocks
    assert [block.data for block in blocks] == [True, True, True]
    assert [block.valid for block in blocks] == [False, False, True]


def test_an_old_block_that_only_a_ballot_names_is_taken_as_invalid() -> None:
    network = Network()
    for layer in range(8, 13):
        network.live(layer)
    network.tortoise.on_ballot(
        network.ballot(13, 1, votes(ballot_id(12, 1), support=[header(8, 21, 1)]))
    )
    blocks = network.tortoise.results(LayerID(8), LayerID(8))[0].blocks
    assert [block.invalid for block in blocks] == [False, True]


def test_the_same_hare_output_twice_changes_nothing() -> None:
    network = Network()
    network.live(8)
    network.live(9)
    opinion = network.tortoise.encode_votes(LayerID(10))
    network.tortoise.on_hare_output(LayerID(9), block_id(9))
    assert network.tortoise.encode_votes(LayerID(10)) == opinion
    network.tortoise.on_hare_output(LayerID(9), NO_BLOCK)
    assert network.tortoise.encode_votes(LayerID(10)) != opinion


def test_ballots_wait_for_the_beacon_of_their_epoch() -> None:
    network = Network(epochs=(3,))
    network.add_epoch(2, with_beacon=False)
    network.tally(8)
    network.vote(8)
    assert network.tortoise.describe().waiting_ballots == 3
    network.tally(9)
    assert network.tortoise.describe().waiting_ballots == 3
    network.tortoise.on_beacon(EpochID(2), beacon(2))
    network.tally(10)
    assert network.tortoise.describe().waiting_ballots == 0
    assert network.tortoise._verifying.total_good == sum(
        weight_of_eligibility(weight, 3) for weight in (100, 60, 40)
    )


def test_waiting_ballots_of_the_next_layer_wait_in_turn() -> None:
    network = Network(epochs=())
    network.add_epoch(2, with_beacon=False)
    network.tortoise.on_ballot(network.ballot(8, 1, votes()))
    network.tally(9)
    assert network.tortoise.describe().waiting_ballots == 1


def test_a_waiting_ballot_whose_layer_left_is_dropped() -> None:
    network = Network(epochs=())
    network.add_epoch(2, with_beacon=False)
    network.tally(8)
    network.vote(8)
    network.tortoise._state.evict_below(8)
    network.tally(9)
    assert network.tortoise.describe().waiting_ballots == 0


def heal(network: Network) -> None:
    """Live through a time in which most of the weight is silent, and the time after."""
    for layer in range(8, 10):
        network.live(layer)
    for layer in range(10, 14):
        network.live(layer, smeshers=[3])
    assert network.tortoise.mode is Mode.FULL
    for layer in range(14, 28):
        network.live(layer)


def test_full_mode_takes_over_when_too_few_agree_and_hands_back() -> None:
    network = Network(epochs=range(2, 8))
    heal(network)
    assert network.tortoise.mode is Mode.VERIFYING
    assert network.tortoise.latest_complete == 26


def test_votes_under_a_bad_beacon_are_counted_late_in_full_mode() -> None:
    network = Network(epochs=range(2, 8))
    for layer in range(8, 10):
        network.live(layer)
    for layer in range(10, 15):
        network.live(layer, smeshers=[3])
    network.tally(15)
    network.vote(15, smeshers=[1, 2], epoch_beacon=beacon(99))
    network.tally(15)
    assert network.tortoise.mode is Mode.FULL
    assert network.tortoise.describe().delayed_ballots == 2
    network.tortoise.on_weak_coin(LayerID(15), coin=True)
    for layer in range(16, 20):
        network.live(layer)
    assert network.tortoise.describe().delayed_ballots == 0


def test_a_late_ballot_counts_in_both_modes() -> None:
    network = Network(epochs=range(2, 8))
    for layer in range(8, 10):
        network.live(layer)
    for layer in range(10, 14):
        network.live(layer, smeshers=[3])
    before = network.tortoise._state.layer(8).blocks[0].margin
    late = network.tortoise.encode_votes(LayerID(13))
    network.tortoise.on_ballot(network.ballot(13, 1, late))
    network.tortoise._full.flush()
    assert network.tortoise._state.layer(8).blocks[0].margin > before


def test_what_is_verified_may_be_taken_back() -> None:
    network = Network(epochs=range(2, 8), hdist=4)
    for layer in range(8, 14):
        network.live(layer)
    network.apply()
    assert network.tortoise.latest_complete == 12
    network.tally(20)
    fallen_to = network.tortoise.latest_complete
    assert fallen_to < 11
    first = network.tortoise.updates()[0]
    assert first.layer == fallen_to + 1
    assert not first.verified


def test_memory_is_a_window_below_the_verified_layer() -> None:
    network = Network(epochs=range(2, 9), window_layers=6)
    for layer in range(8, 30):
        network.live(layer)
        network.apply()
    state = network.tortoise.describe()
    assert state.verified == 28
    assert state.evicted == 21
    assert state.layers == 8
    assert network.atx_data.evicted_epoch == 4
    assert not network.tortoise.has_ballot(ballot_id(21, 1))
    assert network.tortoise.has_ballot(ballot_id(22, 1))


def test_nothing_is_forgotten_before_the_mesh_applied_it() -> None:
    network = Network(epochs=range(2, 9), window_layers=6)
    for layer in range(8, 25):
        network.live(layer)
    assert network.tortoise.describe().evicted == 6
    for result in network.tortoise.updates():
        network.tortoise.on_applied(result.layer, result.opinion)
    assert network.tortoise.describe().evicted == 16


def test_a_window_longer_than_the_chain_forgets_nothing() -> None:
    network = Network(epochs=range(2, 9), window_layers=50)
    for layer in range(8, 25):
        network.live(layer)
        network.apply()
    assert network.tortoise.describe().evicted == 6


def test_a_ballot_may_rest_on_one_that_lost_its_votes() -> None:
    network = Network()
    for layer in range(8, 13):
        network.live(layer)
    network.tortoise._state.evict_below(10)
    lost = network.ballot(10, 2, Opinion(hash=Hash32(b"\x01" * 32), votes=votes()))
    with pytest.raises(IgnoreError, match="computed opinion hash 0000000000 doesn't match"):
        network.tortoise.decode_ballot(lost)
    chains = []
    for number, base in enumerate((lost.id, ballot_id(10, 1)), 10):
        network.tortoise.on_ballot(network.ballot(12, 1, votes(base), number=number))
        place = network.tortoise._state.ballots.find(ballot_id(12, number))
        assert place is not None
        chains.append(place[0].opinion)
    assert chains[0] != chains[1]


def resumed() -> tuple[Network, Tortoise]:
    network = Network(epochs=(), window_layers=6)
    tortoise = network.tortoise
    tortoise.resume_window(LayerID(16), Hash32(b"\x01" * 32), Hash32(b"\x02" * 32))
    return network, tortoise


def test_memory_may_begin_at_a_known_opinion() -> None:
    _, tortoise = resumed()
    state = tortoise.describe()
    assert (state.last, state.verified, state.pending) == (16, 16, 16)
    assert (state.processed, state.evicted) == (15, 15)
    assert tortoise.updates() == ()
    assert tortoise.results(LayerID(16), LayerID(16))[0].opinion == b"\x01" * 32
    tortoise.resume_progress(verified=None, last=LayerID(18))
    assert tortoise.describe().verified == 16
    tortoise.resume_progress(verified=LayerID(17), last=LayerID(12))
    state = tortoise.describe()
    assert (state.last, state.verified) == (18, 17)


def test_recovered_blocks_bring_their_validity() -> None:
    network, tortoise = resumed()
    network.add_epoch(4)
    tortoise.resume_progress(verified=LayerID(17), last=LayerID(20))
    recovered = [
        RecoveredBlock(header=header(17, 40), valid=True),
        RecoveredBlock(header=header(17, 41, 1), valid=False),
    ]
    tortoise.on_recovered_blocks(LayerID(17), recovered, None)
    tortoise.on_recovered_blocks(LayerID(17), recovered, None)
    tortoise.on_recovered_blocks(
        LayerID(18), [RecoveredBlock(header=header(18, 40), valid=False)], block_id(18)
    )
    tortoise.on_recovered_blocks(
        LayerID(19), [RecoveredBlock(header=header(19, 40), valid=False)], None
    )
    state = tortoise._state
    assert [(b.valid, b.invalid) for b in tortoise._result(17).blocks] == [
        (True, False),
        (False, True),
    ]
    assert tortoise._result(18).blocks[0].hare
    assert [state.layer(layer).hare_terminated for layer in (17, 18, 19)] == [True, True, False]


def test_a_recovered_ballot_is_taken_with_its_signed_opinion() -> None:
    network, tortoise = resumed()
    network.add_epoch(4)
    tortoise.resume_progress(verified=None, last=LayerID(18))
    signed = Hash32(b"\x05" * 32)
    ballot = network.ballot(17, 1, Opinion(hash=signed, votes=votes(ballot_id(12, 1))))
    tortoise.on_recovered_ballot(ballot)
    assert signed in tortoise._state.layer(17).groups
    lost = network.ballot(17, 2, votes(), ref_ballot=ballot_id(3, 3))
    tortoise.on_recovered_ballot(lost)
    assert not tortoise.has_ballot(lost.id)
    tortoise._state.evict_below(17)
    tortoise._state.layer(17).groups[signed].cut()
    with pytest.raises(BallotExistsError):
        tortoise.on_recovered_ballot(dataclasses.replace(ballot))
