"""What the transaction commands share."""

from dataclasses import replace
from pathlib import Path

import pytest

from cli.transactions import find_destination, read_source
from cli.wallets import OpenWallet
from node.base.errors import NotFoundError, UsageError
from node.wallet.accounts import make_wallet
from node.wallet.contents import Contact
from node.wallet.file import parse_file, seal_wallet
from tests.support.cli import make_context
from tests.support.vm_network import DESTINATION

WORDS = " ".join(["abandon"] * 11 + ["about"])
TO = "sm1qqqqqqpsxyerxdp4xcmnswfsxyerxdp4xcmnswgs0glgm"


@pytest.fixture(scope="module")
def opened() -> OpenWallet:
    wallet = replace(
        make_wallet(WORDS, now_ns=0),
        contacts=(
            Contact(address=TO, nickname="bob"),
            Contact(address=TO.replace("sm1", "stest1"), nickname="eve"),
        ),
    )
    sealed = parse_file(seal_wallet(wallet, "", salt=bytes(16), iterations=1))
    return OpenWallet(path=Path("w.json"), sealed=sealed, wallet=wallet)


def test_recipients_are_addresses_contacts_and_accounts(opened: OpenWallet) -> None:
    assert find_destination(TO, "sm", None) == DESTINATION
    assert find_destination("@bob", "sm", opened) == DESTINATION
    own = find_destination("@Child Key 0", "sm", opened)
    assert own not in {DESTINATION, b""}
    with pytest.raises(UsageError):
        find_destination("@eve", "sm", opened)
    with pytest.raises(NotFoundError):
        find_destination("@nobody", "sm", opened)


def test_a_folder_is_no_transaction(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_source(make_context(tmp_path), str(tmp_path))
    with pytest.raises(UsageError, match="cannot be read"):
        read_source(make_context(tmp_path), "x" * 5000)
