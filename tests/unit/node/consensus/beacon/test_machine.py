"""One epoch's agreement, step by step."""

import pytest

from node.base.errors import IgnoreError
from node.config.durations import Nanoseconds
from node.config.model.consensus import BeaconConfig
from node.consensus.beacon.machine import BeaconMachine, EpochFacts, Tally
from node.consensus.beacon.rules import Category, Miner, proposal_of, proposal_vrf_input
from node.consensus.beacon.wire import (
    BeaconProposalMessage,
    FirstVotesBody,
    FirstVotesMessage,
    FollowingVotesBody,
    FollowingVotesMessage,
)
from node.crypto.ed25519 import Signer, private_key_of
from node.types.ids import AtxID, BeaconProposal, EdSignature, SmesherID, VrfSignature
from node.types.layer import EpochID

EPOCH = EpochID(5)
START = 1_000_000
CONFIG = BeaconConfig(
    rounds_number=4,
    grace_period_duration=Nanoseconds(100),
    proposal_duration=Nanoseconds(10),
    first_voting_round_duration=Nanoseconds(200),
    voting_round_duration=Nanoseconds(150),
    weak_coin_round_duration=Nanoseconds(150),
)
SIGNERS = [Signer(private_key_of(bytes([k]) * 32), bytes(20)) for k in range(1, 5)]
IDS = [signer.smesher_id for signer in SIGNERS]
STRANGER = SmesherID(b"\xee" * 32)
A, B, C = (BeaconProposal(bytes([k]) * 4) for k in range(3))


def miner(weight: int = 100, received_ns: int = 0, *, malicious: bool = False) -> Miner:
    return Miner(
        atx_id=AtxID(b"\x07" * 32),
        weight=weight,
        num_units=4,
        received_ns=received_ns,
        nonce=7,
        malicious=malicious,
    )


def machine(**changed: Miner) -> BeaconMachine:
    miners = {smesher: miner() for smesher in IDS[:3]}
    miners.update({IDS[int(key[1:])]: value for key, value in changed.items()})
    weight = sum(m.vote_weight for m in miners.values())
    facts = EpochFacts(epoch=EPOCH, start_ns=START, weight=weight, miners=miners)
    return BeaconMachine(facts, CONFIG)


def proposal(k: int) -> BeaconProposalMessage:
    proof = SIGNERS[k].vrf_sign(proposal_vrf_input(7, EPOCH))
    return BeaconProposalMessage(epoch=EPOCH, smesher=IDS[k], vrf_signature=proof)


def first(
    smesher: SmesherID, valid: tuple[BeaconProposal, ...], *potential: BeaconProposal
) -> FirstVotesMessage:
    body = FirstVotesBody(epoch=EPOCH, valid=valid, potentially_valid=potential)
    return FirstVotesMessage(body=body, smesher=smesher, signature=EdSignature.zero())


def following(smesher: SmesherID, round_: int, votes: bytes) -> FollowingVotesMessage:
    body = FollowingVotesBody(epoch=EPOCH, round=round_, votes=votes)
    return FollowingVotesMessage(body=body, smesher=smesher, signature=EdSignature.zero())


def test_proposals_in_time_are_valid_and_late_ones_potentially_valid() -> None:
    agreement = machine()
    assert agreement.on_proposal(proposal(0), START + 5) is Category.VALID
    agreement.finish_proposals(START + 10)
    assert agreement.on_proposal(proposal(1), START + 110) is Category.POTENTIALLY_VALID
    assert agreement.on_proposal(proposal(2), START + 111) is Category.INVALID
    values = [proposal_of(proposal(k).vrf_signature) for k in range(2)]
    assert agreement.first_votes() == ((values[0],), (values[1],))


def test_the_arrival_of_the_atx_counts_too() -> None:
    agreement = machine(m1=miner(received_ns=START + 1), m2=miner(received_ns=START + 101))
    assert agreement.on_proposal(proposal(1), START) is Category.POTENTIALLY_VALID
    assert agreement.on_proposal(proposal(2), START) is Category.INVALID


def test_a_malicious_smeshers_proposal_is_at_most_potentially_valid() -> None:
    agreement = machine(m1=miner(malicious=True))
    assert agreement.on_proposal(proposal(1), START) is Category.POTENTIALLY_VALID


def test_nobody_passes_without_atxs_in_time() -> None:
    late = miner(received_ns=START + 1)
    agreement = machine(m0=late, m1=late, m2=late)
    assert agreement.classify(VrfSignature.zero(), START, START) is Category.INVALID


def test_proposals_that_are_refused() -> None:
    agreement = machine()
    agreement.on_proposal(proposal(0), START)
    with pytest.raises(IgnoreError, match="not the first"):
        agreement.on_proposal(proposal(0), START)
    with pytest.raises(IgnoreError, match="no ATX"):
        agreement.on_proposal(proposal(3), START)
    wrong = BeaconProposalMessage(
        epoch=EPOCH, smesher=IDS[1], vrf_signature=proposal(2).vrf_signature
    )
    with pytest.raises(IgnoreError, match="wrong VRF proof"):
        agreement.on_proposal(wrong, START)


def test_a_late_atx_lets_its_smesher_take_part() -> None:
    agreement = machine()
    agreement.on_atx(IDS[3], miner(received_ns=START - 1))
    assert agreement.on_proposal(proposal(3), START) is Category.VALID
    agreement.on_atx(IDS[3], miner(weight=7))
    found = agreement.find_miner(IDS[3])
    assert found is not None
    assert found.weight == 100


def voting(agreement: BeaconMachine, *known: BeaconProposal) -> BeaconMachine:
    agreement._margins.update(dict.fromkeys(known, 0))
    agreement.start_round(0, START + 10)
    return agreement


def test_votes_move_margins_until_a_threshold() -> None:
    agreement = voting(machine(), A, B, C)
    agreement.on_first_votes(first(IDS[0], (A,), B))
    agreement.on_first_votes(first(IDS[1], (A, C), B))
    agreement.on_first_votes(first(IDS[2], (), C))
    assert agreement.tally() == Tally(support=(A,), against=(B,), undecided=(C,))
    assert agreement.tally().with_coin(coin=True).support == (A, C)
    assert agreement.tally().with_coin(coin=False).against == (B, C)
    assert agreement.tally().beacon() is not None

    agreement.start_round(1, START + 210)
    assert agreement.following_votes(IDS[1], Tally((A,), (), ())) == b"\x01"
    assert agreement.following_votes(STRANGER, Tally((A,), (), ())) is None
    agreement.on_following_votes(following(IDS[1], 1, b"\x02"))
    assert agreement.tally().support == (A, C)


def test_unknown_items_and_malicious_voters_count_nothing() -> None:
    agreement = voting(machine(m1=miner(malicious=True)), A)
    agreement.on_first_votes(first(IDS[1], (A,)))
    agreement.on_first_votes(first(IDS[0], (BeaconProposal(b"none"),)))
    assert agreement.tally().undecided == (A,)


def test_first_votes_are_for_round_zero_and_once() -> None:
    agreement = voting(machine(), A)
    agreement.on_first_votes(first(IDS[0], (A,)))
    with pytest.raises(IgnoreError, match="not the first"):
        agreement.on_first_votes(first(IDS[0], (A,)))
    with pytest.raises(IgnoreError, match="no ATX"):
        agreement.on_first_votes(first(STRANGER, (A,)))
    agreement.start_round(1, START)
    with pytest.raises(IgnoreError, match="in round 1"):
        agreement.on_first_votes(first(IDS[1], (A,)))


def test_following_votes_need_first_votes_and_an_atx() -> None:
    agreement = voting(machine(), A)
    with pytest.raises(IgnoreError, match="without first votes"):
        agreement.on_following_votes(following(IDS[0], 1, b""))
    with pytest.raises(IgnoreError, match="no ATX"):
        agreement.on_following_votes(following(STRANGER, 1, b""))


def test_votes_of_the_next_round_are_welcome_a_grace_period_early() -> None:
    agreement = machine()
    agreement.check_round(1, 0)
    agreement.start_round(0, START)
    agreement.check_round(0, START)
    agreement.check_round(1, START + 101)
    with pytest.raises(IgnoreError, match="round 1 in round 0"):
        agreement.check_round(1, START + 100)
    agreement.start_round(1, START)
    agreement.check_round(2, START + 201)
    for round_ in (0, 3):
        with pytest.raises(IgnoreError):
            agreement.check_round(round_, START + 500)


def test_no_support_is_no_beacon() -> None:
    assert Tally((), (A,), ()).beacon() is None
