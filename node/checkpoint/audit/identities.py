"""Identities that misbehaved or married: the proofs and certificates that say so."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from node.base import scale
from node.base.errors import DecodeError, RejectError
from node.checkpoint.audit.context import AuditContext
from node.checkpoint.audit.findings import NOTHING, STORED, STORED_ROW, ObjectKind
from node.checkpoint.audit.work import HOLDS, PostWork, Work
from node.consensus.activation.rules import SECOND_VERSION
from node.consensus.malfeasance.rules import check_proof, culprit_of, make_post_accusation
from node.consensus.malfeasance.wire import InvalidPostIndex, MalfeasanceProof
from node.crypto.domains import Domain
from node.store.atxs import AtxPost
from node.store.statesql import state_rows
from node.types.atx_v2 import ActivationTxV2, MarriageCertificate
from node.types.ids import NO_ATX, AtxID, SmesherID

RECEIVED: Final = "when it was received"


def check_identities(context: AuditContext) -> None:
    """Check every proof of misbehaviour; note who misbehaved."""
    ledger, kind = context.ledger, ObjectKind.MALFEASANCE
    for row in context.scan(kind, state_rows.IDENTITIES, foresee=partial(_foresee_label, context)):
        ledger.skip(kind, RECEIVED)
        context.facts.malicious.add(row.smesher)
        try:
            proof = scale.decode(MalfeasanceProof, row.proof)
        except DecodeError as error:
            ledger.fail(kind, row.smesher, "encoding", str(error), row.proof)
            continue
        context.facts.malicious.add(culprit_of(proof.data))
        ledger.count(kind, type(proof.data).__name__)
        ledger.compare_all(
            kind,
            row.smesher,
            {
                "encoding": (scale.encode(proof), row.proof),
                "culprit": (culprit_of(proof.data), row.smesher),
            },
        )
        known = context.find(state_rows.ATXS, "pubkey = ?", culprit_of(proof.data)) is not None
        check = partial(check_proof, proof.data, context.parameters.verifier, is_known=known)
        ledger.judge(kind, row.smesher, "misbehaviour", check)
        if isinstance(proof.data, InvalidPostIndex):
            _check_accusation(context, proof.data)
    kind = ObjectKind.SECOND_MALFEASANCE
    for second in context.scan(kind, state_rows.MALFEASANCE):
        # Nothing in these versions makes such a proof, or could verify it.
        ledger.fail(kind, second.smesher, "format", NOTHING, STORED_ROW)


def _foresee_label(context: AuditContext, row: state_rows.IdentityRow) -> Iterable[Work]:
    try:
        proof = scale.decode(MalfeasanceProof, row.proof)
        if isinstance(proof.data, InvalidPostIndex):
            return (_label_work(context, proof.data),)
    except (DecodeError, RejectError):
        # Told when the row is judged.
        return ()
    return ()


def _label_work(context: AuditContext, data: InvalidPostIndex) -> PostWork:
    """Return the work of computing the label that is said to be wrong.

    Raises:
        RejectError: there is no PoST, or what its labels commit to is not known.
    """
    accusation = make_post_accusation(data, context.find_commitment(data.atx.smesher))
    parameters = context.parameters.atx.proof
    return PostWork(accusation.post, accusation.claim, parameters, accusation.mode)


def _check_accusation(context: AuditContext, data: InvalidPostIndex) -> None:
    """Check that a PoST that is said to be wrong is wrong."""
    kind, ledger, culprit = ObjectKind.MALFEASANCE, context.ledger, data.atx.smesher
    try:
        work = _label_work(context, data)
    except RejectError as error:
        ledger.fail(kind, culprit, "misbehaviour", str(error), STORED)
        return
    told = "holds" if context.is_good(work) else "is wrong"
    ledger.compare(kind, culprit, "PoST of the proof", "is wrong", told)


def check_marriages(context: AuditContext) -> None:
    """Check every marriage certificate."""
    ledger, kind = context.ledger, ObjectKind.MARRIAGE
    for row in context.scan(kind, state_rows.MARRIAGES):
        wire = _ceremony(context, row)
        if wire is None:
            if context.is_damaged(row.marriage_atx):
                ledger.skip(kind, "its ATX is damaged")
            else:
                ledger.fail(kind, row.smesher, "marriage ATX", "an ATX of version 2", NOTHING)
            continue
        ledger.compare(kind, row.smesher, "target", wire.smesher, row.target)
        if row.index >= len(wire.marriages):
            ledger.fail(kind, row.smesher, "index", f"at most {len(wire.marriages) - 1}", row.index)
            continue
        certificate = wire.marriages[row.index]
        ledger.compare_all(
            kind,
            row.smesher,
            {
                "identity": (_who_marries(context, wire, certificate), row.smesher),
                "certificate": (certificate.signature, row.signature),
            },
        )
        check = partial(_check_certificate, context, wire, row)
        ledger.judge(kind, row.smesher, "signature", check)
        first = context.find(
            state_rows.MARRIAGES, "marriage_atx = ? ORDER BY rowid", row.marriage_atx
        )
        if first is not None:
            ledger.compare(kind, row.smesher, "set", first.marriage_id, row.marriage_id)


def _ceremony(context: AuditContext, row: state_rows.MarriageRow) -> ActivationTxV2 | None:
    blob = context.find(state_rows.ATX_BLOBS, "id = ?", row.marriage_atx)
    if blob is None or blob.blob is None or blob.version != SECOND_VERSION:
        return None
    try:
        return scale.decode(ActivationTxV2, blob.blob)
    except DecodeError:
        return None


def _who_marries(
    context: AuditContext, wire: ActivationTxV2, certificate: MarriageCertificate
) -> SmesherID | None:
    if certificate.reference_atx == NO_ATX:
        return wire.smesher
    known = context.find_atx(certificate.reference_atx)
    return None if known is None else known.smesher


def _check_certificate(
    context: AuditContext, wire: ActivationTxV2, row: state_rows.MarriageRow
) -> None:
    verifier = context.parameters.verifier
    if not verifier.verify(Domain.MARRIAGE, row.smesher, bytes(wire.smesher), row.signature):
        raise RejectError(f"not by {row.smesher.hex()}")


def check_succession(context: AuditContext) -> None:
    """Check that whoever published two ATXs after the same one is known to have misbehaved.

    A node notices it when an ATX comes that does not name the newest one it knows as its
    previous, and another one names the same.
    """
    kind, ledger = ObjectKind.ATX, context.ledger
    if context.has_findings(ObjectKind.POST) or context.has_findings(kind):
        ledger.skip(kind, "order of ATXs: some differ")
        return
    for post in context.look(state_rows.POSTS, "1 ORDER BY publish_epoch, atxid"):
        rival = None if post.smesher in context.facts.malicious else _rival(context, post)
        if rival is None:
            ledger.hold(kind, post.atx, "one ATX after another", HOLDS)
        else:
            ledger.miss(
                ObjectKind.MALFEASANCE,
                post.smesher,
                f"ATXs {rival.hex()} and {post.atx.hex()}, which come after the same one",
            )


def _rival(context: AuditContext, post: AtxPost) -> AtxID | None:
    """Return an earlier ATX with the same previous one; None where no node need have noticed."""
    newest = context.find(
        state_rows.POSTS,
        "pubkey = ? AND publish_epoch < ? ORDER BY publish_epoch DESC LIMIT 1",
        post.smesher,
        post.publish_epoch,
    )
    if newest is None or newest.atx == post.previous_atx:
        return None
    other = context.find(
        state_rows.POSTS,
        "pubkey = ? AND prev_atxid IS ? AND atxid != ?",
        post.smesher,
        post.previous_atx,
        post.atx,
    )
    if other is None:
        return None
    own, *before = (_received(context, atx) for atx in (post.atx, newest.atx, other.atx))
    return other.atx if own > max(before) else None


def _received(context: AuditContext, atx: AtxID) -> int:
    row = context.find(state_rows.ATXS, "id = ?", atx)
    return 0 if row is None else row.received_ns
