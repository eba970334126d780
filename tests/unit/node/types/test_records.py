"""What records derive from their fields."""

from node.base import scale
from node.base.hashing import hash32
from node.types.active_set import active_set_hash
from node.types.address import NO_ADDRESS
from node.types.atx import Atx
from node.types.atx_v2 import ActivationTxV2, NIPostChallengeV2
from node.types.ballot import Ballot, EpochData, InnerBallot, Votes
from node.types.block import AnyReward, Block, InnerBlock, RationalWeight
from node.types.certificate import CertifyContent, CertifyMessage
from node.types.ids import (
    NO_ATX,
    NO_BALLOT,
    AtxID,
    BallotID,
    Beacon,
    BlockID,
    EdSignature,
    Hash32,
    SmesherID,
    TransactionID,
    VrfSignature,
)
from node.types.layer import EpochID, LayerID
from node.types.proposal import InnerProposal, Proposal
from node.types.transaction import LayerLimits, RawTransaction, TransactionHeader

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


def test_a_block_tells_what_is_in_it() -> None:
    reward = AnyReward(atx_id=NO_ATX, weight=RationalWeight(numerator=1, denominator=2))
    ids = (TransactionID(b"t" * 32),)
    block = Block(inner=InnerBlock(layer=LayerID(4), tick_height=77, rewards=(reward,), tx_ids=ids))
    assert (block.layer, block.tick_height, block.rewards, block.tx_ids) == (4, 77, (reward,), ids)
    vote = block.vote()
    assert (vote.block, vote.layer, vote.height) == (block.id, 4, 77)


def test_a_certify_message_signs_its_content() -> None:
    content = CertifyContent(
        layer=LayerID(1), block_id=BlockID.zero(), eligibility_count=2, proof=VrfSignature.zero()
    )
    message = CertifyMessage(
        content=content, signature=EdSignature.zero(), smesher=SmesherID.zero()
    )
    assert message.signed_bytes() == scale.encode(content)


def test_a_header_tells_what_it_may_cost() -> None:
    header = TransactionHeader(
        principal=NO_ADDRESS,
        template=NO_ADDRESS,
        method=16,
        nonce=0,
        layer_limits=LayerLimits(min=0, max=0),
        max_gas=100,
        gas_price=3,
        max_spend=7,
    )
    assert (header.fee, header.spending) == (300, 307)


def test_a_transactions_id_is_over_its_raw_bytes() -> None:
    assert RawTransaction.of(b"raw").id == hash32(b"raw")
    assert active_set_hash([AtxID(b"a" * 32), AtxID(b"b" * 32)]) == hash32(b"a" * 32 + b"b" * 32)


def test_an_atx_tells_its_height_and_the_epoch_it_counts_in() -> None:
    atx = Atx(
        id=NO_ATX,
        smesher=SmesherID.zero(),
        publish_epoch=EpochID(4),
        sequence=0,
        commitment_atx=None,
        previous_atx=NO_ATX,
        coinbase=NO_ADDRESS,
        num_units=4,
        vrf_nonce=1,
        base_tick_height=100,
        tick_count=7,
        weight=28,
        received_ns=0,
        version=1,
    )
    assert (atx.tick_height, atx.target_epoch) == (107, 5)


def test_an_atx_without_initial_parts_or_marriage_has_an_id() -> None:
    atx = ActivationTxV2(
        publish_epoch=EpochID(4),
        positioning_atx=NO_ATX,
        coinbase=NO_ADDRESS,
        initial=None,
        previous_atxs=(NO_ATX,),
        niposts=(),
        vrf_nonce=1,
        marriages=(),
        marriage_atx=None,
        smesher=SmesherID.zero(),
        signature=EdSignature.zero(),
    )
    assert atx.signed_bytes() == atx.id


def test_challenges_of_both_versions_differ_from_their_encodings_hash() -> None:
    challenge = NIPostChallengeV2(
        publish_epoch=EpochID(1), previous_atx=NO_ATX, positioning_atx=NO_ATX, initial_post=None
    )
    assert len(challenge.challenge_hash()) == 32
