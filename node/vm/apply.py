"""A layer's transactions and rewards, applied: the state transition of the protocol.

Each transaction is *ineffective* (skipped: no fee, no nonce), or it is charged; a charged
one succeeds or fails.  Rewards follow all transactions of their layer.  The accounts that
changed, in the order they first did, make the state root.

Source: go-spacemesh, genvm/vm; vm digest sections 5 to 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from node.crypto.ed25519 import verify_signature
from node.types.account import Account
from node.types.amounts import MAX_U64
from node.types.ids import NO_BLOCK, GenesisID, Hash32, TransactionID
from node.types.layer import LayerID
from node.types.reward import CoinbaseReward, Reward
from node.types.transaction import (
    Transaction,
    TransactionResult,
    TransactionStatus,
    TransactionWithResult,
)
from node.vm.context import Context
from node.vm.errors import ExecutionError, TransactionError
from node.vm.parsing import ParsedTransaction, is_signed, parse
from node.vm.records import constructor
from node.vm.rewards import compute_layer_subsidy, split_rewards
from node.vm.state import AccountReader, Changes, StagedAccount, compute_state_root
from node.vm.templates import vesting
from node.vm.templates.base import Spawn, Verify
from node.vm.wire import DrainVaultArguments, SpendArguments

SUCCESS: Final = ""
"""Message of a transaction that did what it asked for."""
SUCCESS_STATUS: Final = TransactionStatus.SUCCESS
FAILURE_STATUS: Final = TransactionStatus.FAILURE

_make_transaction: Final = constructor(Transaction)
_make_result: Final = constructor(TransactionResult)
_make_executed: Final = constructor(TransactionWithResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class VmParameters:
    """What differs between networks."""

    genesis_id: GenesisID
    """Part of what accounts sign."""

    block_gas_limit: int
    """Most gas of the transactions of one layer."""

    first_effective_genesis: LayerID
    """The layer from which the subsidy counts."""

    address_prefix: str
    """How addresses begin in the messages of failed transactions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying a layer did; nothing is written anywhere yet."""

    layer: LayerID

    results: tuple[TransactionWithResult, ...]
    """Transactions that were charged, in order.  Their block is left to who knows it."""

    ineffective: tuple[Transaction, ...]
    """Transactions that were skipped, in order; those with too low a nonce have headers."""

    rewards: tuple[Reward, ...]
    accounts: tuple[Account, ...]
    """Changed accounts in the order of their first change."""

    state_root: Hash32

    @property
    def skipped_ids(self) -> tuple[TransactionID, ...]:
        """Identifiers of the transactions that were skipped."""
        return tuple(transaction.raw.id for transaction in self.ineffective)


def apply(
    layer: LayerID,
    transactions: Sequence[Transaction],
    rewards: Sequence[CoinbaseReward],
    accounts: AccountReader,
    parameters: VmParameters,
    *,
    verify: Verify = verify_signature,
) -> Applied:
    """Apply a layer.

    Args:
        layer: the layer; the caller sees to it that layers come in order.
        transactions: the block's, in its order, without those that an earlier layer applied.
            Signatures of those with a header are taken for verified.
        rewards: the block's shares in the order of ``sort_rewards``.
        accounts: the state before the layer.
        parameters: those of the network.
        verify: answers signature checks, see ``node.vm.signatures``.

    Raises:
        PreconditionError: the layer is before the first effective genesis, or the block
            rewards a smesher twice.
    """
    subsidy = compute_layer_subsidy(layer, parameters.first_effective_genesis)
    block = _BlockExecution(layer, Changes(accounts), parameters, verify)
    for transaction in transactions:
        block.add(transaction)
    paid = split_rewards(layer, subsidy, block.fees, rewards)
    for reward in paid:
        account = block.changes.load(reward.coinbase)
        account.balance = account.balance + reward.total_reward & MAX_U64
        block.changes.touch(account.address)
    changed = block.changes.accounts(layer)
    return Applied(
        layer=layer,
        results=tuple(block.results),
        ineffective=tuple(block.ineffective),
        rewards=paid,
        accounts=changed,
        state_root=compute_state_root(changed),
    )


class _BlockExecution:
    """The transactions of one layer, executed one after the other."""

    def __init__(
        self, layer: LayerID, changes: Changes, parameters: VmParameters, verify: Verify
    ) -> None:
        self.changes = changes
        self.results: list[TransactionWithResult] = []
        self.ineffective: list[Transaction] = []
        self.fees = 0
        self._layer = layer
        self._parameters = parameters
        self._verify = verify
        self._gas_left = parameters.block_gas_limit

    def add(self, transaction: Transaction) -> None:
        """Skip or execute the next transaction."""
        try:
            parsed = parse(transaction.raw.raw, self.changes.find_instance)
        except TransactionError:
            self.ineffective.append(Transaction(raw=transaction.raw, header=None))
            return
        header = parsed.header
        account = self.changes.load(header.principal)
        if (
            header.gas_price == 0
            or account.balance < parsed.gas.intrinsic
            or self._gas_left < header.max_gas
            or not (
                transaction.header is not None
                or is_signed(parsed, self._parameters.genesis_id, self._verify)
            )
        ):
            self.ineffective.append(Transaction(raw=transaction.raw, header=None))
        elif account.next_nonce > header.nonce:
            self.ineffective.append(Transaction(raw=transaction.raw, header=header))
        else:
            self._execute(transaction, parsed, account)

    def _execute(
        self, transaction: Transaction, parsed: ParsedTransaction, account: StagedAccount
    ) -> None:
        context = Context(
            self.changes, parsed, account, self._layer, self._parameters.address_prefix
        )
        message = SUCCESS
        try:
            context.charge()
            _call(context, parsed)
        except ExecutionError as error:
            message = str(error)
        gas = parsed.header.max_gas
        self.fees = self.fees + context.fee & MAX_U64
        self._gas_left -= gas
        result = _make_result(
            status=FAILURE_STATUS if message else SUCCESS_STATUS,
            message=message,
            gas=gas,
            fee=context.fee,
            block=NO_BLOCK,
            layer=self._layer,
            addresses=context.finish(),
        )
        executed = _make_transaction(raw=transaction.raw, header=parsed.header)
        self.results.append(_make_executed(transaction=executed, result=result))


def _call(context: Context, parsed: ParsedTransaction) -> None:
    call = parsed.call
    match call:
        case SpendArguments():
            context.transfer(context.principal, call.destination, call.amount)
        case Spawn():
            context.spawn(call)
        case DrainVaultArguments():
            vesting.drain_vault(context, call)
        case _:
            assert_never(call)
