"""Verdicts over proofs and memberships."""

from dataclasses import replace
from typing import Any

import pytest

from node.base.errors import RejectError
from node.base.hashing import hash_node
from node.poet.engines import make_engine
from node.poet.tree import CachedLayers, MerkleTree
from node.poet.verifying import check_proof, check_proof_message, is_membership_proven
from node.poet.work import ClearEngine, Engine
from node.types.ids import EdSignature, Hash32
from node.types.poet import PoetMerkleProof, PoetNode, PoetProof, PoetProofMessage
from scripts.vectors.poet import prove

STATEMENT = Hash32(b"hello world, this is a challenge")
ENGINES = (make_engine(), ClearEngine())
PROOF = prove(ENGINES[0], STATEMENT, 1000, 150)


def with_tree(**changes: Any) -> PoetProof:
    return replace(PROOF, merkle_proof=replace(PROOF.merkle_proof, **changes))


def verdict(proof: PoetProof, engine: Engine, security_param: int = 150) -> str:
    try:
        check_proof(proof, STATEMENT, engine, security_param)
    except RejectError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_a_proof_of_a_thousand_leaves_is_the_references_and_good(engine: Engine) -> None:
    assert PROOF.ref.hex() == "230ad0a6c863503a233496d280cb3fcb87623cd8cfdde8e6b2c73a791335d90a"
    assert verdict(PROOF, engine) == ""


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_a_wrong_label_is_named_with_its_position(engine: Engine) -> None:
    leaves = list(PROOF.merkle_proof.proven_leaves)
    right, wrong = leaves[7].value, bytes(32)
    leaves[7] = PoetNode(value=wrong)
    broken = with_tree(proven_leaves=tuple(leaves))
    assert verdict(broken, engine) == "merkle proof not valid"

    small = prove(engine, STATEMENT, 1, 1)
    forged = replace(
        small,
        merkle_proof=PoetMerkleProof(
            root=wrong, proven_leaves=(PoetNode(value=wrong),), proof_nodes=()
        ),
    )
    assert verdict(forged, engine, 1) == (
        f"label at index 0 incorrect - expected: {small.merkle_proof.root.hex()} "
        f"actual: {wrong.hex()}"
    )
    assert right != wrong


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_too_few_leaves_are_refused_before_anything_else(engine: Engine) -> None:
    short = with_tree(proven_leaves=PROOF.merkle_proof.proven_leaves[:-1])

    assert verdict(short, engine) == (
        "number of proven leaves (149) must be equal to security param (150)"
    )


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("leaf_count", [0, 149])
def test_work_of_fewer_leaves_than_are_opened_is_never_good(
    engine: Engine, leaf_count: int
) -> None:
    assert verdict(replace(PROOF, leaf_count=leaf_count), engine) == (
        "error while validating merkle proof: number of leaves (150) "
        f"must equal number of indices ({leaf_count})"
    )


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_a_leaf_that_the_climb_does_not_come_by_is_refused(engine: Engine) -> None:
    proof = prove(engine, STATEMENT, 2, 2)
    alone = proof.merkle_proof.proven_leaves[0]
    cut = PoetProof(
        merkle_proof=PoetMerkleProof(
            root=alone.value, proven_leaves=(alone, alone, alone), proof_nodes=()
        ),
        leaf_count=3,
    )

    assert verdict(cut, engine, 3) == "merkle proof not valid"


def test_a_message_is_judged_by_its_statement_alone() -> None:
    message = PoetProofMessage(
        proof=PROOF,
        poet_service_id=b"anybody at all",
        round_id="17",
        statement=STATEMENT,
        signature=EdSignature.zero(),
    )
    check_proof_message(message, ENGINES[0])

    with pytest.raises(RejectError) as error:
        check_proof_message(replace(message, statement=Hash32.zero()), ENGINES[0])
    assert str(error.value) == (
        "failed to validate poet proof for poetID 616e79626f round 17: "
        "validate PoET: merkle proof not valid"
    )


def test_membership_ignores_what_the_reference_ignores() -> None:
    members = [bytes([k]) * 32 for k in range(8)]
    tree = MerkleTree(8, CachedLayers(members, hash_node), hash_node)
    nodes = tree.open([0]).nodes

    for index in (0, 8, 1 << 40):
        assert is_membership_proven(tree.root(), [index], members[:1], nodes)
    for far in (16, 1 << 40):
        assert is_membership_proven(tree.root(), [0, far], [members[0], b"bogus"], nodes)
    for near in (5, 8):
        assert not is_membership_proven(tree.root(), [0, near], [members[0], b"bogus"], nodes)
