"""Beacon message rules, vote bits, and the beacon that ballots name."""

import pytest

from node.base import fixed
from node.base.errors import IgnoreError
from node.base.hashing import hash32
from node.consensus.beacon.majority import BeaconMajority
from node.consensus.beacon.rules import (
    beacon_of,
    check_timely,
    decode_votes,
    encode_votes,
    proposal_vrf_input,
    weak_coin_vrf_input,
)
from node.types.ids import BallotID, Beacon, BeaconProposal
from node.types.layer import EpochID

TEN = tuple(BeaconProposal(bytes([k, 0, 0, 0])) for k in range(1, 11))
EPOCH = EpochID(5)


def test_vrf_inputs_of_the_digest() -> None:
    assert proposal_vrf_input(1, EpochID(13110)).hex() == "0404d9cc"
    assert proposal_vrf_input(1 << 33, EpochID(30)).hex() == "0407000000000278"
    assert weak_coin_vrf_input(100_000, EpochID(30), 7, 3).hex() == "10821a0600781c0c"


def test_proposals_are_timely_in_their_epoch_and_shortly_before() -> None:
    check_timely(EPOCH, EPOCH, 0, 100)
    check_timely(EpochID(6), EPOCH, 101, 100)
    for epoch, now in ((6, 100), (4, 101), (7, 101)):
        with pytest.raises(IgnoreError, match="beacon proposal for epoch"):
            check_timely(EpochID(epoch), EPOCH, now, 100)


def test_votes_are_bits_of_a_minimal_big_endian_number() -> None:
    assert encode_votes(TEN, set(TEN[::2])).hex() == "0155"
    assert encode_votes(TEN, set(TEN[:8])).hex() == "ff"
    assert encode_votes(TEN, ()) == b""
    assert decode_votes(TEN, bytes.fromhex("0155")) == (TEN[::2], TEN[1::2])


def test_a_beacon_is_the_digest_of_the_sorted_support() -> None:
    assert hash32(b"".join(TEN[:3])).hex().startswith("df07f4904a7ccb203dc935dae7baf4a4")
    four = [TEN[k] for k in (4, 0, 3, 1)]
    assert beacon_of(four) == Beacon.fromhex("e69fd154")
    assert beacon_of(()) is None


def test_a_beacon_of_zeros_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.consensus.beacon.rules.hash32", lambda _: bytes(32))
    assert beacon_of(TEN) is None


def test_ballots_decide_by_weight_once_enough_were_seen() -> None:
    one, other, third = (Beacon(bytes([k]) * 4) for k in range(3))
    weight = fixed.from_int(1)
    heavier = weight + fixed.from_ratio(1, 10)

    def said(required: int) -> BeaconMajority:
        majority = BeaconMajority(required)
        majority.on_ballot(EPOCH, BallotID(b"a" * 20), one, weight // 2, 2)
        majority.on_ballot(EPOCH, BallotID(b"b" * 20), other, heavier, 1)
        majority.on_ballot(EPOCH, BallotID(b"b" * 20), other, heavier, 1)
        majority.on_ballot(EPOCH, BallotID(b"c" * 20), third, weight, 1)
        return majority

    assert said(4).decide(EPOCH) == other
    assert said(5).decide(EPOCH) is None
    majority = said(0)
    assert majority.decide(EpochID(9)) is None
    majority.prune(EpochID(6))
    assert majority.decide(EPOCH) is None
