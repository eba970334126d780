"""The folder of a demo."""

import stat
from pathlib import Path

import pytest

from cli.demo.folder import GENESIS_AHEAD_NS, DemoFolder
from node.base.errors import UsageError, WalletError, WrongPasswordError
from node.wallet.accounts import make_wallet
from node.wallet.file import create_wallet_file, seal_wallet
from node.wallet.mnemonic import make_mnemonic
from tests.support.cli import CountingBytes

NS = 1_000_000_000
NOW_NS = 1_700_000_000_123_000_000


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_gets_a_genesis_a_little_ahead(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path / "a" / "demo")
    diary, is_new = folder.open_diary(NOW_NS)
    assert is_new
    assert diary.started_ns == NOW_NS
    assert diary.genesis_ns % NS == 0
    assert 0 <= diary.genesis_ns - NOW_NS - GENESIS_AHEAD_NS < NS
    assert mode(folder.path) == 0o700


def test_the_next_run_goes_on_with_the_network(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)
    first, _ = folder.open_diary(NOW_NS)
    assert folder.open_diary(NOW_NS + 10**15) == (first, False)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file"):
        DemoFolder(path=tmp_path / "file" / "demo").open_diary(NOW_NS)


def test_a_wallet_is_made_for_the_occasion_and_opens_again(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)
    random = CountingBytes()
    made = folder.open_wallet(random, NOW_NS)
    assert len(made.accounts) == 2
    assert mode(folder.wallet) == mode(folder.password) == 0o600
    assert made.mnemonic.encode() not in folder.wallet.read_bytes()

    used = random.calls
    assert folder.open_wallet(random, NOW_NS) == made
    assert random.calls == used


def test_a_password_written_before_a_crash_is_used(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)
    folder.password.touch(mode=0o600)
    folder.password.write_text("secret\n")
    folder.open_wallet(CountingBytes(), NOW_NS)
    assert folder.password.read_text() == "secret\n"


def test_a_wallet_without_its_password_is_left_alone(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)
    folder.wallet.write_text("whatever")
    with pytest.raises(WalletError, match="password of the demo's wallet is missing"):
        folder.open_wallet(CountingBytes(), NOW_NS)
    assert folder.wallet.read_text() == "whatever"


def test_another_wallet_in_its_place_is_refused(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)
    other = make_wallet(make_mnemonic(bytes(16)), now_ns=0, count=1)
    create_wallet_file(folder.wallet, seal_wallet(other, "secret", salt=bytes(16)))
    folder.password.touch(mode=0o600)
    folder.password.write_text("wrong\n")
    with pytest.raises(WrongPasswordError):
        folder.open_wallet(CountingBytes(), NOW_NS)
    folder.password.write_text("secret\n")
    with pytest.raises(WalletError, match="1 accounts, the demo needs 2"):
        folder.open_wallet(CountingBytes(), NOW_NS)


def test_a_network_that_is_retired_makes_room_and_is_kept(tmp_path: Path) -> None:
    folder = DemoFolder(path=tmp_path)
    first, _ = folder.open_diary(NOW_NS)
    folder.node.mkdir()
    (folder.node / "key").touch()
    kept = folder.retire_network(first.genesis_ns)
    assert (kept / "key").exists()
    second, is_new = folder.open_diary(NOW_NS + 10**12)
    assert is_new
    folder.retire_network(second.genesis_ns)
    assert len(list(tmp_path.glob("network-*.json"))) == 2
