"""``smcli account`` without a node."""

from pathlib import Path

import pytest

from cli.errors import ExitCode
from tests.support.cli import Ran, run_cli

WORDS = " ".join(["abandon"] * 11 + ["about"])
KEY = "2208e8464ab7cf63dc09abccb063ba8c1b035c3e831a26704893333198eb0a58"
OTHER = "aca536ae66ae6b5cfa08a5d1d4cf62b696b87cda47dc00b5f302cd018bda590b"

OWNER = "sm1qqqqqqpfz8fqq8am9jfjhmmydhrel2w8hfxsfcq79xcww"


def account(home: Path, *arguments: str) -> Ran:
    return run_cli(["account", *arguments, "--password-stdin", "--json"], home, stdin="pw\n")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    run_cli(
        ["wallet", "restore", "2", "--mnemonic-stdin", "--password-stdin"],
        tmp_path,
        stdin=f"{WORDS}\npw\n",
    )
    return tmp_path


def test_list_and_show(home: Path) -> None:
    rows = account(home, "list").data
    assert [row["index"] for row in rows] == [0, 1]
    shown = account(home, "show", "1").data
    assert shown == rows[1]
    assert shown["on_device"] is False
    assert account(home, "show", shown["address"]).data == shown
    text = run_cli(["account", "list", "--password-stdin"], home, stdin="pw\n").stdout
    assert text.splitlines()[0].split() == ["INDEX", "NAME", "ADDRESS", "PATH"]


def test_new_adds_the_next_account(home: Path) -> None:
    dry = account(home, "new", "--name", "Savings", "--dry-run").data
    assert len(account(home, "list").data) == 2
    added = account(home, "new", "--name", "Savings").data
    assert added == dry
    assert (added["index"], added["path"]) == (2, "m/44'/540'/0'/0'/2'")
    assert account(home, "address", "@Savings").data["address"] == added["address"]


def test_new_needs_the_passphrase_the_wallet_was_made_with(home: Path) -> None:
    secret = home / "passphrase"
    secret.write_text("wrong", encoding="utf-8")
    secret.chmod(0o600)

    ran = account(home, "new", "--passphrase-file", str(secret))

    assert (ran.code, ran.error["code"]) == (ExitCode.AUTHENTICATION, "smesh.wallet.passphrase")


def test_unknown_accounts_and_other_networks(home: Path) -> None:
    assert account(home, "show", "@nobody").code == ExitCode.NOT_FOUND
    address = account(home, "address", "--network", "testnet").data["address"]
    ran = account(home, "show", address)
    assert (ran.code, ran.error["code"]) == (ExitCode.INVALID, "smesh.address.network")


@pytest.mark.parametrize(
    ("arguments", "address", "template"),
    [
        (
            ["--key", KEY, "--template", "vesting"],
            "sm1qqqqqqpfz8fqq8am9jfjhmmydhrel2w8hfxsfcq79xcww",
            "vesting",
        ),
        (
            ["--template", "vault", "--total", "100SMH", "--owner", OWNER],
            "sm1qqqqqqruepdplqhw9dflrvcpjqlg9ul5dchntys3epp73",
            "vault",
        ),
        (
            [*["--template", "vault", "--total", "100SMH", "--initial", "25SMH", "--owner"], OWNER],
            "sm1qqqqqqruepdplqhw9dflrvcpjqlg9ul5dchntys3epp73",
            "vault",
        ),
    ],
)
def test_addresses_are_computed_without_a_wallet(
    tmp_path: Path, arguments: list[str], address: str, template: str
) -> None:
    data = run_cli(["account", "address", *arguments, "--json"], tmp_path).data
    assert data == {"address": address, "template": template}


def test_one_key_is_a_wallet_and_several_are_a_multisig(tmp_path: Path) -> None:
    one = run_cli(["account", "address", "--key", KEY, "--json"], tmp_path).data
    two = run_cli(
        ["account", "address", "--key", KEY, "--key", OTHER, "--required", "2", "--json"], tmp_path
    ).data
    assert (one["template"], two["template"]) == ("wallet", "multisig")
    assert one["address"] != two["address"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--template", "wallet"], "needs public keys"),
        (["--template", "wallet", "--key", KEY, "--key", OTHER], "one key, not 2"),
        (["--template", "purse", "--key", KEY], "no template 'purse'"),
        (["--key", "12"], "no public key"),
        (["--template", "vault"], "needs --owner and --total"),
        (["--template", "vault", "--owner", "sm1x", "--total", "5"], "must give"),
    ],
)
def test_addresses_that_cannot_be(tmp_path: Path, arguments: list[str], problem: str) -> None:
    ran = run_cli(["account", "address", *arguments, "--json"], tmp_path)
    assert ran.code == ExitCode.USAGE
    assert problem in ran.error["message"]


def test_a_multisig_cannot_need_more_signatures_than_it_has_keys(tmp_path: Path) -> None:
    ran = run_cli(
        ["account", "address", "--key", KEY, "--template", "multisig", "--required", "2"], tmp_path
    )
    assert ran.code == ExitCode.PRECONDITION
