"""Whoever hears two different things in one slot."""

import pytest

from node.base import scale
from node.consensus.beacon.wire import (
    BeaconProposalMessage,
    FirstVotesBody,
    FirstVotesMessage,
    FollowingVotesBody,
    FollowingVotesMessage,
    WeakCoinMessage,
)
from node.consensus.hare.messages import Version
from node.sim.witness import Witness
from node.types.certificate import CertifyContent, CertifyMessage
from node.types.ids import BlockID, EdSignature, SmesherID, VrfSignature
from node.types.layer import EpochID, LayerID

SMESHER = SmesherID(b"\x07" * 32)
TOPICS = {"h3": Version.HARE3}


def proof(number: int) -> VrfSignature:
    return VrfSignature(bytes([number]) * VrfSignature.SIZE)


def signature(number: int) -> EdSignature:
    return EdSignature(bytes([number]) * EdSignature.SIZE)


def certify(number: int) -> bytes:
    content = CertifyContent(
        layer=LayerID(9),
        block_id=BlockID(bytes([number]) * BlockID.SIZE),
        eligibility_count=1,
        proof=proof(1),
    )
    return scale.encode(
        CertifyMessage(content=content, signature=signature(number), smesher=SMESHER)
    )


def beacon_proposal(number: int) -> bytes:
    message = BeaconProposalMessage(epoch=EpochID(3), smesher=SMESHER, vrf_signature=proof(number))
    return scale.encode(message)


def first_votes(number: int) -> bytes:
    body = FirstVotesBody(epoch=EpochID(3), valid=(), potentially_valid=())
    return scale.encode(FirstVotesMessage(body=body, smesher=SMESHER, signature=signature(number)))


def following_votes(number: int) -> bytes:
    body = FollowingVotesBody(epoch=EpochID(3), round=2, votes=bytes([number]))
    return scale.encode(
        FollowingVotesMessage(body=body, smesher=SMESHER, signature=signature(number))
    )


def weak_coin(number: int) -> bytes:
    return scale.encode(
        WeakCoinMessage(
            epoch=EpochID(3), round=2, unit=1, smesher=SMESHER, vrf_signature=proof(number)
        )
    )


@pytest.mark.parametrize(
    ("topic", "make", "kind", "place"),
    [
        ("bc1", certify, "certify message", (9,)),
        ("bp1", beacon_proposal, "beacon proposal", (3,)),
        ("bf1", first_votes, "first beacon votes", (3,)),
        ("bo1", following_votes, "beacon votes", (3, 2)),
        ("bw1", weak_coin, "weak coin", (3, 2)),
    ],
)
def test_two_different_messages_of_one_slot_are_a_double_vote(
    topic: str, make: object, kind: str, place: tuple[int, ...]
) -> None:
    assert callable(make)
    witness = Witness(hare_topics=TOPICS)
    witness.saw(topic, make(1))
    witness.saw(topic, make(1))
    assert witness.doubles == []
    assert witness.heard(kind, SMESHER) == [place]
    witness.saw(topic, make(2))
    witness.saw(topic, make(2))
    (double,) = witness.doubles
    assert double.slot == (kind, SMESHER, place)
    assert f"{SMESHER} said two things as {kind} {place[0]}" in str(double)


@pytest.mark.parametrize("topic", ["ax1", "pp1", "bc1", "h3", "bp1", "bf1", "bo1", "bw1", "tx1"])
def test_what_nobody_can_read_says_nothing(topic: str) -> None:
    witness = Witness(hare_topics=TOPICS)
    witness.saw(topic, b"\xff")
    assert (witness.said, witness.doubles, witness.accusations) == ({}, [], 0)


def test_accusations_are_counted() -> None:
    witness = Witness(hare_topics=TOPICS)
    witness.saw("mp1", b"whatever it says")
    assert witness.accusations == 1
