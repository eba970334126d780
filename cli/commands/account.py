"""``smcli account``: accounts of a wallet and their addresses."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from cli.account_book import (
    Grouping,
    Movement,
    RewardSum,
    balance_of,
    group_rewards,
    movement_of,
)
from cli.command import command, make_group
from cli.context import Context
from cli.node_api import NodeConnection, connect
from cli.options import Prefix, WalletFile, parse_amount, parse_bytes
from cli.prompts import read_secret_file
from cli.records import Identifier, Result, Smidge, Table
from cli.wallets import OpenWallet, save, unlock
from node.base.bech32 import decode_address, encode_address
from node.base.errors import UsageError
from node.types.address import Address
from node.types.layer import EpochID, LayerID
from node.vm.sdk import (
    multisig_address,
    vault_address,
    vesting_address,
    wallet_address,
)
from node.vm.wire import VaultSpawnArguments
from node.wallet.accounts import Account, accounts_of, add_account, find_account
from node.wallet.contents import KeyType

app = make_group("Accounts of a wallet and their addresses.")

PUBLIC_KEY_BYTES = 32
TEMPLATES = ("wallet", "multisig", "vesting", "vault")

Selector = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="Number, @name, address or public key.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """An account as the wallet knows it."""

    index: int
    name: str
    address: str
    public_key: Identifier
    path: str
    created: str
    on_device: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRecord:
    """An address and what it was computed from."""

    address: str
    template: str


@command(app, changes=True, unlocks=True)
def new(
    context: Context,
    *,
    name: Annotated[str, typer.Option(help="Name of the account.")] = "",
    wallet: WalletFile = None,
    hrp: Prefix = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="BIP-39 passphrase the wallet was made with."),
    ] = None,
) -> AccountRecord:
    """Add the next account to a wallet."""
    prefix = context.address_prefix(hrp)
    passphrase = read_secret_file(passphrase_file) if passphrase_file else ""
    opened, password = unlock(context, wallet)
    changed = add_account(opened.wallet, now_ns=context.clock(), name=name, passphrase=passphrase)
    if not context.options.dry_run:
        save(context, opened.path, changed, password)
    *_, added = accounts_of(changed)
    return _record(added, prefix)


@command(app, lists=True, unlocks=True)
def list_(context: Context, *, wallet: WalletFile = None, hrp: Prefix = None) -> Result:
    """List the accounts of a wallet."""
    prefix = context.address_prefix(hrp)
    opened, _ = unlock(context, wallet)
    rows = [_record(account, prefix) for account in accounts_of(opened.wallet)]
    columns = {"index": "index", "name": "name", "address": "address", "path": "path"}
    return Result(data=rows, human=Table(rows=rows, columns=columns))


@command(app, unlocks=True)
def show(
    context: Context, *, account: Selector = "0", wallet: WalletFile = None, hrp: Prefix = None
) -> AccountRecord:
    """Show an account of a wallet."""
    prefix = context.address_prefix(hrp)
    opened, _ = unlock(context, wallet)
    return _record(find_account(opened.wallet, account, prefix), prefix)


@command(app, unlocks=True)
def address(
    context: Context,
    *,
    account: Selector = "0",
    wallet: WalletFile = None,
    hrp: Prefix = None,
    template: Annotated[
        str, typer.Option(help=f"Compute it: {', '.join(TEMPLATES)}; no wallet is opened.")
    ] = "",
    key: Annotated[
        list[str] | None, typer.Option(metavar="HEX", help="Public key; repeat in their order.")
    ] = None,
    required: Annotated[int, typer.Option(min=1, help="Signatures a multisig needs.")] = 1,
    owner: Annotated[str, typer.Option(metavar="ADDRESS", help="Vesting account of a vault.")] = "",
    total: Annotated[str, typer.Option(metavar="AMOUNT", help="Coins of a vault.")] = "",
    initial: Annotated[
        str, typer.Option(metavar="AMOUNT", help="Its first part; a quarter without it.")
    ] = "",
    start: Annotated[int, typer.Option(help="Layer at which a vault begins to unlock.")] = 105_120,
    end: Annotated[int, typer.Option(help="Layer from which a vault is unlocked.")] = 420_480,
) -> AddressRecord:
    """Print the address of an account, or compute one from keys."""
    prefix = context.address_prefix(hrp)
    if not template and not key:
        opened, _ = unlock(context, wallet)
        found = find_account(opened.wallet, account, prefix)
        return AddressRecord(address=found.address_text(prefix), template="wallet")
    chosen = template or ("wallet" if len(key or ()) == 1 else "multisig")
    if chosen == "vault":
        terms = _vault_terms(
            context, prefix, owner=owner, total=total, initial=initial, span=(start, end)
        )
        computed = vault_address(terms)
    else:
        keys = [parse_bytes(text, PUBLIC_KEY_BYTES, "public key") for text in key or ()]
        computed = _key_address(chosen, keys, required)
    return AddressRecord(address=encode_address(prefix, computed), template=chosen)


@command(app, lists=True, unlocks=True)
def balance(
    context: Context,
    *,
    account: Annotated[
        list[str] | None,
        typer.Argument(metavar="ACCOUNT...", help="Accounts or addresses; all of the wallet."),
    ] = None,
    wallet: WalletFile = None,
) -> Result:
    """Show balances and next nonces; without arguments those of a whole wallet."""
    with connect(context) as connection:
        addresses = _addresses(context, connection, account or (), wallet)
        states = connection.api.accounts(list(addresses))
        rows = [balance_of(state, addresses[state.address]) for state in states]
    total = sum(row.balance for row in rows)
    projected = sum(row.projected_balance for row in rows)
    notes = (f"Total {Smidge(total)}, once everything pending is applied {Smidge(projected)}.",)
    columns = {
        "name": "name",
        "address": "address",
        "balance": "balance",
        "projected_balance": "projected",
        "projected_nonce": "next nonce",
        "template": "template",
    }
    return Result(
        data=rows, human=Table(rows=rows, columns=columns, notes=notes if len(rows) > 1 else ())
    )


@command(app, lists=True, unlocks=True)
def history(
    context: Context,
    *,
    account: Selector = "0",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, at most.")] = 50,
    from_layer: Annotated[int | None, typer.Option(min=0, help="First layer.")] = None,
    to_layer: Annotated[int | None, typer.Option(min=0, help="Last layer.")] = None,
    wallet: WalletFile = None,
) -> Result:
    """List what moved coins of an account, the newest first; rewards are listed by rewards."""
    with connect(context) as connection:
        (address,) = _addresses(context, connection, [account], wallet)
        found = connection.api.transactions(
            address=address,
            first=LayerID(from_layer) if from_layer is not None else None,
            last=LayerID(to_layer) if to_layer is not None else None,
            newest_first=True,
        )
        rows: list[Movement] = [
            movement_of(known, address, connection.info.time) for known in islice(found, limit)
        ]
    columns = {
        "time": "time",
        "layer": "layer",
        "kind": "kind",
        "counterparty": "from or to",
        "change": "change",
        "fee": "fee",
        "result": "result",
        "id": "id",
    }
    return Result(data=rows, human=Table(rows=rows, columns=columns))


@command(app, lists=True, unlocks=True)
def rewards(
    context: Context,
    *,
    account: Selector = "0",
    group: Annotated[Grouping, typer.Option(help="What a line stands for.")] = Grouping.EPOCH,
    from_epoch: Annotated[int | None, typer.Option(min=0, help="First epoch.")] = None,
    to_epoch: Annotated[int | None, typer.Option(min=0, help="Last epoch.")] = None,
    wallet: WalletFile = None,
) -> Result:
    """Sum up the rewards that were paid to an account."""
    with connect(context) as connection:
        (address,) = _addresses(context, connection, [account], wallet)
        time = connection.info.time
        paid = connection.api.rewards(
            coinbase=address,
            first=time.first_layer(EpochID(from_epoch)) if from_epoch is not None else None,
            last=time.last_layer(EpochID(to_epoch)) if to_epoch is not None else None,
        )
        rows: list[RewardSum] = group_rewards(paid, group, time)
    total = Smidge(sum(row.total for row in rows))
    count = sum(row.rewards for row in rows)
    notes = (f"{count} rewards, {total}.",)
    columns = {name: name for name in (group.value, "time", "rewards", "total", "fees")}
    data = {"account": address, "rewards": count, "total": total, "groups": rows}
    return Result(data=data, human=Table(rows=rows, columns=columns, key="groups", notes=notes))


def _addresses(
    context: Context, connection: NodeConnection, selectors: Iterable[str], wallet: Path | None
) -> dict[str, str]:
    """Return the addresses that are meant, with their names; a wallet is opened if need be."""
    prefix = connection.network.prefix
    found: dict[str, str] = {}
    opened: OpenWallet | None = None
    wanted = list(selectors)
    for selector in wanted:
        text = selector.strip()
        if text.lower().startswith(f"{prefix}1"):
            found[encode_address(prefix, Address(decode_address(text, prefix)))] = ""
            continue
        if opened is None:
            opened, _ = unlock(context, wallet)
        account = find_account(opened.wallet, text, prefix)
        found[account.address_text(prefix)] = account.name
    if not wanted:
        opened, _ = unlock(context, wallet)
        found = {one.address_text(prefix): one.name for one in accounts_of(opened.wallet)}
    return found


def _record(account: Account, prefix: str) -> AccountRecord:
    return AccountRecord(
        index=account.index,
        name=account.name,
        address=account.address_text(prefix),
        public_key=Identifier(account.key.public_key.hex()),
        path=account.key.path,
        created=account.key.created,
        on_device=account.key.key_type is not KeyType.SOFTWARE,
    )


def _key_address(template: str, keys: list[bytes], required: int) -> Address:
    if not keys:
        raise UsageError(f"a {template} address needs public keys", hint="give --key")
    match template:
        case "wallet":
            if len(keys) != 1:
                raise UsageError(f"a wallet has one key, not {len(keys)}")
            return wallet_address(keys[0])
        case "multisig":
            return multisig_address(required, keys)
        case "vesting":
            return vesting_address(required, keys)
        case _:
            raise UsageError(
                f"there is no template {template!r}", hint=f"there are {', '.join(TEMPLATES)}"
            )


def _vault_terms(
    context: Context,
    prefix: str,
    *,
    owner: str,
    total: str,
    initial: str,
    span: tuple[int, int],
) -> VaultSpawnArguments:
    if not owner or not total:
        raise UsageError("a vault address needs --owner and --total")
    script = context.output.style.json
    amount = parse_amount(total, for_script=script)
    first = parse_amount(initial, for_script=script) if initial else amount // 4
    return VaultSpawnArguments(
        owner=Address(decode_address(owner, prefix)),
        total_amount=int(amount),
        initial_unlock_amount=int(first),
        vesting_start=span[0],
        vesting_end=span[1],
    )
