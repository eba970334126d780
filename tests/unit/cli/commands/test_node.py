"""``smcli node`` with a program that behaves like a node."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.errors import ExitCode
from cli.main import app
from node.operator.daemon import find_nodes
from tests.support.cli import FakeConnector, FakeTerminal, Ran, make_context
from tests.support.fake_api import FakeApi, make_status

FAKE_NODE = str(Path(__file__).parents[3] / "support" / "fake_node.py")


def run(
    home: Path,
    *arguments: str,
    behaviour: str = "good",
    answers: list[str] | None = None,
    api: FakeApi | None = None,
) -> Ran:
    context = make_context(home, terminal=FakeTerminal(answers), open_api=FakeConnector(api))
    context.node_program = (sys.executable, "-S", FAKE_NODE, behaviour)
    result = CliRunner().invoke(app, ["node", *arguments], obj=context, catch_exceptions=False)
    return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for record in find_nodes(tmp_path / "state" / "nodes"):
        for mark in (record.supervisor, record.node):
            process = mark.find() if mark is not None else None
            if process is not None:
                process.kill()
                process.wait(5)


def test_start_status_stop(home: Path) -> None:
    started = run(home, "start", "--json")
    assert started.data["name"] == "mainnet"
    assert started.data["state"] == "ready"
    assert started.data["addresses"] == {"public": "127.0.0.1:1234"}
    assert started.document["meta"]["network"] == "mainnet"

    again = run(home, "start", "--json")
    assert (again.code, again.error["code"]) == (ExitCode.PRECONDITION, "smesh.node.running")
    status = run(home, "status", "--check", "--json", api=FakeApi())
    assert (status.data["running"], status.data["status"]) == (True, "synced")
    assert status.data["pid"] == started.data["pid"]
    assert run(home, "stop", "--dry-run", "--json").data["seconds"] == 0.0

    assert run(home, "stop", "--json").data["forced"] is False
    ended = run(home, "status", "--check", "--json")
    assert ended.code == ExitCode.CHECK_FAILED
    assert ended.document["data"]["state"] == "stopped"
    assert run(home, "stop").code == ExitCode.NOT_FOUND


def test_status_tells_what_the_api_says(home: Path) -> None:
    run(home, "start")
    said = run(home, "status", "--json", api=FakeApi()).data["api"]
    assert said == {
        "endpoint": "127.0.0.1:9092",
        "version": "v1.7.0",
        "network": "standalone",
        "genesis_id": bytes(range(20)).hex(),
        "synced": True,
        "peers": 3,
        "epoch": 2,
        "current_layer": 25,
        "layer_ends": "2023-11-14T22:17:40Z",
        "latest_layer": 25,
        "applied_layer": 24,
        "processed_layer": 24,
        "lag": 1,
    }
    silent = run(home, "status", "--json")
    assert (silent.data["api"], silent.document["warnings"][0]["code"]) == (None, "smesh.node.api")
    text = run(home, "status", api=FakeApi()).stdout
    assert "synced           yes\n" in text
    assert "lag              1" in text


@pytest.mark.parametrize(
    ("api", "problem"),
    [
        (None, "node mainnet does not answer"),
        (FakeApi(node_status=make_status(synced=False)), "is not synced: layer 24 of 25"),
        (FakeApi(node_status=make_status(applied_layer=22)), "is 3 layers behind"),
    ],
)
def test_a_node_that_does_not_keep_up_fails_the_check(
    home: Path, api: FakeApi | None, problem: str
) -> None:
    run(home, "start")
    ran = run(home, "status", "--check", "--json", api=api)
    assert (ran.code, ran.error["code"]) == (ExitCode.CHECK_FAILED, "smesh.node.behind")
    assert problem in ran.error["message"]
    assert ran.document["data"]["running"] is True


def test_another_node_is_asked_by_its_address(home: Path) -> None:
    there = run(home, "status", "--node", "far:1", "--check", "--json", api=FakeApi())
    assert (there.data["peers"], there.document["meta"]["node"]) == (3, "127.0.0.1:9092")
    behind = FakeApi(node_status=make_status(applied_layer=0))
    assert run(home, "status", "--node", "far:1", "--json", api=behind).data["lag"] == 25
    ran = run(home, "status", "--node", "far:1", "--check", "--json", api=behind)
    assert (ran.code, ran.error["message"]) == (
        ExitCode.CHECK_FAILED,
        "the node is 25 layers behind",
    )
    assert run(home, "status", "--node", "far:1").code == ExitCode.UNAVAILABLE


def test_status_without_any_node(home: Path) -> None:
    assert run(home, "status").code == ExitCode.NOT_FOUND
    assert run(home, "status", "--name", "x").code == ExitCode.NOT_FOUND


def test_what_the_node_says_while_it_starts_is_passed_on(home: Path) -> None:
    assert run(home, "start", behaviour="slow").stderr == "mainnet: loading\n"
    assert run(home, "status").stdout.startswith("name       mainnet\n")
    run(home, "stop")


def test_the_plan_names_every_flag(home: Path) -> None:
    file = home / "node.json"
    file.write_text(json.dumps({"main": {"db-connections": 5}}), encoding="utf-8")
    ran = run(
        home,
        *("start", "--dry-run", "--json", "--preset", "standalone", "--data-dir", str(home / "d")),
        *("--config", str(file), "--set", "genesis.genesis-time=2026-01-01T00:00:00Z"),
        *("--smesh", "--name", "mine"),
    )

    assert ran.data["name"] == "mine"
    assert ran.data["data_folder"] == str(home / "d")
    assert ran.data["command"][4:] == [
        *("--config", str(file), "--preset", "standalone"),
        *("--set", f"main.data-folder={home / 'd'}"),
        *("--set", "smeshing.smeshing-start=true"),
        *("--set", "genesis.genesis-time=2026-01-01T00:00:00Z"),
    ]
    assert ran.document["warnings"][0]["code"] == "smesh.config.ignored_key"


def test_a_wrong_configuration_starts_nothing(home: Path) -> None:
    ran = run(home, "start", "--preset", "standalone", "--json")
    assert (ran.code, ran.error["code"]) == (ExitCode.INVALID, "smesh.config.value")
    assert "genesis-time" in ran.error["message"]
    assert run(home, "start", "--set", "x").code == ExitCode.USAGE
    assert not (home / "state").exists()


def test_a_node_that_fails_is_told_with_its_last_words(home: Path) -> None:
    ran = run(home, "start", "--json", behaviour="wrong-config")
    assert ran.code == ExitCode.INVALID
    assert "genesis time is zero" in ran.error["message"]


def test_the_foreground_ends_with_the_code_of_the_node(home: Path) -> None:
    assert run(home, "start", "--foreground", behaviour="crash").code == 1
    assert run(home, "start", "--foreground", behaviour="suicide").code == 137


def test_a_stubborn_node_is_killed_after_a_confirmation(home: Path) -> None:
    run(home, "start", behaviour="stubborn")
    assert run(home, "stop", "--timeout", "0.1", "--force").code == ExitCode.REFUSED
    late = run(home, "stop", "--timeout", "0.1", "--json")
    assert (late.code, late.error["code"]) == (ExitCode.UNAVAILABLE, "smesh.node.stop_timeout")
    killed = run(home, "stop", "--timeout", "0.1", "--force", "--json", answers=["y"])
    assert killed.data["forced"] is True


def test_a_start_that_is_not_waited_for(home: Path) -> None:
    ran = run(home, "start", "--no-wait", "--json", behaviour="silent")
    assert ran.data["state"] in {"starting", "ready"}
    assert run(home, "stop").code == ExitCode.OK
