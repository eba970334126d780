"""Identities that misbehaved or married: the proofs and certificates that say so."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from node.base import scale
from node.base.errors import DecodeError, RejectError
from node.checkpoint.audit.context import AuditContext
from node.checkpoint.audit.findings import NOTHING, STORED, ObjectKind
from node.checkpoint.audit.work import PostWork, Work
from node.consensus.activation.rules import SECOND_VERSION
from node.consensus.malfeasance.rules import check_proof, culprit_of, make_post_accusation
from node.consensus.malfeasance.wire import InvalidPostIndex, MalfeasanceProof
from node.crypto.domains import Domain
from node.store.statesql import state_rows
from node.types.atx_v2 import ActivationTxV2, MarriageCertificate
from node.types.ids import NO_ATX, SmesherID

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
        ledger.skip(kind, RECEIVED)
        ledger.skip(kind, "its proof")
        context.facts.malicious.add(second.smesher)
        if second.marriage_id is not None:
            married = context.find(state_rows.MARRIAGES, "id = ?", second.marriage_id)
            ledger.compare(
                kind, second.smesher, "marriage", "one", NOTHING if married is None else "one"
            )


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
