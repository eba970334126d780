"""Thresholds of proofs and of VRF nonces."""

import pytest

from node.base.errors import RejectError
from node.post.difficulty import (
    MAX_VRF_NUM_LABELS,
    check_vrf_nonce,
    compute_proving_difficulty,
    compute_vrf_difficulty,
    count_index_bits,
    split_difficulty,
)

UNIT = 2**32
SMESHER = bytes(range(32))


@pytest.mark.parametrize(
    ("k1", "num_labels", "difficulty"),
    [
        (1, 2, 1 << 63),
        (1, 128, 1 << 57),
        (26, UNIT, 0x1A00000000),
        (26, 4 * UNIT, 0x680000000),
        (26, 100 * UNIT, 0x428F5C28),
    ],
)
def test_proving_difficulty_is_exact(k1: int, num_labels: int, difficulty: int) -> None:
    assert compute_proving_difficulty(k1, num_labels) == difficulty


@pytest.mark.parametrize(
    ("k1", "num_labels", "text"),
    [
        (1, 0, "number of label blocks must be > 0"),
        (26, 26, r"number of labels \(26\) must be bigger than k1 \(26\)"),
    ],
)
def test_too_small_spaces_have_no_proving_difficulty(k1: int, num_labels: int, text: str) -> None:
    with pytest.raises(RejectError, match=text):
        compute_proving_difficulty(k1, num_labels)


def test_difficulty_splits_after_the_top_byte() -> None:
    msb, lsb = split_difficulty(0x0C00000000000001)

    assert (msb, lsb) == (12, 1)


def test_an_index_takes_the_bits_of_the_number_of_labels_itself() -> None:
    assert [count_index_bits(n) for n in (4095, 4096, 2**34)] == [12, 13, 35]


def test_vrf_difficulty_expects_eight_good_labels() -> None:
    assert compute_vrf_difficulty(4 * UNIT).hex() == "00000002" + "00" * 28
    assert compute_vrf_difficulty(15 * UNIT).hex() == "00000000" + "88" * 28


@pytest.mark.parametrize("num_labels", [0, 8, MAX_VRF_NUM_LABELS + 1])
def test_no_vrf_difficulty_outside_its_range(num_labels: int) -> None:
    with pytest.raises(RejectError, match=f"no VRF difficulty for {num_labels} labels"):
        compute_vrf_difficulty(num_labels)


def test_a_nonce_must_name_a_label_strictly_below_the_difficulty() -> None:
    difficulty = compute_vrf_difficulty(1024)
    below = (int.from_bytes(difficulty, "big") - 1).to_bytes(32, "big")

    check_vrf_nonce(smesher=SMESHER, num_labels=1024, nonce=5000, label=below)
    with pytest.raises(RejectError, match=r"nonce 7 is not valid for node \[0 1 2 .* 31\]"):
        check_vrf_nonce(smesher=SMESHER, num_labels=1024, nonce=7, label=difficulty)


def test_the_largest_index_is_no_nonce() -> None:
    with pytest.raises(RejectError, match="invalid labels range"):
        check_vrf_nonce(smesher=SMESHER, num_labels=1024, nonce=2**64 - 1, label=bytes(32))
