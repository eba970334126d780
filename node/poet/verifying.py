"""Is a proof of sequential work good?  Was a challenge a member of its round?

Pure; the engine that recomputes labels is an argument, so that a node may pass a fast one.

Source: spacemeshos/poet, verifier; PoET digest sections 3.5 and 5.2.
"""

from collections.abc import Sequence

from node.base.errors import RejectError
from node.base.hashing import hash_node
from node.poet.tree import climb
from node.poet.work import SECURITY_PARAM, Engine, select_leaves
from node.types.poet import PoetProof, PoetProofMessage


def check_proof(
    proof: PoetProof, statement: bytes, engine: Engine, security_param: int = SECURITY_PARAM
) -> None:
    """Check that ``proof`` shows work of ``leaf_count`` leaves salted with ``statement``.

    The height of the tree is not compared with the leaf count, and the lengths of nodes
    are not looked at: the reference does neither.

    Raises:
        RejectError: it does not; the texts are the reference's.
    """
    leaves = tuple(leaf.value for leaf in proof.merkle_proof.proven_leaves)
    nodes = tuple(node.value for node in proof.merkle_proof.proof_nodes)
    root = proof.merkle_proof.root
    if len(leaves) != security_param:
        raise RejectError(
            f"number of proven leaves ({len(leaves)}) must be equal to "
            f"security param ({security_param})"
        )
    indices = select_leaves(root, proof.leaf_count, security_param)
    try:
        labels = engine.opened_labels(statement, root, indices, leaves, nodes)
    except RejectError as error:
        raise RejectError(f"error while validating merkle proof: {error}") from error
    if labels is None or len(labels) != len(leaves):
        raise RejectError("merkle proof not valid")
    for position, (label, leaf) in enumerate(zip(labels, leaves, strict=True)):
        if label != leaf:
            raise RejectError(
                f"label at index {position} incorrect - "
                f"expected: {label.hex()} actual: {leaf.hex()}"
            )


def check_proof_message(message: PoetProofMessage, engine: Engine) -> None:
    """Check a proof as peers and PoETs hand it over, against the statement it names.

    Service, round and signature are bound by nothing and not checked.

    Raises:
        RejectError: the proof is not good.
    """
    try:
        check_proof(message.proof, message.statement, engine)
    except RejectError as error:
        raise RejectError(
            f"failed to validate poet proof for poetID {message.poet_service_id[:5].hex()} "
            f"round {message.round_id}: validate PoET: {error}"
        ) from error


def is_membership_proven(
    statement: bytes,
    indices: Sequence[int],
    challenges: Sequence[bytes],
    nodes: Sequence[bytes],
) -> bool:
    """Return whether challenges, at ascending positions, lead to a round's statement.

    Bits of an index above the tree are ignored, and challenges that the way up does not
    come by are not looked at: the reference's rule, which this must not tighten.

    Raises:
        RejectError: positions and challenges differ in number, are none, or do not ascend.
    """
    return climb(indices, challenges, nodes, hash_node).root == statement
