"""The root of the command tree and the process around it."""

import json
import signal
import sys
from pathlib import Path

import pytest
import typer

from cli import main
from cli.errors import ExitCode
from tests.support.cli import run_cli


def test_help_lists_every_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--help"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in main.COMMANDS)


def test_every_entry_of_the_table_can_be_loaded() -> None:
    for name in main.COMMANDS:
        assert main.load_command(name).get_short_help_str() != ""


def test_versions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main.main(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out.startswith("smcli 0.")
    assert run_cli(["version", "--json"], tmp_path).data["python"].startswith("3.11.")


def test_common_options_before_the_command_are_defaults(tmp_path: Path) -> None:
    assert run_cli(["--json", "version"], tmp_path).document["cmd"] == "version"
    assert run_cli(["--get", "spacemesh", "version", "--get", "python"], tmp_path).stdout == (
        f"{sys.version.split()[0]}\n"
    )


def test_wrong_words_are_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main.main(["walet"]) == ExitCode.USAGE
    assert "Did you mean 'wallet'?" in capsys.readouterr().err
    assert main.main(["wallet", "read", "--no-such-option"]) == ExitCode.USAGE
    capsys.readouterr()
    assert main.main(["walet", "--json"]) == ExitCode.USAGE
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "smesh.usage"
    monkeypatch.setenv("SMCLI_JSON", "1")
    assert main.main(["--nonsense"]) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_no_words_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([]) == ExitCode.USAGE
    assert "Commands:" in capsys.readouterr().err


def test_exit_codes_of_commands_come_through(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMCLI_HOME", str(tmp_path))
    assert main.main(["wallet", "read", str(tmp_path / "absent")]) == ExitCode.NOT_FOUND
    assert "no such wallet file" in capsys.readouterr().err


class Failing:
    """A command tree that fails in a given way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def main(self, **_options: object) -> None:
        raise self.error


def test_an_end_of_input_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.main.get_command", lambda _: Failing(typer.Abort()))
    assert main.main([]) == ExitCode.INTERRUPTED


def test_a_plain_error_of_typer_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("typer.main.get_command", lambda _: Failing(typer.TyperException("odd")))
    assert main.main([]) == 1
    assert capsys.readouterr().err == "error: odd\n"


def test_bugs_leave_their_traceback_in_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMCLI_HOME", str(tmp_path))
    error = ValueError("mistake")

    main.report_bug(ValueError, error, None)

    file = tmp_path / "state" / "last-traceback.txt"
    assert "ValueError: mistake" in file.read_text(encoding="utf-8")
    assert str(file) in capsys.readouterr().err

    monkeypatch.setenv("SMCLI_HOME", "/proc/none")
    monkeypatch.setenv("SMCLI_DEBUG", "1")
    main.report_bug(ValueError, error, None)
    assert "report it with SMCLI_DEBUG=1" in capsys.readouterr().err


def test_the_process_ends_with_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, object] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "argv", ["smcli", "--help"])

    with pytest.raises(SystemExit) as caught:
        main.run()

    assert caught.value.code == ExitCode.OK
    assert handlers[signal.SIGPIPE] is signal.SIG_DFL
    terminate = handlers[signal.SIGTERM]
    assert callable(terminate)
    with pytest.raises(SystemExit) as caught:
        terminate(signal.SIGTERM, None)
    assert caught.value.code == ExitCode.TERMINATED
