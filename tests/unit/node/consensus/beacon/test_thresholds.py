"""Beacon thresholds, to the last bit of the reference's floats."""

from fractions import Fraction

import pytest

from node.consensus.beacon.thresholds import proposal_threshold, voting_threshold

THIRD = Fraction(1, 3)
N_100000 = int(
    "1897071198136899971649143041158774510550610452467254281004680932854399011006090657229005189"
    "68614169154936211165506176493149849069250242771297098485162489595706618118899597687013780315"
    "8061056"
)


@pytest.mark.parametrize(
    ("identities", "leading", "digits"),
    [
        (1, "fffffffffffffff0", 160),
        (2, "fffffffc", 160),
        (10, "fc", 160),
        (30, "c", 160),
        (60, "8", 160),
        (100, "571a5d6235649dd5", 160),
        (10_000, "10ffd96bac8df8c", 159),
        (1_500_000, "1d12820c8ce4c", 157),
    ],
)
def test_thresholds_of_the_digest(identities: int, leading: str, digits: int) -> None:
    assert f"{proposal_threshold(identities, 40, THIRD):x}" == leading.ljust(digits, "0")


def test_a_large_threshold_and_none_at_all() -> None:
    assert proposal_threshold(100_000, 40, THIRD) == N_100000
    assert proposal_threshold(0, 40, THIRD) == 0


def test_voting_thresholds_are_rounded_as_floats() -> None:
    assert voting_threshold(10, Fraction(1, 2)) == 5
    assert voting_threshold(10, Fraction(3, 10)) == 3
    assert voting_threshold(31744, Fraction(1, 25000)) == 1
    assert voting_threshold(10**12 + 3, Fraction(1, 4)) == (10**12 + 3) // 4
