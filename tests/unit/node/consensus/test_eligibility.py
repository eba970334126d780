"""VRF inputs of the oracle, and what proofs win."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import IgnoreError
from node.consensus.eligibility import (
    CERTIFY_ROUND,
    Distributions,
    Lottery,
    check_seats,
    committee_vrf_input,
    count_seats,
    count_seats_clearly,
    voting_vrf_input,
)
from node.types.ids import Beacon, VrfSignature
from node.types.layer import EpochID, LayerID

DISTRIBUTIONS = Distributions()


def proof(first: bytes) -> VrfSignature:
    return VrfSignature(first.ljust(80, b"\0"))


def test_vrf_inputs_are_those_of_the_digest() -> None:
    beacon = Beacon.fromhex("deadbeef")
    assert committee_vrf_input(beacon, LayerID(105720), 10).hex() == "08deadbeef28e2730600"
    certify = committee_vrf_input(beacon, LayerID(105720), CERTIFY_ROUND)
    assert certify.hex() == "08deadbeef03ffffff7fe2730600"
    voting = voting_vrf_input(Beacon.fromhex("01020304"), EpochID(2), 777, 3)
    assert voting.hex() == "0c0102030408250c0c"


@pytest.mark.parametrize(
    ("first", "seats"),
    [
        ("0516a574aef37257", 1),
        ("73929b4b69090bb6", 0),
        ("e2c27ad65b752b76", 0),
        ("384460966938c876", 1),
        ("15c5f565a7588897", 1),
    ],
)
def test_the_oracles_recorded_counts(first: str, seats: int) -> None:
    lottery = Lottery.of(weight=1, total=15, committee=10)
    drawn = proof(bytes.fromhex(first))
    assert count_seats(drawn, lottery, DISTRIBUTIONS) == seats
    assert check_seats(drawn, lottery, seats, DISTRIBUTIONS)
    assert not check_seats(drawn, lottery, seats + 1, DISTRIBUTIONS)


def test_small_networks_are_scaled_up() -> None:
    assert Lottery.of(weight=1, total=1, committee=800).trials == 800
    assert count_seats(proof(b"\xff" * 7), Lottery.of(1, 1, 800), DISTRIBUTIONS) == 800


def test_weights_that_are_too_large_win_nothing() -> None:
    lottery = Lottery.of((1 << 30) + 1, 1 << 40, 50)
    assert (
        count_seats(proof(b""), lottery, DISTRIBUTIONS)
        == count_seats_clearly(proof(b""), lottery)
        == 0
    )
    with pytest.raises(IgnoreError, match="at most"):
        check_seats(proof(b""), lottery, 0, DISTRIBUTIONS)


@given(
    drawn=st.binary(min_size=8, max_size=8),
    total=st.integers(1, 400),
    share=st.integers(1, 400),
    committee=st.sampled_from([1, 10, 50, 200]),
)
def test_the_bisection_finds_what_the_linear_search_finds(
    drawn: bytes, total: int, share: int, committee: int
) -> None:
    lottery = Lottery.of(min(share, total), total, committee)
    if lottery.trials <= 2000:
        assert count_seats(proof(drawn), lottery, DISTRIBUTIONS) == count_seats_clearly(
            proof(drawn), lottery
        )
