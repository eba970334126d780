"""What several services read: addresses, pages, accounts, the state of transactions."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from typing import Final, TypeVar

from google.protobuf.message import Message

from node.api.backend import ApiBackend
from node.api.errors import invalid, unknown
from node.base.bech32 import decode_address
from node.base.errors import UsageError
from node.base.hexadecimal import hex_problem
from node.store.accounts import find_account
from node.store.blocks import get_block
from node.store.db import Reader
from node.store.layers import find_applied_block, find_mesh_hash, find_state_hash
from node.store.transactions import (
    StoredTransaction,
    find_transaction,
    get_transaction,
    pending_transactions,
    transaction_ids_applied,
    transaction_ids_of_address,
)
from node.types.address import Address
from node.types.block import Block
from node.types.ids import NO_BLOCK, Hash32, TransactionID
from node.types.layer import MAX_LAYER, LayerID
from node.types.transaction import Transaction

T = TypeVar("T")

MAX_LIMIT: Final = 100
"""Most objects in an answer of version 2."""

FIRST_LAYER: Final = LayerID(0)

ROWS_PER_TURN: Final = 500
"""Rows after which a long scan lets the rest of the node go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """An account now, and as it will be with everything pending applied."""

    address: Address
    next_nonce: int
    balance: int
    projected_nonce: int
    projected_balance: int
    template: Address | None

    layer: LayerID
    """Layer that wrote the present version; 0 for an unknown account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerContent:
    """A layer that was applied with a block."""

    block: Block
    transactions: tuple[Transaction, ...]
    mesh_hash: Hash32 | None
    state_hash: Hash32 | None


class KnownState(IntEnum):
    """How far a transaction is; the numbers are the API's."""

    UNSPECIFIED = 0
    MEMPOOL = 4
    MESH = 5
    PROCESSED = 6


def parse_address(backend: ApiBackend, text: str, field: str) -> Address:
    """Return the address in a field of a version 1 request.

    Raises:
        ApiError: it is none of this network.
    """
    try:
        return Address(decode_address(text, backend.prefix))
    except UsageError as error:
        raise unknown(f"failed to parse {field} `{text}`: {error}") from error


def parse_filter_address(backend: ApiBackend, request: Message, flags: int) -> Address:
    """Return the account in the filter of a version 1 request that has to ask for something.

    Args:
        backend: knows the network.
        request: has a field ``filter`` with a field ``account_id``.
        flags: what the filter asks for.

    Raises:
        ApiError: a part of the filter is missing, or wrong.
    """
    if not request.HasField("filter"):
        raise invalid("`Filter` must be provided")
    wanted = getattr(request, "filter")  # noqa: B009 - of several kinds of messages
    if not wanted.HasField("account_id"):
        raise invalid("`Filter.AccountId` must be provided")
    if flags == 0:
        raise invalid("`Filter.AccountMeshDataFlags` must set at least one bitfield")
    return parse_address(backend, wanted.account_id.address, "in.Filter.AccountId.Address")


def parse_hex(text: str) -> bytes:
    """Return the bytes that a field spells in hexadecimal.

    Raises:
        ApiError: it does not.
    """
    problem = hex_problem(text)
    if problem:
        raise invalid(problem)
    return bytes.fromhex(text)


def clip(items: Sequence[T], offset: int, max_results: int) -> Sequence[T]:
    """Return a page of a version 1 answer; ``max_results`` 0 means all behind ``offset``."""
    rest = items[offset:]
    return rest[:max_results] if max_results else rest


def parse_plain_address(backend: ApiBackend, text: str) -> Address:
    """Return an address in a version 2 request.

    Raises:
        ApiError: it is none of this network.
    """
    try:
        return Address(decode_address(text, backend.prefix))
    except UsageError as error:
        raise invalid(str(error)) from error


def check_limit(limit: int) -> None:
    """Check how many objects a version 2 request asks for.

    Raises:
        ApiError: none, or more than a hundred.
    """
    if limit > MAX_LIMIT:
        raise invalid(f"limit is capped at {MAX_LIMIT}")
    if limit == 0:
        raise invalid(f"limit must be set to <= {MAX_LIMIT}")


async def in_turns(rows: Iterable[T]) -> AsyncIterator[T]:
    """Yield rows, and let the event loop go on now and then."""
    for number, row in enumerate(rows, start=1):
        yield row
        if number % ROWS_PER_TURN == 0:
            await asyncio.sleep(0)


async def page(rows: Iterable[T], offset: int, limit: int) -> list[T]:
    """Return ``limit`` rows behind the first ``offset`` ones."""
    found: list[T] = []
    number = 0
    async for row in in_turns(rows):
        if number >= offset:
            found.append(row)
        number += 1
        if len(found) == limit:
            break
    return found


def find_layer_content(reader: Reader, layer: LayerID) -> LayerContent | None:
    """Return what a layer was applied with, None if it is empty or not applied.

    Raises:
        NotFoundError: its block or a transaction of it is not stored.
    """
    block_id = find_applied_block(reader, layer)
    if block_id is None or block_id == NO_BLOCK:
        return None
    block = get_block(reader, block_id)
    return LayerContent(
        block=block,
        transactions=tuple(get_transaction(reader, tx_id).transaction for tx_id in block.tx_ids),
        mesh_hash=find_mesh_hash(reader, layer),
        state_hash=find_state_hash(reader, layer),
    )


def account_facts(backend: ApiBackend, address: Address) -> AccountFacts:
    """Return what is known of an account; one that is not known is empty."""
    account = find_account(backend.db, address)
    projected_nonce, projected_balance = backend.pool.projected(address)
    return AccountFacts(
        address=address,
        next_nonce=0 if account is None else account.next_nonce,
        balance=0 if account is None else account.balance,
        projected_nonce=projected_nonce,
        projected_balance=projected_balance,
        template=None if account is None else account.template,
        layer=LayerID(0) if account is None else account.layer,
    )


def state_of(stored: StoredTransaction | None) -> KnownState:
    """Return how far a transaction is; one that cannot be parsed yet is unspecified."""
    if stored is None or (stored.result is None and stored.transaction.header is None):
        return KnownState.UNSPECIFIED
    return KnownState.MEMPOOL if stored.result is None else KnownState.PROCESSED


def find_by_bytes(reader: Reader, tx_id: bytes) -> StoredTransaction | None:
    """Return a transaction by an identifier of a request, whatever its length."""
    if len(tx_id) != TransactionID.SIZE:
        return None
    return find_transaction(reader, TransactionID(tx_id))


def results_in_order(
    reader: Reader,
    *,
    address: Address | None = None,
    first: LayerID = FIRST_LAYER,
    last: LayerID = MAX_LAYER,
) -> Iterator[StoredTransaction]:
    """Yield applied transactions, of one account or of all, by layer and identifier."""
    if address is None:
        ids = transaction_ids_applied(reader, first, last)
    else:
        ids = transaction_ids_of_address(reader, address, first, last)
    return (stored for tx_id in ids if (stored := find_transaction(reader, tx_id)) is not None)


def history_of(
    reader: Reader, address: Address, first: LayerID, last: LayerID
) -> Iterator[StoredTransaction]:
    """Yield the transactions an account pays: what is pending, then what was applied.

    The order is that of layers, and of nonces in a layer.
    """
    yield from pending_transactions(reader, address)
    applied = results_in_order(reader, address=address, first=first, last=last)
    for _, together in groupby(applied, key=_layer_of):
        paid = (stored for stored in together if _nonce_paid(stored, address) is not None)
        yield from sorted(paid, key=lambda stored: _nonce_paid(stored, address) or 0)


def _layer_of(stored: StoredTransaction) -> LayerID:
    return LayerID(0) if stored.result is None else stored.result.layer


def _nonce_paid(stored: StoredTransaction, address: Address) -> int | None:
    """Return the nonce of a transaction that an account pays, None if another one does."""
    header = stored.transaction.header
    return None if header is None or header.principal != address else header.nonce


def newest_results(reader: Reader, first: LayerID, last: LayerID) -> Iterator[TransactionID]:
    """Yield applied transactions, the newest layer first, in a layer by identifier."""
    yield from _layers_turned(
        reader, transaction_ids_applied(reader, first, last, newest_first=True)
    )


def newest_of_address(
    reader: Reader, address: Address, first: LayerID, last: LayerID
) -> Iterator[TransactionID]:
    """Yield what touched an account, the newest layer first, in a layer by identifier."""
    yield from _layers_turned(
        reader, transaction_ids_of_address(reader, address, first, last, newest_first=True)
    )


def _layers_turned(reader: Reader, newest: Iterable[TransactionID]) -> Iterator[TransactionID]:
    """Turn the order of identifiers within each layer round."""
    same: list[TransactionID] = []
    layer: LayerID | None = None
    for tx_id in newest:
        stored = find_transaction(reader, tx_id)
        result = None if stored is None else stored.result
        found = None if result is None else result.layer
        if found != layer:
            yield from reversed(same)
            same, layer = [], found
        same.append(tx_id)
    yield from reversed(same)
