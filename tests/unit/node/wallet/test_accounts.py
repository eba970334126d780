"""Accounts of a wallet: making, adding, finding, naming, converting."""

from dataclasses import replace

import pytest

from node.base.errors import NotFoundError, UsageError, WalletError
from node.crypto.ed25519 import private_key_of
from node.types.ids import PublicKey
from node.wallet.accounts import (
    accounts_of,
    add_account,
    convert_wallet,
    find_account,
    is_mnemonic_of,
    make_wallet,
    rename_account,
)
from node.wallet.contents import Contact, FileFamily, Wallet
from node.wallet.derivation import MASTER_PATH, account_path

MNEMONIC = " ".join(["abandon"] * 11 + ["about"])
NOW_NS = 1_689_321_600_000_000_000
CREATED = "2023-07-14T08-00-00.000Z"


@pytest.fixture
def wallet() -> Wallet:
    return make_wallet(MNEMONIC, now_ns=NOW_NS, count=2)


def test_a_new_wallet_is_that_of_smcli(wallet: Wallet) -> None:
    assert wallet.family is FileFamily.SMCLI
    assert wallet.metadata.created == CREATED
    assert wallet.master is not None
    assert wallet.master.display_name == "Master Key"
    assert wallet.master.public_key.hex() == (
        "dbe3388e29e9aec92cd8520c24fcb205a22aef5bed8a1368efbd29a8bbde7f3a"
    )
    assert [(key.display_name, key.path) for key in wallet.accounts] == [
        ("Child Key 0", account_path(0)),
        ("Child Key 1", account_path(1)),
    ]
    assert [account.address_text("sm") for account in accounts_of(wallet)] == [
        "sm1qqqqqqqlgfpwap59jlwmre4p9xrlk8fenfnlsrqva0uyp",
        "sm1qqqqqqxqxytaxnaf7lgen7erm8qmu53nyucdrncw492c8",
    ]


@pytest.mark.parametrize("count", [-1, 129])
def test_the_number_of_accounts_is_bounded(count: int) -> None:
    with pytest.raises(UsageError, match="invalid number of accounts") as caught:
        make_wallet(MNEMONIC, now_ns=0, count=count)
    assert caught.value.code == "smesh.wallet.accounts"


def test_a_wrong_mnemonic_makes_no_wallet() -> None:
    with pytest.raises(WalletError):
        make_wallet(MNEMONIC.removesuffix(" about"), now_ns=0)


def test_an_added_account_is_the_next_of_the_mnemonic(wallet: Wallet) -> None:
    longer = add_account(wallet, now_ns=NOW_NS)
    assert longer.accounts == make_wallet(MNEMONIC, now_ns=NOW_NS, count=3).accounts
    named = add_account(longer, now_ns=NOW_NS, name="savings")
    assert named.accounts[3].display_name == "savings"
    assert named.accounts[3].path == account_path(3)


def test_the_first_account_may_be_added_later() -> None:
    wallet = make_wallet(MNEMONIC, now_ns=NOW_NS, count=0)
    assert add_account(wallet, now_ns=NOW_NS).accounts[0].path == account_path(0)


def test_accounts_of_a_passphrase_need_it_again() -> None:
    wallet = make_wallet(MNEMONIC, now_ns=NOW_NS, passphrase="pepper")
    assert wallet.accounts != make_wallet(MNEMONIC, now_ns=NOW_NS).accounts
    with pytest.raises(WalletError, match="another passphrase") as caught:
        add_account(wallet, now_ns=NOW_NS)
    assert caught.value.code == "smesh.wallet.passphrase"
    longer = add_account(wallet, now_ns=NOW_NS, passphrase="pepper")
    expected = make_wallet(MNEMONIC, now_ns=NOW_NS, count=2, passphrase="pepper")
    assert longer.accounts == expected.accounts


def test_a_wallet_without_words_takes_no_account(wallet: Wallet) -> None:
    with pytest.raises(WalletError, match="no mnemonic") as caught:
        add_account(replace(wallet, mnemonic="(none)"), now_ns=NOW_NS)
    assert caught.value.code == "smesh.wallet.no_mnemonic"


def test_old_paths_are_kept_and_counted(wallet: Wallet) -> None:
    old = tuple(
        replace(key, path=key.path.removeprefix("m/"), display_name=f"Account {index}")
        for index, key in enumerate(wallet.accounts)
    )
    desktop = replace(wallet, family=FileFamily.SMAPP, master=None, accounts=old)
    longer = add_account(desktop, now_ns=NOW_NS)
    assert longer.accounts[:2] == old
    assert longer.accounts[2].path == account_path(2)
    assert longer.accounts[2].display_name == "Account 2"


def test_accounts_from_before_derivation_are_left_alone(wallet: Wallet) -> None:
    """Keys of an older scheme do not follow from the words; a new account still does."""
    secret_key = private_key_of(bytes(32))
    old = replace(
        wallet.accounts[0],
        path="0/0/1",
        public_key=PublicKey(secret_key[32:]),
        secret_key=secret_key,
    )
    desktop = replace(wallet, family=FileFamily.SMAPP, master=None, accounts=(old,))
    longer = add_account(desktop, now_ns=NOW_NS)
    assert longer.accounts[0] == old
    assert longer.accounts[1].path == account_path(0)
    assert longer.accounts[1].display_name == "Main Account"


def test_accounts_can_be_renamed(wallet: Wallet) -> None:
    renamed = rename_account(wallet, 1, "savings")
    assert [key.display_name for key in renamed.accounts] == ["Child Key 0", "savings"]
    assert renamed.accounts[0] == wallet.accounts[0]
    for index in (-1, 2):
        with pytest.raises(NotFoundError):
            rename_account(wallet, index, "x")


@pytest.mark.parametrize(
    "selector",
    [
        "1",
        "savings",
        "@savings",
        " savings ",
        "sm1qqqqqqxqxytaxnaf7lgen7erm8qmu53nyucdrncw492c8",
        "SM1QQQQQQXQXYTAXNAF7LGEN7ERM8QMU53NYUCDRNCW492C8",
        "c48f73df0ac70ecc015045e2df9d322e0b9fad5ca149a79fca173cfc65b70e2e",
    ],
)
def test_an_account_is_found_by_what_the_user_types(wallet: Wallet, selector: str) -> None:
    found = find_account(rename_account(wallet, 1, "savings"), selector, "sm")
    assert found.index == 1
    assert found.name == "savings"


def test_what_names_no_account_is_an_error(wallet: Wallet) -> None:
    with pytest.raises(NotFoundError, match="account bob is not known"):
        find_account(wallet, "bob", "sm")
    with pytest.raises(UsageError, match="wrong network id") as other:
        find_account(wallet, "stest1qqqqqqy0dd83jemjmfj3ghjndxm0ndh0z2rymaqyp0gu3", "sm")
    assert other.value.code == "smesh.address.network"
    twice = rename_account(wallet, 1, "Child Key 0")
    with pytest.raises(UsageError, match="2 accounts") as ambiguous:
        find_account(twice, "Child Key 0", "sm")
    assert ambiguous.value.code == "smesh.wallet.ambiguous"


def test_words_are_compared_without_their_blanks(wallet: Wallet) -> None:
    assert is_mnemonic_of(wallet, MNEMONIC.replace(" ", "  ") + "\n")
    assert not is_mnemonic_of(wallet, MNEMONIC.replace("about", "above"))


def test_a_wallet_goes_to_the_desktop_and_back(wallet: Wallet) -> None:
    bob = Contact(address="sm1q", nickname="bob")
    wallet = replace(wallet, contacts=(bob,))
    assert convert_wallet(wallet, FileFamily.SMCLI) is wallet
    desktop = convert_wallet(wallet, FileFamily.SMAPP)
    assert desktop.family is FileFamily.SMAPP
    assert desktop.master is None
    assert convert_wallet(desktop, FileFamily.SMCLI) == wallet


def test_a_master_key_that_cannot_be_known_stays_absent(wallet: Wallet) -> None:
    peppered = make_wallet(MNEMONIC, now_ns=NOW_NS, passphrase="pepper")
    desktop = convert_wallet(peppered, FileFamily.SMAPP)
    assert convert_wallet(desktop, FileFamily.SMCLI).master is None
    wordless = replace(convert_wallet(wallet, FileFamily.SMAPP), mnemonic="(none)")
    assert convert_wallet(wordless, FileFamily.SMCLI).master is None
    assert wallet.master is not None
    assert wallet.master.path == MASTER_PATH
