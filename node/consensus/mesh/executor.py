"""Applies blocks to the state: the VM's results, and everything about them, in one write.

Source: go-spacemesh, mesh/executor.go; tortoise digest 13.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from node.base.errors import NotFoundError, PreconditionError
from node.consensus.atxdata import AtxData
from node.store.accounts import find_account, put_account
from node.store.db import Batch, Reader
from node.store.layers import put_applied_block, put_state_hash
from node.store.rewards import put_rewards
from node.store.transactions import find_transaction, put_transaction_result
from node.types.account import Account
from node.types.address import Address
from node.types.block import AnyReward, Block
from node.types.ids import BlockID, TransactionID
from node.types.layer import LayerID
from node.types.layer_time import LayerTime
from node.types.reward import CoinbaseReward
from node.types.transaction import Transaction, TransactionResult
from node.vm.apply import Applied, VmParameters, apply
from node.vm.records import constructor
from node.vm.rewards import sort_rewards

_make_result: Final = constructor(TransactionResult)


@dataclass(frozen=True, slots=True)
class StoredAccounts:
    """The newest state in the store, as the VM reads it."""

    db: Reader

    def find_account(self, address: Address) -> Account | None:
        """See AccountReader."""
        return find_account(self.db, address)


@dataclass(kw_only=True)
class Executor:
    """Runs the VM on stored blocks.  Reads only; ``put_applied`` writes what came out."""

    db: Reader
    atxdata: AtxData
    time: LayerTime
    parameters: VmParameters

    def execute(self, layer: LayerID, block: Block | None) -> Applied:
        """Return what applying a layer's block does; None is an empty layer.

        Raises:
            NotFoundError: a transaction or an ATX of the block is not here.
        """
        if block is None:
            return self._apply(layer, (), ())
        return self._apply(layer, block.tx_ids, block.rewards)

    def execute_optimistic(
        self, layer: LayerID, tx_ids: Sequence[TransactionID], rewards: Sequence[AnyReward]
    ) -> Applied:
        """Return what applying an ordered list does, before it is made into a block.

        Raises:
            NotFoundError: a transaction or an ATX is not here.
        """
        return self._apply(layer, tx_ids, rewards)

    def _apply(
        self, layer: LayerID, tx_ids: Sequence[TransactionID], rewards: Sequence[AnyReward]
    ) -> Applied:
        return apply(
            layer,
            tuple(self._unapplied(tx_ids)),
            sort_rewards(self._coinbase_rewards(layer, rewards)),
            StoredAccounts(self.db),
            self.parameters,
        )

    def _unapplied(self, tx_ids: Iterable[TransactionID]) -> Iterable[Transaction]:
        for tx_id in tx_ids:
            stored = find_transaction(self.db, tx_id)
            if stored is None:
                raise NotFoundError("transaction", tx_id)
            if stored.result is None:
                yield stored.transaction

    def _coinbase_rewards(
        self, layer: LayerID, rewards: Iterable[AnyReward]
    ) -> Iterable[CoinbaseReward]:
        epoch = self.time.epoch_of(layer)
        for reward in rewards:
            entry = self.atxdata.get(epoch, reward.atx_id)
            if entry is None:
                raise NotFoundError("atx", reward.atx_id)
            yield CoinbaseReward(
                smesher=entry.smesher, coinbase=entry.coinbase, weight=reward.weight
            )


def check_next(layer: LayerID, in_state: LayerID) -> None:
    """Check that a layer is the one to apply next.

    Raises:
        PreconditionError: it is applied already, or one before it is not.
    """
    if layer <= in_state:
        raise PreconditionError(f"layer {layer} is already applied, the state is at {in_state}")
    if layer != in_state + 1:
        raise PreconditionError(f"layer {layer} is not in order, the state is at {in_state}")


def put_applied(batch: Batch, applied: Applied, block: BlockID) -> None:
    """Write a layer's accounts, results and rewards, its block and its state root."""
    for account in applied.accounts:
        put_account(batch, account)
    for entry in applied.results:
        put_transaction_result(batch, entry.transaction, _in_block(entry.result, block))
    put_rewards(batch, applied.rewards)
    put_applied_block(batch, applied.layer, block)
    put_state_hash(batch, applied.layer, applied.state_root)


def _in_block(result: TransactionResult, block: BlockID) -> TransactionResult:
    """Return a result with its block: a full one has thousands, and ``replace`` is slow."""
    return _make_result(
        status=result.status,
        message=result.message,
        gas=result.gas,
        fee=result.fee,
        block=block,
        layer=result.layer,
        addresses=result.addresses,
    )
