"""``smcli genesis``: check genesis data."""

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from cli.command import command, make_group
from cli.context import Context
from cli.options import Prefix, parse_bytes
from cli.records import SMIDGE_PER_SMH, Smidge
from node.base.bech32 import encode_address
from node.base.errors import UsageError
from node.types.amounts import MAX_U64
from node.vm.genesis import genesis_vault
from node.vm.sdk import multisig_arguments

app = make_group("Check genesis data.")

PUBLIC_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The two addresses of a genesis grant."""

    vesting_address: str
    vault_address: str
    required: int
    keys: int
    balance: Smidge


@command(app)
def verify(
    context: Context,
    *,
    key: Annotated[
        list[str] | None, typer.Option(metavar="HEX", help="Public key; repeat in their order.")
    ] = None,
    required: Annotated[
        int | None, typer.Option(min=1, help="Signatures that are needed; 1 for a single key.")
    ] = None,
    balance: Annotated[
        int | None, typer.Option(min=0, metavar="SMH", help="Balance of the vault in whole SMH.")
    ] = None,
    hrp: Prefix = None,
) -> Grant:
    """Compute the vesting and vault addresses of a genesis grant.

    Without options it asks; without a terminal it reads the answers from stdin: keys one a
    line, an empty line, the number of signatures if there are several keys, the balance.
    """
    prefix = context.address_prefix(hrp)
    keys = list(key or ()) or _ask_keys(context)
    if not keys:
        raise UsageError("must enter at least one key")
    public_keys = [parse_bytes(text, PUBLIC_KEY_BYTES, "public key") for text in keys]
    if required is None:
        required = 1
        if len(keys) > 1:
            question = f"Number of required signatures (between 1 and {len(keys)}): "
            required = _number(_answer(context, question, "--required"))
    if balance is None:
        balance = _number(_answer(context, "Vault balance (in SMH): ", "--balance"))
    if not 1 <= required <= len(keys):
        raise UsageError(f"{required} signatures of {len(keys)} keys cannot be required")
    multisig_arguments(required, public_keys)
    total = balance * SMIDGE_PER_SMH
    if total > MAX_U64:
        raise UsageError(f"{balance} SMH are more than there can be")
    grant = genesis_vault(required, public_keys, total)
    return Grant(
        vesting_address=encode_address(prefix, grant.vesting),
        vault_address=encode_address(prefix, grant.vault),
        required=required,
        keys=len(keys),
        balance=Smidge(total),
    )


def _ask_keys(context: Context) -> list[str]:
    context.output.note("Public keys, 64 hexadecimal digits each, in their order.")
    keys: list[str] = []
    while answer := _answer(context, f"Key {len(keys) + 1} (empty: no more): ", "--key"):
        keys.append(answer)
    return keys


def _answer(context: Context, question: str, option: str) -> str:
    if context.terminal.is_interactive:
        return context.prompts.ask(question, option=option).strip()
    line = sys.stdin.readline()
    if not line:
        return context.prompts.ask(question, option=option)
    return line.strip()


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise UsageError(f"{text!r} is no whole number")
    return int(text)
