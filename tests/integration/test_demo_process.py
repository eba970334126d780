"""The node of a demo as a real process."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.demo.process import NodeProcess, node_arguments, read_addresses
from node.base.errors import ConfigError, UnavailableError
from node.config.flags import make_parser, read_flags
from node.config.load import Places, load_config
from node.config.rules import check_config
from node.operator.daemon import NodeSpec, find_nodes
from node.operator.node_record import NodeState

FAKE_NODE = str(Path(__file__).parents[1] / "support" / "fake_node.py")
GENESIS_NS = 1_700_000_000 * 10**9
COINBASE = "standalone1qqqqqqp3qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqvqtwcg"


def quiet(_status: str) -> None:
    """Hear nothing."""


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder of nodes; what still runs at the end is killed."""
    yield tmp_path
    for record in find_nodes(tmp_path):
        for mark in (record.supervisor, record.node):
            process = mark.find() if mark is not None else None
            if process is not None and process.pid != os.getpid():
                process.kill()
                process.wait(5)


def make_process(nodes: Path, behaviour: str) -> NodeProcess:
    program = (sys.executable, "-S", FAKE_NODE)
    return NodeProcess(
        spec=NodeSpec(name="demo", arguments=(behaviour,), program=program), nodes=nodes
    )


def test_a_node_is_started_and_ended(nodes: Path) -> None:
    process = make_process(nodes, "demo")
    assert process.stop() is None
    running = process.start(quiet)
    assert running.public == "127.0.0.1:1234"
    assert running.private == "127.0.0.1:1235"
    assert process.check().state is NodeState.READY
    stopped = process.stop()
    assert stopped is not None
    assert not stopped.forced
    assert process.stop() is None


def test_the_next_demo_finds_a_node_that_runs(nodes: Path) -> None:
    said: list[str] = []
    first = make_process(nodes, "demo").start(quiet)
    second = make_process(nodes, "demo")
    assert second.start(said.append) == first
    assert said == ["going on with the network that runs already"]
    assert second.stop() is not None


def test_a_node_that_ended_before_is_started_anew(nodes: Path) -> None:
    first = make_process(nodes, "demo")
    before = first.start(quiet)
    first.stop()
    second = make_process(nodes, "demo")
    assert second.start(quiet).pid != before.pid
    assert second.stop() is not None


def test_a_wrong_configuration_ends_the_start(nodes: Path) -> None:
    process = make_process(nodes, "wrong-config")
    with pytest.raises(ConfigError, match="genesis time is zero"):
        process.start(quiet)
    assert process.stop() is None


def test_a_node_that_has_ended_is_told_with_its_last_words(nodes: Path) -> None:
    process = make_process(nodes, "demo")
    running = process.start(quiet)
    process.log.write_text("one\ntwo\n")
    os.kill(running.pid, signal.SIGINT)
    deadline = time.monotonic() + 10
    with pytest.raises(UnavailableError) as caught:  # noqa: PT012 - it ends when it ends
        while time.monotonic() < deadline:
            process.check()
    assert str(caught.value) == "the node has ended, exit code 0\n  | one\n  | two"


def test_a_node_that_does_not_get_ready_is_not_waited_for_ever(nodes: Path) -> None:
    instants = iter(range(0, 10_000, 50))
    process = make_process(nodes, "demo")
    process.start(quiet)
    late = make_process(nodes, "demo")
    late.monotonic = lambda: float(next(instants))
    late.sleep = quiet  # type: ignore[assignment]
    record = process.check()
    (nodes / "demo" / "record.json").write_text(
        (nodes / "demo" / "record.json").read_text().replace('"ready"', '"starting"')
    )
    said: list[str] = []
    with pytest.raises(UnavailableError, match="not ready after 120 s"):
        late.wait(said.append)
    assert said == ["synced"]
    assert record.is_running
    assert process.stop() is not None


def test_a_node_without_a_record_is_told(nodes: Path) -> None:
    with pytest.raises(UnavailableError, match="record is gone"):
        make_process(nodes, "demo").check()


def test_an_interrupted_start_is_ended_too(nodes: Path) -> None:
    process = make_process(nodes, "slow")

    def interrupt(_status: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process.start(interrupt)
    assert process.stop() is not None


def test_a_node_must_tell_both_addresses() -> None:
    assert read_addresses({"public": "a:1", "private": "a:2"}) == ("a:1", "a:2")
    with pytest.raises(UnavailableError, match="'private' API"):
        read_addresses({"public": "a:1"})


def test_the_flags_make_a_network_on_free_ports(tmp_path: Path) -> None:
    flags = read_flags(
        make_parser("smnode").parse_args(node_arguments(tmp_path, GENESIS_NS, COINBASE))
    )
    config = load_config(
        places=Places(home=tmp_path, temporary=tmp_path / "tmp"),
        preset=flags.preset,
        flags=flags.overrides,
    ).config
    check_config(config)
    assert config.main.standalone
    assert config.main.data_folder == str(tmp_path)
    assert config.main.filelock == str(tmp_path / "LOCK")
    assert config.smeshing.opts.data_dir == str(tmp_path / "post")
    assert config.smeshing.coinbase == COINBASE
    assert config.genesis.genesis_time == GENESIS_NS
    assert (config.syncer.gossip_duration, config.syncer.interval) == (0, 10**9)
    api = config.api
    assert {api.public_listener, api.private_listener, api.post_listener} == {"127.0.0.1:0"}
