"""``smcli demo`` with a program that behaves like a node, and an API that answers for it."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import cli.commands.demo
import cli.demo.driver
import node.client.grpc
from cli.demo.folder import GENESIS_AHEAD_NS
from cli.errors import ExitCode
from cli.main import app
from node.client.records import KnownTransaction, NetworkInfo
from node.config.durations import Instant
from node.config.genesis import genesis_id
from node.operator.daemon import find_nodes
from node.types.layer import LayerID
from tests.support.cli import NOW_NS, Ran, make_context
from tests.support.demo import NETWORK, NS, LiveApi, make_reward, make_space
from tests.support.fake_api import make_layer, make_smeshing, make_status

FAKE_NODE = str(Path(__file__).parents[3] / "support" / "fake_node.py")
GENESIS_NS = -(-(NOW_NS + GENESIS_AHEAD_NS) // NS) * NS
NETWORK_NOW = replace(
    NETWORK,
    genesis_ns=GENESIS_NS,
    genesis_id=genesis_id(Instant(GENESIS_NS), "standalone"),
)


@dataclass(slots=True, kw_only=True)
class RichApi(LiveApi):
    """A node whose coinbase is rich, and that applies what it is sent."""

    signal: int = 0
    """Sent to ourselves at the third look at the node, if not 0."""

    sleeping: int = 0
    """If not 0, this number of connections less one find a network that slept for long."""

    def network(self) -> NetworkInfo:
        if self.sleeping:
            self.node_status = make_status(current_layer=LayerID(90 if self.sleeping > 1 else 25))
            self.sleeping -= 1
        return super(RichApi, self).network()

    def rewards(self, **filters: Any) -> Iterator[Any]:
        coinbase = filters["coinbase"]
        if not self.known_accounts:
            self.fund(coinbase, make_reward(21).total)
        return iter([replace(make_reward(21), coinbase=coinbase)])

    def transactions(self, **filters: Any) -> Iterator[KnownTransaction]:
        if self.signal and self.calls.count("status") == 3:
            os.kill(os.getpid(), self.signal)
        for tx_id, known in list(self.known_transactions.items()):
            if known.outcome is None:
                self.apply(tx_id, layer=23)
        return super(RichApi, self).transactions(**filters)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> RichApi:
    """Return the API that every demo of the test is answered by."""
    rich = RichApi(
        network_info=NETWORK_NOW,
        node_status=make_status(),
        smeshing_status=make_smeshing(setup=make_space(64)),
        known_layers=[make_layer(number) for number in range(25)],
    )

    @contextmanager
    def open_rich(public: str, *, private: str) -> Iterator[RichApi]:
        assert (public, private) == ("127.0.0.1:1234", "127.0.0.1:1235")
        yield rich

    monkeypatch.setattr(node.client.grpc, "open_node_api", open_rich)
    monkeypatch.setattr(cli.demo.driver, "TICK_S", 0.01)
    return rich


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Yield the user's home; no node may run at its end."""
    yield tmp_path
    running = []
    for folder in (tmp_path / "state" / "nodes", tmp_path / "here" / "nodes"):
        for record in find_nodes(folder):
            for mark in (record.supervisor, record.node):
                process = mark.find() if mark is not None else None
                if process is not None and process.pid != os.getpid():
                    running.append(process.pid)
                    process.kill()
    assert running == []


def run(home: Path, *arguments: str, **environment: str) -> Ran:
    context = make_context(home, environment={**os.environ, "SMCLI_HOME": str(home), **environment})
    context.node_program = (sys.executable, "-S", FAKE_NODE, "demo")
    result = CliRunner().invoke(app, ["demo", *arguments], obj=context, catch_exceptions=False)
    return Ran(result.exit_code, result.stdout, result.stderr)


def test_a_demo_reports_in_json_what_it_has_seen(api: RichApi, home: Path) -> None:
    ran = run(home, "--until-spent", "--json", SMCLI_SETUP_SECONDS="12")
    assert ran.code == 0, ran.stderr
    data = ran.data
    assert list(data) == [
        "network",
        "layers",
        "epochs",
        "atxs",
        "beacons",
        "state_root",
        "transactions",
        "accounts",
        "seconds",
    ]
    assert data["network"] == {
        "genesis_id": NETWORK_NOW.genesis_id.hex(),
        "layer_duration_s": 6.0,
        "layers_per_epoch": 10,
    }
    assert [sorted(one) for one in data["transactions"]] == [
        ["fee", "id", "kind", "layer", "status"]
    ] * 2
    assert [sorted(one) for one in data["accounts"]] == [["address", "balance", "nonce"]] * 2
    assert data["accounts"][1]["balance"] == "100000000000"
    assert list(data["seconds"]) == [
        "setup",
        "post",
        "poet",
        "first_atx",
        "first_reward",
        "spent",
    ]
    assert data["seconds"]["setup"] == 12.0
    meta = ran.document["meta"]
    assert meta["network"] == "standalone"
    assert meta["genesis_id"] == NETWORK_NOW.genesis_id.hex()
    assert (meta["node"], meta["layer"], meta["synced"]) == ("127.0.0.1:9092", 24, True)
    assert "reward of layer 21" in ran.stderr


def test_people_get_lines_and_a_summary(api: RichApi, home: Path) -> None:
    ran = run(home, "--until-spent", "--data-folder", str(home / "here"))
    assert ran.code == 0, ran.stderr
    assert "a new network in" in ran.stdout
    assert "single_sig_send" in ran.stdout
    assert f"wallet {home / 'here' / 'wallet.json'}" in ran.stdout
    assert "the node ended in" in ran.stderr
    assert (home / "here" / "nodes" / "demo" / "record.json").exists()

    again = run(home, "--until-spent", "--data-folder", str(home / "here"), "--quiet")
    assert again.code == 0, again.stderr
    assert "network in" not in again.stdout
    assert len(api.submitted) == 2


def test_the_wallet_of_a_demo_opens_with_its_password(api: RichApi, home: Path) -> None:
    run(home, "--until-spent")
    folder = home / "state" / "demo"
    context = make_context(home)
    listed = CliRunner().invoke(
        app,
        [
            *("account", "list", "--json", "--hrp", "standalone"),
            *("--wallet", str(folder / "wallet.json")),
            *("--password-file", str(folder / "password")),
        ],
        obj=context,
        catch_exceptions=False,
    )
    rows = json.loads(listed.stdout)["data"]
    assert rows[0]["address"] in api.known_accounts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_demo_ends_its_node(api: RichApi, home: Path, number: int) -> None:
    api.signal = number
    # Whoever runs the tests may have had it ignored.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        ran = run(home, "--json")
    finally:
        signal.signal(number, before)
    assert ran.code == ExitCode.INTERRUPTED
    *events, last = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {event["type"] for event in events} == {"event"}
    assert any("reward of layer 21" in event["text"] for event in events)
    assert last["error"]["code"] == "smesh.interrupted"


def test_a_demo_in_the_background_hears_ctrl_c_and_heeds_nohup(api: RichApi, home: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    for number in before:
        signal.signal(number, signal.SIG_IGN)
    try:
        api.signal = signal.SIGHUP
        assert run(home, "--until-spent").code == ExitCode.OK
        api.signal = signal.SIGINT
        api.calls.clear()
        assert run(home).code == ExitCode.INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_demo_that_takes_too_long_says_what_it_waits_for(api: RichApi, home: Path) -> None:
    api.node_status = make_status(synced=False)
    ran = run(home, "--until-spent", "--timeout", "5", "--json")
    assert ran.code == ExitCode.TIMED_OUT
    assert ran.error["message"] == "not done after 5 s: waiting for the account to be spawned"
    assert "node.log" in ran.error["hint"]


def test_a_demo_without_end_has_a_limit_of_its_own(
    api: RichApi, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.commands.demo, "UNTIL_SPENT_LIMIT_S", 1.5)
    api.node_status = make_status(synced=False)
    assert run(home, "--until-spent").code == ExitCode.TIMED_OUT


def test_a_lost_network_makes_room_for_a_new_one(api: RichApi, home: Path) -> None:
    api.sleeping = 2
    ran = run(home, "--until-spent", "--json")
    assert ran.code == 0, ran.stderr
    (warning,) = ran.document["warnings"]
    assert warning["code"] == "smesh.demo.lost"
    (kept,) = (home / "state" / "demo").glob("network-*.json")
    assert kept.name == f"network-{GENESIS_NS // NS}.json"
    assert json.loads((kept.parent / "network.json").read_text())["genesis_ns"] == GENESIS_NS


def test_a_strange_measurement_is_refused(api: RichApi, home: Path) -> None:
    ran = run(home, "--until-spent", "--json", SMCLI_SETUP_SECONDS="soon")
    assert ran.code == ExitCode.USAGE
    assert ran.error["message"] == "SMCLI_SETUP_SECONDS is 'soon', not a number of seconds"
