"""Recorded PoET proofs, damaged proofs, membership proofs; the server's dialogues not yet."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from node.base import scale
from node.base.errors import RejectError
from node.base.hashing import hash_node
from node.poet.engines import make_engine
from node.poet.tree import CachedLayers, MerkleTree, compute_statement
from node.poet.verifying import check_proof, is_membership_proven
from node.poet.work import ClearEngine, Engine, Frontier, inner_hash, select_leaves
from node.types.poet import PoetMerkleProof, PoetNode, PoetProof
from scripts.vectors.family import Case, Family, compare, read_json_lines

CLEAR_LEAVES = 200
"""Work of up to so many leaves is also done by the clear engine."""


class _Layers:
    """Every complete node of a work tree."""

    def __init__(self, layers: Mapping[int, bytes]) -> None:
        self._layers = layers

    def find_node(self, height: int, index: int) -> bytes | None:
        """Return the node, if it is complete."""
        node = self._layers.get(height, b"")[32 * index : 32 * index + 32]
        return node or None


def prove(engine: Engine, statement: bytes, leaf_count: int, security_param: int) -> PoetProof:
    """Do the work of ``leaf_count`` leaves in memory and open it."""
    layers = engine.extend(Frontier(statement), leaf_count, 0)
    tree = MerkleTree(leaf_count, _Layers(layers), inner_hash(statement))
    opening = tree.open(select_leaves(tree.root(), leaf_count, security_param))
    return PoetProof(
        merkle_proof=PoetMerkleProof(
            root=tree.root(),
            proven_leaves=tuple(PoetNode(value=leaf) for leaf in opening.leaves),
            proof_nodes=tuple(PoetNode(value=node) for node in opening.nodes),
        ),
        leaf_count=leaf_count,
    )


def _verdict(proof: PoetProof, recorded: Mapping[str, Any], engine: Engine) -> str:
    statement = bytes.fromhex(recorded["statement"])
    try:
        check_proof(proof, statement, engine, recorded["T"])
    except RejectError as error:
        return str(error)
    return ""


def _check_work(recorded: Mapping[str, Any], engine: Engine) -> str:
    """Return what differs between our proof and the recorded one."""
    proof = prove(engine, bytes.fromhex(recorded["statement"]), recorded["leaves"], recorded["T"])
    layers = engine.extend(Frontier(bytes.fromhex(recorded["statement"])), recorded["leaves"], 0)
    first = [layers[0][32 * k : 32 * k + 32].hex() for k in range(len(recorded["first_labels"]))]
    indices = select_leaves(proof.merkle_proof.root, recorded["leaves"], recorded["T"])
    ours = {
        "root": proof.merkle_proof.root.hex(),
        "first_labels": first,
        "indices": list(indices),
        "encoded": scale.encode(proof).hex(),
        "ref": proof.ref.hex(),
    }
    wrong = [key for key, value in ours.items() if value != recorded[key]]
    return f"{engine.name}: {', '.join(wrong)} differ" if wrong else ""


def check_proofs(folder: Path) -> Iterator[Case]:
    """Prove and verify what was proved, verify what was damaged; both engines."""
    engines: Sequence[Engine] = (make_engine(), ClearEngine())
    (path,) = folder.glob("poet/proofs.jsonl*")
    for number, recorded in enumerate(read_json_lines(path), start=1):
        name = f"line {number} ({recorded['kind']} {recorded.get('what', '')})"
        proof = scale.decode(PoetProof, bytes.fromhex(recorded["encoded"]))
        problems = [
            f"{engine.name}: {verdict!r}, recorded {recorded['error']!r}"
            for engine in engines
            if (verdict := _verdict(proof, recorded, engine)) != recorded["error"]
        ]
        if proof.ref.hex() != recorded["ref"]:
            problems.append(f"ref {proof.ref.hex()}, recorded {recorded['ref']}")
        if recorded["kind"] == "proof":
            able = engines if recorded["leaves"] <= CLEAR_LEAVES else engines[:1]
            problems += [_check_work(recorded, engine) for engine in able]
        yield Case(name, "; ".join(filter(None, problems)))


def check_members(folder: Path) -> Iterator[Case]:
    """Compute statements and membership proofs, and judge the damaged ones."""
    members: list[bytes] = []
    (path,) = folder.glob("poet/members.jsonl*")
    for number, recorded in enumerate(read_json_lines(path), start=1):
        name = f"line {number} ({recorded['what']})"
        if recorded["what"] == "tree":
            members = [bytes.fromhex(member) for member in recorded["members"]]
            yield compare(name, compute_statement(members).hex(), recorded["root"])
            continue
        nodes = [bytes.fromhex(node) for node in recorded["nodes"]]
        leaves = [bytes.fromhex(leaf) for leaf in recorded["leaves"]]
        root = bytes.fromhex(recorded["root"])
        try:
            valid, error = is_membership_proven(root, recorded["indices"], leaves, nodes), ""
        except RejectError as refusal:
            valid, error = False, str(refusal)
        ours: tuple[object, ...] = (valid, error)
        theirs: tuple[object, ...] = (recorded["valid"], recorded["error"])
        if recorded["what"] == "proof":
            tree = MerkleTree(len(members), CachedLayers(members, hash_node), hash_node)
            ours += (list(tree.open(recorded["indices"]).nodes),)
            theirs += (nodes,)
        yield compare(name, ours, theirs)


FAMILIES = (
    Family("poet/members", ("poet/members.jsonl*",), check_members),
    Family("poet/proofs", ("poet/proofs.jsonl*",), check_proofs),
    Family("poet/server", ("poet/server.json*",), None),
)
