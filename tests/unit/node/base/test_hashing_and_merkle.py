"""Hashes by name, and the Merkle roots of ATX v2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.hashing import EMPTY_HASH, ZERO_NODE, hash20, hash32, hash_node
from node.base.merkle import merkle_root, padded_root

EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


def test_hash_of_nothing_and_of_chunks() -> None:
    assert EMPTY_HASH.hex() == EMPTY
    assert hash32(b"ab", b"c") == hash32(b"abc")
    assert hash20(b"10101one") == hash32(b"10101one")[:20]


def test_zero_subtrees_are_those_of_the_digest() -> None:
    z2 = "df2916b4d7fd800be884f76698086d2f65c0f49b87ffd2380c98f1b2b7a9810d"
    z8 = "2b1fb5b33fc5245575818dca9c875eee98a4b42a34c78dfdec81c1a7a3ae38af"
    assert padded_root([], 4).hex() == z2
    assert padded_root([], 256).hex() == z8


def test_odd_shapes_are_padded_on_the_right_at_every_level() -> None:
    a, b, c = (bytes([k]) * 32 for k in range(1, 4))
    assert merkle_root([a]) == a
    assert merkle_root([a, b, c]) == hash_node(hash_node(a, b), hash_node(c, ZERO_NODE))
    five = merkle_root([a, b, c, a, b])
    left = hash_node(hash_node(a, b), hash_node(c, a))
    assert five == hash_node(left, hash_node(hash_node(b, ZERO_NODE), ZERO_NODE))


def test_an_empty_leaf_on_the_left_is_lost() -> None:
    a, b = b"a" * 32, b"b" * 32
    assert merkle_root([b"", a, b]) == merkle_root([a, b])
    assert merkle_root([a, b""]) == hash_node(a, b"")


@pytest.mark.parametrize("size", [4, 16])
@given(leaves=st.lists(st.binary(min_size=0, max_size=3), max_size=4))
def test_padding_with_remembered_subtrees_changes_nothing(size: int, leaves: list[bytes]) -> None:
    clear = merkle_root([*leaves, *[ZERO_NODE] * (size - len(leaves))])
    assert padded_root(leaves, size) == clear
