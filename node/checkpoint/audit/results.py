"""What became of the transactions of a layer, and which accounts they touched."""

from collections.abc import Mapping
from typing import Final

from node.checkpoint.audit.context import AuditContext
from node.checkpoint.audit.findings import NOTHING, ObjectKind
from node.store.statesql import state_rows
from node.types.ids import BlockID, TransactionID
from node.types.transaction import TransactionResult, TransactionWithResult
from node.vm.apply import Applied

APPLIED: Final = "applied"


def compare_results(context: AuditContext, applied: Applied, block: BlockID) -> None:
    """Compare the results of a layer with those recorded."""
    ours = {one.transaction.raw.id: one for one in applied.results}
    for identifier, one in ours.items():
        _compare_result(context, identifier, one, block)
    # The block may have changed nothing in the layer that a wrong column names.
    for row in context.look(state_rows.TRANSACTIONS, "layer = ?", applied.layer):
        if row.id not in ours and row.result is not None and row.result.layer == applied.layer:
            context.ledger.fail(ObjectKind.TRANSACTION, row.id, "result", NOTHING, APPLIED)


def _compare_result(
    context: AuditContext, identifier: TransactionID, ours: TransactionWithResult, block: BlockID
) -> None:
    ledger, kind, result = context.ledger, ObjectKind.TRANSACTION, ours.result
    row = context.find(state_rows.TRANSACTIONS, "id = ?", identifier)
    if row is None or row.result is None:
        ledger.fail(kind, identifier, "result", APPLIED, NOTHING)
        return
    ledger.compare(kind, identifier, "header", ours.transaction.header, row.header)
    ledger.compare_all(kind, identifier, _pairs(result, row.result, block))
    touched = context.look(state_rows.TRANSACTION_ADDRESSES, "tid = ?", identifier)
    recorded = tuple(sorted(one.address for one in touched))
    ledger.compare(
        ObjectKind.TOUCHED_ACCOUNT,
        identifier,
        "touched accounts",
        tuple(sorted(result.addresses)),
        recorded,
    )


def _pairs(
    ours: TransactionResult, recorded: TransactionResult, block: BlockID
) -> Mapping[str, tuple[object, object]]:
    return {
        "status": (ours.status, recorded.status),
        "message": (ours.message, recorded.message),
        "gas": (ours.gas, recorded.gas),
        "fee": (ours.fee, recorded.fee),
        "block of the result": (block, recorded.block),
        "layer of the result": (ours.layer, recorded.layer),
        "touched accounts": (ours.addresses, recorded.addresses),
    }
