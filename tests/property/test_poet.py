"""Engines agree; what is proved verifies; what is damaged does not."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import DeviceError, RejectError
from node.base.hashing import hash_node
from node.poet.engines import make_fast_engine
from node.poet.layer_files import LayerFiles, SparseLayers
from node.poet.tree import CachedLayers, MerkleTree, climb, compute_statement
from node.poet.verifying import check_proof, is_membership_proven
from node.poet.work import ClearEngine, Engine, Frontier, inner_hash, select_leaves
from node.types.poet import PoetNode, PoetProof
from scripts.vectors.poet import prove

CLEAR = ClearEngine()
nodes32 = st.binary(min_size=32, max_size=32)


@pytest.fixture(scope="module")
def fast() -> Engine:
    try:
        return make_fast_engine()
    except DeviceError as error:
        pytest.skip(str(error))


@given(
    statement=nodes32,
    first=st.one_of(
        st.integers(0, 1 << 12),
        st.sampled_from([(1 << 33) - 3, 0x155555000, (1 << 62) - 2]),
    ),
    count=st.integers(0, 12),
    keep_from=st.integers(0, 6),
)
def test_engines_extend_alike(
    fast: Engine, statement: bytes, first: int, count: int, keep_from: int
) -> None:
    parked = bytes(k % 253 for k in range(2048))
    ours = Frontier(statement, first, bytearray(parked))
    theirs = Frontier(statement, first, bytearray(parked))

    assert fast.extend(ours, count, keep_from) == CLEAR.extend(theirs, count, keep_from)
    assert ours == theirs


@given(
    statement=nodes32,
    opened=st.lists(
        st.tuples(st.one_of(st.integers(0, 40), st.integers(0, (1 << 64) - 1)), nodes32),
        min_size=1,
        max_size=6,
        unique_by=lambda pair: pair[0],
    ),
    nodes=st.lists(nodes32, max_size=80),
)
def test_engines_climb_alike_whatever_the_opening(
    fast: Engine, statement: bytes, opened: list[tuple[int, bytes]], nodes: list[bytes]
) -> None:
    indices, leaves = zip(*sorted(opened), strict=True)
    root = climb(indices, leaves, nodes, inner_hash(statement)).root
    ours = fast.opened_labels(statement, root, indices, leaves, nodes)

    assert ours is not None
    assert ours == CLEAR.opened_labels(statement, root, indices, leaves, nodes)
    assert fast.opened_labels(statement, bytes(32), indices, leaves, nodes) is None


@given(leaf_count=st.integers(1, 700), security_param=st.integers(1, 20), statement=nodes32)
def test_what_is_proved_verifies_with_both_engines(
    fast: Engine, leaf_count: int, security_param: int, statement: bytes
) -> None:
    proof = prove(fast, statement, leaf_count, security_param)
    if leaf_count < security_param:
        with pytest.raises(RejectError):
            check_proof(proof, statement, fast, security_param)
    else:
        check_proof(proof, statement, fast, security_param)
        check_proof(proof, statement, CLEAR, security_param)


@given(data=st.data(), leaf_count=st.integers(30, 300))
def test_a_flipped_bit_anywhere_in_the_tree_is_noticed(
    fast: Engine, data: st.DataObject, leaf_count: int
) -> None:
    statement = b"s" * 32
    proof = prove(fast, statement, leaf_count, 20)
    tree = proof.merkle_proof
    place = data.draw(st.integers(0, len(tree.proven_leaves) + len(tree.proof_nodes)))
    bit = data.draw(st.integers(0, 255))

    def flip(value: bytes) -> bytes:
        return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(32, "big")

    def flipped(values: tuple[PoetNode, ...], at: int) -> tuple[PoetNode, ...]:
        return (*values[:at], PoetNode(value=flip(values[at].value)), *values[at + 1 :])

    if place < len(tree.proven_leaves):
        tree = replace(tree, proven_leaves=flipped(tree.proven_leaves, place))
    elif place < len(tree.proven_leaves) + len(tree.proof_nodes):
        at = place - len(tree.proven_leaves)
        tree = replace(tree, proof_nodes=flipped(tree.proof_nodes, at))
    else:
        tree = replace(tree, root=flip(tree.root))
    broken = PoetProof(merkle_proof=tree, leaf_count=leaf_count)
    for engine in (fast, CLEAR):
        with pytest.raises(RejectError):
            check_proof(broken, statement, engine, 20)


@given(leaf_count=st.integers(1, 500), keep_from=st.integers(0, 7))
def test_what_is_not_kept_does_not_show_in_the_proof(
    fast: Engine, leaf_count: int, keep_from: int
) -> None:
    statement = b"s" * 32
    with TemporaryDirectory() as folder, LayerFiles(Path(folder), keep_from) as files:
        files.append(fast.extend(Frontier(statement), leaf_count, keep_from))
        sparse = MerkleTree(
            leaf_count,
            SparseLayers(files, leaf_count, statement, fast),
            inner_hash(statement),
        )
        proof = prove(fast, statement, leaf_count, 20).merkle_proof
        root = sparse.root()
        opening = sparse.open(select_leaves(root, leaf_count, 20))

    assert root == proof.root
    assert opening.leaves == tuple(leaf.value for leaf in proof.proven_leaves)
    assert opening.nodes == tuple(node.value for node in proof.proof_nodes)


@given(data=st.data(), members=st.lists(nodes32, min_size=1, max_size=40))
def test_any_members_of_a_round_can_be_proved_together(
    data: st.DataObject, members: list[bytes]
) -> None:
    chosen = data.draw(st.sets(st.integers(0, len(members) - 1), min_size=1))
    indices = sorted(chosen)
    tree = MerkleTree(len(members), CachedLayers(members, hash_node), hash_node)
    opening = tree.open(indices)

    assert is_membership_proven(compute_statement(members), indices, opening.leaves, opening.nodes)
