"""Verifying mode: the weight of ballots that agree with us."""

from node.base import fixed
from node.consensus.tortoise.state import Mode
from node.types.layer import EpochID, LayerID
from tests.support.tortoise_network import Network, beacon, header, votes


def good(network: Network) -> int:
    return network.tortoise._verifying.total_good // fixed.ONE


def test_a_ballot_that_agrees_is_good() -> None:
    network = Network()
    network.live(8)
    assert good(network) == (100 + 60 + 40) // 3


def test_a_ballot_with_another_opinion_is_not() -> None:
    network = Network()
    network.live(8)
    network.live(9)
    before = good(network)
    base = network.ballot(9, 1, votes()).id
    network.tortoise.on_ballot(network.ballot(10, 1, votes(base), number=9))
    network.tally(10)
    assert good(network) == before


def test_a_ballot_with_another_beacon_is_not() -> None:
    network = Network()
    network.tally(8)
    opinion = network.tortoise.encode_votes(LayerID(8))
    network.tortoise.on_ballot(network.ballot(8, 1, opinion, epoch_beacon=beacon(9)))
    assert good(network) == 0


def test_a_ballot_that_could_not_vote_on_the_blocks_is_not() -> None:
    network = Network(epochs=())
    for smesher, height in ((1, 20), (2, 30), (3, 40)):
        network.add_atx(2, smesher, 60, height)
    network.tortoise.on_beacon(EpochID(2), beacon(2))
    network.tally(8)
    made = network.block(8, 30)
    network.tortoise.on_hare_output(LayerID(8), made)
    network.tally(8)
    network.tally(9)
    network.vote(9)
    assert good(network) == 40


def test_a_layer_is_not_verified_while_hare_runs() -> None:
    network = Network()
    for layer in range(8, 11):
        network.live(layer)
    assert network.tortoise.latest_complete == 9
    network.live(11, hare=False)
    network.live(12, hare=False)
    assert network.tortoise.latest_complete == 10
    assert network.tortoise.mode is Mode.VERIFYING


def test_a_block_above_the_reference_height_stays_open() -> None:
    network = Network(hdist=10)
    for layer in range(8, 11):
        network.live(layer)
    network.tally(11)
    network.vote(11)
    high = network.block(11, 1000)
    network.tortoise.on_hare_output(LayerID(11), high)
    network.live(12)
    network.live(13)
    assert network.tortoise.latest_complete == 10
    results = network.tortoise.results(LayerID(11), LayerID(11))
    assert results[0].blocks[0].header == header(11, 1000)
    assert not results[0].blocks[0].valid
    assert not results[0].blocks[0].invalid
