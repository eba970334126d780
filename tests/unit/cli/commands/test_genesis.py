"""``smcli genesis verify``: the recorded dialogues of smcli, typed into ours."""

from pathlib import Path

import pytest

from cli.errors import ExitCode
from tests.support.cli import FakeTerminal, run_cli

KEYS = (
    "2208e8464ab7cf63dc09abccb063ba8c1b035c3e831a26704893333198eb0a58",
    "aca536ae66ae6b5cfa08a5d1d4cf62b696b87cda47dc00b5f302cd018bda590b",
    "8a9dd2be0389326e9fc96afed4ebbc6d34b3da4ce0b0dcf82b13eb009998495b",
)
SINGLE = (
    "sm1qqqqqqpfz8fqq8am9jfjhmmydhrel2w8hfxsfcq79xcww",
    "sm1qqqqqqruepdplqhw9dflrvcpjqlg9ul5dchntys3epp73",
)
THREE = (
    "sm1qqqqqqz4ga42xj95mzf744c3gjtnqlk3wqu60wcqwm2g5",
    "sm1qqqqqqx3wv73zyj0z2hm5m08q78ns90823rtrtsnlclaf",
)


@pytest.mark.parametrize(
    ("lines", "addresses"),
    [((KEYS[0], "", "100"), SINGLE), ((*KEYS, "", "2", "1234567"), THREE)],
)
def test_the_dialogue_from_stdin_and_from_a_person(
    tmp_path: Path, lines: tuple[str, ...], addresses: tuple[str, str]
) -> None:
    command = ["genesis", "verify", "--json"]
    piped = run_cli(command, tmp_path, stdin="\n".join(lines) + "\n").data
    typed = run_cli(command, tmp_path, terminal=FakeTerminal(list(lines))).data

    assert (piped["vesting_address"], piped["vault_address"]) == addresses
    assert typed == piped


def test_options_answer_everything(tmp_path: Path) -> None:
    keys = [word for key in KEYS for word in ("--key", key)]
    data = run_cli(
        ["genesis", "verify", *keys, "--required", "2", "--balance", "1234567", "--json"], tmp_path
    ).data

    assert (data["vesting_address"], data["vault_address"]) == THREE
    assert (data["required"], data["keys"], data["balance"]) == (2, 3, "1234567000000000")


@pytest.mark.parametrize(
    ("stdin", "problem"),
    [
        ("\n", "must enter at least one key"),
        ("zz\n\n1\n", "no public key"),
        (f"{KEYS[0]}\n\nx\n", "'x' is no whole number"),
        (f"{KEYS[0]}\n{KEYS[1]}\n\n3\n10\n", "3"),
        (f"{KEYS[0]}\n{KEYS[1]}\n\n0\n10\n", "0"),
        (f"{KEYS[0]}\n\n18446744074\n", "more than there can be"),
    ],
)
def test_what_smcli_refuses_or_should(tmp_path: Path, stdin: str, problem: str) -> None:
    ran = run_cli(["genesis", "verify", "--json"], tmp_path, stdin=stdin)
    assert ran.code == ExitCode.USAGE
    assert problem in ran.error["message"]


def test_a_missing_answer_is_asked_for(tmp_path: Path) -> None:
    ran = run_cli(["genesis", "verify", "--json"], tmp_path, stdin=KEYS[0] + "\n\n")
    assert ran.code == ExitCode.REFUSED
    assert "--balance" in ran.error["hint"]
