"""What follows from the bytes of an ATX, in every version."""

from collections.abc import Iterable
from dataclasses import dataclass

from node.checkpoint.audit.context import AuditContext, PoetFacts
from node.checkpoint.audit.findings import ObjectKind
from node.checkpoint.audit.work import NonceWork, PostWork
from node.consensus.activation.rules_v1 import NonceClaim
from node.post.verifying import All, PostClaim
from node.store.atxs import AtxPost
from node.store.statesql import state_rows
from node.types.atx import Atx
from node.types.ids import NO_ATX, AtxID, PoetRef, SmesherID
from node.types.post import Post


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedAtx:
    """The rows that an ATX makes."""

    atx: Atx
    marriage_atx: AtxID | None
    posts: tuple[AtxPost, ...]


def find_poet(context: AuditContext, atx: AtxID, reference: PoetRef) -> PoetFacts | None:
    """Return the PoET proof that an ATX names; tell if it is not in the file."""
    known = context.facts.poets.get(reference)
    if known is not None:
        return known
    if context.is_damaged(reference):
        context.ledger.skip(ObjectKind.ATX, "its PoET proof is damaged")
    else:
        context.ledger.miss(ObjectKind.POET, reference, f"ATX {atx.hex()}")
    return None


def are_known(context: AuditContext, atx: AtxID, named: Iterable[AtxID | None]) -> bool:
    """Tell whether the ATXs that one names are all in the file; tell of those that are not."""
    golden, known = context.parameters.atx.golden_atx, True
    for identifier in named:
        if identifier is None or identifier in (NO_ATX, golden):
            continue
        if context.find_atx(identifier) is not None:
            continue
        known = False
        if context.is_damaged(identifier):
            context.ledger.skip(ObjectKind.ATX, "rests on a damaged ATX")
        else:
            context.ledger.miss(ObjectKind.ATX, identifier, f"ATX {atx.hex()}")
            context.facts.damage(identifier)
    return known


def leaves_of(context: AuditContext, poet: PoetFacts | None, row: state_rows.AtxRow) -> int:
    """Return the leaves of a PoET proof; as the row has them where the proof is damaged."""
    return row.tick_count * context.parameters.atx.tick_size if poet is None else poet.leaf_count


def nonce_work(context: AuditContext, smesher: SmesherID, claim: NonceClaim) -> NonceWork:
    """Return the work of verifying a VRF nonce by the label it names."""
    scrypt_n = context.parameters.atx.proof.scrypt_n
    return NonceWork(smesher, claim.commitment_atx, claim.num_labels, claim.nonce, scrypt_n)


def post_work(context: AuditContext, post: Post, claim: PostClaim) -> PostWork:
    """Return the work of verifying a PoST with all its labels."""
    return PostWork(post, claim, context.parameters.atx.proof, All())
