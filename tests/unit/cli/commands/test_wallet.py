"""``smcli wallet`` from the user's side."""

import json
from pathlib import Path

import pytest

from cli.errors import ExitCode
from tests.support.cli import NOW_NS, FakeTerminal, Ran, run_cli

WORDS = " ".join(["abandon"] * 11 + ["about"])
NAME = "wallet_2023-11-14T22-13-20.123Z.json"


def restore(home: Path, accounts: int = 2, password: str = "pw") -> Path:
    ran = run_cli(
        ["wallet", "restore", str(accounts), "--mnemonic-stdin", "--password-stdin", "--json"],
        home,
        stdin=f"{WORDS}\n{password}\n",
    )
    return Path(ran.data["file"])


def read(home: Path, *arguments: str, password: str = "pw") -> Ran:
    return run_cli(["wallet", "read", *arguments, "--password-stdin"], home, stdin=password + "\n")


def test_create_needs_someone_who_sees_the_words(tmp_path: Path) -> None:
    ran = run_cli(["wallet", "create", "--json"], tmp_path)

    assert ran.code == ExitCode.REFUSED
    assert "--reveal" in ran.error["hint"]
    assert not (tmp_path / "wallets").exists()


def test_create_for_a_script_reveals_the_words(tmp_path: Path) -> None:
    ran = run_cli(
        ["wallet", "create", "2", "--words", "12", "--reveal", "--password-stdin", "--json"],
        tmp_path,
        stdin="pw\n",
    )

    assert ran.code == ExitCode.OK
    assert len(ran.data["mnemonic"].split()) == 12
    assert Path(ran.data["file"]) == tmp_path / "wallets" / NAME
    assert Path(ran.data["file"]).stat().st_mode & 0o777 == 0o600
    assert [one["name"] for one in ran.data["accounts"]] == ["Child Key 0", "Child Key 1"]
    assert ran.data["accounts"][0]["address"].startswith("sm1qqqqqq")
    assert "secret" not in ran.stdout


def test_create_shows_the_words_once_and_asks_for_some(tmp_path: Path) -> None:
    dry = run_cli(
        ["wallet", "create", "--reveal", "--dry-run", "--json"], tmp_path, stdin="", terminal=None
    )
    assert "mnemonic" not in dry.data
    assert not (tmp_path / "wallets").exists()

    class Reader(FakeTerminal):
        def read_line(self, prompt: str) -> str:
            if prompt.startswith("Word "):
                number = int(prompt.split()[1].rstrip(":"))
                lines = self.shown[0].splitlines()
                return next(line.split()[1] for line in lines if line.split()[:1] == [str(number)])
            return super().read_line(prompt)

    terminal = Reader(["pw", "pw"])
    ran = run_cli(["wallet", "create"], tmp_path, terminal=terminal)

    assert ran.code == ExitCode.OK
    assert len(terminal.shown) == 1
    assert "Mnemonic" not in ran.stdout
    assert f"Wallet saved to {tmp_path / 'wallets' / NAME}" in ran.stderr


def test_create_makes_nothing_when_a_word_was_not_written_down(tmp_path: Path) -> None:
    ran = run_cli(["wallet", "create"], tmp_path, terminal=FakeTerminal(["wrong"] * 3))

    assert ran.code == ExitCode.REFUSED
    assert "a word was wrong" in ran.stderr
    assert not (tmp_path / "wallets").exists()


def test_restore_gives_the_known_keys(tmp_path: Path) -> None:
    file = restore(tmp_path)
    data = json.loads(read(tmp_path, str(file), "--json", "--private", "--parent").stdout)["data"]

    assert data["mnemonic"] == WORDS
    assert data["name"] == "Main Wallet"
    master, first, second = data["accounts"]
    assert (master["address"], master["name"]) == ("N/A", "Master Key")
    assert first["public_key"] == "f628d5733ba18640769ea46a24000be53a42fbfef0cd2c826044bbc640d119e2"
    assert first["private_key"].startswith("14dee62424026b2a9887ae2339597b73")
    assert second["path"] == "m/44'/540'/0'/0'/1'"


def test_restore_refuses_wrong_words_and_keeps_existing_files(tmp_path: Path) -> None:
    file = restore(tmp_path)
    before = file.read_bytes()
    again = run_cli(
        ["wallet", "restore", "--mnemonic-stdin", "--password-stdin", "--json"],
        tmp_path,
        stdin=f"{WORDS}\npw\n",
    )
    assert (again.code, again.error["code"]) == (ExitCode.PRECONDITION, "smesh.wallet.exists")
    assert file.read_bytes() == before
    wrong = run_cli(
        ["wallet", "restore", "--mnemonic-stdin", "--json"], tmp_path, stdin="abandon " * 12
    )
    assert (wrong.code, wrong.error["code"]) == (
        ExitCode.INVALID,
        "smesh.wallet.mnemonic.checksum",
    )
    dry = run_cli(
        ["wallet", "restore", "--mnemonic-stdin", "--dry-run", "--file", str(tmp_path / "x")],
        tmp_path,
        stdin=WORDS + "\n",
    )
    assert dry.code == ExitCode.OK
    assert not (tmp_path / "x").exists()


def test_a_passphrase_gives_other_keys(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("extra\n", encoding="utf-8")
    secret.chmod(0o600)
    command = ["wallet", "restore", "--dry-run", "--json"]
    plain = run_cli([*command, "--mnemonic-stdin"], tmp_path, stdin=WORDS)
    from_file = run_cli(
        [*command, "--mnemonic-stdin", "--passphrase-file", str(secret)],
        tmp_path,
        stdin=WORDS,
    )
    asked = run_cli(
        [*command, "--passphrase"],
        tmp_path,
        terminal=FakeTerminal([WORDS, "extra"]),
    )

    assert from_file.data["accounts"] == asked.data["accounts"] != plain.data["accounts"]


def test_read_as_a_table(tmp_path: Path) -> None:
    restore(tmp_path)
    lines = read(tmp_path).stdout.splitlines()

    assert lines[0] == "Wallet Contents"
    assert lines[1].split() == ["ADDRESS", "PUBKEY", "PATH", "NAME", "CREATED"]
    assert "f628d5733ba18..119e2" in lines[2]
    assert lines[-1] == "To print full keys, use the --full flag."
    full = read(tmp_path, "-f", "-p").stdout
    assert "PRIVKEY" in full
    assert f"Mnemonic: {WORDS}" in full
    assert "--full flag" not in full


def test_read_in_other_forms(tmp_path: Path) -> None:
    restore(tmp_path)

    base58 = read(tmp_path, "--base58", "-f").stdout
    assert "HZuQd2GT3qLggwizG843THwYWYtWM1ZRC8twHxgqGL8h" in base58
    assert "stest1qqqqqq" in read(tmp_path, "--hrp", "stest").stdout
    assert "standalone1qqqqqq" in read(tmp_path, "--network", "standalone").stdout
    csv = read(tmp_path, "--format", "csv", "--fields", "name,path").stdout
    assert csv.splitlines()[:2] == ["name,path", "Child Key 0,m/44'/540'/0'/0'/0'"]
    assert read(tmp_path, "--get", "accounts.1.name").stdout == "Child Key 1\n"


def test_a_wrong_password_leaves_the_file_alone(tmp_path: Path) -> None:
    file = restore(tmp_path)
    before = file.read_bytes()
    ran = read(tmp_path, "--json", password="other")

    assert (ran.code, ran.error["code"]) == (ExitCode.AUTHENTICATION, "smesh.wallet.password")
    assert file.read_bytes() == before


def test_damaged_and_missing_files_are_told_apart(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{}", encoding="utf-8")

    assert read(tmp_path, str(broken), "--json").error["code"] == "smesh.wallet.format"
    assert read(tmp_path, str(broken)).code == ExitCode.INVALID
    assert read(tmp_path, str(tmp_path / "absent")).code == ExitCode.NOT_FOUND
    none = read(tmp_path, "--json")
    assert (none.code, none.error["code"]) == (ExitCode.NOT_FOUND, "smesh.wallet.missing")


def test_info_needs_no_password(tmp_path: Path) -> None:
    file = restore(tmp_path)
    data = run_cli(["wallet", "info", "--json"], tmp_path).data

    assert data == {
        "file": str(file),
        "name": "Main Wallet",
        "created": "2023-11-14T22-13-20.123Z",
        "genesis_id": "",
        "encryption": "gcm",
        "iterations": 210_000,
        "strong": True,
        "mode": "0600",
    }


def test_wallets_are_found_by_name_setting_or_alone(tmp_path: Path) -> None:
    file = restore(tmp_path)
    go_folder = tmp_path / ".spacemesh"
    go_folder.mkdir()
    other = go_folder / "wallet_x.json"
    other.write_bytes(file.read_bytes())

    several = run_cli(["wallet", "info", "--json"], tmp_path)
    assert several.code == ExitCode.USAGE
    assert str(other) in several.error["message"]
    assert run_cli(["wallet", "info", str(other), "--json"], tmp_path).data["file"] == str(other)
    (tmp_path / "config.toml").write_text(f'[smcli]\nwallet = "{other}"\n', encoding="utf-8")
    assert run_cli(["wallet", "info", "--json"], tmp_path).data["file"] == str(other)


def test_passwd_changes_the_password(tmp_path: Path) -> None:
    file = restore(tmp_path)
    change = ["wallet", "passwd", "--password-stdin", "--new-password-stdin", "--json"]
    before = file.read_bytes()

    assert run_cli([*change, "--dry-run"], tmp_path, stdin="pw\nnew\n").code == ExitCode.OK
    assert file.read_bytes() == before
    assert run_cli(change, tmp_path, stdin="pw\nnew\n").data["iterations"] == 210_000
    assert read(tmp_path).code == ExitCode.AUTHENTICATION
    assert read(tmp_path, password="new").code == ExitCode.OK


def test_a_weak_file_is_told_and_mended(tmp_path: Path) -> None:
    from node.wallet.accounts import make_wallet
    from node.wallet.file import create_wallet_file, seal_wallet

    wallet = make_wallet(WORDS, now_ns=NOW_NS)
    file = tmp_path / "wallets" / "wallet_weak.json"
    create_wallet_file(file, seal_wallet(wallet, "pw", salt=bytes(16), iterations=1000))

    assert read(tmp_path, "--json").document["warnings"][0]["code"] == "smesh.wallet.weak"
    run_cli(
        ["wallet", "passwd", "--password-stdin", "--new-password-stdin"], tmp_path, stdin="pw\npw\n"
    )
    assert read(tmp_path, "--json").document["warnings"] == []


def test_words_are_verified_against_a_wallet(tmp_path: Path) -> None:
    restore(tmp_path)
    verify = ["wallet", "verify-mnemonic", "--json"]
    stdin = ["--mnemonic-stdin", "--password-stdin"]

    right = run_cli([*verify, *stdin], tmp_path, stdin=f" {WORDS.replace(' ', '  ')} \npw\n")
    assert (right.data["matches"], right.data["words"]) == (True, 12)
    wrong = run_cli([*verify, *stdin], tmp_path, stdin="abandon\npw\n")
    assert (wrong.code, wrong.document["data"]["matches"]) == (ExitCode.CHECK_FAILED, False)
    quiz = run_cli(verify, tmp_path, terminal=FakeTerminal(["pw", "abandon", "abandon", "abandon"]))
    assert quiz.data["words"] == 3
    whole = run_cli([*verify, "--all"], tmp_path, terminal=FakeTerminal(["pw", WORDS]))
    assert whole.data["matches"]


def test_a_wallet_without_words_has_no_quiz(tmp_path: Path) -> None:
    from dataclasses import replace

    from node.wallet.accounts import make_wallet
    from node.wallet.file import create_wallet_file, seal_wallet

    wallet = replace(make_wallet(WORDS, now_ns=NOW_NS), mnemonic="")
    file = tmp_path / "wallets" / "wallet_x.json"
    create_wallet_file(file, seal_wallet(wallet, "pw", salt=bytes(16)))

    ran = run_cli(["wallet", "verify-mnemonic"], tmp_path, terminal=FakeTerminal(["pw"]))
    assert ran.code == ExitCode.USAGE
    assert "has no words" in ran.stderr


@pytest.mark.parametrize("count", ["129", "-1", "x"])
def test_numbers_of_accounts_that_smcli_refuses(tmp_path: Path, count: str) -> None:
    ran = run_cli(["wallet", "create", "--reveal", "--", count], tmp_path)
    assert ran.code == ExitCode.USAGE
