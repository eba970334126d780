"""Transactions: identifiers, columns, headers, signatures; and what offers and touches them."""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import groupby
from typing import Final

from node.base.errors import RejectError
from node.checkpoint.audit.context import AuditContext
from node.checkpoint.audit.findings import NOTHING, ObjectKind
from node.consensus.blocks.make_block import Candidate, block_seed, order_transactions
from node.store.statesql import state_rows
from node.types.block import Block
from node.types.ids import NO_BLOCK, ProposalID, TransactionID
from node.types.layer import LayerID
from node.types.transaction import RawTransaction
from node.vm.errors import TransactionError
from node.vm.parsing import ParsedTransaction, is_signed, parse_transaction
from node.vm.state import AccountReader

NO_TRANSACTION: Final = "its transaction is not in the file"
STRAY_PART: Final = 20
"""One of so many rows may lack its transaction, and is a difference.  Of a file in which more
of them do, the end was cut off: rows of the kind tell no layer, so they were left."""
MOST_STRAYS: Final = 1000
"""Rows without transactions that are kept."""


def check_transactions(context: AuditContext) -> None:
    """Check identifiers, and that the columns say what header and result say."""
    ledger, kind = context.ledger, ObjectKind.TRANSACTION
    for row in context.scan(kind, state_rows.TRANSACTIONS):
        ledger.skip(kind, "when it was received")
        ledger.count(kind, "applied" if row.result is not None else "not applied")
        raw = RawTransaction.of(row.raw)
        if not ledger.compare(kind, row.id, "identifier", raw.id, row.id):
            context.facts.damage(row.id)
        header, result = row.header, row.result
        ledger.compare_all(
            kind,
            row.id,
            {
                "principal": (None if header is None else header.principal, row.principal),
                "nonce": (None if header is None else header.nonce, row.nonce),
                "layer": (None if result is None else result.layer, row.layer),
                "block": (None if result is None else result.block, row.block),
            },
        )
        if result is not None:
            _check_claim(context, row.id, result.layer)


def _check_claim(context: AuditContext, identifier: TransactionID, layer: LayerID) -> None:
    """Check that the layer that is said to have applied a transaction did apply a block."""
    claimed = context.find(state_rows.LAYERS, "id = ?", layer)
    if claimed is None:
        # Layers that are not there are told of with the layers.
        return
    held = claimed.applied_block not in (None, NO_BLOCK)
    context.ledger.compare(
        ObjectKind.TRANSACTION,
        identifier,
        "layer of the result",
        "with a block",
        "with a block" if held else f"{layer}, without a block",
    )


def check_unapplied(context: AuditContext, state: AccountReader) -> None:
    """Check headers and signatures of the transactions that wait or were skipped.

    Those that were applied were verified then.  Of these, the newest state tells.
    """
    ledger, kind = context.ledger, ObjectKind.TRANSACTION
    for row in context.look(state_rows.TRANSACTIONS, "result IS NULL"):
        if context.is_damaged(row.id):
            ledger.skip(kind, "header: its bytes are damaged")
            continue
        try:
            parsed = parse_transaction(row.raw, state)
        except TransactionError:
            ledger.skip(kind, "header: the state has changed since")
            continue
        if row.header is None:
            ledger.skip(kind, "signature: it was never judged")
            continue
        ledger.compare(kind, row.id, "header", parsed.header, row.header)
        ledger.judge(kind, row.id, "signature", partial(_check_signed, context, parsed))


def _check_signed(context: AuditContext, parsed: ParsedTransaction) -> None:
    if not is_signed(parsed, context.parameters.genesis_id):
        raise RejectError(f"not by {parsed.header.principal.hex()}")


def check_touched(context: AuditContext) -> None:
    """Look for rows that say a transaction touched an account that it did not touch."""
    ledger, kind = context.ledger, ObjectKind.TOUCHED_ACCOUNT
    strays: list[state_rows.TouchedRow] = []
    for row in context.scan(kind, state_rows.TRANSACTION_ADDRESSES):
        applied = context.find(state_rows.TRANSACTIONS, "id = ?", row.transaction)
        if applied is None and context.is_damaged(row.transaction):
            ledger.skip(kind, "its transaction is damaged")
            continue
        if applied is None:
            if len(strays) < MOST_STRAYS:
                strays.append(row)
            ledger.skip(kind, NO_TRANSACTION)
            continue
        touched = () if applied.result is None else applied.result.addresses
        ledger.compare(
            kind,
            row.transaction,
            "account",
            row.address.hex() if row.address in touched else NOTHING,
            row.address.hex(),
        )
    _tell_strays(context, strays)


def _tell_strays(context: AuditContext, strays: list[state_rows.TouchedRow]) -> None:
    """Tell of rows without their transaction, unless the transactions were taken out."""
    kind = ObjectKind.TOUCHED_ACCOUNT
    tally = context.ledger.tallies[kind]
    if len(strays) < MOST_STRAYS and len(strays) * STRAY_PART <= tally.objects:
        tally.unchecked.pop(NO_TRANSACTION, None)
        for row in strays:
            context.ledger.fail(
                kind, row.transaction, "transaction", "in the file", row.address.hex()
            )


# --- proposals ---


def check_proposal_transactions(context: AuditContext) -> None:
    """Compare what proposals offered with what blocks hold, and in which order."""
    kind = ObjectKind.PROPOSAL_TRANSACTION
    rows = context.scan(kind, state_rows.PROPOSAL_TRANSACTIONS, "1 ORDER BY layer, pid")
    offered = set[LayerID]()
    for layer, group in groupby(rows, key=lambda row: row.layer):
        offered.add(layer)
        _check_layer(context, layer, tuple(group))
    if not offered:
        return
    for layer, blocks in context.facts.blocks.items():
        # A node that synced a layer has the block without its proposals.
        held = [context.find_block(block.id) for block in blocks if layer not in offered]
        if any(row is not None and row.block.tx_ids for row in held):
            context.ledger.skip(kind, "the proposals of the block are not in the file")


def _check_layer(
    context: AuditContext, layer: LayerID, rows: tuple[state_rows.ProposalInclusionRow, ...]
) -> None:
    ledger, kind = context.ledger, ObjectKind.PROPOSAL_TRANSACTION
    for row in rows:
        known = context.find(state_rows.TRANSACTIONS, "id = ?", row.transaction)
        if known is None and context.is_damaged(row.transaction):
            ledger.skip(kind, "its transaction is damaged")
        else:
            ledger.compare(
                kind,
                row.transaction,
                "transaction",
                "recorded",
                NOTHING if known is None else "recorded",
            )
    _check_proposals(context, layer, rows)
    tids = {row.transaction for row in rows}
    for known_block in context.facts.blocks.get(layer, ()):
        found = context.find_block(known_block.id)
        if found is None:
            continue
        block = found.block
        missing = [identifier for identifier in block.tx_ids if identifier not in tids]
        for identifier in missing:
            ledger.fail(
                kind, identifier, "row for each of a block", f"a proposal of layer {layer}", NOTHING
            )
        proposals = tuple(sorted({row.proposal for row in rows}))
        if missing or len(proposals) != len(block.rewards):
            ledger.skip(kind, "order of the block: not all its proposals are in the file")
        else:
            _check_order(context, block, tids, proposals)


def _check_proposals(
    context: AuditContext, layer: LayerID, rows: tuple[state_rows.ProposalInclusionRow, ...]
) -> None:
    """Check that a layer has no more proposals than ballots; name those with fewest rows."""
    ledger, kind = context.ledger, ObjectKind.PROPOSAL_TRANSACTION
    most = sum(1 for _ in context.look(state_rows.BALLOTS, "layer = ?", layer))
    named = Counter(row.proposal for row in rows)
    ranked = sorted(named, key=lambda proposal: (-named[proposal], proposal))
    for number, proposal in enumerate(ranked, 1):
        has_ballot = number <= most or context.has_findings(ObjectKind.BALLOT)
        told = "with a ballot" if has_ballot else NOTHING
        ledger.compare(kind, proposal, "ballot", "with a ballot", told)


def _check_order(
    context: AuditContext,
    block: Block,
    tids: Iterable[TransactionID],
    proposals: tuple[ProposalID, ...],
) -> None:
    """Compare a block's order with the one that its proposals give.

    A block may lack transactions that could not be executed.
    """
    candidates = []
    for identifier in sorted(tids):
        row = context.find(state_rows.TRANSACTIONS, "id = ?", identifier)
        if row is None or row.header is None:
            context.ledger.skip(
                ObjectKind.PROPOSAL_TRANSACTION, "order of the block: a header is not known"
            )
            return
        applied = row.result is not None and row.result.layer < block.layer
        candidates.append(Candidate(id=identifier, header=row.header, is_applied=applied))
    ordered = order_transactions(candidates, block_seed(proposals), gas_limit=0)
    held = frozenset(block.tx_ids)
    context.ledger.compare(
        ObjectKind.PROPOSAL_TRANSACTION,
        ", ".join(proposal.hex() for proposal in proposals),
        "order of the block",
        tuple(identifier for identifier in ordered if identifier in held),
        block.tx_ids,
    )
