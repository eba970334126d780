"""``smcli tx``: build, sign, send and watch transactions.

What needs no node is in ``cli.commands.tx_offline``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from cli.command import command
from cli.commands.tx_offline import app
from cli.context import Context
from cli.formats import record_lines
from cli.node_api import NodeConnection, connect
from cli.options import WalletFile
from cli.sending import (
    MakeBody,
    Sent,
    TransactionRecord,
    WaitFor,
    await_state,
    check_unspawned,
    judge,
    known_record,
    make_plan,
    publish,
    send_plan,
)
from cli.transactions import (
    DEFAULT_END,
    DEFAULT_START,
    Amount,
    ChosenNonce,
    Destination,
    From,
    GasPrice,
    Keys,
    Kind,
    PayerChoice,
    Required,
    Source,
    Unit,
    VaultAddress,
    VaultEnd,
    VaultInitial,
    VaultStart,
    VaultTotal,
    choose_payer,
    draft_lines,
    find_destination,
    finished,
    open_payer,
    parse_address,
    parse_transaction_id,
    read_amount,
    read_source,
    spawn_body,
    vault_terms,
    wallet_signers,
)
from cli.wallets import OpenWallet
from node.base.errors import NotFoundError, PreconditionError
from node.client.records import KnownTransaction, TransactionState
from node.types.ids import TransactionID
from node.vm import sdk
from node.wallet.draft import Draft, Owner
from node.wallet.signer import Signer

__all__ = ["app"]

MaxFee: TypeAlias = Annotated[
    str, typer.Option("--max-fee", metavar="AMOUNT", help="Do not send if it may cost more.")
]
Wait: TypeAlias = Annotated[
    WaitFor | None, typer.Option("--wait", help="Wait until it is so far; --timeout limits it.")
]
ID: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="Identifier of a transaction.")]


@command(app, changes=True, unlocks=True)
def send(
    context: Context,
    *,
    to: Destination,
    amount: Amount,
    account: From = "",
    template: Kind = "",
    key: Keys = None,
    required: Required = 1,
    gas_price: GasPrice = 1,
    nonce: ChosenNonce = None,
    max_fee: MaxFee = "",
    unit: Unit = "",
    wait: Wait = None,
    wallet: WalletFile = None,
) -> Sent:
    """Send coins; an account that is not spawned is spawned first."""
    smidge = read_amount(context, amount, unit)
    choice = choose_payer(account, template, key, required)
    with _open_sender(context, choice, wallet) as sender:
        destination = find_destination(to, sender.prefix, sender.opened)

        def make_body(number: int) -> bytes:
            return sdk.spend(
                sender.owner.address, destination, int(smidge), nonce=number, gas_price=gas_price
            )

        return sender.send(make_body, nonce=nonce, gas_price=gas_price, max_fee=max_fee, wait=wait)


@command(app, changes=True, unlocks=True)
def spawn(
    context: Context,
    *,
    account: From = "",
    template: Kind = "",
    key: Keys = None,
    required: Required = 1,
    total: VaultTotal = "",
    initial: VaultInitial = "",
    start: VaultStart = DEFAULT_START,
    end: VaultEnd = DEFAULT_END,
    gas_price: GasPrice = 1,
    nonce: ChosenNonce = None,
    max_fee: MaxFee = "",
    wait: Wait = None,
    wallet: WalletFile = None,
) -> Sent:
    """Spawn an account so that it can send, or with --total a vault of it."""
    choice = choose_payer(account, template, key, required)
    with _open_sender(context, choice, wallet) as sender:
        terms = None
        if total:
            terms = vault_terms(
                context, sender.owner.address, total=total, initial=initial, start=start, end=end
            )
        else:
            check_unspawned(sender.connection, sender.owner)

        def make_body(number: int) -> bytes:
            return spawn_body(sender.owner, terms, nonce=number, gas_price=gas_price)

        return sender.send(make_body, nonce=nonce, gas_price=gas_price, max_fee=max_fee, wait=wait)


@command(app, changes=True, unlocks=True)
def drain(
    context: Context,
    *,
    vault: VaultAddress,
    to: Destination,
    amount: Amount,
    account: From = "",
    template: Kind = "vesting",
    key: Keys = None,
    required: Required = 1,
    gas_price: GasPrice = 1,
    nonce: ChosenNonce = None,
    max_fee: MaxFee = "",
    unit: Unit = "",
    wait: Wait = None,
    wallet: WalletFile = None,
) -> Sent:
    """Let a vesting account pay out of its vault."""
    smidge = read_amount(context, amount, unit)
    choice = choose_payer(account, template, key, required)
    with _open_sender(context, choice, wallet) as sender:
        source = parse_address(vault, sender.prefix)
        destination = find_destination(to, sender.prefix, sender.opened)

        def make_body(number: int) -> bytes:
            return sdk.drain_vault(
                sender.owner.address,
                source,
                destination,
                int(smidge),
                nonce=number,
                gas_price=gas_price,
            )

        return sender.send(make_body, nonce=nonce, gas_price=gas_price, max_fee=max_fee, wait=wait)


@command(app, changes=True)
def submit(context: Context, *, source: Source, wait: Wait = None) -> TransactionRecord:
    """Publish a signed transaction; with --dry-run the node judges it only."""
    found = read_source(context, source)
    raw = finished(found)
    sdk.read_contents(raw)
    with connect(context) as connection:
        if isinstance(found, Draft):
            _check_network(connection, found)
            context.output.note(record_lines(draft_lines(found)))
        if context.options.dry_run:
            parsed = connection.api.parse(raw, verify=True)
            known = KnownTransaction(
                transaction=parsed, state=TransactionState.UNKNOWN, outcome=None
            )
            return known_record(connection, known)
        return _follow(context, connection, publish(context, connection, raw), wait)


@command(app)
def status(
    context: Context,
    *,
    id_: ID,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is applied.")] = False,
) -> TransactionRecord:
    """Show what became of a transaction."""
    with connect(context) as connection:
        goal = WaitFor.APPLIED if wait else None
        return _follow(context, connection, parse_transaction_id(id_), goal)


@command(app)
def wait(
    context: Context,
    *,
    id_: ID,
    for_: Annotated[WaitFor, typer.Option("--for", help="How far it has to be.")] = (
        WaitFor.APPLIED
    ),
) -> TransactionRecord:
    """Wait until a transaction is applied, or in the mempool of the node."""
    with connect(context) as connection:
        return _follow(context, connection, parse_transaction_id(id_), for_)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sender:
    """Who pays for a transaction, and the node that takes it."""

    context: Context
    connection: NodeConnection
    owner: Owner

    opened: OpenWallet | None
    """None where no wallet is needed: a multisig of keys that are named."""

    @property
    def prefix(self) -> str:
        """How addresses of the network begin."""
        return self.connection.network.prefix

    def send(
        self,
        make_body: MakeBody,
        *,
        nonce: int | None,
        gas_price: int,
        max_fee: str,
        wait: WaitFor | None,
    ) -> Sent:
        """Plan, sign and publish what a command makes."""
        plan = make_plan(self.connection, self.owner, make_body, nonce=nonce, gas_price=gas_price)
        limit = int(read_amount(self.context, max_fee)) if max_fee else None
        return send_plan(
            self.context, self.connection, plan, self._signers, max_fee=limit, wait=wait
        )

    def _signers(self) -> Iterator[Signer]:
        return iter(()) if self.opened is None else wallet_signers(self.opened, self.owner)


@contextmanager
def _open_sender(context: Context, choice: PayerChoice, wallet: Path | None) -> Iterator[_Sender]:
    """Connect to the node and find who pays; the wallet stays closed in a dry run."""
    with connect(context) as connection:
        owner, opened = open_payer(
            context, choice, connection.network.prefix, wallet, signs=not context.options.dry_run
        )
        yield _Sender(context=context, connection=connection, owner=owner, opened=opened)


def _follow(
    context: Context, connection: NodeConnection, tx_id: TransactionID, goal: WaitFor | None
) -> TransactionRecord:
    """Return what the node knows of a transaction, once it is as far as wanted."""
    if goal is None:
        known = connection.api.transaction(tx_id)
        if known is None:
            raise NotFoundError(
                "transaction", tx_id, hint="it is on its way, or the node dropped it"
            )
        return known_record(connection, known)
    known = await_state(context, connection, tx_id, goal)
    record = known_record(connection, known)
    judge(known, tx_id, report=record)
    return record


def _check_network(connection: NodeConnection, draft: Draft) -> None:
    """Refuse to publish a transaction on a network it was not signed for."""
    if draft.network.genesis_id != connection.network.genesis_id:
        raise PreconditionError(
            f"the transaction is for network {draft.network.name}, "
            f"the node is of {connection.network.name}",
            code="smesh.node.wrong_network",
            hint="name a node of that network with --node",
        )
