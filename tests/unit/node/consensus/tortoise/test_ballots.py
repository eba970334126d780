"""Groups of ballots and their index."""

import pytest

from node.base import fixed
from node.consensus.tortoise.ballots import (
    BAD_BEACON,
    MALICIOUS,
    VOTELESS,
    WEIGHTLESS,
    BallotData,
    BallotIndex,
    BallotInfo,
    BallotReference,
    ReferenceData,
    weight_of_eligibility,
)
from node.consensus.tortoise.votes import VoteNode
from node.types.ballot import Ballot, EpochData, InnerBallot, VotingEligibility
from node.types.ids import NO_BALLOT, BallotID, EdSignature, Hash32, VrfSignature
from node.types.layer import LayerID
from tests.support.tortoise_network import (
    atx_id,
    ballot_id,
    beacon,
    header,
    smesher_id,
    votes,
)

LAYER = LayerID(9)


def chain(length: int = 2) -> VoteNode:
    tail: VoteNode | None = None
    for layer in range(LAYER - length, LAYER):
        tail = VoteNode(layer, abstain=False, supported=(), previous=tail)
    assert tail is not None
    return tail


def reference(smesher: int, height: int = 5, weight: int = 10) -> BallotReference:
    return BallotReference(
        smesher=smesher_id(smesher),
        atx_id=atx_id(2, smesher),
        beacon=beacon(2),
        eligibility_count=3,
        height=height,
        weight=weight,
    )


def test_a_group_weighs_its_ballots_by_eligibilities() -> None:
    group = BallotIndex().new_group(LAYER, chain())
    assert group.append(ballot_id(9, 1), reference(1), 2, 0) == 0
    assert group.append(ballot_id(9, 2), reference(2), 3, WEIGHTLESS) == 1
    assert group.append(ballot_id(9, 3), reference(3, weight=7), 1, MALICIOUS) == 2
    assert [group.weight(row) for row in range(3)] == [20, 0, 7]
    assert group.good_weight == 27


def test_ballots_with_a_bad_beacon_or_too_low_do_not_count_as_good() -> None:
    group = BallotIndex().new_group(LAYER, chain())
    for smesher, height in ((1, 5), (2, 9), (3, 9)):
        group.append(ballot_id(9, smesher), reference(smesher, height), 1, 0)
    assert group.good_weight_from(5) == 30
    assert group.good_weight_from(6) == 20
    group.mark_bad_beacon(2)
    assert group.marks[2] == BAD_BEACON
    assert group.good_weight_from(5) == 20
    assert group.good_weight_from(6) == 10
    assert group.good_weight_from(10) == 0


def test_only_the_first_ballot_keeps_its_newest_votes_when_a_chain_is_cut() -> None:
    group = BallotIndex().new_group(LAYER, chain())
    for smesher in (1, 2):
        group.append(ballot_id(9, smesher), reference(smesher), 1, 0)
    group.cut()
    assert group.tail.previous is None
    assert group.votes_of(0) is group.tail
    assert group.votes_of(1) is None
    group.append(ballot_id(9, 3), reference(3), 1, 0)
    assert group.votes_of(2) is group.tail
    group.cut()
    assert [group.votes_of(row) for row in range(3)] == [None] * 3
    assert group.marks[0] == VOTELESS


def test_the_index_finds_groups_and_rows() -> None:
    index = BallotIndex()
    first, second = index.new_group(LAYER, chain()), index.new_group(LAYER, chain(1))
    for group, smesher in ((first, 1), (second, 2), (second, 3)):
        row = group.append(ballot_id(9, smesher), reference(smesher), 1, 0)
        index.put(ballot_id(9, smesher), group, row)
    assert index.find(ballot_id(9, 1)) == (first, 0)
    assert index.find(ballot_id(9, 3)) == (second, 1)
    assert index.find(ballot_id(9, 4)) is None
    assert ballot_id(9, 2) in index
    assert list(index.groups()) == [first, second]
    index.drop(second)
    assert ballot_id(9, 2) not in index
    assert len(index) == 1
    assert index.new_group(LAYER, chain()).number == 2


def test_a_ballot_is_described_with_its_reference() -> None:
    group = BallotIndex().new_group(LAYER, chain())
    row = group.append(ballot_id(9, 1), reference(1), 1, MALICIOUS | WEIGHTLESS)
    assert group.info(row) == BallotInfo(
        id=ballot_id(9, 1),
        layer=LAYER,
        smesher=smesher_id(1),
        atx_id=atx_id(2, 1),
        beacon=beacon(2),
        eligibility_count=3,
        malicious=True,
    )


def test_an_eligibility_weighs_its_share_in_lowest_terms() -> None:
    assert weight_of_eligibility(100, 4) == fixed.from_int(25)
    assert weight_of_eligibility(512, 512) == fixed.ONE
    with pytest.raises(ZeroDivisionError):
        weight_of_eligibility(100, 0)


def ballot(ref_ballot: BallotID, data: EpochData | None) -> Ballot:
    return Ballot(
        inner=InnerBallot(
            layer=LAYER,
            atx_id=atx_id(2, 1),
            opinion_hash=Hash32(b"\x07" * 32),
            ref_ballot=ref_ballot,
            epoch_data=data,
        ),
        signature=EdSignature.zero(),
        smesher=smesher_id(1),
        votes=votes(support=[header(8, 5)]),
        eligibilities=(
            VotingEligibility(j=0, sig=VrfSignature.zero()),
            VotingEligibility(j=2, sig=VrfSignature.zero()),
        ),
        active_set=(),
    )


def test_what_the_tortoise_reads_of_a_reference_ballot() -> None:
    data = EpochData(active_set_hash=Hash32.zero(), beacon=beacon(2), eligibility_count=3)
    whole = ballot(NO_BALLOT, data)
    read = BallotData.of(whole, malicious=True)
    assert read.id == whole.id
    assert read.epoch_data == ReferenceData(beacon=beacon(2), eligibility_count=3)
    assert read.ref_ballot is None
    assert read.eligibility_count == 2
    assert read.opinion.hash == whole.inner.opinion_hash
    assert read.opinion.votes == whole.votes
    assert (read.layer, read.atx_id, read.smesher) == (LAYER, atx_id(2, 1), smesher_id(1))
    assert read.malicious


def test_what_the_tortoise_reads_of_another_ballot() -> None:
    read = BallotData.of(ballot(ballot_id(8, 1), None))
    assert read.epoch_data is None
    assert read.ref_ballot == ballot_id(8, 1)
    assert not read.malicious
