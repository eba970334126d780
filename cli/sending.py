"""Sending a transaction: what it will cost, publishing it, and waiting for what becomes of it.

An account must be spawned before it can send.  So the first time two transactions go out:
the spawn, and once that is applied what was asked for.

Whatever happens after a transaction was published, its identifier is told.

Source: product digest 2.6; vm digest sections 3 and 10.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from cli.context import Context
from cli.errors import CheckFailedError, InterruptError, TimedOutError
from cli.formats import record_lines
from cli.node_api import NodeConnection
from cli.records import Identifier, Smidge, members
from cli.transactions import draft_lines, readable, spawn_body, transaction_id
from node.base.errors import NotFoundError, PreconditionError, UnavailableError, UsageError
from node.client.records import (
    AccountState,
    KnownTransaction,
    OutcomeStatus,
    TransactionContents,
    TransactionState,
)
from node.config.durations import format_instant
from node.types.ids import TransactionID
from node.types.layer import LayerID
from node.vm.templates.base import Spawn
from node.wallet.draft import (
    METHOD_NAMES,
    Draft,
    Owner,
    call_to_json,
    finish_draft,
    make_draft,
    sign_draft,
)
from node.wallet.signer import Signer

KNOWN_CODE: Final = "smesh.precondition.known"
"""Code of the refusal of a transaction that the node has already."""

REFUSED: Final = frozenset(
    {
        TransactionState.REJECTED,
        TransactionState.INSUFFICIENT_FUNDS,
        TransactionState.CONFLICTING,
        TransactionState.INEFFECTUAL,
    }
)
"""States that a transaction does not leave."""

PLANNED: Final = "planned"

MakeBody = Callable[[int], bytes]
"""Returns the body of a transaction with a nonce."""


@unique
class WaitFor(StrEnum):
    """How long a command waits."""

    MEMPOOL = "mempool"
    APPLIED = "applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is about to be sent."""

    account: AccountState
    draft: Draft
    spawn: Draft | None
    """Goes first, because the account is not spawned yet."""

    balance_after: int
    """Smidge, once everything pending is applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A transaction that was sent, or would be."""

    id: Identifier | None
    """None before it is signed."""

    state: str
    network: str
    principal: str
    method: str
    arguments: dict[str, object]
    nonce: int
    gas: int
    gas_price: int
    max_fee: Smidge
    balance_after: Smidge
    """Of the sender, once everything pending is applied."""

    spawn: Identifier | None
    """The transaction that spawned the account first."""

    layer: int | None = None
    """Layer in which it was applied."""

    message: str = ""
    """Why it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecord:
    """What a node knows of a transaction."""

    id: Identifier
    state: str
    kind: str
    principal: str
    contents: dict[str, object]
    nonce: int
    gas_price: int
    max_gas: int
    max_fee: Smidge
    result: str | None
    """``success`` or ``failure``; None until it is applied."""

    message: str
    """Why it failed."""

    layer: int | None
    time: str | None
    """Start of that layer."""

    block: Identifier | None
    gas: int | None
    """What was used."""

    fee: Smidge | None
    """What was paid."""


def make_plan(
    connection: NodeConnection,
    owner: Owner,
    make_body: MakeBody,
    *,
    nonce: int | None,
    gas_price: int,
) -> Plan:
    """Return what would be sent, after checking that it can be.

    Args:
        connection: node to ask about the account.
        owner: account that sends.
        make_body: makes the transaction.
        nonce: as chosen; None for the next one.
        gas_price: smidge for a unit of gas, of a spawn that has to go first.

    Raises:
        PreconditionError: the balance is too low, the nonce was used, or something that the
            account sent before it was spawned is still pending.
    """
    network = connection.network
    account = connection.api.account(network.address_text(owner.address))
    following = account.projected_nonce
    spawn = None
    first = make_draft(network, owner, make_body(following if nonce is None else nonce))
    if account.is_spawned or _spawns_itself(first):
        draft = first
    elif account.projected_nonce > account.next_nonce:
        raise PreconditionError(
            f"{account.address} is being spawned, which is not applied yet",
            code="smesh.account.pending",
            hint="try again in the next layer",
        )
    else:
        body = spawn_body(owner, None, nonce=following, gas_price=gas_price)
        spawn = make_draft(network, owner, body)
        draft = make_draft(network, owner, make_body(following + 1 if nonce is None else nonce))
    return Plan(
        account=account,
        draft=draft,
        spawn=spawn,
        balance_after=_check_balance(account, draft, spawn),
    )


def check_unspawned(connection: NodeConnection, owner: Owner) -> None:
    """Refuse to spawn an account twice.

    Raises:
        PreconditionError: it is spawned; code ``smesh.account.spawned``.
    """
    address = connection.network.address_text(owner.address)
    if connection.api.account(address).is_spawned:
        raise PreconditionError(
            f"{address} is spawned already",
            code="smesh.account.spawned",
            hint="it can send; nothing has to be done",
        )


def send_plan(
    context: Context,
    connection: NodeConnection,
    plan: Plan,
    signers: Callable[[], Iterable[Signer]],
    *,
    max_fee: int | None,
    wait: WaitFor | None,
) -> Sent:
    """Show, confirm, sign and publish a plan, and wait if that is wanted.

    Args:
        context: of the command.
        connection: node that publishes.
        plan: what to send.
        signers: gives the keys that sign.
        max_fee: most smidge that it may cost; None for any.
        wait: what to wait for.

    Raises:
        PreconditionError: it costs too much, a signature is missing, or the node refuses it.
        RefusedError: the user does not agree.
        CheckFailedError: it was applied and failed, or cannot be applied any more.
        TimedOutError: the wait took too long.
    """
    drafts = [plan.draft] if plan.spawn is None else [plan.spawn, plan.draft]
    fee = sum(draft.parsed.header.fee for draft in drafts)
    if max_fee is not None and fee > max_fee:
        raise PreconditionError(
            f"the fee is {Smidge(fee)}, more than the {Smidge(max_fee)} of --max-fee",
            code="smesh.transaction.fee",
            hint="allow more, or choose a lower --gas-price",
        )
    _show(context, plan, fee)
    if context.options.dry_run:
        return _sent(plan, PLANNED)
    signed = [sign_draft(draft, signers()) for draft in drafts]
    raws = [finish_draft(draft) for draft in signed]
    context.prompts.confirm(_question(plan, fee))
    spawned = None
    for raw in raws[:-1]:
        spawned = publish(context, connection, raw)
        context.output.note(f"spawn {spawned.hex()} is sent; what follows waits for it")
        later = ", then send again: only the spawn was sent"
        known = await_state(context, connection, spawned, WaitFor.APPLIED, later=later)
        judge(known, spawned, report=None)
    tx_id = publish(context, connection, raws[-1])
    sent = _sent(plan, TransactionState.MEMPOOL.value, tx_id=tx_id, spawn=spawned)
    if wait is None:
        return sent
    known = await_state(context, connection, tx_id, wait)
    outcome = known.outcome
    report = _sent(
        plan,
        known.state.value,
        tx_id=tx_id,
        spawn=spawned,
        layer=outcome.layer if outcome is not None else None,
        message=outcome.message if outcome is not None else "",
    )
    judge(known, tx_id, report=report)
    return report


def publish(context: Context, connection: NodeConnection, raw: bytes) -> TransactionID:
    """Publish a transaction; one the node has already is fine.

    Raises:
        PreconditionError: the node refuses it, or is not synced.
    """
    tx_id = transaction_id(raw)
    try:
        connection.api.submit(raw)
    except PreconditionError as error:
        if error.code != KNOWN_CODE:
            raise
        context.output.warn(
            f"the node has transaction {tx_id.hex()} already", code="smesh.transaction.known"
        )
    except UsageError as error:
        raise PreconditionError(
            str(error),
            code="smesh.transaction.refused",
            hint=error.hint or "smcli tx parse tells what it says, smcli account balance the rest",
        ) from error
    return tx_id


def await_state(
    context: Context,
    connection: NodeConnection,
    tx_id: TransactionID,
    goal: WaitFor,
    *,
    later: str = "",
) -> KnownTransaction:
    """Return a transaction once it is as far as wanted, or can get no further.

    Args:
        context: of the command.
        connection: node that knows the transaction.
        tx_id: what to wait for.
        goal: how far it has to be.
        later: what the user has to do if the wait ends before.

    Raises:
        NotFoundError: the node does not know it.
        TimedOutError: it took too long.
        UnavailableError: the node went away.
        InterruptError: the user ended the wait.
    """
    hint = f"it goes on without us; look again with smcli tx wait {tx_id.hex()}{later}"
    state = TransactionState.UNKNOWN
    try:
        for known in connection.api.follow_transaction(tx_id):
            state = known.state
            if _is_final(known, goal):
                return known
            context.output.note(
                f"{tx_id.hex()} is in state {state.value}; {_next_layer(context, connection)}"
            )
    except TimedOutError:
        raise TimedOutError(
            f"transaction {tx_id.hex()} is still in state {state.value}", hint=hint
        ) from None
    except UnavailableError as error:
        raise UnavailableError(
            f"the node went away; transaction {tx_id.hex()} was in state {state.value}", hint=hint
        ) from error
    except KeyboardInterrupt:
        raise InterruptError(
            f"interrupted; transaction {tx_id.hex()} is in state {state.value}", hint=hint
        ) from None
    raise NotFoundError("transaction", tx_id)


def judge(known: KnownTransaction, tx_id: TransactionID, *, report: object) -> None:
    """Raise if a transaction had no effect.

    Raises:
        CheckFailedError: it failed, or can no longer be applied; code
            ``smesh.transaction.failed``.
    """
    outcome = known.outcome
    if known.state in REFUSED:
        problem = f"is {known.state.value} and had no effect"
    elif outcome is not None and outcome.status is not OutcomeStatus.SUCCESS:
        problem = f"was charged {Smidge(outcome.fee)}, but failed: {outcome.message}"
    else:
        return
    raise CheckFailedError(
        f"transaction {tx_id.hex()} {problem}",
        report=report,
        code="smesh.transaction.failed",
        hint=f"smcli tx status {tx_id.hex()} tells all that is known",
    )


def known_record(connection: NodeConnection, known: KnownTransaction) -> TransactionRecord:
    """Return what a node knows of a transaction."""
    transaction, outcome = known.transaction, known.outcome
    layer = outcome.layer if outcome is not None else None
    return TransactionRecord(
        id=Identifier(transaction.id.hex()),
        state=known.state.value,
        kind=transaction.kind.value if transaction.kind is not None else "",
        principal=transaction.principal,
        contents=contents_record(transaction.contents),
        nonce=transaction.nonce,
        gas_price=transaction.gas_price,
        max_gas=transaction.max_gas,
        max_fee=Smidge(transaction.max_fee),
        result=outcome.status.value if outcome is not None else None,
        message=outcome.message if outcome is not None else "",
        layer=layer,
        time=layer_time(connection, layer) if layer is not None else None,
        block=Identifier(outcome.block.hex()) if outcome is not None else None,
        gas=outcome.gas if outcome is not None else None,
        fee=Smidge(outcome.fee) if outcome is not None else None,
    )


def contents_record(contents: TransactionContents | None) -> dict[str, object]:
    """Return what a transaction asks for, with amounts as records show them."""
    return readable(dict(members(contents))) if contents is not None else {}


def layer_time(connection: NodeConnection, layer: LayerID) -> str:
    """Return the start of a layer as text."""
    return format_instant(connection.info.time.start_of(layer))


def _check_balance(account: AccountState, draft: Draft, spawn: Draft | None) -> int:
    """Return the balance behind a transaction; refuse what cannot be paid or was sent."""
    header = draft.parsed.header
    if header.nonce < account.next_nonce:
        raise PreconditionError(
            f"nonce {header.nonce} was used: the next one is {account.next_nonce}",
            code="smesh.account.nonce",
            hint="leave --nonce out",
        )
    # What takes the place of a pending transaction is paid from what that one would have taken.
    replaces = header.nonce < account.projected_nonce
    available = account.balance if replaces else account.projected_balance
    needed = header.spending + (spawn.parsed.header.fee if spawn is not None else 0)
    if needed > available:
        raise PreconditionError(
            f"{account.address} has {Smidge(available)}, but this takes {Smidge(needed)}",
            code="smesh.account.balance",
            hint="send less, or wait for what is on its way to the account",
        )
    return available - needed


def _spawns_itself(draft: Draft) -> bool:
    call = draft.parsed.call
    return isinstance(call, Spawn) and call.address == draft.owner.address


def _show(context: Context, plan: Plan, fee: int) -> None:
    """Tell what is about to be signed."""
    lines = draft_lines(plan.draft) | {
        "max_fee": Smidge(fee),
        "balance_after": Smidge(plan.balance_after),
    }
    context.output.note(record_lines(lines))
    if plan.spawn is not None:
        context.output.note("The account is not spawned yet: a spawn goes first, and is paid for.")
    if plan.draft.parsed.header.nonce < plan.account.projected_nonce:
        context.output.warn(
            "a transaction with this nonce is pending; the one with the higher fee wins",
            code="smesh.account.pending_nonce",
        )


def _question(plan: Plan, fee: int) -> str:
    """Return a question that says it all, for those who see nothing else."""
    network, parsed = plan.draft.network, plan.draft.parsed
    arguments = readable(call_to_json(parsed.call, network))
    target = arguments.get("destination") or arguments.get("account")
    amount = arguments.get("amount")
    what = f"{METHOD_NAMES[parsed.header.method].capitalize()}"
    what += f" {amount} to {target}" if amount is not None else f" {target}"
    first = ", after a spawn" if plan.spawn is not None else ""
    return f"{what} on {network.name}{first}, for a fee of at most {Smidge(fee)}?"


def _sent(
    plan: Plan,
    state: str,
    *,
    tx_id: TransactionID | None = None,
    spawn: TransactionID | None = None,
    layer: int | None = None,
    message: str = "",
) -> Sent:
    parsed, network = plan.draft.parsed, plan.draft.network
    return Sent(
        id=Identifier(tx_id.hex()) if tx_id is not None else None,
        state=state,
        network=network.name,
        principal=plan.account.address,
        method=METHOD_NAMES[parsed.header.method],
        arguments=readable(call_to_json(parsed.call, network)),
        nonce=parsed.header.nonce,
        gas=parsed.gas.total,
        gas_price=parsed.header.gas_price,
        max_fee=Smidge(parsed.header.fee),
        balance_after=Smidge(plan.balance_after),
        spawn=Identifier(spawn.hex()) if spawn is not None else None,
        layer=layer,
        message=message,
    )


def _is_final(known: KnownTransaction, goal: WaitFor) -> bool:
    if known.outcome is not None or known.state in REFUSED:
        return True
    return goal is WaitFor.MEMPOOL and known.state is not TransactionState.UNKNOWN


def _next_layer(context: Context, connection: NodeConnection) -> str:
    time = connection.info.time
    following = LayerID(time.layer_at(context.clock()) + 1)
    return f"layer {following} begins at {layer_time(connection, following)}"
