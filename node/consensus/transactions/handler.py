"""Topic ``tx1`` and transactions that were fetched for proposals and blocks.

Source: go-spacemesh, txs/handler.go; vm digest section 10.1.
"""

from dataclasses import dataclass
from typing import Final

from node.base.errors import IgnoreError, WrongObjectError
from node.consensus.transactions.pool import TransactionPool
from node.consensus.transactions.rules import check_transaction
from node.events import AccountChanged, Bus, TransactionStored
from node.layer_ticker import Clock
from node.net.ports import PeerID
from node.store.accounts import find_account
from node.store.db import Database
from node.store.transactions import find_transaction, put_transaction
from node.types.account import Account
from node.types.address import Address
from node.types.ids import GenesisID, Hash32, TransactionID
from node.types.layer import LayerID
from node.types.transaction import RawTransaction, Transaction

TOPIC: Final = "tx1"


@dataclass(kw_only=True)
class TransactionHandler:
    """Parses, verifies, pools, announces."""

    db: Database
    clock: Clock
    bus: Bus
    pool: TransactionPool
    genesis_id: GenesisID

    def find_account(self, address: Address) -> Account | None:
        """See AccountReader: transactions are parsed against the newest state."""
        return find_account(self.db, address)

    async def on_gossip(self, peer: PeerID, data: bytes) -> None:
        """Handle one raw transaction.

        Raises:
            IgnoreError: known, not parsable, not signed, bad nonce or low balance.
        """
        self.add(RawTransaction.of(data))

    def add(self, raw: RawTransaction) -> Transaction:
        """Check a transaction and put it into the pool.

        Raises:
            IgnoreError: known, not parsable, not signed, bad nonce or low balance.
        """
        self._check_new(raw.id)
        transaction = check_transaction(raw, self, self.genesis_id)
        self.pool.add(transaction, self.clock.now_ns())
        self._announce(transaction, is_valid=True)
        return transaction

    async def on_proposal_transaction(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Take a transaction that was fetched for a proposal.

        Raises:
            RejectError: another one than was asked for.
            IgnoreError: not parsable, not signed, bad nonce or low balance.
        """
        raw = _expected(expected, data)
        stored = find_transaction(self.db, raw.id)
        if stored is None or stored.transaction.header is None:
            self.add(raw)

    async def on_synced(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Take a transaction that was fetched for a block: stored, whatever it is.

        Raises:
            RejectError: another one than was asked for.
        """
        raw = _expected(expected, data)
        if find_transaction(self.db, raw.id) is not None:
            return
        try:
            transaction = check_transaction(raw, self, self.genesis_id)
        except IgnoreError:
            # The block may be applied on a state in which it can be parsed.
            transaction = Transaction(raw=raw, header=None)
        with self.db.batch() as batch:
            put_transaction(batch, transaction, self.clock.now_ns())
        self._announce(transaction, is_valid=transaction.header is not None)

    def _check_new(self, tx_id: TransactionID) -> None:
        stored = find_transaction(self.db, tx_id)
        if stored is not None and stored.transaction.header is not None:
            raise IgnoreError("tx already exists", code="smesh.transaction.known")

    def _announce(self, transaction: Transaction, *, is_valid: bool) -> None:
        self.bus.publish(
            TransactionStored(transaction=transaction, layer=LayerID(0), is_valid=is_valid)
        )
        if transaction.header is not None:
            self.bus.publish(AccountChanged(address=transaction.header.principal))


def _expected(expected: Hash32, data: bytes) -> RawTransaction:
    raw = RawTransaction.of(data)
    if Hash32(raw.id) != expected:
        raise WrongObjectError(f"transaction {raw.id} was sent for {expected}")
    return raw
