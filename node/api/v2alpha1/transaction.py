"""TransactionService of version 2: transactions by the layer that applied them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from node.api.backend import ApiBackend
from node.api.convert.v2alpha1 import TRANSACTION_STATES, ToV2
from node.api.errors import invalid
from node.api.queries import (
    check_limit,
    find_by_bytes,
    newest_of_address,
    newest_results,
    page,
    parse_plain_address,
    state_of,
)
from node.api.raw_transactions import parse_raw_transaction, submit_transaction
from node.api.registration import Service
from node.pb.spacemesh.v2alpha1 import tx_pb2, v2alpha1_pb2
from node.store.transactions import (
    StoredTransaction,
    find_transaction,
    transaction_ids_applied,
    transaction_ids_of_address,
    unapplied_transaction_ids,
)
from node.types.address import Address
from node.types.ids import TransactionID
from node.types.layer import MAX_LAYER, LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFilter:
    """What a request asks for, beside identifiers."""

    address: Address | None
    first: LayerID
    last: LayerID

    has_layers: bool
    """Layers are asked for, which pending transactions do not have."""

    newest_first: bool

    @property
    def takes_pending(self) -> bool:
        """Whether transactions without a result can be meant."""
        return not self.has_layers and self.address is None

    def fits(self, stored: StoredTransaction) -> bool:
        """Tell whether a transaction is asked for."""
        result = stored.result
        if result is None:
            return self.takes_pending
        return self.first <= result.layer <= self.last and (
            self.address is None or self.address in result.addresses
        )

    def place(self, stored: StoredTransaction) -> tuple[int, bytes]:
        """Return the place in the order: pending ones count as older than any layer."""
        layer = -1 if stored.result is None else stored.result.layer
        return -layer if self.newest_first else layer, stored.transaction.raw.id


@dataclass(frozen=True, slots=True)
class TransactionService:
    """Transactions, pending and applied."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            tx_pb2.DESCRIPTOR.services_by_name["TransactionService"],
            {
                "List": self.list,
                "ParseTransaction": self.parse_transaction,
                "SubmitTransaction": self.submit_transaction,
                "EstimateGas": self.estimate_gas,
            },
        )

    async def list(self, request: tx_pb2.TransactionRequest) -> tx_pb2.TransactionList:
        """Return transactions of identifiers, that touched an address, from layer to layer."""
        check_limit(request.limit)
        wanted = self._filter(request)
        rows = self._rows(wanted)
        if request.txid:
            rows = self._of_ids(request.txid, wanted)
        found = await page(rows, request.offset, request.limit)
        return tx_pb2.TransactionList(
            transactions=[
                self._response(
                    stored,
                    include_result=request.include_result,
                    include_state=request.include_state,
                )
                for stored in found
            ]
        )

    async def parse_transaction(
        self, request: tx_pb2.ParseTransactionRequest
    ) -> tx_pb2.ParseTransactionResponse:
        """Return what a raw transaction says."""
        raw = _required(request.transaction)
        parsed = parse_raw_transaction(self.backend, raw, verify=request.verify)
        converted = ToV2(self.backend.prefix).parsed(raw, parsed.header)
        return tx_pb2.ParseTransactionResponse(tx=converted)

    async def submit_transaction(
        self, request: tx_pb2.SubmitTransactionRequest
    ) -> tx_pb2.SubmitTransactionResponse:
        """Publish a signed transaction."""
        tx_id = await submit_transaction(self.backend, _required(request.transaction))
        response = tx_pb2.SubmitTransactionResponse(tx_id=tx_id)
        response.status.SetInParent()
        return response

    async def estimate_gas(self, request: tx_pb2.EstimateGasRequest) -> tx_pb2.EstimateGasResponse:
        """Return the most gas a transaction may use."""
        raw = _required(request.transaction)
        header = parse_raw_transaction(self.backend, raw, verify=False).header
        return tx_pb2.EstimateGasResponse(recommended_max_gas=header.max_gas)

    def _filter(self, request: tx_pb2.TransactionRequest) -> TransactionFilter:
        address = None
        if request.HasField("address"):
            address = parse_plain_address(self.backend, request.address)
        has_end = request.HasField("end_layer")
        return TransactionFilter(
            address=address,
            first=LayerID(request.start_layer),
            last=LayerID(request.end_layer) if has_end else MAX_LAYER,
            has_layers=has_end or request.HasField("start_layer"),
            newest_first=request.sort_order == v2alpha1_pb2.DESC,
        )

    def _of_ids(
        self, ids: Iterable[bytes], wanted: TransactionFilter
    ) -> Iterable[StoredTransaction]:
        stored = (find_by_bytes(self.backend.db, one) for one in sorted(set(ids)))
        return sorted(
            (one for one in stored if one is not None and wanted.fits(one)), key=wanted.place
        )

    def _rows(self, wanted: TransactionFilter) -> Iterable[StoredTransaction]:
        applied = self._stored(self._applied(wanted))
        if not wanted.takes_pending:
            return applied
        pending = self._stored(unapplied_transaction_ids(self.backend.db))
        return chain(applied, pending) if wanted.newest_first else chain(pending, applied)

    def _applied(self, wanted: TransactionFilter) -> Iterator[TransactionID]:
        db, first, last = self.backend.db, wanted.first, wanted.last
        if wanted.address is None:
            if wanted.newest_first:
                return newest_results(db, first, last)
            return transaction_ids_applied(db, first, last)
        if wanted.newest_first:
            return newest_of_address(db, wanted.address, first, last)
        return transaction_ids_of_address(db, wanted.address, first, last)

    def _stored(self, ids: Iterable[TransactionID]) -> Iterator[StoredTransaction]:
        db = self.backend.db
        return (stored for one in ids if (stored := find_transaction(db, one)) is not None)

    def _response(
        self, stored: StoredTransaction, *, include_result: bool, include_state: bool
    ) -> tx_pb2.TransactionResponse:
        convert = ToV2(self.backend.prefix)
        response = tx_pb2.TransactionResponse(tx=convert.transaction(stored.transaction))
        if include_result and stored.result is not None:
            response.tx_result.CopyFrom(convert.result(stored.result))
        if include_state:
            response.tx_state = TRANSACTION_STATES[state_of(stored)]
        return response


def _required(raw: bytes) -> bytes:
    if not raw:
        raise invalid("transaction is empty")
    return raw
