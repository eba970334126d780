"""What ballots and proposals derive from their fields."""

from node.types.ballot import Ballot, EpochData, InnerBallot, Votes
from node.types.ids import (
    NO_BALLOT,
    AtxID,
    BallotID,
    Beacon,
    EdSignature,
    Hash32,
    SmesherID,
)
from node.types.layer import LayerID
from node.types.proposal import InnerProposal, Proposal

BALLOT = Ballot(
    inner=InnerBallot(
        layer=LayerID(9),
        atx_id=AtxID(b"\x01" * 32),
        opinion_hash=Hash32.zero(),
        ref_ballot=NO_BALLOT,
        epoch_data=EpochData(
            active_set_hash=Hash32.zero(), beacon=Beacon(b"abcd"), eligibility_count=3
        ),
    ),
    signature=EdSignature.zero(),
    smesher=SmesherID(b"\x02" * 32),
    votes=Votes(base=BallotID.zero(), support=(), against=(), abstain=()),
    eligibilities=(),
    active_set=(),
)


def test_a_ballot_tells_its_layer_atx_and_whether_it_is_the_first() -> None:
    assert (BALLOT.layer, BALLOT.atx_id, BALLOT.is_reference) == (9, AtxID(b"\x01" * 32), True)


def test_a_proposal_is_for_its_ballots_layer() -> None:
    proposal = Proposal(
        inner=InnerProposal(ballot=BALLOT, tx_ids=(), mesh_hash=Hash32.zero()),
        signature=EdSignature.zero(),
    )
    assert proposal.ballot is BALLOT
    assert proposal.layer == 9
