"""What is checked before a ballot is stored, with the reference's messages."""

import dataclasses

import pytest

from node.base.errors import IgnoreError, RejectError
from node.consensus.tortoise.ballots import BallotData, BallotInfo
from node.consensus.tortoise.decoding import BallotExistsError, OutsideWindowError
from node.types.layer import LayerID
from tests.support.tortoise_network import (
    Network,
    atx_id,
    ballot_id,
    beacon,
    header,
    smesher_id,
    votes,
)


@pytest.fixture
def network() -> Network:
    """Two layers have passed."""
    network = Network()
    network.live(8)
    network.live(9)
    return network


def check_refused(network: Network, ballot: BallotData, message: str) -> None:
    with pytest.raises(IgnoreError) as caught:
        network.tortoise.decode_ballot(ballot)
    assert str(caught.value) == message
    assert not network.tortoise.has_ballot(ballot.id)


def test_a_ballot_is_kept_with_its_reference(network: Network) -> None:
    opinion = network.tortoise.encode_votes(LayerID(10))
    ballot = network.ballot(10, 2, opinion, ref_ballot=ballot_id(8, 2))
    network.tortoise.store_ballot(network.tortoise.decode_ballot(ballot))
    assert network.tortoise.find_ballot(ballot.id) == BallotInfo(
        id=ballot.id,
        layer=LayerID(10),
        smesher=smesher_id(2),
        atx_id=atx_id(2, 2),
        beacon=beacon(2),
        eligibility_count=3,
        malicious=False,
    )
    assert network.tortoise.find_ballot(ballot_id(10, 9)) is None


def test_the_signed_opinion_must_be_that_of_the_votes(network: Network) -> None:
    check_refused(
        network,
        network.ballot(8, 1, votes(), number=9),
        "computed opinion hash af1349b9f5 doesn't match signed 0000000000 "
        "for ballot 8 / 0809000000",
    )


def test_a_known_ballot_is_decoded_to_itself_and_not_stored_twice(network: Network) -> None:
    opinion = network.tortoise.encode_votes(LayerID(10))
    ballot = network.ballot(10, 2, opinion)
    network.tortoise.store_ballot(network.tortoise.decode_ballot(ballot))
    decoded = network.tortoise.decode_ballot(ballot)
    with pytest.raises(BallotExistsError, match="tortoise: ballot exists: 0a02000000"):
        network.tortoise.store_ballot(decoded)
    with pytest.raises(BallotExistsError):
        network.tortoise.on_ballot(ballot)


def test_the_base_ballot_is_of_an_earlier_layer(network: Network) -> None:
    check_refused(
        network,
        network.ballot(9, 1, votes(ballot_id(9, 1)), number=9),
        "votes for ballot (9/0909000000) should be encoded with base ballot (9/0901000000) "
        "from previous layers",
    )


def test_an_unknown_base_ballot_leaves_nothing_to_build_on(network: Network) -> None:
    check_refused(
        network,
        network.ballot(10, 1, votes(ballot_id(9, 9))),
        "base ballot not in state: 0909000000\n"
        "voted blocks were evicted: layer (6) outside the window (evicted 6)",
    )


def test_an_unknown_base_ballot_is_refused_even_if_the_opinion_is_known(network: Network) -> None:
    opinion = network.vote(10, smeshers=[1])
    ballot = network.ballot(
        10, 2, dataclasses.replace(opinion, votes=votes(ballot_id(9, 9))), number=2
    )
    check_refused(network, ballot, "base ballot not in state: 0909000000")


def test_votes_below_the_window_are_refused(network: Network) -> None:
    check_refused(
        network,
        network.ballot(10, 1, votes(ballot_id(9, 1), support=[header(6, 5)])),
        "voted blocks were evicted: layer (6) outside the window (evicted 6)",
    )


def test_contradictions_are_told_before_what_left_the_window(network: Network) -> None:
    ballot = network.ballot(10, 1, votes(ballot_id(9, 9), abstain=[9, 9]))
    check_refused(network, ballot, "votes on layer 9 conflict with abstain")
    ballot = network.ballot(
        10, 1, votes(ballot_id(9, 1), support=[header(6, 5)], against=[header(8, 21)])
    )
    check_refused(
        network,
        ballot,
        "wrong target. last supported is (08bb000000/20), but is against (08bb000000/21)",
    )


def test_a_reference_ballot_needs_its_atx(network: Network) -> None:
    ballot = network.ballot(10, 4, votes(ballot_id(9, 1)))
    check_refused(network, ballot, "atx 0204000000/2 not in state")


def test_a_ballot_names_epoch_data_or_a_reference_ballot(network: Network) -> None:
    ballot = dataclasses.replace(network.ballot(10, 1, votes(ballot_id(9, 1))), epoch_data=None)
    check_refused(network, ballot, "epoch data and pointer are nil for ballot 0a01000000")


def test_a_ballot_with_an_unknown_reference_ballot_cannot_be_decoded(network: Network) -> None:
    ballot = network.ballot(10, 1, votes(ballot_id(9, 1)), ref_ballot=ballot_id(8, 9))
    check_refused(network, ballot, "can't decode ballot 0a01000000")
    network.tortoise.on_ballot(ballot)
    assert not network.tortoise.has_ballot(ballot.id)


def test_a_ballot_below_the_window_cannot_be_decoded(network: Network) -> None:
    ballot = network.ballot(6, 1, votes())
    check_refused(network, ballot, "can't decode ballot 0601000000")


def test_epoch_data_without_eligibilities_prove_a_bad_ballot(network: Network) -> None:
    ballot = network.ballot(10, 1, votes(ballot_id(9, 1)), count=0)
    with pytest.raises(RejectError, match="0a01000000 has 0 eligibilities"):
        network.tortoise.decode_ballot(ballot)


def test_ballots_of_malicious_smeshers_weigh_nothing(network: Network) -> None:
    opinion = network.tortoise.encode_votes(LayerID(10))
    network.tortoise.on_malfeasance(smesher_id(3))
    before = network.tortoise._verifying.total_good
    for ballot in (
        network.ballot(9, 1, votes(ballot_id(8, 1), support=[header(8, 20)]), number=9),
        network.ballot(10, 1, opinion, malicious=True),
        network.ballot(10, 3, opinion),
    ):
        network.tortoise.on_ballot(ballot)
    weight = network.tortoise._verifying.total_good - before
    info = network.tortoise.find_ballot(ballot_id(10, 3))
    assert info is not None
    assert info.malicious
    network.tally(10)
    assert network.tortoise._verifying.total_good - before == weight


def test_a_tolerant_decoder_takes_what_rests_on_evicted_ballots(network: Network) -> None:
    opinion = network.tortoise.encode_votes(LayerID(10))
    ballot = network.ballot(10, 1, dataclasses.replace(opinion, votes=votes(ballot_id(3, 3))))
    with pytest.raises(OutsideWindowError):
        network.tortoise.on_ballot(ballot)
    network.tortoise.on_recovered_ballot(ballot)
    known = network.tortoise.decode_ballot(network.ballot(10, 2, opinion))
    assert known.opinion == opinion.hash
