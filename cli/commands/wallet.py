"""``smcli wallet``: make, restore and read wallet files.

Names, arguments and columns follow smcli of Go where it has the command.
"""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.command import command, make_group
from cli.context import Context
from cli.errors import CheckFailedError, RefusedError
from cli.options import Prefix
from cli.prompts import SecretSource
from cli.records import Identifier, Result, Table
from cli.wallets import create, find_wallet, read_words, save, unlock
from node.base.base58 import encode_base58
from node.base.errors import UsageError
from node.wallet.accounts import MAX_ACCOUNTS, accounts_of, is_mnemonic_of, make_wallet
from node.wallet.contents import KeyPair, Wallet, file_name
from node.wallet.file import ITERATIONS, open_wallet, read_wallet_file
from node.wallet.mnemonic import check_mnemonic, entropy_size, make_mnemonic

app = make_group("Make, restore and read wallet files.")

QUIZ_WORDS: Final = 3
"""Words asked for to see whether a mnemonic was written down."""

DEFAULT_WORDS: Final = 24
NOT_HERE: Final = "(none)"
NO_ADDRESS: Final = "N/A"

Accounts = Annotated[
    int, typer.Argument(metavar="N", help="Number of accounts.", min=0, max=MAX_ACCOUNTS)
]
File = Annotated[Path | None, typer.Argument(metavar="FILE", help="Wallet file.")]
NewFile = Annotated[
    Path | None, typer.Option("--file", help="Where to write; our folder of wallets without it.")
]
Label = Annotated[str, typer.Option("--label", help="Name of the wallet.")]
Passphrase = Annotated[
    bool, typer.Option("--passphrase", help="Ask for a BIP-39 passphrase (not the password).")
]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="BIP-39 passphrase: first line of a file with mode 0600.")
]
MnemonicStdin = Annotated[
    bool, typer.Option("--mnemonic-stdin", help="The words: first line of stdin.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account of a wallet that was just made."""

    index: int
    name: str
    address: str
    public_key: Identifier
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletInfo:
    """What a file tells without its password."""

    file: Path
    name: str
    created: str
    genesis_id: str
    encryption: str
    iterations: int
    strong: bool
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChange:
    """A wallet that was encrypted anew."""

    file: Path
    iterations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MnemonicCheck:
    """Whether the user has the words of a wallet."""

    file: Path
    matches: bool
    words: int
    """How many words were compared."""


@command(app, changes=True, unlocks=True)
def create_(
    context: Context,
    *,
    accounts: Accounts = 1,
    words: Annotated[int, typer.Option(help="12, 15, 18, 21 or 24 words.")] = DEFAULT_WORDS,
    file: NewFile = None,
    label: Label = "Main Wallet",
    hrp: Prefix = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print the words, also where nobody is asked.")
    ] = False,
    passphrase: Passphrase = False,
    passphrase_file: PassphraseFile = None,
) -> Result:
    """Make a wallet from new random words."""
    prefix = context.address_prefix(hrp)
    if not reveal and not context.terminal.is_interactive:
        raise RefusedError(
            "the new words would be seen by nobody: there is no terminal",
            hint="add --reveal to print them, and keep the output secret",
        )
    mnemonic = make_mnemonic(context.random(entropy_size(words)))
    secret = _passphrase(context, ask=passphrase, file=passphrase_file)
    wallet = make_wallet(
        mnemonic, now_ns=context.clock(), count=accounts, passphrase=secret, name=label
    )
    path = file or context.folders.wallets / file_name(wallet)
    if context.options.dry_run:
        return _made(wallet, path, prefix, mnemonic=None)
    if context.terminal.is_interactive and not context.output.style.json:
        _show_words(context, mnemonic)
    password = context.prompts.new_password(context.password_source)
    create(context, path, wallet, password)
    context.output.note(f"Wallet saved to {path}. Back up this file, and keep the words.")
    return _made(wallet, path, prefix, mnemonic=mnemonic if reveal else None)


@command(app, changes=True, unlocks=True)
def restore(
    context: Context,
    *,
    accounts: Accounts = 1,
    mnemonic_stdin: MnemonicStdin = False,
    file: NewFile = None,
    label: Label = "Main Wallet",
    hrp: Prefix = None,
    passphrase: Passphrase = False,
    passphrase_file: PassphraseFile = None,
) -> Result:
    """Make a wallet from the words of another one."""
    prefix = context.address_prefix(hrp)
    mnemonic = check_mnemonic(
        read_words(context, from_stdin=mnemonic_stdin, question="Words of the wallet: ")
    )
    secret = _passphrase(context, ask=passphrase, file=passphrase_file)
    wallet = make_wallet(
        mnemonic, now_ns=context.clock(), count=accounts, passphrase=secret, name=label
    )
    path = file or context.folders.wallets / file_name(wallet)
    if context.options.dry_run:
        return _made(wallet, path, prefix, mnemonic=None)
    password = context.prompts.new_password(context.password_source)
    create(context, path, wallet, password)
    context.output.note(f"Wallet saved to {path}. Back up this file.")
    return _made(wallet, path, prefix, mnemonic=None)


@command(app, lists=True, unlocks=True)
def read(
    context: Context,
    *,
    file: File = None,
    private: Annotated[
        bool, typer.Option("--private", "-p", "--reveal", help="Show secret keys and words.")
    ] = False,
    base58: Annotated[
        bool, typer.Option("--base58", help="Keys in base58 instead of hexadecimal.")
    ] = False,
    parent: Annotated[bool, typer.Option("--parent", help="Show the master key as well.")] = False,
    hrp: Prefix = None,
) -> Result:
    """Show the keys of a wallet."""
    prefix = context.address_prefix(hrp)
    opened, _ = unlock(context, file)
    wallet = opened.wallet
    rows = [_key_row(wallet.master, NO_ADDRESS)] if parent and wallet.master else []
    rows += [_key_row(account.key, account.address_text(prefix)) for account in accounts_of(wallet)]
    if base58:
        rows = [_in_base58(row) for row in rows]
    columns = {
        "address": "address",
        "public_key": "pubkey",
        "private_key": "privkey",
        "path": "path",
        "name": "name",
        "created": "created",
    }
    data: dict[str, object] = {"file": opened.path, "name": wallet.metadata.display_name}
    notes: list[str] = []
    if private:
        data["mnemonic"] = wallet.mnemonic
        notes.append(f"Mnemonic: {wallet.mnemonic}")
    else:
        del columns["private_key"]
        rows = [{key: row[key] for key in columns} for row in rows]
    if not context.output.style.full:
        notes.append("To print full keys, use the --full flag.")
    table = Table(
        rows=rows, columns=columns, key="accounts", title="Wallet Contents", notes=tuple(notes)
    )
    return Result(data={**data, "accounts": rows}, human=table)


@command(app)
def info(context: Context, *, file: File = None) -> WalletInfo:
    """Show what a wallet file tells without its password."""
    path = find_wallet(context, file)
    sealed = read_wallet_file(path)
    return WalletInfo(
        file=path,
        name=sealed.metadata.display_name,
        created=sealed.metadata.created,
        genesis_id=sealed.metadata.genesis_id,
        encryption=sealed.scheme.name.lower(),
        iterations=sealed.iterations,
        strong=not sealed.is_weak,
        mode=f"{stat.S_IMODE(path.stat().st_mode):04o}",
    )


@command(app, changes=True, unlocks=True)
def passwd(
    context: Context,
    *,
    file: File = None,
    new_password_stdin: Annotated[
        bool, typer.Option("--new-password-stdin", help="New password: a further line of stdin.")
    ] = False,
    new_password_file: Annotated[
        Path | None, typer.Option(help="New password: first line of a file with mode 0600.")
    ] = None,
    new_password_fd: Annotated[
        int | None, typer.Option(help="New password: a line from a file descriptor.")
    ] = None,
) -> PasswordChange:
    """Change the password of a wallet; a weakly encrypted one becomes strong."""
    source = SecretSource(
        stdin=new_password_stdin,
        file=new_password_file,
        descriptor=new_password_fd,
        option="new-password",
    )
    opened, _ = unlock(context, file)
    password = context.prompts.new_password(source)
    if not context.options.dry_run:
        save(context, opened.path, opened.wallet, password)
    return PasswordChange(file=opened.path, iterations=ITERATIONS)


@command(app, unlocks=True)
def verify_mnemonic(
    context: Context,
    *,
    file: File = None,
    mnemonic_stdin: MnemonicStdin = False,
    whole: Annotated[
        bool, typer.Option("--all", help="Ask for all words instead of three.")
    ] = False,
) -> MnemonicCheck:
    """Check that you have the words of a wallet."""
    path = find_wallet(context, file)
    sealed = read_wallet_file(path)
    typed = ""
    if mnemonic_stdin:
        typed = read_words(context, from_stdin=True, question="")
    wallet = open_wallet(sealed, context.prompts.password(context.password_source))
    count = len(wallet.mnemonic.split())
    if mnemonic_stdin or whole:
        typed = typed or read_words(context, from_stdin=False, question="All words: ")
        matches = is_mnemonic_of(wallet, typed)
    else:
        matches = _quiz(context, wallet.mnemonic)
        count = QUIZ_WORDS
    check = MnemonicCheck(file=path, matches=matches, words=count)
    if not matches:
        raise CheckFailedError(
            "these are not the words of this wallet",
            report=check,
            code="smesh.wallet.mnemonic.other",
            hint="while you know the password, write them down with wallet read --private",
        )
    return check


def _made(wallet: Wallet, path: Path, prefix: str, *, mnemonic: str | None) -> Result:
    rows = [
        NewAccount(
            index=account.index,
            name=account.name,
            address=account.address_text(prefix),
            public_key=Identifier(account.key.public_key.hex()),
            path=account.key.path,
        )
        for account in accounts_of(wallet)
    ]
    data: dict[str, object] = {
        "file": path,
        "name": wallet.metadata.display_name,
        "accounts": rows,
    }
    notes: tuple[str, ...] = ()
    if mnemonic is not None:
        data["mnemonic"] = mnemonic
        notes = (f"Mnemonic: {mnemonic}",)
    columns = {"index": "index", "name": "name", "address": "address", "path": "path"}
    return Result(data=data, human=Table(rows=rows, columns=columns, key="accounts", notes=notes))


def _key_row(key: KeyPair, address: str) -> dict[str, Any]:
    return {
        "address": address,
        "public_key": Identifier(key.public_key.hex()),
        "private_key": Identifier(key.secret_key.hex() or NOT_HERE),
        "path": key.path,
        "name": key.display_name,
        "created": key.created,
    }


def _in_base58(row: dict[str, Any]) -> dict[str, Any]:
    keys = {
        name: Identifier(encode_base58(bytes.fromhex(row[name])))
        for name in ("public_key", "private_key")
        if row[name] != NOT_HERE
    }
    return row | keys


def _passphrase(context: Context, *, ask: bool, file: Path | None) -> str:
    if not ask and file is None:
        return ""
    source = SecretSource(file=file, option="passphrase")
    return context.prompts.secret(
        source, "BIP-39 passphrase: ", hint="give it with --passphrase-file"
    )


def _show_words(context: Context, mnemonic: str) -> None:
    """Show new words once, then see whether they were written down."""
    numbered = "\n".join(
        f"{number:2}  {word}" for number, word in enumerate(mnemonic.split(), start=1)
    )
    context.terminal.show_once(
        f"These words are the wallet. Who has them has the coins; nobody can replace them.\n\n"
        f"{numbered}\n"
    )
    if not _quiz(context, mnemonic):
        raise RefusedError(
            "a word was wrong, so no wallet was made",
            hint="start again and write the words down with their numbers",
        )


def _quiz(context: Context, mnemonic: str) -> bool:
    """Ask for some words by their numbers."""
    words = mnemonic.split()
    if not words:
        raise UsageError(
            "this wallet has no words", hint="its keys are on a device, or were imported"
        )
    remaining = list(range(len(words)))
    chosen = [
        remaining.pop(int.from_bytes(context.random(4), "big") % len(remaining))
        for _ in range(min(QUIZ_WORDS, len(words)))
    ]
    return all(
        context.prompts.ask(f"Word {position + 1}: ", option="--mnemonic-stdin").strip()
        == words[position]
        for position in sorted(chosen)
    )
