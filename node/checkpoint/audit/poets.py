"""PoET proofs: identifiers, and the sequential work itself."""

from node.checkpoint.audit.context import AuditContext, PoetFacts
from node.checkpoint.audit.findings import ObjectKind
from node.checkpoint.audit.work import PoetWork
from node.store.statesql import state_rows
from node.types.ids import EdSignature

NOT_SIGNED = EdSignature.zero()
"""PoETs sign nothing: the field is zero everywhere."""


def check_poets(context: AuditContext) -> None:
    """Check every PoET proof."""
    ledger, kind = context.ledger, ObjectKind.POET
    for row in context.scan(kind, state_rows.POETS, foresee=lambda row: [PoetWork(row.message)]):
        message, reference = row.message, row.message.proof.ref
        ledger.compare(kind, row.reference, "identifier", reference, row.reference)
        ledger.compare_all(
            kind,
            row.reference,
            {
                "service": (message.poet_service_id, row.service_id),
                "round": (message.round_id, row.round_id),
                "signature": (NOT_SIGNED, message.signature),
            },
        )
        works = context.judge_work(kind, row.reference, "sequential work", PoetWork(message))
        if works:
            context.facts.poets[reference] = PoetFacts(message.statement, message.proof.leaf_count)
        if not works or reference != row.reference:
            context.facts.damage(row.reference)
