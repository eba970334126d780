"""The decorator of commands: common options, results, errors, limits."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from cli.command import command, make_group, time_limit
from cli.context import Context
from cli.errors import CheckFailedError, ExitCode, TimedOutError
from node.base.errors import UnavailableError
from tests.support.cli import FakeTerminal, Ran, make_context

app = make_group("Things.")


@command(app)
def good(context: Context, *, number: Annotated[int, typer.Argument(help="A number.")] = 5) -> Any:
    """Return a record."""
    return {"number": number, "network": context.options.network}


@command(app)
def bad(_context: Context) -> None:
    """Fail on purpose."""
    raise UnavailableError("no answer", hint="wait")


@command(app)
def group_of_bad(_context: Context) -> None:
    """Fail in several tasks."""
    raise BaseExceptionGroup("tasks", [UnavailableError("no answer", hint="wait")])


@command(app)
def bug(_context: Context) -> None:
    """Fail by mistake in a task."""
    raise BaseExceptionGroup("tasks", [ValueError("mistake")])


@command(app)
def interrupted(_context: Context) -> None:
    """Be stopped by the user."""
    raise KeyboardInterrupt


@command(app)
def slow(context: Context) -> None:
    """Wait."""
    context.run(asyncio.sleep(30))


@command(app, "checked", lists=True)
def check(_context: Context) -> None:
    """Find something wrong."""
    raise CheckFailedError("one is wrong", report={"wrong": 1})


@command(app, changes=True, lists=True, unlocks=True, streams=True)
def everything(context: Context, *, private: bool = False) -> Any:
    """Take all options."""
    return {
        "yes": context.options.yes,
        "dry_run": context.options.dry_run,
        "private": private,
        "password_fd": context.password_source.descriptor,
    }


def run(tmp_path: Path, *arguments: str, environment: dict[str, str] | None = None) -> Ran:
    context = make_context(tmp_path, terminal=FakeTerminal(), environment=environment)
    result = CliRunner().invoke(app, list(arguments), obj=context, catch_exceptions=False)
    return Ran(result.exit_code, result.stdout, result.stderr)


def test_a_record_is_printed(tmp_path: Path) -> None:
    assert run(tmp_path, "good").stdout == "number   5\nnetwork  -\n"
    ran = run(tmp_path, "good", "7", "--network", "testnet", "-j")
    assert ran.document["cmd"] == "good"
    assert ran.data == {"number": 7, "network": "testnet"}


def test_the_environment_gives_defaults(tmp_path: Path) -> None:
    ran = run(tmp_path, "good", environment={"SMCLI_JSON": "1", "SMCLI_NETWORK": "fastnet"})
    assert ran.data["network"] == "fastnet"


@pytest.mark.parametrize("name", ["bad", "group-of-bad"])
def test_expected_errors_end_with_their_code(tmp_path: Path, name: str) -> None:
    ran = run(tmp_path, name)
    assert ran.code == ExitCode.UNAVAILABLE
    assert ran.stderr == "error: no answer\n  try: wait\n  code: smesh.unavailable\n"
    assert run(tmp_path, name, "--json").error["code"] == "smesh.unavailable"


def test_two_v_show_where_it_happened(tmp_path: Path) -> None:
    assert "Traceback" in run(tmp_path, "bad", "-vv").stderr
    assert "Traceback" in run(tmp_path, "bad", environment={"SMCLI_DEBUG": "1"}).stderr
    assert "Traceback" not in run(tmp_path, "bad", "-v").stderr


def test_mistakes_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(BaseExceptionGroup):
        run(tmp_path, "bug")


def test_ctrl_c_is_130(tmp_path: Path) -> None:
    assert run(tmp_path, "interrupted").code == ExitCode.INTERRUPTED


def test_a_failed_check_prints_its_report(tmp_path: Path) -> None:
    ran = run(tmp_path, "checked")
    assert (ran.code, ran.stdout) == (ExitCode.CHECK_FAILED, "wrong  1\n")
    assert run(tmp_path, "checked", "--json").document["data"] == {"wrong": 1}
    ran = run(tmp_path, "checked", "--fields", "nothing")
    assert ran.code == ExitCode.CHECK_FAILED
    assert "there is no field 'nothing'" in ran.stderr


def test_own_parameters_take_the_place_of_common_ones(tmp_path: Path) -> None:
    ran = run(
        tmp_path, "everything", "--private", "-y", "--dry-run", "--password-fd", "0", "--json"
    )
    document = json.loads(ran.stdout)
    assert document["type"] == "result"
    assert document["data"] == {"yes": True, "dry_run": True, "private": True, "password_fd": 0}


def test_help_lists_own_options_first(tmp_path: Path) -> None:
    text = run(tmp_path, "everything", "--help").stdout
    assert text.index("--dry-run") < text.index("Common options") < text.index("--quiet")
    assert "A number." in run(tmp_path, "good", "--help").stdout


@pytest.fixture
def alarm_is_restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) == before


@pytest.mark.usefixtures("alarm_is_restored")
def test_the_time_limit_ends_asynchronous_work(tmp_path: Path) -> None:
    ran = run(tmp_path, "slow", "--timeout", "0.05")
    assert ran.code == ExitCode.TIMED_OUT
    assert "not done after 0.05 s" in ran.stderr


@pytest.mark.usefixtures("alarm_is_restored")
def test_the_time_limit_ends_synchronous_work() -> None:
    started = time.monotonic()
    with pytest.raises(TimedOutError), time_limit(0.05):
        signal.pause()
    assert time.monotonic() - started < 5
    with time_limit(None):
        pass
