"""``smcli tx build|sign|combine|parse|estimate``: transactions without a node.

``smcli tx``, in ``cli.commands.tx``, adds what needs one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.command import command, make_group
from cli.context import Context
from cli.errors import CheckFailedError
from cli.formats import record_lines
from cli.options import Prefix, WalletFile
from cli.records import Identifier, Result, Smidge
from cli.transactions import (
    DEFAULT_END,
    DEFAULT_START,
    Amount,
    Destination,
    From,
    GasPrice,
    GasRecord,
    GenesisOption,
    Keys,
    Kind,
    OutputFile,
    Required,
    Source,
    Unit,
    VaultAddress,
    VaultEnd,
    VaultInitial,
    VaultStart,
    VaultTotal,
    choose_payer,
    chosen_network,
    draft_lines,
    find_destination,
    gas_record,
    open_payer,
    owner_of_keys,
    parse_address,
    read_amount,
    read_draft,
    read_source,
    readable,
    spawn_body,
    transaction_id,
    vault_terms,
    wallet_signers,
)
from cli.wallets import unlock
from node.base.bech32 import encode_address
from node.base.errors import DecodeError, PreconditionError, UsageError
from node.runtime.files import write_atomic
from node.types.ids import EdSignature
from node.vm import sdk
from node.vm.parsing import ParsedTransaction, is_signed, parse
from node.vm.templates.base import Instance, Spawn
from node.vm.templates.multisig import PART_SIZE
from node.vm.wire import Method
from node.wallet.draft import (
    METHOD_NAMES,
    TEMPLATE_NAMES,
    Draft,
    Network,
    Owner,
    call_to_json,
    decode_draft,
    draft_to_json,
    encode_draft,
    finish_draft,
    make_draft,
    merge_drafts,
    sign_draft,
    wallet_owner,
)

app = make_group("Build, sign, send and watch transactions.")
build = make_group("Build an unsigned transaction, without a node.")
app.add_typer(build, name="build")

ANY_KEY: Final = bytes(32)
"""Stands for a key that does not matter: all single keys cost the same."""

SIGNED = "signed"
UNSIGNED = "unsigned"
INCOMPLETE = "incomplete"
WRONG = "wrong signature"
UNKNOWN = "signer unknown"

Nonce = Annotated[
    int, typer.Option("--nonce", min=0, help="Nonce; smcli account balance shows the next one.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRecord:
    """What a transaction says, as far as it can be known without a node."""

    id: Identifier | None
    """None while signatures are missing."""

    kind: str
    principal: str
    method: str
    template: str | None
    """Kind of account that pays; None where the bytes do not tell."""

    arguments: dict[str, object]
    nonce: int
    gas_price: int
    size: int
    """Bytes."""

    signatures: int | None
    """How many it carries; None where the payer is not known."""

    verdict: str
    max_spend: Smidge | None
    gas: GasRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a transaction will cost."""

    principal: str
    method: str
    size: int
    """Bytes once it is signed."""

    gas: GasRecord
    max_spend: Smidge
    """What it moves, without the fee."""


@command(build, unlocks=True)
def send(
    context: Context,
    *,
    to: Destination,
    amount: Amount,
    nonce: Nonce,
    account: From = "",
    template: Kind = "",
    key: Keys = None,
    required: Required = 1,
    gas_price: GasPrice = 1,
    unit: Unit = "",
    output: OutputFile = None,
    wallet: WalletFile = None,
    hrp: Prefix = None,
    genesis_id: GenesisOption = "",
) -> Result:
    """Build a transaction that sends coins."""
    network = chosen_network(context, hrp, genesis_id)
    smidge = read_amount(context, amount, unit)
    choice = choose_payer(account, template, key, required)
    owner, opened = open_payer(context, choice, network.prefix, wallet, signs=False)
    destination = find_destination(to, network.prefix, opened)
    body = sdk.spend(owner.address, destination, int(smidge), nonce=nonce, gas_price=gas_price)
    return _written(context, make_draft(network, owner, body), output)


@command(build, unlocks=True)
def spawn(
    context: Context,
    *,
    nonce: Annotated[
        int | None, typer.Option("--nonce", min=0, help="Nonce; 0 without it, but for a vault.")
    ] = None,
    account: From = "",
    template: Kind = "",
    key: Keys = None,
    required: Required = 1,
    total: VaultTotal = "",
    initial: VaultInitial = "",
    start: VaultStart = DEFAULT_START,
    end: VaultEnd = DEFAULT_END,
    gas_price: GasPrice = 1,
    output: OutputFile = None,
    wallet: WalletFile = None,
    hrp: Prefix = None,
    genesis_id: GenesisOption = "",
) -> Result:
    """Build a transaction that spawns the account, or with --total a vault of it."""
    network = chosen_network(context, hrp, genesis_id)
    choice = choose_payer(account, template, key, required)
    owner, _ = open_payer(context, choice, network.prefix, wallet, signs=False)
    terms = None
    if total:
        if nonce is None:
            raise UsageError("the nonce is missing", hint="smcli account balance shows it")
        terms = vault_terms(
            context, owner.address, total=total, initial=initial, start=start, end=end
        )
    body = spawn_body(owner, terms, nonce=nonce or 0, gas_price=gas_price)
    return _written(context, make_draft(network, owner, body), output)


@command(build, unlocks=True)
def drain(
    context: Context,
    *,
    vault: VaultAddress,
    to: Destination,
    amount: Amount,
    nonce: Nonce,
    account: From = "",
    template: Kind = "vesting",
    key: Keys = None,
    required: Required = 1,
    gas_price: GasPrice = 1,
    unit: Unit = "",
    output: OutputFile = None,
    wallet: WalletFile = None,
    hrp: Prefix = None,
    genesis_id: GenesisOption = "",
) -> Result:
    """Build a transaction by which a vesting account draws on its vault."""
    network = chosen_network(context, hrp, genesis_id)
    smidge = read_amount(context, amount, unit)
    choice = choose_payer(account, template, key, required)
    owner, opened = open_payer(context, choice, network.prefix, wallet, signs=False)
    body = sdk.drain_vault(
        owner.address,
        parse_address(vault, network.prefix),
        find_destination(to, network.prefix, opened),
        int(smidge),
        nonce=nonce,
        gas_price=gas_price,
    )
    return _written(context, make_draft(network, owner, body), output)


@command(app, changes=True, unlocks=True)
def sign(
    context: Context,
    *,
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="A built transaction.")],
    output: OutputFile = None,
    wallet: WalletFile = None,
) -> Result:
    """Add the signatures that a wallet can make to a built transaction."""
    draft = read_draft(context, source)
    context.output.note(record_lines(draft_lines(draft)))
    if context.options.dry_run:
        return _shown(draft, None)
    opened, _ = unlock(context, wallet)
    signers = list(wallet_signers(opened, draft.owner))
    network = draft.network
    context.prompts.confirm(
        f"Sign for {network.address_text(draft.owner.address)} on {network.name}?"
    )
    return _written(context, sign_draft(draft, signers), output)


@command(app)
def combine(
    context: Context,
    *,
    source: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="The same transaction by each signer.")
    ],
    output: OutputFile = None,
) -> Result:
    """Put the signatures of several files into one."""
    return _written(context, merge_drafts(read_draft(context, one) for one in source), output)


@command(app, name="parse")
def parse_(
    context: Context,
    *,
    source: Source,
    template: Kind = "",
    key: Keys = None,
    required: Required = 1,
    hrp: Prefix = None,
    genesis_id: GenesisOption = "",
) -> Result:
    """Show what a transaction does and whether it is signed."""
    found = read_source(context, source)
    if isinstance(found, Draft):
        record = _parsed_draft(found)
    else:
        network = chosen_network(context, hrp, genesis_id)
        choice = choose_payer("", template, key, required)
        owner = owner_of_keys(choice, network.prefix) if choice.by_keys else None
        record = _parsed_bytes(found, network, owner)
    if record.verdict == WRONG:
        raise CheckFailedError(
            "the signature does not verify on this network",
            report=record,
            code="smesh.transaction.signature",
            hint="name the network with --network or --genesis-id, and the keys with --key",
        )
    return Result(data=record)


@command(app)
def estimate(
    context: Context,
    *,
    source: Source,
    template: Kind = "",
    key: Keys = None,
    required: Required = 1,
    hrp: Prefix = None,
) -> Estimate:
    """Show what a transaction will cost, signed or not."""
    found = read_source(context, source)
    if isinstance(found, Draft):
        prefix, parsed = found.network.prefix, found.parsed
    else:
        prefix = context.address_prefix(hrp)
        choice = choose_payer("", template, key, required)
        owner = owner_of_keys(choice, prefix).instance if choice.by_keys else None
        parsed = _parse_signed(found, owner or _need_owner(found))
    return Estimate(
        principal=encode_address(prefix, parsed.header.principal),
        method=METHOD_NAMES[parsed.header.method],
        size=len(parsed.raw),
        gas=gas_record(parsed.gas, parsed.header.gas_price),
        max_spend=Smidge(parsed.header.max_spend),
    )


def _written(context: Context, draft: Draft, output: Path | None) -> Result:
    """Write a draft to its file, if it has one, and return what to print."""
    if output is not None:
        _check_replaceable(output)
        try:
            write_atomic(output, encode_draft(draft))
        except OSError as error:
            raise PreconditionError(
                f"{output}: cannot be written: {error.strerror}", code="smesh.file.write"
            ) from error
        context.output.note(f"{len(draft.parts)} of {draft.owner.required} signatures, in {output}")
    return _shown(draft, output)


def _check_replaceable(path: Path) -> None:
    """Refuse to replace a file that is no draft: it may be a wallet."""
    if not path.exists():
        return
    try:
        decode_draft(path.read_bytes())
    except (OSError, DecodeError, UsageError) as error:
        raise PreconditionError(
            f"{path} exists and is no transaction file; it is left as it is",
            code="smesh.file.exists",
            hint="choose another file name",
        ) from error


def _shown(draft: Draft, file: Path | None) -> Result:
    raw = finish_draft(draft) if draft.is_complete else None
    data = {
        "file": file,
        "complete": draft.is_complete,
        "signed": len(draft.parts),
        "required": draft.owner.required,
        "id": Identifier(transaction_id(raw).hex()) if raw else None,
        "raw": raw.hex() if raw else None,
        "transaction": draft_to_json(draft),
    }
    if file is None:
        return Result(data=data, human=encode_draft(draft).decode().rstrip("\n"))
    lines = {"file": file, "id": data["id"], **draft_lines(draft)}
    return Result(data=data, human=record_lines(lines))


def _parsed_draft(draft: Draft) -> ParsedRecord:
    verdict = SIGNED if draft.is_complete else INCOMPLETE if draft.parts else UNSIGNED
    raw = finish_draft(draft) if draft.is_complete else draft.body
    return _record(
        raw,
        draft.network,
        owner=draft.owner.instance,
        verdict=verdict,
        signatures=len(draft.parts),
    )


def _parsed_bytes(raw: bytes, network: Network, owner: Owner | None) -> ParsedRecord:
    contents = sdk.read_contents(raw)
    if owner is not None and owner.address != contents.principal:
        raise UsageError(
            f"the keys do not make {network.address_text(contents.principal)}, which pays",
            code="smesh.usage.signer",
            hint="check their order and --required",
        )
    known = owner.instance if owner is not None else _self_spawned(contents)
    if contents.signature_bytes == 0:
        return _record(raw, network, owner=known, verdict=UNSIGNED, signatures=0)
    if known is None:
        signatures = 1 if contents.signature_bytes == EdSignature.SIZE else None
        return _record(raw, network, owner=None, verdict=UNKNOWN, signatures=signatures)
    size = known.signature_size
    signed = is_signed(parse(raw, lambda _: known), network.genesis_id)
    verdict = SIGNED if signed else INCOMPLETE if contents.signature_bytes < size else WRONG
    signatures = contents.signature_bytes * _signers(known) // size
    return _record(raw, network, owner=known, verdict=verdict, signatures=signatures)


def _record(
    raw: bytes, network: Network, *, owner: Instance | None, verdict: str, signatures: int | None
) -> ParsedRecord:
    contents = sdk.read_contents(raw)
    priced = owner or _guess_owner(contents)
    parsed = _parse_signed(raw, priced) if priced is not None else None
    is_sent = verdict in {SIGNED, UNKNOWN, WRONG}
    price = contents.payload.gas_price
    return ParsedRecord(
        id=Identifier(transaction_id(raw).hex()) if is_sent else None,
        kind=contents.kind.value,
        principal=network.address_text(contents.principal),
        method=METHOD_NAMES[contents.method],
        template=TEMPLATE_NAMES[owner.template] if owner is not None else None,
        arguments=readable(call_to_json(contents.call, network)),
        nonce=contents.payload.nonce,
        gas_price=price,
        size=len(raw),
        signatures=signatures,
        verdict=verdict,
        max_spend=Smidge(parsed.header.max_spend) if parsed is not None else None,
        gas=gas_record(parsed.gas, price) if parsed is not None else None,
    )


def _parse_signed(raw: bytes, owner: Instance) -> ParsedTransaction:
    """Parse a transaction as it is once signatures are behind it."""
    unsigned = sdk.read_contents(raw).signature_bytes == 0
    return parse(raw + bytes(owner.signature_size if unsigned else 0), lambda _: owner)


def _self_spawned(contents: sdk.Contents) -> Instance | None:
    match contents.call:
        case Spawn(address=address, target=target) if address == contents.principal:
            return target
    return None


def _guess_owner(contents: sdk.Contents) -> Instance | None:
    """Return an account that costs what the payer does, None if the bytes do not tell."""
    if contents.method == Method.SPEND and contents.signature_bytes in {0, EdSignature.SIZE}:
        return wallet_owner(ANY_KEY).instance
    return _self_spawned(contents)


def _need_owner(raw: bytes) -> Instance:
    guessed = _guess_owner(sdk.read_contents(raw))
    if guessed is None:
        raise UsageError(
            "what this costs depends on the keys of who pays",
            hint="give --key for each of them, --required and --template",
        )
    return guessed


def _signers(owner: Instance) -> int:
    return 1 if owner.signature_size == EdSignature.SIZE else owner.signature_size // PART_SIZE
