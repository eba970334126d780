"""The random numbers behind the order of a block."""

import pytest

from node.consensus.blocks.shuffle import MersenneTwister64

SEED = (1, 2, 3, 4)


def test_first_outputs_are_those_of_the_authors_of_the_generator() -> None:
    twister = MersenneTwister64((0x12345, 0x23456, 0x34567, 0x45678))
    assert [twister.u64() for _ in range(2)] == [7266447313870364031, 4946485549665804864]


@pytest.mark.parametrize("bound", [2, 7, 3 << 29, (1 << 31) - 1])
def test_numbers_below_a_bound_skip_what_would_make_some_more_likely(bound: int) -> None:
    """Of 2^32 numbers, as many are skipped as are left over when the bound divides them."""
    twister, plain = MersenneTwister64(SEED), MersenneTwister64(SEED)
    left_over = (1 << 32) % bound
    for _ in range(50):
        product = plain.u32() * bound
        while product % (1 << 32) < left_over:
            product = plain.u32() * bound
        assert twister.below(bound) == product >> 32
