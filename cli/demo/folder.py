"""The folder of a demo: its network, its wallet, and what it remembers.

    <folder>/wallet.json     two accounts, encrypted, mode 0600
             password        the wallet's password, mode 0600
             network.json    the diary, which has the genesis
             node/           data folder of the node
             node-<genesis>/, network-<genesis>.json
                             networks that could not go on; never removed

A folder that has a network goes on with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.demo.diary import Diary
from cli.demo.purse import ACCOUNTS
from cli.prompts import read_secret_file
from node.base.errors import UsageError, WalletError
from node.config.durations import SECOND
from node.runtime.files import make_folder, write_new
from node.wallet.accounts import make_wallet
from node.wallet.contents import Wallet
from node.wallet.file import (
    SALT_SIZE,
    create_wallet_file,
    open_wallet,
    read_wallet_file,
    seal_wallet,
)
from node.wallet.mnemonic import entropy_size, make_mnemonic

GENESIS_AHEAD_NS: Final = 20 * SECOND
"""Time from the command to layer 0; space and first proof must be ready 30 s after that."""

WORDS: Final = 24
PASSWORD_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFolder:
    """Paths within a demo's folder."""

    path: Path

    @property
    def wallet(self) -> Path:
        """The wallet made for the occasion."""
        return self.path / "wallet.json"

    @property
    def password(self) -> Path:
        """Its password."""
        return self.path / "password"

    @property
    def diary(self) -> Path:
        """What is remembered of the network."""
        return self.path / "network.json"

    @property
    def node(self) -> Path:
        """Data folder of the node."""
        return self.path / "node"

    def open_diary(self, now_ns: int) -> tuple[Diary, bool]:
        """Return the diary, and whether its network is a new one.

        Raises:
            StoreError: the diary is damaged.
            UsageError: the folder cannot be made or written.
        """
        try:
            make_folder(self.path)
            found = Diary.read(self.diary)
            if found is not None:
                return found, False
            ahead_ns = now_ns + GENESIS_AHEAD_NS
            new = Diary(genesis_ns=-(-ahead_ns // SECOND) * SECOND, started_ns=now_ns)
            new.write(self.diary)
        except OSError as error:
            raise UsageError(
                f"{self.path}: {error.strerror}", hint="choose another folder with --data-folder"
            ) from error
        return new, True

    def retire_network(self, genesis_ns: int) -> Path:
        """Move a network out of the way, so that another one can begin; return where it is.

        Raises:
            OSError: the folder cannot be written.
        """
        mark = genesis_ns // SECOND
        retired = self.path / f"node-{mark}"
        if self.node.exists():
            self.node.rename(retired)
        self.diary.rename(self.path / f"network-{mark}.json")
        return retired

    def open_wallet(self, random: Callable[[int], bytes], now_ns: int) -> Wallet:
        """Return the wallet; the first time it is made, with a password of its own.

        Raises:
            WalletError: file or password is damaged or missing.
            WrongPasswordError: the password is another wallet's.
        """
        if self.wallet.exists():
            if not self.password.exists():
                raise WalletError(
                    f"{self.password}: the password of the demo's wallet is missing",
                    hint="restore it, or choose another folder with --data-folder",
                )
            password = read_secret_file(self.password)
            wallet = open_wallet(read_wallet_file(self.wallet), password)
            if len(wallet.accounts) < ACCOUNTS:
                raise WalletError(
                    f"{self.wallet} has {len(wallet.accounts)} accounts, the demo needs {ACCOUNTS}",
                    hint="choose another folder with --data-folder",
                )
            return wallet
        if not self.password.exists():
            write_new(self.password, random(PASSWORD_BYTES).hex().encode() + b"\n")
        password = read_secret_file(self.password)
        mnemonic = make_mnemonic(random(entropy_size(WORDS)))
        made = make_wallet(mnemonic, now_ns=now_ns, count=ACCOUNTS, name="Demo")
        create_wallet_file(self.wallet, seal_wallet(made, password, salt=random(SALT_SIZE)))
        return made
