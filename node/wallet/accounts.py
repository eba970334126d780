"""The accounts of a wallet: making, finding and naming them, and their addresses.

Every function returns a new wallet; nothing here touches a file.

Source: smcli, wallet; smapp, wallet; keys digest sections 6 to 8.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from node.base.bech32 import WRONG_NETWORK, decode_address, encode_address
from node.base.errors import NotFoundError, UsageError, WalletError
from node.crypto.ed25519 import public_key_of
from node.types.address import Address
from node.vm.sdk import wallet_address
from node.wallet.contents import (
    FileFamily,
    KeyPair,
    KeyType,
    Metadata,
    Wallet,
    format_timestamp,
)
from node.wallet.derivation import MASTER_PATH, account_index, account_path, derive_key
from node.wallet.mnemonic import check_mnemonic, make_seed

MAX_ACCOUNTS: Final = 128
"""Most accounts that smcli makes at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as a front end shows it."""

    index: int
    """Position in the wallet, from 0."""

    name: str
    address: Address
    key: KeyPair

    def address_text(self, prefix: str) -> str:
        """Return the address on the network with this prefix."""
        return encode_address(prefix, self.address)


def make_wallet(
    mnemonic: str,
    *,
    now_ns: int,
    count: int = 1,
    passphrase: str = "",
    name: str = "Main Wallet",
) -> Wallet:
    """Return a wallet with the first accounts of a mnemonic, in smcli's form.

    Args:
        mnemonic: checked here.
        now_ns: unix time for the dates of creation.
        count: number of accounts, 0 to 128.
        passphrase: BIP-39's optional one; it is not kept.
        name: display name.

    Raises:
        WalletError: the mnemonic is wrong.
        UsageError: the number of accounts is; code ``smesh.wallet.accounts``.
    """
    if not 0 <= count <= MAX_ACCOUNTS:
        raise UsageError(
            f"invalid number of accounts: {count}, want 0 to {MAX_ACCOUNTS}",
            code="smesh.wallet.accounts",
            hint="more can be added one by one",
        )
    mnemonic = check_mnemonic(mnemonic)
    seed = make_seed(mnemonic, passphrase)
    created = format_timestamp(now_ns)
    return Wallet(
        family=FileFamily.SMCLI,
        metadata=Metadata(display_name=name, created=created),
        mnemonic=mnemonic,
        master=_derive(seed, MASTER_PATH, "Master Key", created),
        accounts=tuple(_derive_account(seed, index, created) for index in range(count)),
    )


def add_account(wallet: Wallet, *, now_ns: int, name: str = "", passphrase: str = "") -> Wallet:
    """Return the wallet with one account more: the next one of its mnemonic.

    Raises:
        WalletError: the wallet has no mnemonic of its own (code ``smesh.wallet.no_mnemonic``),
            or the passphrase is not the one its accounts were made with
            (``smesh.wallet.passphrase``).
    """
    seed = _seed_of(wallet, passphrase)
    taken = [account_index(account.path) for account in wallet.accounts]
    index = max((number + 1 for number in taken if number is not None), default=0)
    pair = _derive_account(seed, index, format_timestamp(now_ns))
    if wallet.family is FileFamily.SMAPP:
        pair = replace(pair, display_name=f"Account {index}" if index else "Main Account")
    if name:
        pair = replace(pair, display_name=name)
    return replace(wallet, accounts=(*wallet.accounts, pair))


def rename_account(wallet: Wallet, index: int, name: str) -> Wallet:
    """Return the wallet with another name for the account at a position.

    Raises:
        NotFoundError: there is no such account.
    """
    if not 0 <= index < len(wallet.accounts):
        raise NotFoundError("account", index)
    renamed = replace(wallet.accounts[index], display_name=name)
    return replace(
        wallet, accounts=(*wallet.accounts[:index], renamed, *wallet.accounts[index + 1 :])
    )


def accounts_of(wallet: Wallet) -> Iterator[Account]:
    """Yield the accounts in the order of the file."""
    for index, key in enumerate(wallet.accounts):
        yield Account(
            index=index,
            name=key.display_name,
            address=wallet_address(key.public_key),
            key=key,
        )


def find_account(wallet: Wallet, selector: str, prefix: str) -> Account:
    """Return the account that a user means.

    Args:
        wallet: where to look.
        selector: position, name, ``@name``, address or public key in hex.
        prefix: prefix of the network's addresses.

    Raises:
        NotFoundError: no account fits.
        UsageError: several have this name (code ``smesh.wallet.ambiguous``), or it is an
            address of another network (``smesh.address.network``).
    """
    accounts = list(accounts_of(wallet))
    wanted = selector.strip()
    for account in accounts:
        exact = (str(account.index), account.key.public_key.hex(), account.address_text(prefix))
        if wanted.lower() in exact:
            return account
    named = [account for account in accounts if account.name == wanted.removeprefix("@")]
    if len(named) > 1:
        raise UsageError(
            f"{len(named)} accounts are named {named[0].name!r}",
            code="smesh.wallet.ambiguous",
            hint="name the account by its number or address",
        )
    if not named:
        _refuse_other_network(wanted, prefix)
        raise NotFoundError("account", selector, hint="list the wallet's accounts to see them")
    return named[0]


def is_mnemonic_of(wallet: Wallet, text: str) -> bool:
    """Return whether these are the wallet's words; surplus blanks do not matter."""
    return " ".join(text.split()) == wallet.mnemonic


def convert_wallet(wallet: Wallet, family: FileFamily) -> Wallet:
    """Return the wallet in the form of another program.

    What the other program has no place for is kept where it does no harm: contacts, but
    not the master key, which follows from the mnemonic.
    """
    if family is wallet.family:
        return wallet
    if family is FileFamily.SMAPP:
        return replace(wallet, family=family, master=None)
    master = None
    if _has_mnemonic(wallet) and _fits(wallet, seed := make_seed(wallet.mnemonic)):
        master = _derive(seed, MASTER_PATH, "Master Key", wallet.metadata.created)
    return replace(wallet, family=family, master=master)


def _refuse_other_network(text: str, prefix: str) -> None:
    try:
        decode_address(text, prefix)
    except UsageError as error:
        if error.code == WRONG_NETWORK:
            raise


def _derive(seed: bytes, path: str, name: str, created: str) -> KeyPair:
    secret_key = derive_key(seed, path)
    return KeyPair(
        display_name=name,
        created=created,
        path=path,
        public_key=public_key_of(secret_key),
        secret_key=secret_key,
        key_type=KeyType.SOFTWARE,
    )


def _derive_account(seed: bytes, index: int, created: str) -> KeyPair:
    return _derive(seed, account_path(index), f"Child Key {index}", created)


def _has_mnemonic(wallet: Wallet) -> bool:
    try:
        check_mnemonic(wallet.mnemonic)
    except WalletError:
        return False
    return True


def _seed_of(wallet: Wallet, passphrase: str) -> bytes:
    """Return the seed that the wallet's keys come from."""
    if not _has_mnemonic(wallet):
        raise WalletError(
            "this wallet has no mnemonic to derive accounts from",
            code="smesh.wallet.no_mnemonic",
            hint="its keys are on a device, or were imported",
        )
    seed = make_seed(wallet.mnemonic, passphrase)
    if not _fits(wallet, seed):
        raise WalletError(
            "the wallet's accounts come from another passphrase",
            code="smesh.wallet.passphrase",
            hint="give the BIP-39 passphrase that the wallet was made with",
        )
    return seed


def _fits(wallet: Wallet, seed: bytes) -> bool:
    """Return whether the first key with a path of ours comes from a seed."""
    keys = wallet.accounts if wallet.master is None else (wallet.master, *wallet.accounts)
    for key in keys:
        index = account_index(key.path)
        path = account_path(index) if index is not None else key.path
        if path == MASTER_PATH or index is not None:
            return derive_key(seed, path) == key.secret_key
    return True
