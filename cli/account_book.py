"""What a node knows of an account, as records: balance, movements, sums of rewards.

Everything here is a pure function of the node's answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from cli.records import Identifier, Smidge
from node.base.bech32 import decode_address
from node.client.records import (
    AccountState,
    DrainVaultContents,
    KnownTransaction,
    OutcomeStatus,
    Reward,
    SendContents,
    TransactionContents,
)
from node.config.durations import format_instant
from node.types.ids import SmesherID
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from node.wallet.draft import TEMPLATE_NAMES

NOT_SPAWNED: Final = "not spawned"


@unique
class Grouping(StrEnum):
    """What rewards are summed up by."""

    EPOCH = "epoch"
    LAYER = "layer"
    SMESHER = "smesher"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBalance:
    """An account in the state, and as it will be once everything pending is applied."""

    name: str
    """In the wallet; empty for an address that was given."""

    address: str
    template: str
    spawned: bool
    balance: Smidge
    projected_balance: Smidge
    nonce: int
    projected_nonce: int
    """What the next transaction has to carry."""

    layer: int
    """Layer that changed it last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A transaction, as one account sees it."""

    id: Identifier
    layer: int | None
    time: str | None
    kind: str
    counterparty: str | None
    """Who paid, or was paid."""

    change: Smidge
    """What the balance changed by, fee included."""

    fee: Smidge
    """What this account paid for it."""

    result: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSum:
    """Rewards of an epoch, a layer or a smesher; the others are None."""

    epoch: int | None
    layer: int | None
    smesher: Identifier | None
    time: str | None
    """Start of the epoch or layer."""

    rewards: int
    """How many."""

    total: Smidge
    fees: Smidge
    """The part of the total that senders paid."""


def balance_of(state: AccountState, name: str) -> AccountBalance:
    """Return an account as a record."""
    return AccountBalance(
        name=name,
        address=state.address,
        template=_template_name(state),
        spawned=state.is_spawned,
        balance=Smidge(state.balance),
        projected_balance=Smidge(state.projected_balance),
        nonce=state.next_nonce,
        projected_nonce=state.projected_nonce,
        layer=state.layer,
    )


def movement_of(known: KnownTransaction, address: str, time: LayerTime) -> Movement:
    """Return what a transaction did to an account."""
    transaction, outcome = known.transaction, known.outcome
    pays = transaction.principal == address
    fee = outcome.fee if pays and outcome is not None else 0
    succeeded = outcome is not None and outcome.status is OutcomeStatus.SUCCESS
    moved = _moved(transaction.contents, transaction.principal, address) if succeeded else 0
    layer = outcome.layer if outcome is not None else None
    return Movement(
        id=Identifier(transaction.id.hex()),
        layer=layer,
        time=format_instant(time.start_of(layer)) if layer is not None else None,
        kind=transaction.kind.value if transaction.kind is not None else "",
        counterparty=_counterparty(transaction.contents, transaction.principal, address),
        change=Smidge(moved - fee),
        fee=Smidge(fee),
        result=outcome.status.value if outcome is not None else known.state.value,
        message=outcome.message if outcome is not None else "",
    )


def group_rewards(
    rewards: Iterable[Reward], grouping: Grouping, time: LayerTime
) -> list[RewardSum]:
    """Return the sums of rewards, in the order in which their groups appear."""
    groups: dict[tuple[EpochID | None, LayerID | None, SmesherID | None], list[Reward]] = {}
    for reward in rewards:
        by_smesher = grouping is Grouping.SMESHER
        key = (
            None if by_smesher else time.epoch_of(reward.layer),
            reward.layer if grouping is Grouping.LAYER else None,
            reward.smesher if by_smesher else None,
        )
        groups.setdefault(key, []).append(reward)
    return [
        RewardSum(
            epoch=epoch,
            layer=layer,
            smesher=Identifier(smesher.hex()) if smesher is not None else None,
            time=_group_time(epoch, layer, time),
            rewards=len(members),
            total=Smidge(sum(reward.total for reward in members)),
            fees=Smidge(sum(reward.total - reward.layer_reward for reward in members)),
        )
        for (epoch, layer, smesher), members in groups.items()
    ]


def _group_time(epoch: EpochID | None, layer: LayerID | None, time: LayerTime) -> str | None:
    if layer is not None:
        return format_instant(time.start_of(layer))
    return format_instant(time.epoch_start(epoch)) if epoch is not None else None


def _template_name(state: AccountState) -> str:
    if state.template is None:
        return NOT_SPAWNED
    prefix = state.template.rpartition("1")[0]
    return TEMPLATE_NAMES.get(decode_address(state.template, prefix), state.template)


def _moved(contents: TransactionContents | None, principal: str, address: str) -> int:
    """Return what a successful transaction moved into an account, without the fee."""
    match contents:
        case SendContents(destination=destination, amount=amount):
            source = principal
        case DrainVaultContents(vault=source, destination=destination, amount=amount):
            pass
        case _:
            return 0
    return amount * ((destination == address) - (source == address))


def _counterparty(contents: TransactionContents | None, principal: str, address: str) -> str | None:
    match contents:
        case SendContents(destination=destination):
            return destination if principal == address else principal
        case DrainVaultContents(vault=source, destination=destination):
            return destination if source == address or destination != address else source
        case _:
            return None if principal == address else principal
