"""The pool: what every account may still do, given what is pending.

One object of a node.  The store has every pending transaction; the pool has those that
the projected balances allow, and is rebuilt from the store account by account.

Source: go-spacemesh, txs/cache.go; vm digest section 10.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from node.base.errors import IgnoreError
from node.consensus.transactions.machine import AccountQueue, Candidate, predict, select
from node.store.accounts import find_account
from node.store.db import Database
from node.store.layers import find_applied_layer
from node.store.transactions import (
    blocks_with,
    find_transaction_header,
    pending_transactions,
    principals_with_pending,
    proposals_with,
    put_in_proposal,
    put_transaction,
)
from node.types.address import Address
from node.types.ids import BlockID, ProposalID, TransactionID
from node.types.layer import LayerID
from node.types.transaction import Transaction, TransactionHeader
from node.vm.apply import Applied


@dataclass(kw_only=True)
class TransactionPool:
    """Queues by account."""

    db: Database
    gas_limit: int
    """Most gas in a block."""

    entropy: Callable[[int], bytes]
    """Random bytes: which transactions a proposal offers where there are too many."""

    _queues: dict[Address, AccountQueue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take what the store has pending."""
        self._rebuild_all()

    def add(self, transaction: Transaction, received_ns: int) -> None:
        """Store a checked transaction and take it into its account's queue.

        Raises:
            IgnoreError: its nonce is used up, or the projected balance does not suffice;
                nothing is stored.
            ValueError: it has no header.
        """
        header = transaction.header
        if header is None:
            raise ValueError(f"transaction {transaction.raw.id} was not parsed")
        queue = self._queues.get(header.principal) or self._fresh(header.principal)
        queue.add(Candidate(transaction.raw.id, header, received_ns))
        self._queues[header.principal] = queue
        with self.db.batch() as batch:
            put_transaction(batch, transaction, received_ns)

    def projected(self, address: Address) -> tuple[int, int]:
        """Return an account's next nonce and balance as if everything pending were applied."""
        known = self._queues.get(address)
        return self._fresh(address).projected if known is None else known.projected

    def count(self) -> int:
        """Return how many transactions are in the queues."""
        return sum(len(queue.candidates) for queue in self._queues.values())

    def select(self, wanted: int) -> tuple[TransactionID, ...]:
        """Return at most ``wanted`` transactions for a proposal."""
        offered = {address: queue.offered() for address, queue in sorted(self._queues.items())}
        return select(predict(offered, self.gas_limit), wanted, self.entropy)

    def on_proposal(
        self, layer: LayerID, proposal: ProposalID, transactions: Iterable[TransactionID]
    ) -> None:
        """A proposal that offers these transactions was stored."""
        offered = tuple(transactions)
        with self.db.batch(sync=False) as batch:
            put_in_proposal(batch, offered, layer, proposal)
        self._mark(layer, offered)

    def on_block(
        self, layer: LayerID, block: BlockID, transactions: Iterable[TransactionID]
    ) -> None:
        """See the mesh's TransactionsListener."""
        self._mark(layer, transactions)

    def on_applied(self, applied: Applied) -> None:
        """See the mesh's TransactionsListener."""
        touched = {account.address for account in applied.accounts}
        touched.update(
            entry.transaction.header.principal
            for entry in applied.results
            if entry.transaction.header is not None
        )
        touched.update(t.header.principal for t in applied.ineffective if t.header is not None)
        touched.update(address for address, queue in self._queues.items() if queue.has_more)
        for address in sorted(touched):
            self._rebuild(address, applied.layer)
        self._offer_again(applied.layer)

    def on_reverted(self, layer: LayerID) -> None:
        """See the mesh's TransactionsListener."""
        self._rebuild_all()

    def _offer_again(self, applied: LayerID) -> None:
        """Let go of what was to be in an applied layer and is not: nobody else offers it.

        The reference waits until its account is touched again, or until a layer is empty.
        """
        for queue in self._queues.values():
            for candidate in queue.candidates:
                if candidate.layer is not None and candidate.layer <= applied:
                    candidate.layer = self._next_layer(candidate.id, applied)

    def _next_layer(self, transaction: TransactionID, applied: LayerID | None) -> LayerID | None:
        """Return the first layer behind the state with a block of it, or else with a proposal.

        A block goes before a proposal of a lower layer, as in the reference.  Nobody sees the
        difference: when that layer is applied, the next one is looked for.
        """
        blocks = blocks_with(self.db, transaction, after=applied)
        proposals = proposals_with(self.db, transaction, after=applied)
        return next((layer for held in (blocks, proposals) for layer, _ in held), None)

    def _rebuild_all(self) -> None:
        self._queues.clear()
        applied = find_applied_layer(self.db)
        for address, _ in principals_with_pending(self.db):
            self._rebuild(address, applied)

    def _rebuild(self, address: Address, applied: LayerID | None) -> None:
        """Make an account's queue anew from the state and the store."""
        self._queues.pop(address, None)
        queue = self._fresh(address)
        for stored in pending_transactions(self.db, address, queue.next_nonce):
            header = _header_of(stored.transaction)
            tx_id = stored.transaction.raw.id
            layer = self._next_layer(tx_id, applied)
            candidate = Candidate(tx_id, header, stored.received_ns, layer=layer)
            try:
                queue.add(candidate)
            except IgnoreError:
                # It waits in the store until the balance has grown.
                queue.has_more = True
        if queue.candidates or queue.has_more:
            self._queues[address] = queue

    def _fresh(self, address: Address) -> AccountQueue:
        account = find_account(self.db, address)
        if account is None:
            return AccountQueue(next_nonce=0, balance=0)
        return AccountQueue(next_nonce=account.next_nonce, balance=account.balance)

    def _mark(self, layer: LayerID, transactions: Iterable[TransactionID]) -> None:
        for tx_id in transactions:
            header = find_transaction_header(self.db, tx_id)
            queue = None if header is None else self._queues.get(header.principal)
            if queue is None or not queue.mark(tx_id, layer):
                # As in the reference, the rest of the list stays unmarked.
                return


def _header_of(transaction: Transaction) -> TransactionHeader:
    if transaction.header is None:
        raise ValueError(f"pending transaction {transaction.raw.id} has no header")
    return transaction.header
