"""Questions and secrets."""

import io
import os
import sys
from pathlib import Path

import pytest

from cli.errors import AuthenticationError, RefusedError
from cli.prompts import Prompts, SecretSource, SystemTerminal, read_secret_file
from node.base.errors import UsageError
from tests.support.cli import FakeTerminal, TerminalStream, secret_file


def make_prompts(
    *answers: str,
    interactive: bool = True,
    environment: dict[str, str] | None = None,
    stdin: str = "",
    assume_yes: bool = False,
) -> tuple[Prompts, FakeTerminal, list[str]]:
    terminal = FakeTerminal(list(answers) if interactive else None)
    warnings: list[str] = []
    prompts = Prompts(
        terminal=terminal,
        environment=environment or {},
        assume_yes=assume_yes,
        warn=lambda _, code: warnings.append(code),
        read_input=io.StringIO(stdin).readline,
    )
    return prompts, terminal, warnings


@pytest.mark.parametrize("answer", ["y", " YES "])
def test_yes_confirms(answer: str) -> None:
    prompts, terminal, _ = make_prompts(answer)

    prompts.confirm("Delete it?")

    assert terminal.asked == ["Delete it? [y/N] "]


@pytest.mark.parametrize("answer", ["", "n", "yep"])
def test_anything_else_declines(answer: str) -> None:
    prompts, _, _ = make_prompts(answer)
    with pytest.raises(RefusedError, match="declined"):
        prompts.confirm("Delete it?")


def test_nobody_is_asked_with_yes_or_without_a_terminal() -> None:
    prompts, terminal, _ = make_prompts(interactive=False, assume_yes=True)
    prompts.confirm("Delete it?")
    assert terminal.asked == []

    prompts, _, _ = make_prompts(interactive=False)
    with pytest.raises(RefusedError, match="needs a confirmation") as caught:
        prompts.confirm("Delete it?")
    assert caught.value.hint == "add --yes"
    with pytest.raises(RefusedError, match="Key is missing"):
        prompts.ask("Key: ", option="--key")
    with pytest.raises(RefusedError, match="Words is missing"):
        prompts.secret(SecretSource(), "Words: ", hint="")


def test_answers_are_returned_as_typed() -> None:
    prompts, _, _ = make_prompts(" a b ", "secret")

    assert prompts.ask("Key: ", option="--key") == " a b "
    assert prompts.secret(SecretSource(), "Words: ", hint="") == "secret"


def test_passwords_come_from_stdin_file_descriptor(tmp_path: Path) -> None:
    prompts, _, _ = make_prompts(interactive=False, stdin=" first \r\nsecond\n")
    assert prompts.password(SecretSource(stdin=True)) == " first "
    assert prompts.password(SecretSource(stdin=True)) == "second"
    with pytest.raises(RefusedError, match="stdin has no line for --password-stdin"):
        prompts.password(SecretSource(stdin=True))
    with secret_file(tmp_path, "from file\nrest") as file:
        assert prompts.password(SecretSource(file=file)) == "from file"
    read_end, write_end = os.pipe()
    os.write(write_end, b"from pipe\n")
    os.close(write_end)
    assert prompts.password(SecretSource(descriptor=read_end)) == "from pipe"
    with pytest.raises(AuthenticationError, match="file descriptor"):
        prompts.password(SecretSource(descriptor=read_end))


def test_only_one_source_may_be_named() -> None:
    with pytest.raises(UsageError, match="give only one of --password-stdin"):
        SecretSource(stdin=True, descriptor=3)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_password_file_must_be_private(tmp_path: Path, mode: int) -> None:
    with secret_file(tmp_path, "x", mode) as file, pytest.raises(AuthenticationError) as caught:
        read_secret_file(file)

    assert caught.value.code == "smesh.authentication.file_mode"
    assert caught.value.hint == f"chmod 600 {file}"
    with pytest.raises(AuthenticationError, match="cannot read"):
        read_secret_file(tmp_path / "absent")


def test_the_environment_names_files_and_descriptors(tmp_path: Path) -> None:
    with secret_file(tmp_path, "from file") as file:
        prompts, _, _ = make_prompts(
            interactive=False, environment={"SMCLI_PASSWORD_FILE": str(file)}
        )
        assert prompts.password(SecretSource()) == "from file"
        assert prompts.new_password(SecretSource()) == "from file"
    read_end, write_end = os.pipe()
    os.write(write_end, b"from pipe")
    os.close(write_end)
    prompts, _, _ = make_prompts(
        interactive=False, environment={"SMCLI_PASSWORD_FD": str(read_end)}
    )
    assert prompts.password(SecretSource()) == "from pipe"
    prompts, _, _ = make_prompts(environment={"SMCLI_PASSWORD_FD": "x"})
    with pytest.raises(UsageError, match="SMCLI_PASSWORD_FD"):
        prompts.password(SecretSource())


def test_a_password_in_a_variable_works_and_warns() -> None:
    prompts, _, warnings = make_prompts(interactive=False, environment={"SMCLI_PASSWORD": "pw"})

    assert prompts.password(SecretSource()) == "pw"
    assert warnings == ["smesh.wallet.password_in_environment"]


def test_the_credential_of_a_systemd_unit(tmp_path: Path) -> None:
    (tmp_path / "wallet-password").write_text("unit\n", encoding="utf-8")
    prompts, _, _ = make_prompts(
        interactive=False, environment={"CREDENTIALS_DIRECTORY": str(tmp_path)}
    )
    assert prompts.password(SecretSource()) == "unit"

    prompts, _, _ = make_prompts("typed", environment={"CREDENTIALS_DIRECTORY": "/absent"})
    assert prompts.password(SecretSource()) == "typed"


def test_new_passwords_are_typed_twice() -> None:
    prompts, _, warnings = make_prompts("a", "a", "a", "b", "", "")

    assert prompts.new_password(SecretSource()) == "a"
    with pytest.raises(RefusedError, match="two passwords differ"):
        prompts.new_password(SecretSource())
    assert warnings == []
    assert prompts.new_password(SecretSource()) == ""
    assert warnings == ["smesh.wallet.no_password"]
    prompts, _, _ = make_prompts(interactive=False)
    with pytest.raises(RefusedError) as caught:
        prompts.new_password(SecretSource(option="new-password"))
    assert "--new-password-file" in caught.value.hint


def test_the_old_password_of_a_variable_is_not_the_new_one() -> None:
    prompts, _, _ = make_prompts("n", "n", environment={"SMCLI_PASSWORD": "old"})

    assert prompts.new_password(SecretSource(option="new-password")) == "n"


def test_the_real_terminal_asks_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = TerminalStream()
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setattr(sys, "stdin", io.StringIO("answer\n\n"))
    terminal = SystemTerminal()

    assert not terminal.is_interactive
    assert terminal.read_line("Name: ") == "answer"
    terminal.show_once("words")
    assert errors.getvalue() == (
        "Name: \x1b[?1049h\x1b[Hwords\nPress Enter when you have written this down \x1b[?1049l"
    )
    with pytest.raises(RefusedError, match="no answer"):
        terminal.read_line("Name: ")


def test_the_real_terminal_hides_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["hidden"])

    def getpass(prompt: str, stream: object) -> str:
        assert prompt == "Password: "
        for answer in answers:
            return answer
        raise EOFError

    monkeypatch.setattr("getpass.getpass", getpass)

    assert SystemTerminal().read_secret("Password: ") == "hidden"
    with pytest.raises(RefusedError):
        SystemTerminal().read_secret("Password: ")
