"""Transactions: raw bytes, header once parsed, result once applied, and who contains them.

A transaction without a result is unapplied; with a header too it is pending, and belongs
to the mempool.  Applying it moves it out of those views, reverting moves it back.

Source: go-spacemesh, sql/transactions; vm digest sections 7 and 10.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from node.base import scale
from node.base.errors import NotFoundError
from node.store import schema
from node.store.db import Batch, Database, Reader
from node.store.pruning import Portion, delete_portion
from node.store.schema import after_u32, key_u32, key_u64, number_of, read_record
from node.types.address import Address
from node.types.ids import BlockID, ProposalID, TransactionID
from node.types.layer import LayerID
from node.types.transaction import (
    RawTransaction,
    Transaction,
    TransactionHeader,
    TransactionResult,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTransaction:
    """All that is stored of one transaction."""

    transaction: Transaction

    received_ns: int
    """When it was first received, nanoseconds since the Unix epoch."""

    result: TransactionResult | None
    """None until it was applied."""


def put_transaction(batch: Batch, transaction: Transaction, received_ns: int) -> None:
    """Store a transaction that is not stored yet."""
    identifier = transaction.raw.id
    batch.put(schema.TRANSACTION + identifier, key_u64(received_ns) + transaction.raw.raw)
    batch.put(schema.TRANSACTION_UNAPPLIED + identifier, b"")
    if transaction.header is not None:
        put_transaction_header(batch, identifier, transaction.header)


def put_transaction_header(
    batch: Batch, transaction: TransactionID, header: TransactionHeader
) -> None:
    """Add the header of a stored, unapplied transaction that could be parsed only now."""
    batch.put(schema.TRANSACTION_HEADER + transaction, scale.encode(header))
    batch.put(_pending_key(transaction, header), b"")


def put_transaction_result(
    batch: Batch, transaction: Transaction, result: TransactionResult
) -> None:
    """Record what applying a stored transaction did; its header must be known.

    Raises:
        ValueError: the transaction has no header.
    """
    header, identifier = transaction.header, transaction.raw.id
    if header is None:
        raise ValueError(f"transaction {identifier} was applied without a header")
    layer = key_u32(result.layer)
    batch.put(schema.TRANSACTION_HEADER + identifier, scale.encode(header))
    batch.put(schema.TRANSACTION_RESULT + identifier, scale.encode(result))
    batch.put(schema.TRANSACTION_BY_LAYER + layer + identifier, b"")
    for address in result.addresses:
        batch.put(schema.TRANSACTION_BY_ADDRESS + address + layer + identifier, b"")
    batch.delete(schema.TRANSACTION_UNAPPLIED + identifier)
    batch.delete(_pending_key(identifier, header))


def revert_transactions(batch: Batch, reader: Reader, layer: LayerID) -> None:
    """Take back the results of all layers above ``layer``; the transactions stay."""
    for key in reader.keys(schema.TRANSACTION_BY_LAYER, start=key_u32(layer + 1)):
        applied, identifier = key[: schema.U32_SIZE], TransactionID(key[schema.U32_SIZE :])
        batch.delete(schema.TRANSACTION_BY_LAYER + key)
        batch.delete(schema.TRANSACTION_RESULT + identifier)
        batch.put(schema.TRANSACTION_UNAPPLIED + identifier, b"")
        result = find_transaction_result(reader, identifier)
        for address in () if result is None else result.addresses:
            batch.delete(schema.TRANSACTION_BY_ADDRESS + address + applied + identifier)
        header = find_transaction_header(reader, identifier)
        if header is not None:
            batch.put(_pending_key(identifier, header), b"")


def find_transaction(reader: Reader, transaction: TransactionID) -> StoredTransaction | None:
    """Return a transaction with its result, or None."""
    value = reader.get(schema.TRANSACTION + transaction)
    if value is None:
        return None
    raw = RawTransaction(id=transaction, raw=value[schema.U64_SIZE :])
    header = find_transaction_header(reader, transaction)
    return StoredTransaction(
        transaction=Transaction(raw=raw, header=header),
        received_ns=number_of(value[: schema.U64_SIZE]),
        result=find_transaction_result(reader, transaction),
    )


def get_transaction(reader: Reader, transaction: TransactionID) -> StoredTransaction:
    """Return a transaction with its result.

    Raises:
        NotFoundError: it is not stored.
    """
    found = find_transaction(reader, transaction)
    if found is None:
        raise NotFoundError("transaction", transaction)
    return found


def find_transaction_blob(reader: Reader, transaction: TransactionID) -> bytes | None:
    """Return a transaction's raw bytes, as peers fetch them, or None."""
    value = reader.get(schema.TRANSACTION + transaction)
    return None if value is None else value[schema.U64_SIZE :]


def has_transaction(reader: Reader, transaction: TransactionID) -> bool:
    """Tell whether a transaction is stored."""
    return reader.get(schema.TRANSACTION + transaction) is not None


def find_transaction_header(reader: Reader, transaction: TransactionID) -> TransactionHeader | None:
    """Return a transaction's header, None if it is unknown or could not be parsed yet."""
    value = reader.get(schema.TRANSACTION_HEADER + transaction)
    return None if value is None else read_record(TransactionHeader, value)


def find_transaction_result(reader: Reader, transaction: TransactionID) -> TransactionResult | None:
    """Return what applying a transaction did, None if it was not applied."""
    value = reader.get(schema.TRANSACTION_RESULT + transaction)
    return None if value is None else read_record(TransactionResult, value)


def find_applied_layer_of(reader: Reader, transaction: TransactionID) -> LayerID | None:
    """Return the layer that applied a transaction, or None."""
    result = find_transaction_result(reader, transaction)
    return None if result is None else result.layer


def transaction_ids(reader: Reader) -> Iterator[TransactionID]:
    """Yield all transactions, ascending."""
    return map(TransactionID, reader.keys(schema.TRANSACTION))


def unapplied_transaction_ids(reader: Reader) -> Iterator[TransactionID]:
    """Yield the transactions without a result, ascending."""
    return map(TransactionID, reader.keys(schema.TRANSACTION_UNAPPLIED))


def pending_transactions(
    reader: Reader, principal: Address, from_nonce: int = 0
) -> list[StoredTransaction]:
    """Return an account's pending transactions, by nonce, then by the instant of reception."""
    found = reader.keys(schema.TRANSACTION_PENDING + principal, start=key_u64(from_nonce))
    pending = (find_transaction(reader, _last_id(key)) for key in found)
    return sorted((stored for stored in pending if stored is not None), key=_queue_place)


def principals_with_pending(reader: Reader) -> Iterator[tuple[Address, int]]:
    """Yield the accounts that have pending transactions, each with its lowest nonce."""
    seen = b""
    for key in reader.keys(schema.TRANSACTION_PENDING):
        principal = key[: Address.SIZE]
        if principal != seen:
            seen = principal
            yield Address(principal), number_of(key[Address.SIZE : -TransactionID.SIZE])


def transaction_ids_applied(
    reader: Reader, first: LayerID, last: LayerID, *, newest_first: bool = False
) -> Iterator[TransactionID]:
    """Yield what was applied from layer ``first`` to ``last``, by layer and identifier.

    Newest first turns the order of the identifiers in a layer round as well.
    """
    found = reader.keys(
        schema.TRANSACTION_BY_LAYER,
        start=key_u32(first),
        stop=after_u32(last),
        reverse=newest_first,
    )
    return map(_last_id, found)


def transaction_ids_of_address(
    reader: Reader,
    address: Address,
    first: LayerID,
    last: LayerID,
    *,
    newest_first: bool = False,
) -> Iterator[TransactionID]:
    """Yield the applied transactions that touched an account, by layer and identifier."""
    found = reader.keys(
        schema.TRANSACTION_BY_ADDRESS + address,
        start=key_u32(first),
        stop=after_u32(last),
        reverse=newest_first,
    )
    return map(_last_id, found)


def put_in_block(
    batch: Batch, transactions: Iterable[TransactionID], layer: LayerID, block: BlockID
) -> None:
    """Record which transactions a block holds."""
    for transaction in transactions:
        batch.put(schema.TRANSACTION_IN_BLOCK + transaction + key_u32(layer) + block, b"")


def put_in_proposal(
    batch: Batch, transactions: Iterable[TransactionID], layer: LayerID, proposal: ProposalID
) -> None:
    """Record which transactions a proposal offers."""
    for transaction in transactions:
        place = key_u32(layer) + transaction + proposal
        batch.put(schema.PROPOSAL_TRANSACTION + place, b"")
        key = transaction + key_u32(layer) + proposal
        batch.put(schema.TRANSACTION_IN_PROPOSAL + key, b"")


def blocks_with(
    reader: Reader, transaction: TransactionID, *, after: LayerID | None = None
) -> Iterator[tuple[LayerID, BlockID]]:
    """Yield the blocks that hold a transaction, by layer; ``after`` leaves earlier ones out."""
    start = b"" if after is None else key_u32(after + 1)
    for key in reader.keys(schema.TRANSACTION_IN_BLOCK + transaction, start=start):
        yield LayerID(number_of(key[: schema.U32_SIZE])), BlockID(key[schema.U32_SIZE :])


def proposals_with(
    reader: Reader, transaction: TransactionID, *, after: LayerID | None = None
) -> Iterator[tuple[LayerID, ProposalID]]:
    """Yield the proposals that offer a transaction, by layer."""
    start = b"" if after is None else key_u32(after + 1)
    for key in reader.keys(schema.TRANSACTION_IN_PROPOSAL + transaction, start=start):
        yield LayerID(number_of(key[: schema.U32_SIZE])), ProposalID(key[schema.U32_SIZE :])


def prune_proposal_links(
    db: Database, before: LayerID, *, start: bytes = b"", limit: int
) -> Portion:
    """Delete which transactions proposals of lower layers offered; see ``delete_portion``."""

    def by_transaction(key: bytes) -> bytes:
        layer, rest = key[: schema.U32_SIZE], key[schema.U32_SIZE :]
        transaction, proposal = rest[: TransactionID.SIZE], rest[TransactionID.SIZE :]
        return schema.TRANSACTION_IN_PROPOSAL + transaction + layer + proposal

    return delete_portion(
        db,
        schema.PROPOSAL_TRANSACTION,
        start=start,
        stop=key_u32(before),
        limit=limit,
        other_view=by_transaction,
    )


def _queue_place(stored: StoredTransaction) -> tuple[int, int, bytes]:
    header = stored.transaction.header
    nonce = 0 if header is None else header.nonce
    return nonce, stored.received_ns, stored.transaction.raw.id


def _pending_key(transaction: TransactionID, header: TransactionHeader) -> bytes:
    return schema.TRANSACTION_PENDING + header.principal + key_u64(header.nonce) + transaction


def _last_id(key: bytes) -> TransactionID:
    return TransactionID(key[-TransactionID.SIZE :])
