"""Finding, opening and saving the wallet that a command works on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.context import Context
from cli.prompts import SecretSource
from node.base.errors import UsageError, WalletError
from node.operator.settings import GO_SMCLI_FOLDER
from node.wallet.contents import Wallet
from node.wallet.file import (
    SALT_SIZE,
    SealedWallet,
    create_wallet_file,
    open_wallet,
    read_wallet_file,
    replace_wallet_file,
    seal_wallet,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWallet:
    """A wallet whose password was right."""

    path: Path
    sealed: SealedWallet
    wallet: Wallet


def known_wallets(context: Context) -> Iterator[Path]:
    """Yield the wallet files in our folder and in that of smcli of Go, sorted by name."""
    home = Path(context.environment.get("HOME", "~")).expanduser()
    yield from sorted(context.folders.wallets.glob("wallet_*.json"))
    yield from sorted((home / GO_SMCLI_FOLDER).glob("wallet_*.json"))


def find_wallet(context: Context, chosen: Path | None) -> Path:
    """Return the wallet a command is about: as chosen, as set, or the only one there is.

    Raises:
        WalletError: there is none.
        UsageError: there are several.
    """
    named = chosen or context.settings().wallet_file
    if named is not None:
        return named
    found = list(known_wallets(context))
    if not found:
        raise WalletError(
            "there is no wallet yet",
            code="smesh.wallet.missing",
            hint="make one with smcli wallet create, or name a file with --wallet",
        )
    if len(found) > 1:
        raise UsageError(
            f"there are {len(found)} wallets: {', '.join(map(str, found))}",
            code="smesh.wallet.ambiguous",
            hint="name one with --wallet or SMCLI_WALLET",
        )
    return found[0]


def unlock(context: Context, chosen: Path | None) -> tuple[OpenWallet, str]:
    """Return the wallet a command is about, opened, and its password.

    Raises:
        WalletError: there is no such file, or it is damaged.
        WrongPasswordError: the password does not open it.
        RefusedError: the password is missing and there is nobody to ask.
    """
    path = find_wallet(context, chosen)
    sealed = read_wallet_file(path)
    password = context.prompts.password(context.password_source)
    opened = OpenWallet(path=path, sealed=sealed, wallet=open_wallet(sealed, password))
    if sealed.is_weak:
        context.output.warn(
            f"{path.name} is encrypted more weakly than it should be",
            code="smesh.wallet.weak",
            hint="smcli wallet passwd writes it anew",
        )
    return opened, password


def save(context: Context, path: Path, wallet: Wallet, password: str) -> None:
    """Write a changed wallet in the place of its file.

    Raises:
        WalletError: writing failed; the old file is whole.
    """
    replace_wallet_file(path, seal_wallet(wallet, password, salt=context.random(SALT_SIZE)))


def create(context: Context, path: Path, wallet: Wallet, password: str) -> None:
    """Write a new wallet.

    Raises:
        WalletError: there is a file of this name, or writing failed.
    """
    create_wallet_file(path, seal_wallet(wallet, password, salt=context.random(SALT_SIZE)))


def read_words(context: Context, *, from_stdin: bool, question: str) -> str:
    """Return a mnemonic from stdin or from the user, who does not see it while typing.

    Raises:
        RefusedError: it is missing and there is nobody to ask.
    """
    source = SecretSource(stdin=from_stdin, option="mnemonic")
    return context.prompts.secret(source, question, hint="give them with --mnemonic-stdin")
