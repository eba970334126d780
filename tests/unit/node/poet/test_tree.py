"""Padded trees, openings, climbing and membership."""

import hashlib

import pytest
from blake3 import blake3

from node.base.errors import NotFoundError, RejectError
from node.base.hashing import ZERO_NODE, hash_node
from node.poet.tree import (
    CachedLayers,
    MerkleTree,
    climb,
    compute_statement,
    members_of_round,
    prove_membership,
)

MEMBERS = [blake3(str(k).encode()).digest() for k in range(10)]


def plain_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(left + right).digest()


def number_leaves(count: int) -> list[bytes]:
    return [k.to_bytes(32, "little") for k in range(count)]


def tree_of(leaves: list[bytes]) -> MerkleTree:
    return MerkleTree(len(leaves), CachedLayers(leaves, hash_node), hash_node)


@pytest.mark.parametrize(
    ("count", "root"),
    [
        (8, "89a0f1577268cc19b0a39c7a69f804fd140640c699585eb635ebb03c06154cce"),
        (9, "cb71c80ee780788eedb819ec125a41e0cde57bd0955cdd3157ca363193ab5ff1"),
        (10, "59f32a43534fe4c4c0966421aef624267cdf65bd11f74998c60f27c7caccb12d"),
        (15, "b9746fb884ed07041c5cbb3bb5526e1383928e832a8385e08db995966889b5a8"),
    ],
)
def test_roots_over_numbers_are_the_references(count: int, root: str) -> None:
    leaves = number_leaves(count)
    tree = MerkleTree(count, CachedLayers(leaves, plain_hash), plain_hash)

    assert tree.root().hex() == root


@pytest.mark.parametrize(
    ("count", "statement"),
    [
        (1, "4d067153ac729a4a7e8220c97935ffba67487860d58298ceeb23864369867d9f"),
        (2, "b3c398f4d7716dea56aa4cbabc4df0ef5f3c8a08b71ad2385c3eabcbd0f5c043"),
        (3, "c4f4796292eb1fabac447a7845460d879d419394623a8ece638c5b8cab9c44fc"),
        (5, "39908cf6bdbd7b23eae442a1a7a7402bc87d33397e00a0693657b2b201e7f4d9"),
        (8, "c50d07e3a4889f8ee1ef310fbdb122e29d93905d959d46b16fe885b90d6d9ea2"),
        (10, "d72104696394c68e0e65d6e052da9bf9048b00db43cc090aa36c11a454b2ecb0"),
    ],
)
def test_statements_are_the_references(count: int, statement: str) -> None:
    assert compute_statement(MEMBERS[:count]).hex() == statement


def test_a_round_without_members_has_an_empty_statement() -> None:
    assert compute_statement([]) == b""


def test_one_zero_node_stands_for_a_missing_subtree_of_any_height() -> None:
    nodes = tree_of(MEMBERS[:5]).open([4]).nodes

    assert nodes[:2] == (ZERO_NODE, ZERO_NODE)
    assert nodes[2].hex() == "91c72d4fd865408a5ec6b41ffd229cbbc1bebfee0fbe58b920cbc86f8308e4bb"


def test_an_opening_of_several_leaves_has_each_missing_sibling_once() -> None:
    opening = tree_of(MEMBERS[:5]).open([0, 2, 4])

    assert opening.leaves == (MEMBERS[0], MEMBERS[2], MEMBERS[4])
    assert opening.nodes == (MEMBERS[1], MEMBERS[3], ZERO_NODE, ZERO_NODE)


def test_an_opening_leads_to_the_root_by_the_left_siblings() -> None:
    tree = tree_of(MEMBERS[:6])
    opening = tree.open([1, 4, 5])
    way = climb([1, 4, 5], opening.leaves, opening.nodes, hash_node)

    assert way.root == tree.root()
    assert way.parked == (
        MEMBERS[0],
        tree.node(2, 0),
        MEMBERS[4] + tree.node(2, 0),
    )


def test_siblings_that_run_out_below_a_waiting_subtree_end_the_climb_there() -> None:
    way = climb([0, 5], [MEMBERS[0], MEMBERS[5]], [MEMBERS[1], MEMBERS[2]], hash_node)

    below = hash_node(hash_node(MEMBERS[0], MEMBERS[1]), MEMBERS[2])
    assert way.root == hash_node(below, MEMBERS[5])


@pytest.mark.parametrize(
    ("indices", "count", "text"),
    [
        ([0], 0, "number of leaves (0) must equal number of indices (1)"),
        ([], 0, "at least one leaf is required for validation"),
        ([2, 1], 2, "leafIndices are not sorted"),
        ([1, 1], 2, "leafIndices contain duplicates"),
    ],
)
def test_a_climb_needs_ascending_indices(indices: list[int], count: int, text: str) -> None:
    with pytest.raises(RejectError) as error:
        climb(indices, MEMBERS[:count], [], hash_node)

    assert str(error.value) == text


def test_a_member_is_proved_at_its_first_position() -> None:
    members = [*MEMBERS[:3], MEMBERS[1]]
    proof = prove_membership(members, MEMBERS[1])

    assert proof.leaf_index == 1
    assert climb([1], [MEMBERS[1]], proof.nodes, hash_node).root == compute_statement(members)


def test_a_stranger_is_not_proved() -> None:
    with pytest.raises(NotFoundError):
        prove_membership(MEMBERS[:3], MEMBERS[3])


def test_nodes_cut_and_fill_members_to_32_bytes() -> None:
    assert members_of_round([b"short", b"x" * 40]) == (b"short" + bytes(27), b"x" * 32)
