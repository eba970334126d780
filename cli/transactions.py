"""What the transaction commands share: options, accounts that pay, files, and records.

Source: product digest 2.6; vm digest sections 2 and 3.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from cli.context import Context
from cli.networks import check_network, configured_genesis, network_name
from cli.options import parse_amount, parse_bytes
from cli.records import Identifier, Smidge
from cli.wallets import OpenWallet, unlock
from node.base.bech32 import decode_address
from node.base.errors import DecodeError, NotFoundError, UsageError
from node.types.address import Address
from node.types.ids import GenesisID, TransactionID
from node.types.transaction import RawTransaction
from node.vm import sdk
from node.vm.gas import Gas
from node.vm.genesis import VESTING_END, VESTING_START
from node.vm.templates import multisig, vault, vesting
from node.vm.templates.vault import Vault
from node.vm.wire import VaultSpawnArguments
from node.wallet.accounts import accounts_of, find_account
from node.wallet.draft import (
    FILE_CODE,
    METHOD_NAMES,
    Draft,
    Network,
    Owner,
    call_to_json,
    decode_draft,
    finish_draft,
    shared_owner,
    wallet_owner,
)
from node.wallet.signer import SoftwareSigner

PUBLIC_KEY_BYTES: Final = 32
GENESIS_ID_BYTES: Final = 20
STDIN: Final = "-"

From: TypeAlias = Annotated[
    str,
    typer.Option("--from", metavar="ACCOUNT", help="Number, @name, address or public key."),
]
Kind: TypeAlias = Annotated[
    str, typer.Option("--template", help="Who pays, by keys: wallet, multisig or vesting.")
]
Keys: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="HEX", help="Key of the payer; repeat in their order."),
]
Required: TypeAlias = Annotated[
    int, typer.Option("--required", min=1, max=255, help="Signatures the payer needs.")
]
GasPrice: TypeAlias = Annotated[
    int, typer.Option("--gas-price", min=1, help="Smidge for a unit of gas.")
]
ChosenNonce: TypeAlias = Annotated[
    int | None, typer.Option("--nonce", min=0, help="Nonce; the account's next one without it.")
]
Unit: TypeAlias = Annotated[
    str, typer.Option("--unit", metavar="SMH|smidge", help="Unit of a number without one.")
]
GenesisOption: TypeAlias = Annotated[
    str, typer.Option("--genesis-id", metavar="HEX", help="Network to sign for, by its identifier.")
]
Destination: TypeAlias = Annotated[
    str, typer.Argument(metavar="TO", help="Address, or @name of an account of the wallet.")
]
Amount: TypeAlias = Annotated[
    str, typer.Argument(metavar="AMOUNT", help="Such as 1.5SMH or 1500000000smidge.")
]
VaultAddress: TypeAlias = Annotated[
    str, typer.Argument(metavar="VAULT", help="Address of the vault.")
]
OutputFile: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write; else stdout.")
]
Source: TypeAlias = Annotated[
    str, typer.Argument(metavar="HEX|FILE|-", help="Bytes in hexadecimal, a file, or stdin.")
]
VaultTotal: TypeAlias = Annotated[
    str, typer.Option("--total", metavar="AMOUNT", help="Spawn a vault of so many coins.")
]
VaultInitial: TypeAlias = Annotated[
    str, typer.Option("--initial", metavar="AMOUNT", help="Its first part; a quarter without it.")
]
VaultStart: TypeAlias = Annotated[
    int, typer.Option("--start", min=0, help="Layer at which the vault begins to unlock.")
]
VaultEnd: TypeAlias = Annotated[
    int, typer.Option("--end", min=0, help="Layer from which the vault is unlocked.")
]

DEFAULT_START: Final = VESTING_START
DEFAULT_END: Final = VESTING_END


@dataclass(frozen=True, slots=True, kw_only=True)
class GasRecord:
    """What a transaction costs, by what it is for; gas units."""

    base: int
    """Of the method and its signatures."""

    data: int
    """Of the bytes."""

    fixed: int
    """Of the accounts that are read and written."""

    total: int
    price: int
    """Smidge for a unit."""

    max_fee: Smidge


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerChoice:
    """How the options name the account that pays."""

    account: str = ""
    """Of the wallet; or the address that the keys must lead to."""

    template: str = ""
    keys: tuple[str, ...] = ()
    required: int = 1

    @property
    def by_keys(self) -> bool:
        """Whether keys name it, so that no wallet has to be opened."""
        return bool(self.keys) or self.template in {"multisig", "vesting"}


def choose_payer(
    account: str, template: str, keys: Sequence[str] | None, required: int
) -> PayerChoice:
    """Return what the four options say together."""
    return PayerChoice(
        account=account, template=template, keys=tuple(keys or ()), required=required
    )


def owner_of_keys(choice: PayerChoice, prefix: str) -> Owner:
    """Return the account that keys make.

    Raises:
        UsageError: they make none, or not the one that was named.
        TransactionError: it cannot require so many signatures.
    """
    keys = [parse_bytes(text, PUBLIC_KEY_BYTES, "public key") for text in choice.keys]
    template = choice.template or ("wallet" if len(keys) == 1 else "multisig")
    if not keys:
        raise UsageError(f"a {template} account needs public keys", hint="give --key")
    match template:
        case "wallet":
            if len(keys) != 1:
                raise UsageError(f"a wallet has one key, not {len(keys)}")
            owner = wallet_owner(keys[0])
        case "multisig":
            owner = shared_owner(multisig.ADDRESS, choice.required, keys)
        case "vesting":
            owner = shared_owner(vesting.ADDRESS, choice.required, keys)
        case _:
            raise UsageError(
                f"there is no payer of template {template!r}",
                hint="there are wallet, multisig, vesting",
            )
    if choice.account and parse_address(choice.account, prefix) != owner.address:
        raise UsageError(
            f"the keys do not make {choice.account}",
            code="smesh.usage.signer",
            hint="check their order and --required",
        )
    return owner


def owner_in_wallet(opened: OpenWallet, choice: PayerChoice, prefix: str) -> Owner:
    """Return the account of a wallet that pays.

    Raises:
        NotFoundError: there is no such account.
    """
    found = find_account(opened.wallet, choice.account or "0", prefix)
    return wallet_owner(found.key.public_key)


def open_payer(
    context: Context, choice: PayerChoice, prefix: str, wallet: Path | None, *, signs: bool
) -> tuple[Owner, OpenWallet | None]:
    """Return the account that pays, and the wallet if it had to be opened.

    Args:
        context: of the command.
        choice: how the account is named.
        prefix: of the network's addresses.
        wallet: file, as chosen.
        signs: open the wallet in any case, because it has to sign.

    Raises:
        UsageError: the account cannot be meant.
        NotFoundError: the wallet has no such account.
    """
    if choice.by_keys:
        owner = owner_of_keys(choice, prefix)
        return owner, unlock(context, wallet)[0] if signs else None
    opened, _ = unlock(context, wallet)
    return owner_in_wallet(opened, choice, prefix), opened


def wallet_signers(opened: OpenWallet, owner: Owner) -> Iterator[SoftwareSigner]:
    """Yield a signer for each key of the account that the wallet has.

    Raises:
        WalletError: such a key is on a device.
    """
    for account in accounts_of(opened.wallet):
        if account.key.public_key in owner.public_keys:
            yield SoftwareSigner(account.key)


def parse_address(text: str, prefix: str) -> Address:
    """Return the address a text names.

    Raises:
        UsageError: it is none, or of another network.
    """
    return Address(decode_address(text.strip(), prefix))


def find_destination(text: str, prefix: str, opened: OpenWallet | None) -> Address:
    """Return the address of a recipient: as written, or by ``@name`` in the wallet.

    Raises:
        UsageError: it is no address of this network.
        NotFoundError: the wallet knows nobody of this name.
    """
    if not text.startswith("@"):
        return parse_address(text, prefix)
    if opened is None:
        raise UsageError(
            f"no wallet is open in which {text} could be looked up", hint="write the address"
        )
    for contact in opened.wallet.contacts:
        if contact.nickname == text.removeprefix("@"):
            return parse_address(contact.address, prefix)
    return find_account(opened.wallet, text, prefix).address


def read_amount(context: Context, text: str, unit: str = "") -> Smidge:
    """Return an amount; a script has to give a unit.

    Raises:
        UsageError: it is no amount.
    """
    return parse_amount(text, unit=unit, for_script=context.output.style.json)


def vault_terms(
    context: Context, owner: Address, *, total: str, initial: str, start: int, end: int
) -> VaultSpawnArguments:
    """Return the terms of a vault.

    Raises:
        UsageError: an amount or layer cannot be meant.
        TransactionError: no vault can have such terms.
    """
    amount = read_amount(context, total)
    first = read_amount(context, initial) if initial else amount // 4
    terms = VaultSpawnArguments(
        owner=owner,
        total_amount=int(amount),
        initial_unlock_amount=int(first),
        vesting_start=start,
        vesting_end=end,
    )
    Vault(terms).check()
    return terms


def spawn_body(
    owner: Owner, terms: VaultSpawnArguments | None, *, nonce: int, gas_price: int
) -> bytes:
    """Return the body of a transaction that spawns the account itself, or a vault of its own."""
    if terms is None:
        return sdk.self_spawn(owner.template, owner.arguments, nonce=nonce, gas_price=gas_price)
    return sdk.spawn(owner.address, vault.ADDRESS, terms, nonce=nonce, gas_price=gas_price)


def chosen_network(context: Context, prefix: str | None, identifier: str) -> Network:
    """Return the network to sign for, from options and configuration alone.

    Raises:
        UsageError: its identifier cannot be known.
        ConfigError: the configuration is wrong.
    """
    loaded = context.config()
    chosen = configured_genesis(loaded.config)
    if identifier:
        chosen = GenesisID(parse_bytes(identifier, GENESIS_ID_BYTES, "genesis id"))
    if chosen is None:
        raise UsageError(
            f"the genesis of network {loaded.preset} is not known without a node",
            code="smesh.usage.genesis",
            hint="give --genesis-id, or its configuration with --config",
        )
    return Network(
        name=network_name(chosen, loaded.preset),
        prefix=context.address_prefix(prefix),
        genesis_id=chosen,
    )


def read_source(context: Context, source: str) -> Draft | bytes:
    """Return what an argument holds: a draft, or the bytes of a transaction.

    Raises:
        UsageError: the file cannot be read.
        NotFoundError: there is no such file.
        DecodeError: the file is damaged.
    """
    raw = _hexadecimal(source)
    if raw:
        return raw
    data = _read(context, source)
    if data.lstrip().startswith(b"{"):
        draft = decode_draft(data)
        check_network(draft.network)
        return draft
    raw = _hexadecimal(data.decode("ascii", "replace"))
    if not raw:
        raise DecodeError(
            f"{source} holds no transaction",
            code=FILE_CODE,
            hint="a file of smcli tx build, or hexadecimal digits",
        )
    return raw


def read_draft(context: Context, source: str) -> Draft:
    """Return the draft in a file or on stdin.

    Raises:
        UsageError: the argument holds bare bytes.
        DecodeError: the file is damaged.
    """
    found = read_source(context, source)
    if isinstance(found, bytes):
        raise UsageError(
            "bare bytes do not tell who has to sign",
            hint="give a file of smcli tx build",
        )
    return found


def finished(found: Draft | bytes) -> bytes:
    """Return a transaction as it is sent.

    Raises:
        PreconditionError: signatures are missing.
    """
    return finish_draft(found) if isinstance(found, Draft) else found


def transaction_id(raw: bytes) -> TransactionID:
    """Return the identifier of a signed transaction."""
    return RawTransaction.of(raw).id


def parse_transaction_id(text: str) -> TransactionID:
    """Read the identifier of a transaction.

    Raises:
        UsageError: it is none.
    """
    return TransactionID(parse_bytes(text, TransactionID.SIZE, "transaction id"))


def gas_record(gas: Gas, price: int) -> GasRecord:
    """Return the gas of a transaction with what it costs."""
    return GasRecord(
        base=gas.base,
        data=gas.data,
        fixed=gas.fixed,
        total=gas.total,
        price=price,
        max_fee=Smidge(gas.total * price),
    )


def draft_lines(draft: Draft) -> dict[str, object]:
    """Return what a signer has to see, by label."""
    parsed = draft.parsed
    arguments = readable(call_to_json(parsed.call, draft.network))
    return {
        "network": f"{draft.network.name} ({draft.network.genesis_id.hex()})",
        "from": draft.network.address_text(parsed.header.principal),
        "method": METHOD_NAMES[parsed.header.method],
        **arguments,
        "nonce": parsed.header.nonce,
        "gas": f"{parsed.gas.total} at {parsed.header.gas_price} smidge",
        "max_fee": Smidge(parsed.header.fee),
    }


def readable(arguments: Mapping[str, Any]) -> dict[str, object]:
    """Return the arguments of a transaction with amounts and keys as records show them."""
    values: dict[str, object] = {}
    for name, value in arguments.items():
        if name.endswith("amount"):
            values[name] = Smidge(int(value))
        elif name == "public_key":
            values[name] = Identifier(value)
        else:
            values[name] = value
    return values


def _read(context: Context, source: str) -> bytes:
    if source == STDIN:
        if context.options.password_stdin:
            raise UsageError(
                "stdin cannot hold both the transaction and the password",
                hint="give one of them in a file",
            )
        return sys.stdin.read().encode()
    try:
        return Path(source).read_bytes()
    except FileNotFoundError:
        raise NotFoundError(
            "file", source, hint="give a file, a transaction in hexadecimal, or - for stdin"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{source[:64]}: cannot be read: {error}") from error


def _hexadecimal(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        return b""
