"""Accounts: as they are read, as one layer changes them, and the root of what changed.

Source: go-spacemesh, genvm/core/staged_cache and genvm/vm; vm digest section 7.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from node.base import scale
from node.base.hashing import hash32
from node.types.account import Account
from node.types.address import Address
from node.types.ids import Hash32
from node.types.layer import LayerID
from node.vm.records import constructor
from node.vm.registry import load_instance
from node.vm.templates.base import Instance

_make_account: Final = constructor(Account)


class AccountReader(Protocol):
    """The state before a layer."""

    def find_account(self, address: Address) -> Account | None:
        """Return the newest version of an account, or None if there is none."""


class MemoryAccounts:
    """Accounts in memory: for audits, simulations and tests."""

    def __init__(self, accounts: Iterable[Account] = ()) -> None:
        self._accounts = {account.address: account for account in accounts}

    def find_account(self, address: Address) -> Account | None:
        """Return the newest version of an account, or None if there is none."""
        return self._accounts.get(address)

    def put_accounts(self, accounts: Iterable[Account]) -> None:
        """Take newer versions of accounts."""
        self._accounts.update((account.address, account) for account in accounts)

    def all_accounts(self) -> tuple[Account, ...]:
        """Return the newest version of every account, ascending by address."""
        return tuple(self._accounts[address] for address in sorted(self._accounts))


class StagedAccount:
    """An account while a layer is applied: changed in place."""

    __slots__ = ("_instance", "address", "balance", "next_nonce", "state", "template")

    def __init__(self, address: Address, account: Account | None) -> None:
        """Take what the state has of it; None makes it empty."""
        self.address = address
        self.next_nonce = 0 if account is None else account.next_nonce
        self.balance = 0 if account is None else account.balance
        self.template = None if account is None else account.template
        self.state = b"" if account is None else account.state
        self._instance: Instance | None = None

    @property
    def instance(self) -> Instance | None:
        """What the account was spawned as, if it was; decoded on first use."""
        if self._instance is None and self.template is not None:
            self._instance = load_instance(self.template, self.state)
        return self._instance

    def spawn(self, instance: Instance) -> None:
        """Make the account an instance of a template."""
        self.template, self.state = instance.template, scale.encode(instance.arguments)
        self._instance = instance

    def freeze(self, layer: LayerID) -> Account:
        """Return the account as the version that ``layer`` wrote."""
        return _make_account(
            layer=layer,
            address=self.address,
            next_nonce=self.next_nonce,
            balance=self.balance,
            template=self.template,
            state=self.state,
        )


class Changes:
    """The accounts that one layer reads and changes.

    Invariant: ``accounts`` lists changed accounts in the order of their first change.
    """

    def __init__(self, reader: AccountReader) -> None:
        self._reader = reader
        self._staged: dict[Address, StagedAccount] = {}
        self._changed: dict[Address, StagedAccount] = {}

    def load(self, address: Address) -> StagedAccount:
        """Return an account, as it stands; one that is not known is empty."""
        account = self._staged.get(address)
        if account is None:
            account = StagedAccount(address, self._reader.find_account(address))
            self._staged[address] = account
        return account

    def find_instance(self, address: Address) -> Instance | None:
        """Return what an account was spawned as, if it was."""
        return self.load(address).instance

    def touch(self, address: Address) -> None:
        """Record that a loaded account was changed; its first time gives it its place."""
        if address not in self._changed:
            self._changed[address] = self._staged[address]

    def accounts(self, layer: LayerID) -> tuple[Account, ...]:
        """Return the changed accounts as versions of ``layer``."""
        return tuple(account.freeze(layer) for account in self._changed.values())


def compute_state_root(accounts: Iterable[Account]) -> Hash32:
    """Return the root of a layer: the digest of the accounts it changed, in that order.

    It covers nothing else: neither older accounts nor the root before.
    """
    return Hash32(hash32(b"".join(map(scale.encode, accounts))))
