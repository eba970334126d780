"""The rules of ATX version 2 that the file itself can show, and the rows that follow.

Source: go-spacemesh, activation/handler_v2.go; activation digest sections 4 and 6.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from node.base.errors import RejectError
from node.checkpoint.audit.context import AuditContext, PoetFacts
from node.checkpoint.audit.derived import (
    DerivedAtx,
    are_known,
    find_poet,
    leaves_of,
    nonce_work,
    post_work,
)
from node.checkpoint.audit.findings import NOTHING, STORED, ObjectKind
from node.checkpoint.audit.work import Work
from node.consensus.activation.rules import (
    SECOND_VERSION,
    base_height,
    check_membership,
    compute_weight,
    count_ticks,
)
from node.consensus.activation.rules_v1 import INITIAL_CHALLENGE, NonceClaim
from node.crypto.domains import Domain
from node.post.verifying import PostClaim
from node.store.atxs import AtxPost
from node.store.statesql import state_rows
from node.types.amounts import MAX_U64
from node.types.atx import Atx
from node.types.atx_v2 import ActivationTxV2, NIPostChallengeV2, NIPostV2, SubPostV2
from node.types.ids import NO_ATX, AtxID, PoetRef, SmesherID

MAX_UNITS: Final = (1 << 32) - 1
"""Space units have 32 bits."""
MARRIAGE_AGE: Final = 2
"""Epochs between a marriage and the first merged ATX."""


def check_shape(wire: ActivationTxV2, golden_atx: AtxID) -> None:
    """Check what the ATX itself tells.

    Raises:
        RejectError: a field is absent that must be there, or the reverse.
    """
    if wire.positioning_atx == NO_ATX:
        raise RejectError("no positioning ATX")
    if wire.marriages and all(one.reference_atx != NO_ATX for one in wire.marriages):
        raise RejectError("its smesher does not marry itself")
    posts = [post for nipost in wire.niposts for post in nipost.posts]
    if not posts:
        raise RejectError("no PoST")
    if wire.marriage_atx is not None:
        _check_merged(wire, posts)
    elif len(wire.niposts) != 1 or len(posts) != 1 or posts[0].previous_atx_index != 0:
        raise RejectError("more than one PoST, and no marriage ATX")
    if wire.initial is not None:
        if wire.initial.commitment_atx == NO_ATX:
            raise RejectError("no commitment ATX")
        if wire.previous_atxs:
            raise RejectError("an initial PoST, and a previous ATX")
        return
    if wire.marriage_atx is None and len(wire.previous_atxs) != 1:
        raise RejectError(f"{len(wire.previous_atxs)} previous ATXs, and no marriage ATX")
    if any(previous in (NO_ATX, golden_atx) for previous in wire.previous_atxs):
        raise RejectError("an empty previous ATX")
    if any(post.previous_atx_index >= len(wire.previous_atxs) for post in posts):
        raise RejectError("a PoST without a previous ATX")


def _check_merged(wire: ActivationTxV2, posts: Sequence[SubPostV2]) -> None:
    if wire.initial is not None:
        raise RejectError("an initial PoST, and a marriage ATX")
    if wire.marriages:
        raise RejectError("marriages, and a marriage ATX")
    indices = [post.marriage_index for post in posts]
    if len(set(indices)) != len(indices):
        raise RejectError("two PoSTs of one identity")


def check_earlier(wire: ActivationTxV2, role: str, other: Atx) -> None:
    """Check that an ATX that is referred to is of an earlier epoch.

    Raises:
        RejectError: it is not.
    """
    if other.publish_epoch >= wire.publish_epoch:
        raise RejectError(f"{role} ATX is of epoch {other.publish_epoch}")


@dataclass(frozen=True, slots=True)
class _Proven:
    """What one NIPoST proves."""

    units: int
    ticks: int


def derive_v2(
    context: AuditContext, wire: ActivationTxV2, row: state_rows.AtxRow
) -> DerivedAtx | None:
    """Apply the rules; return the rows, or None if they cannot be computed."""
    ledger, kind, golden = context.ledger, ObjectKind.ATX, context.parameters.atx.golden_atx
    if not ledger.judge(kind, wire.id, "shape", partial(check_shape, wire, golden)):
        return None
    _check_marriages(context, wire)
    if not _check_references(context, wire):
        return None
    married = _identities(context, wire)
    if married is None:
        return None
    parts: list[AtxPost] = []
    proven = []
    for nipost in wire.niposts:
        poet = _check_poet(context, wire, nipost)
        ticks = count_ticks(leaves_of(context, poet, row), context.parameters.atx.tick_size)
        units = 0
        for post in nipost.posts:
            part = _part(wire, post, married[post.marriage_index])
            parts.append(part)
            units += _effective_units(context, part)
        proven.append(_Proven(units, ticks))
    own = next((part for part in parts if part.smesher == wire.smesher), None)
    ledger.compare(
        kind, wire.id, "space of its smesher", "proven", NOTHING if own is None else "proven"
    )
    try:
        for rule, work in proofs_v2(context, wire):
            context.judge_work(kind, wire.id, rule, work)
    except RejectError as error:
        ledger.fail(kind, wire.id, "references", str(error), STORED)
    try:
        weight = sum(compute_weight(one.units, one.ticks) for one in proven) & MAX_U64
    except RejectError as error:
        ledger.fail(kind, wire.id, "weight", str(error), row.weight)
        return None
    units = sum(one.units for one in proven)
    ledger.compare(kind, wire.id, "space units fit", min(units, MAX_UNITS), units)
    positioning = None if wire.positioning_atx == golden else context.find_atx(wire.positioning_atx)
    atx = Atx(
        id=wire.id,
        smesher=wire.smesher,
        publish_epoch=wire.publish_epoch,
        sequence=0,
        commitment_atx=None if wire.initial is None else wire.initial.commitment_atx,
        previous_atx=NO_ATX if own is None or own.previous_atx is None else own.previous_atx,
        coinbase=wire.coinbase,
        num_units=units,
        vrf_nonce=wire.vrf_nonce,
        base_tick_height=base_height(positioning),
        tick_count=min(one.ticks for one in proven),
        weight=weight,
        received_ns=row.received_ns,
        version=SECOND_VERSION,
    )
    return DerivedAtx(atx=atx, marriage_atx=wire.marriage_atx, posts=tuple(parts))


def _check_references(context: AuditContext, wire: ActivationTxV2) -> bool:
    golden = context.parameters.atx.golden_atx
    named = [("positioning", wire.positioning_atx)]
    named += [("previous", previous) for previous in wire.previous_atxs]
    if wire.initial is not None:
        named.append(("commitment", wire.initial.commitment_atx))
    sound = are_known(context, wire.id, [identifier for _, identifier in named])
    for role, identifier in named:
        found = context.find_atx(identifier)
        if identifier == golden or found is None:
            continue
        sound &= context.ledger.judge(
            ObjectKind.ATX, wire.id, "references", partial(check_earlier, wire, role, found)
        )
    return sound


def _check_marriages(context: AuditContext, wire: ActivationTxV2) -> None:
    """Check that everybody who is married consents, once, and is in the file as married."""
    ledger, kind, seen = context.ledger, ObjectKind.ATX, set[SmesherID]()
    for certificate in wire.marriages:
        reference = certificate.reference_atx
        if not are_known(context, wire.id, (reference,)):
            continue
        known = None if reference == NO_ATX else context.find_atx(reference)
        smesher = wire.smesher if known is None else known.smesher
        consent = context.signature(
            Domain.MARRIAGE, smesher, bytes(wire.smesher), certificate.signature
        )
        context.judge_work(kind, wire.id, "consent", consent)
        ledger.compare(kind, wire.id, "married once", 1, 2 if smesher in seen else 1)
        seen.add(smesher)
        if context.find(state_rows.MARRIAGES, "pubkey = ?", smesher) is None:
            ledger.miss(ObjectKind.MARRIAGE, smesher, f"ATX {wire.id.hex()}")


def _identities(context: AuditContext, wire: ActivationTxV2) -> tuple[SmesherID, ...] | None:
    """Return the identities that marriage indices stand for; tell if one stands for none."""
    ledger, kind = context.ledger, ObjectKind.ATX
    married = married_in(context, wire)
    if not married:
        ledger.fail(kind, wire.id, "marriage", "of its smesher", wire.marriage_atx)
        return None
    if wire.marriage_atx is not None:
        ceremony = context.find_atx(wire.marriage_atx)
        if ceremony is not None:
            since = wire.publish_epoch - ceremony.publish_epoch
            ledger.compare(kind, wire.id, "age of the marriage", max(since, MARRIAGE_AGE), since)
    most = max(post.marriage_index for nipost in wire.niposts for post in nipost.posts)
    if not ledger.compare(kind, wire.id, "marriage index", min(most, len(married) - 1), most):
        return None
    return married


def married_in(context: AuditContext, wire: ActivationTxV2) -> tuple[SmesherID, ...]:
    """Return the identities whose space an ATX may prove; none: its marriage is not its own."""
    if wire.marriage_atx is None:
        return (wire.smesher,)
    own = context.find(state_rows.MARRIAGES, "pubkey = ?", wire.smesher)
    if own is None or own.marriage_atx != wire.marriage_atx:
        return ()
    # The reference counts in the order in which the rows were written.
    rows = context.look(state_rows.MARRIAGES, "id = ? ORDER BY rowid", own.marriage_id)
    return tuple(row.smesher for row in rows)


def _part(wire: ActivationTxV2, post: SubPostV2, smesher: SmesherID) -> AtxPost:
    return AtxPost(
        atx=wire.id,
        smesher=smesher,
        previous_atx=wire.previous_atxs[post.previous_atx_index] if wire.previous_atxs else None,
        previous_index=post.previous_atx_index,
        num_units=post.num_units,
        publish_epoch=wire.publish_epoch,
    )


def _effective_units(context: AuditContext, part: AtxPost) -> int:
    if part.previous_atx is None:
        return part.num_units
    recorded = context.find_units(part.previous_atx, part.smesher)
    if recorded is not None:
        return min(part.num_units, recorded)
    if context.is_damaged(part.previous_atx):
        context.ledger.skip(ObjectKind.ATX, "rests on a damaged ATX")
    else:
        context.ledger.fail(
            ObjectKind.ATX, part.atx, "references", "space in the previous ATX", part.previous_atx
        )
    return part.num_units


def _check_poet(context: AuditContext, wire: ActivationTxV2, nipost: NIPostV2) -> PoetFacts | None:
    poet = find_poet(context, wire.id, PoetRef(nipost.challenge))
    if poet is None:
        return None
    challenges: dict[int, bytes] = {}
    for post in nipost.posts:
        challenge = NIPostChallengeV2(
            publish_epoch=wire.publish_epoch,
            previous_atx=(
                wire.previous_atxs[post.previous_atx_index] if wire.previous_atxs else NO_ATX
            ),
            positioning_atx=wire.positioning_atx,
            initial_post=None if wire.initial is None else wire.initial.post,
        )
        challenges.setdefault(post.membership_leaf_index, challenge.challenge_hash())
    indices = sorted(challenges)
    context.ledger.judge(
        ObjectKind.ATX,
        wire.id,
        "PoET membership",
        partial(
            check_membership,
            poet.statement,
            indices,
            [challenges[index] for index in indices],
            nipost.membership.nodes,
        ),
    )
    return poet


def proofs_v2(context: AuditContext, wire: ActivationTxV2) -> list[tuple[str, Work]]:
    """Return the proofs of an ATX that take work, each with its rule.

    Its shape is right.

    Raises:
        RejectError: it is not known what labels commit to, or who proves space.
    """
    proofs: list[tuple[str, Work]] = []
    posts = [post for nipost in wire.niposts for post in nipost.posts]
    own = _commitment(context, wire, wire.smesher)
    if wire.initial is not None:
        claim = PostClaim(
            smesher=wire.smesher,
            commitment_atx=own,
            challenge=INITIAL_CHALLENGE,
            num_units=posts[0].num_units,
        )
        proofs.append(("initial PoST", post_work(context, wire.initial.post, claim)))
    nonce = NonceClaim(
        commitment_atx=own,
        num_labels=sum(post.num_units for post in posts)
        * context.parameters.atx.proof.labels_per_unit,
        nonce=wire.vrf_nonce,
    )
    proofs.append(("VRF nonce", nonce_work(context, wire.smesher, nonce)))
    married = married_in(context, wire)
    for nipost in wire.niposts:
        for post in nipost.posts:
            if post.marriage_index >= len(married):
                raise RejectError(f"marriage index {post.marriage_index} of {len(married)}")
            smesher = married[post.marriage_index]
            claim = PostClaim(
                smesher=smesher,
                commitment_atx=_commitment(context, wire, smesher),
                challenge=nipost.challenge,
                num_units=post.num_units,
            )
            proofs.append(("PoST", post_work(context, post.post, claim)))
    return proofs


def _commitment(context: AuditContext, wire: ActivationTxV2, smesher: SmesherID) -> AtxID:
    if smesher == wire.smesher and wire.initial is not None:
        return wire.initial.commitment_atx
    known = context.find_commitment(smesher)
    if known is None:
        raise RejectError(f"commitment of smesher {smesher.hex()} is not known")
    return known
