"""Every check of a proposal and of a ballot, and which of the two errors it raises."""

from dataclasses import replace

import pytest

from node.base import scale
from node.base.errors import IgnoreError, RejectError
from node.base.hashing import hash32
from node.consensus.atxdata import AtxEntry
from node.consensus.malfeasance.rules import check_proof
from node.consensus.malfeasance.wire import MultipleBallots
from node.consensus.proposals.rules import (
    EligibilityFacts,
    JudgedBy,
    check_active_set,
    check_atx_id,
    check_count,
    check_epoch_data,
    check_layer,
    check_proofs,
    check_synced_layer,
    check_transactions,
    check_votes,
    held_by_sender,
    judge_reference,
    make_double_ballot_proof,
    needs_active_set,
    rests_on,
)
from node.consensus.tortoise.ballots import BallotInfo
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, Verifier, private_key_of
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.ballot import (
    Ballot,
    EpochData,
    InnerBallot,
    Vote,
    Votes,
    VotingEligibility,
)
from node.types.ids import (
    NO_ATX,
    NO_BALLOT,
    AtxID,
    BallotID,
    Beacon,
    BlockID,
    EdSignature,
    GenesisID,
    Hash32,
    TransactionID,
    VrfSignature,
)
from node.types.layer import EpochID, LayerID
from node.types.proposal import InnerProposal, Proposal
from tests.support.chain import BEACON, GENESIS, TIME, atx, signer
from tests.support.proposals import (
    EPOCH,
    GOLDEN,
    LAYER,
    LAYER_SIZE,
    MEMBERS,
    SLOTS,
    changed,
    propose,
    sign_ballot,
    slots_of,
)

DATA = EpochData(active_set_hash=active_set_hash(MEMBERS), beacon=BEACON, eligibility_count=SLOTS)
NO_VOTES = Votes(base=NO_BALLOT, support=(), against=(), abstain=())
FIRST = BallotID(b"\7" * 20)
TX = TransactionID(b"\1" * 32)


def ballot(
    *,
    layer: int = LAYER,
    data: EpochData | None = DATA,
    reference: BallotID = NO_BALLOT,
    votes: Votes = NO_VOTES,
    proofs: tuple[VotingEligibility, ...] | None = None,
    atx_id: AtxID = MEMBERS[0],
) -> Ballot:
    inner = InnerBallot(
        layer=LayerID(layer),
        atx_id=atx_id,
        opinion_hash=Hash32.zero(),
        ref_ballot=reference,
        epoch_data=data,
    )
    own = slots_of(1)[LAYER] if proofs is None else proofs
    return sign_ballot(1, inner, votes, own)


def later(**values: object) -> Ballot:
    """A ballot that names a reference ballot."""
    return ballot(data=None, reference=FIRST, **values)  # type: ignore[arg-type]


def vote(number: int, layer: int, height: int = 0) -> Vote:
    return Vote(block=BlockID(bytes([number]) * 20), layer=LayerID(layer), height=height)


def voting(**values: tuple[object, ...]) -> Ballot:
    return ballot(layer=20, votes=replace(NO_VOTES, **values))  # type: ignore[arg-type]


# --- identifiers and signatures ---


def test_identifiers_and_signatures_are_those_of_the_reference() -> None:
    def counting(first: int) -> bytes:
        return bytes(range(first, first + 32))

    seed = "f3ff4d451e429e182215aaee06a2d64b6d1aadc9e5031e4b99bf11ae0a796ebc"
    owner = Signer(private_key_of(bytes.fromhex(seed)), GenesisID(b"genesis-id-20-bytes!"))
    proof = VrfSignature(
        bytes.fromhex(
            "526cf84476ad784c5fe7f18e0c8df0ac050c4cbd5bb6df1b69512bd74322d4d3aa1aa9ef7eeecb29"
            "32518ebe20fa266610858095422e97492641e00cb0a58d2183bfda61e644547761b85e440faa7f09"
        )
    )

    def identifier(first: int) -> bytes:
        return bytes([first]).ljust(20, b"\0")

    made = sign_ballot(
        0,
        InnerBallot(
            layer=LayerID(8070),
            atx_id=AtxID(counting(0x09)),
            opinion_hash=Hash32(counting(0x03)),
            ref_ballot=NO_BALLOT,
            epoch_data=EpochData(
                active_set_hash=Hash32(counting(0x32)),
                beacon=Beacon(b"\1\2\3\4"),
                eligibility_count=12,
            ),
        ),
        Votes(
            base=BallotID(identifier(7)),
            support=(Vote(block=BlockID(identifier(8)), layer=LayerID(8069), height=1234),),
            against=(Vote(block=BlockID(identifier(9)), layer=LayerID(8060), height=5),),
            abstain=(LayerID(8068),),
        ),
        (VotingEligibility(j=3, sig=proof),),
        owner,
    )
    assert hash32(scale.encode(made.inner)).hex() == (
        "b435155fb388f0634ed1ef6f7ce54bff1bb22fe646010448d11d37103d7820d7"
    )
    assert made.signature.hex() == (
        "3fa6b36b97028fe8d347130ce8deaf2da09388f6875163b92c5b91085139109779e92b4b3ad9b182"
        "b2ee3154afe12411a81266720c76ec01a6620a8892473c00"
    )
    transactions = tuple(TransactionID(bytes([n]).ljust(32, b"\0")) for n in (1, 2))
    inner = InnerProposal(ballot=made, tx_ids=transactions, mesh_hash=Hash32(counting(0x03)))
    proposal = Proposal(inner=inner, signature=EdSignature.zero())
    assert hash32(scale.encode(inner)).hex() == (
        "0371f60b1385c194134ac00fd6618dcc398b6b1ad36629ae749db753e4abd133"
    )
    assert proposal.id.hex() == "7849782c8801d9b7a9f790e7d7b9b095fb47e448"
    assert owner.sign(Domain.PROPOSAL, proposal.signed_bytes()).hex() == (
        "a0660a5ccd53b71b4142107e9c239f5a8fd51508d681ca2847f843c65ee5aa3c9c4d81ca35c4cb7c"
        "7ee201e289f2c84d4c63a86bd40d3bca93741dc2ba8ea70e"
    )


# --- proposals ---


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (7, "before effective genesis"),
        (9, "too late"),
        (10, "too late"),
        (13, "from future"),
    ],
)
def test_a_proposal_outside_of_what_hare_works_on_is_ignored(layer: int, text: str) -> None:
    with pytest.raises(IgnoreError, match=text):
        check_layer(LayerID(layer), genesis=LayerID(7), processed=LayerID(10), current=LayerID(12))


@pytest.mark.parametrize("layer", [11, 12])
def test_a_proposal_of_a_layer_that_is_not_counted_is_taken(layer: int) -> None:
    check_layer(LayerID(layer), genesis=LayerID(7), processed=LayerID(10), current=LayerID(12))


def test_transactions_are_offered_once() -> None:
    check_transactions(propose(ballot(), TX, TransactionID(b"\2" * 32)))
    with pytest.raises(RejectError, match="duplicate transaction"):
        check_transactions(propose(ballot(), TX, TX))


# --- what the bytes of a ballot show ---


@pytest.mark.parametrize("atx_id", [NO_ATX, GOLDEN])
def test_a_ballot_names_an_atx_that_can_have_weight(atx_id: AtxID) -> None:
    check_atx_id(ballot(), GOLDEN)
    with pytest.raises(RejectError, match="names atx"):
        check_atx_id(ballot(atx_id=atx_id), GOLDEN)


def test_a_fetched_ballot_is_not_of_genesis() -> None:
    check_synced_layer(ballot(), LayerID(7))
    with pytest.raises(RejectError, match="before effective genesis"):
        check_synced_layer(ballot(layer=7), LayerID(7))


def test_epoch_data_stand_in_reference_ballots_only() -> None:
    check_epoch_data(ballot())
    check_epoch_data(later())
    with pytest.raises(RejectError, match="beside its reference ballot"):
        check_epoch_data(ballot(reference=FIRST))
    with pytest.raises(RejectError, match="no epoch data"):
        check_epoch_data(ballot(data=None))
    with pytest.raises(RejectError, match="no beacon"):
        check_epoch_data(ballot(data=replace(DATA, beacon=Beacon.zero())))


def test_epoch_data_have_eligibilities() -> None:
    check_count(ballot())
    check_count(later())
    with pytest.raises(RejectError, match="0 eligibilities"):
        check_count(ballot(data=replace(DATA, eligibility_count=0)))


@pytest.mark.parametrize(("current", "needed"), [(0, True), (2, True), (3, True), (4, False)])
def test_active_sets_of_old_ballots_are_not_asked_for(current: int, needed: bool) -> None:
    assert needs_active_set(ballot(), EpochID(current), TIME) is needed
    assert not needs_active_set(later(), EpochID(current), TIME)


# --- votes ---


def test_votes_that_fit_together_pass() -> None:
    made = voting(
        support=(vote(1, 12), vote(1, 12), vote(2, 17)),
        against=(vote(3, 12), vote(4, 16)),
        abstain=(LayerID(18), LayerID(19)),
    )
    check_votes(made, hdist=5, max_exceptions=2)


def test_two_blocks_of_a_recent_layer_are_not_supported() -> None:
    check_votes(voting(support=(vote(1, 15), vote(2, 15))), hdist=5, max_exceptions=9)
    with pytest.raises(RejectError, match="supports two blocks in layer 16"):
        check_votes(voting(support=(vote(1, 16), vote(2, 16))), hdist=5, max_exceptions=9)


def test_a_block_is_not_voted_for_and_against() -> None:
    with pytest.raises(RejectError, match="for and against"):
        check_votes(
            voting(support=(vote(1, 12),), against=(vote(1, 12, height=9),)),
            hdist=5,
            max_exceptions=9,
        )


def test_only_different_supported_blocks_are_exceptions() -> None:
    supported = tuple(vote(number, number) for number in (1, 2, 3))
    against = tuple(vote(number, number) for number in (4, 5, 6))
    check_votes(
        voting(support=(*supported, *supported), against=against), hdist=5, max_exceptions=3
    )
    with pytest.raises(RejectError, match="supports 3 blocks, at most 2"):
        check_votes(voting(support=supported), hdist=5, max_exceptions=2)


@pytest.mark.parametrize("side", ["support", "against"])
def test_a_layer_is_not_voted_on_and_abstained_from(side: str) -> None:
    made = voting(abstain=(LayerID(11), LayerID(12)), **{side: (vote(1, 12),)})
    with pytest.raises(RejectError, match="votes and abstains in layer 12"):
        check_votes(made, hdist=5, max_exceptions=9)


# --- what a ballot refers to ---


def test_whoever_sends_a_ballot_has_what_it_refers_to() -> None:
    votes = replace(NO_VOTES, base=BallotID(b"\5" * 20), support=(vote(1, 7),))
    assert held_by_sender(ballot()) == (DATA.active_set_hash,)
    assert held_by_sender(later(votes=votes)) == (
        b"\5" * 20 + bytes(12),
        b"\7" * 20 + bytes(12),
        b"\1" * 20 + bytes(12),
    )


def test_a_ballot_rests_on_its_base_and_its_reference() -> None:
    base = BallotID(b"\5" * 20)
    assert rests_on(ballot()) == ()
    assert rests_on(later(votes=replace(NO_VOTES, base=base))) == (base, FIRST)


# --- eligibility ---

ENTRY = AtxEntry.of(atx(1))
REFERENCE = BallotInfo(
    id=FIRST,
    layer=LAYER,
    smesher=signer(1).smesher_id,
    atx_id=MEMBERS[0],
    beacon=BEACON,
    eligibility_count=SLOTS,
    malicious=False,
)
FACTS = EligibilityFacts(
    epoch=EPOCH,
    is_current=True,
    layers_per_epoch=TIME.layers_per_epoch,
    committee=LAYER_SIZE,
    minimum_weight=0,
    atx=ENTRY,
    active_set_weight=200,
    reference=REFERENCE,
)
JUDGED = JudgedBy(
    epoch=EPOCH, layers_per_epoch=TIME.layers_per_epoch, atx=ENTRY, beacon=BEACON, count=SLOTS
)


def test_a_reference_ballot_of_this_epoch_is_judged_by_its_active_set() -> None:
    assert judge_reference(ballot(), FACTS) == JUDGED


def test_a_later_ballot_is_judged_by_its_reference_ballot() -> None:
    fixed = replace(REFERENCE, beacon=Beacon(b"abcd"), eligibility_count=3)
    judged = judge_reference(later(), replace(FACTS, reference=fixed))
    assert (judged.beacon, judged.count) == (fixed.beacon, 3)


def test_a_reference_ballot_of_the_past_is_judged_by_what_it_says() -> None:
    data = replace(DATA, eligibility_count=5)
    facts = replace(FACTS, is_current=False, active_set_weight=0)
    judged = judge_reference(ballot(data=data), facts)
    assert (judged.beacon, judged.count) == (BEACON, 5)


def test_the_least_weight_of_an_active_set_bounds_the_slots() -> None:
    facts = replace(FACTS, minimum_weight=400)
    with pytest.raises(RejectError, match="eligibility count 20, expected 10"):
        judge_reference(ballot(), facts)


def test_a_ballot_without_proofs_is_rejected() -> None:
    with pytest.raises(RejectError, match="no eligibility proofs"):
        judge_reference(ballot(proofs=()), FACTS)


def test_a_ballot_whose_atx_is_not_known_is_ignored() -> None:
    with pytest.raises(IgnoreError, match="not known in epoch 2"):
        judge_reference(ballot(), replace(FACTS, atx=None))


def test_an_atx_serves_its_own_smesher_only() -> None:
    with pytest.raises(RejectError, match="names atx"):
        judge_reference(ballot(), replace(FACTS, atx=AtxEntry.of(atx(2))))


def test_epoch_data_of_this_epoch_need_a_beacon_and_weight() -> None:
    with pytest.raises(RejectError, match="no beacon"):
        judge_reference(ballot(data=replace(DATA, beacon=Beacon.zero())), FACTS)
    with pytest.raises(RejectError, match="without weight"):
        judge_reference(ballot(), replace(FACTS, active_set_weight=0))


def test_a_ballot_with_neither_data_nor_reference_is_rejected() -> None:
    with pytest.raises(RejectError, match="no epoch data"):
        judge_reference(ballot(data=None), FACTS)


def test_a_ballot_whose_reference_is_not_known_is_ignored() -> None:
    with pytest.raises(IgnoreError, match="is not known"):
        judge_reference(later(), replace(FACTS, reference=None))


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        (replace(REFERENCE, atx_id=MEMBERS[1]), "of atx"),
        (replace(REFERENCE, smesher=signer(2).smesher_id), "of smesher"),
        (replace(REFERENCE, layer=LayerID(7)), "of epoch"),
    ],
)
def test_a_reference_ballot_is_of_the_same_atx_smesher_and_epoch(
    reference: BallotInfo, what: str
) -> None:
    with pytest.raises(RejectError, match=what):
        judge_reference(later(), replace(FACTS, reference=reference))


def test_proofs_of_the_layer_pass_in_parts() -> None:
    made = ballot()
    count = len(made.eligibilities)
    assert count > 2
    check_proofs(made, JUDGED, 0, 2)
    check_proofs(made, JUDGED, 2, count + 100)


def test_a_slot_beyond_the_count_is_rejected() -> None:
    with pytest.raises(RejectError, match="of 1 in all"):
        check_proofs(ballot(), replace(JUDGED, count=1), 0, 100)


@pytest.mark.parametrize("places", [(0, 0), (1, 0)])
def test_slots_ascend(places: tuple[int, int]) -> None:
    proofs = slots_of(1)[LAYER]
    made = ballot(proofs=tuple(proofs[place] for place in places))
    with pytest.raises(RejectError, match="ascending"):
        check_proofs(made, JUDGED, 0, 100)


def test_a_proof_that_is_not_the_smeshers_is_ignored() -> None:
    for judged in (
        replace(JUDGED, beacon=Beacon(b"abcd")),
        replace(JUDGED, atx=replace(ENTRY, nonce=8)),
        replace(JUDGED, epoch=EpochID(3)),
    ):
        with pytest.raises(IgnoreError, match="wrong proof"):
            check_proofs(ballot(), judged, 0, 100)


def test_a_proof_of_another_layer_is_rejected() -> None:
    other = slots_of(1)[LayerID(LAYER + 1)]
    with pytest.raises(RejectError, match=f"is in layer {LAYER + 1}, not {LAYER}"):
        check_proofs(ballot(proofs=other), JUDGED, 0, 100)


# --- active sets and double ballots ---


def test_an_active_set_is_sorted_and_the_one_asked_for() -> None:
    ids = (AtxID(b"\1" * 32), AtxID(b"\1" * 32), AtxID(b"\2" * 32))
    check_active_set(EpochActiveSet(epoch=EpochID(9), atx_ids=ids), active_set_hash(ids))
    with pytest.raises(RejectError, match="not sorted"):
        check_active_set(EpochActiveSet(epoch=EPOCH, atx_ids=ids[::-1]), active_set_hash(ids[::-1]))
    with pytest.raises(RejectError, match="was sent for"):
        check_active_set(EpochActiveSet(epoch=EPOCH, atx_ids=ids[:1]), active_set_hash(ids))


def test_the_digest_of_an_active_set_is_that_of_its_ids() -> None:
    ids = tuple(AtxID(bytes([number]).ljust(32, b"\0")) for number in (1, 2, 3))
    assert active_set_hash(ids).hex() == (
        "ec51bb391cb3f4e9422cea3ad03c21b08106819767823f3db9a9f0a612ed5ff1"
    )
    assert scale.encode(EpochActiveSet(epoch=EpochID(7), atx_ids=ids)).hex()[:6] == "1c0c01"


def test_two_ballots_of_a_layer_convict() -> None:
    one = ballot()
    other = changed(one, 1, opinion_hash=Hash32(b"\1" * 32))
    proof = make_double_ballot_proof(one, other)
    assert isinstance(proof.data, MultipleBallots)
    assert proof.layer == LAYER
    culprit = check_proof(proof.data, Verifier(GENESIS), is_known=True)
    assert culprit == signer(1).smesher_id
