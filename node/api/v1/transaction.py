"""TransactionService: submit, parse, and what became of transactions."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from node.api.backend import ApiBackend
from node.api.convert.v1 import ToV1, known_state, transaction_state
from node.api.errors import invalid
from node.api.queries import (
    KnownState,
    find_by_bytes,
    find_layer_content,
    in_turns,
    parse_address,
    results_in_order,
    state_of,
)
from node.api.raw_transactions import parse_raw_transaction, submit_transaction
from node.api.registration import Call, Service
from node.api.streams import CAPACITY, RESULTS_CAPACITY, RESULTS_FULL, follow
from node.events import Event, LayerApplied, LayerApproved, TransactionApplied, TransactionStored
from node.pb.spacemesh.v1 import tx_pb2, tx_types_pb2, types_pb2
from node.store.blocks import find_block
from node.store.transactions import StoredTransaction, find_transaction
from node.types.address import Address
from node.types.ids import TransactionID
from node.types.layer import MAX_LAYER, LayerID

NO_IDS: Final = "`TransactionId` must include one or more transaction IDs"


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """Which results a stream is about."""

    tx_id: bytes
    """Empty for any."""

    address: Address | None
    first: LayerID
    last: LayerID

    def matches(self, stored: StoredTransaction) -> bool:
        """Tell whether an applied transaction is one of them."""
        result = stored.result
        return (
            result is not None
            and (not self.tx_id or stored.transaction.raw.id == self.tx_id)
            and (self.address is None or self.address in result.addresses)
            and self.first <= result.layer <= self.last
        )


@dataclass(frozen=True, slots=True)
class TransactionService:
    """Transactions of anybody."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            tx_pb2.DESCRIPTOR.services_by_name["TransactionService"],
            {
                "SubmitTransaction": self.submit_transaction,
                "ParseTransaction": self.parse_transaction,
                "TransactionsState": self.transactions_state,
                "TransactionsStateStream": self.transactions_state_stream,
                "StreamResults": self.stream_results,
            },
        )

    @property
    def _to(self) -> ToV1:
        return ToV1(self.backend.prefix)

    async def submit_transaction(
        self, request: tx_types_pb2.SubmitTransactionRequest
    ) -> tx_types_pb2.SubmitTransactionResponse:
        """Hand a transaction to the network.

        Raises:
            ApiError: it is empty or refused, or the node is not synced.
        """
        if not request.transaction:
            raise invalid("`Transaction` payload empty")
        tx_id = await submit_transaction(self.backend, request.transaction)
        answer = tx_types_pb2.SubmitTransactionResponse(
            txstate=known_state(tx_id, KnownState.MEMPOOL)
        )
        answer.status.SetInParent()
        return answer

    async def parse_transaction(
        self, request: tx_types_pb2.ParseTransactionRequest
    ) -> tx_types_pb2.ParseTransactionResponse:
        """Return what a transaction asks for.

        Raises:
            ApiError: it cannot be read, or its signature is wrong and was to be checked.
        """
        if not request.transaction:
            raise invalid("empty transaction")
        parsed = parse_raw_transaction(self.backend, request.transaction, verify=request.verify)
        return tx_types_pb2.ParseTransactionResponse(
            tx=self._to.parsed(request.transaction, parsed.header)
        )

    async def transactions_state(
        self, request: tx_types_pb2.TransactionsStateRequest
    ) -> tx_types_pb2.TransactionsStateResponse:
        """Return how far transactions are.

        Raises:
            ApiError: none is named.
        """
        _check_ids(request.transaction_id)
        answer = tx_types_pb2.TransactionsStateResponse()
        for wanted in request.transaction_id:
            stored = find_by_bytes(self.backend.db, wanted.id)
            answer.transactions_state.append(known_state(wanted.id, state_of(stored)))
            if request.include_transactions:
                answer.transactions.append(self._transaction(stored))
        return answer

    def _transaction(self, stored: StoredTransaction | None) -> types_pb2.Transaction:
        """Return a transaction, an empty one if it is not known."""
        if stored is None:
            return types_pb2.Transaction()
        return self._to.transaction(stored.transaction)

    async def transactions_state_stream(
        self, request: tx_types_pb2.TransactionsStateStreamRequest, call: Call
    ) -> AsyncIterator[tx_types_pb2.TransactionsStateStreamResponse]:
        """Yield how far transactions are whenever that changes.

        Raises:
            ApiError: none is named.
        """
        _check_ids(request.transaction_id)
        wanted = {tx_id.id for tx_id in request.transaction_id}
        kinds = (TransactionStored, LayerApproved, LayerApplied)
        with self.backend.bus.subscribe(*kinds, capacity=CAPACITY) as events:
            await call.ready()
            async for event in follow(events, "tx buffer is full"):
                for tx_id, state in self._changes(event):
                    if tx_id in wanted:
                        yield self._state_answer(tx_id, state, request)

    def _changes(
        self, event: Event
    ) -> list[tuple[TransactionID, "tx_types_pb2.TransactionState.TransactionState"]]:
        """Return the transactions that an event is about, and how far they are after it."""
        states = tx_types_pb2.TransactionState
        match event:
            case TransactionStored(transaction=transaction, is_valid=is_valid):
                tx_id = transaction.raw.id
                state = states.TRANSACTION_STATE_CONFLICTING
                if is_valid:
                    state = known_state(
                        tx_id, state_of(find_transaction(self.backend.db, tx_id))
                    ).state
                return [(tx_id, state)]
            case LayerApproved(block=block_id):
                block = find_block(self.backend.db, block_id)
                held = () if block is None else block.tx_ids
                return [(tx_id, states.TRANSACTION_STATE_MESH) for tx_id in held]
            case LayerApplied(layer=layer):
                content = find_layer_content(self.backend.db, layer)
                held = () if content is None else content.block.tx_ids
                return [(tx_id, states.TRANSACTION_STATE_PROCESSED) for tx_id in held]
        return []

    def _state_answer(
        self,
        tx_id: TransactionID,
        state: "tx_types_pb2.TransactionState.TransactionState",
        request: tx_types_pb2.TransactionsStateStreamRequest,
    ) -> tx_types_pb2.TransactionsStateStreamResponse:
        answer = tx_types_pb2.TransactionsStateStreamResponse(
            transaction_state=transaction_state(tx_id, state)
        )
        if request.include_transactions:
            answer.transaction.CopyFrom(self._transaction(find_transaction(self.backend.db, tx_id)))
        return answer

    async def stream_results(
        self, request: tx_types_pb2.TransactionResultsRequest, call: Call
    ) -> AsyncIterator[tx_types_pb2.TransactionResult]:
        """Yield what applying transactions did, up to now, and with ``watch`` from now on.

        Raises:
            ApiError: the request cannot be meant.
        """
        wanted = self._filter(request)
        if not request.watch:
            async for result in self._history(wanted, wanted.last):
                yield result
            return
        with self.backend.bus.subscribe(TransactionApplied, capacity=RESULTS_CAPACITY) as events:
            last = self.backend.mesh.applied
            await call.ready()
            async for result in self._history(wanted, last):
                yield result
            async for event in follow(events, RESULTS_FULL):
                # The event does not know its block: the store does.
                stored = find_transaction(self.backend.db, event.executed.transaction.raw.id)
                if stored is not None and event.executed.result.layer > last:
                    for result in self._matching(wanted, stored):
                        yield result

    def _filter(self, request: tx_types_pb2.TransactionResultsRequest) -> ResultFilter:
        if request.watch and request.end:
            raise invalid("watch stream should have an empty End argument")
        address = None
        if request.address:
            address = parse_address(self.backend, request.address, "in.Address")
        return ResultFilter(
            tx_id=request.id,
            address=address,
            first=LayerID(request.start),
            last=LayerID(request.end) if request.end else MAX_LAYER,
        )

    async def _history(
        self, wanted: ResultFilter, last: LayerID
    ) -> AsyncIterator[tx_types_pb2.TransactionResult]:
        found = results_in_order(
            self.backend.db, address=wanted.address, first=wanted.first, last=last
        )
        async for stored in in_turns(found):
            for result in self._matching(wanted, stored):
                yield result

    def _matching(
        self, wanted: ResultFilter, stored: StoredTransaction
    ) -> list[tx_types_pb2.TransactionResult]:
        """Return a transaction's result, or nothing if it is not wanted."""
        if stored.result is None or not wanted.matches(stored):
            return []
        return [self._to.result(stored.transaction, stored.result)]


def _check_ids(ids: Sequence[Message]) -> None:
    if not ids:
        raise invalid(NO_IDS)
