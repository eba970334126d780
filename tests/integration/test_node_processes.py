"""Starting, supervising and stopping real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from node.base.errors import ConfigError, NotFoundError, PreconditionError, UnavailableError
from node.operator import daemon, supervisor
from node.operator.daemon import (
    NodeSpec,
    find_nodes,
    find_running,
    last_lines,
    run_foreground,
    start_node,
    stop_node,
)
from node.operator.node_record import NodeRecord, NodeState, mark_process, read_record
from node.operator.supervisor import RestartPolicy, Supervisor
from node.runtime.notify import NotifyReceiver

FAKE_NODE = str(Path(__file__).parents[1] / "support" / "fake_node.py")


def make_spec(behaviour: str, *rest: str, name: str = "n") -> NodeSpec:
    return NodeSpec(
        name=name, arguments=(behaviour, *rest), program=(sys.executable, "-S", FAKE_NODE)
    )


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
    for process in psutil.process_iter(["cmdline"]):
        # A supervisor that was given up before it wrote its record.
        if any(str(tmp_path) in word for word in process.info["cmdline"] or ()):
            for ending in (*process.children(recursive=True), process):
                ending.kill()


def test_a_node_is_started_found_and_stopped(nodes: Path) -> None:
    said: list[str] = []
    record = start_node(make_spec("good"), nodes, on_status=said.append)

    assert record.state is NodeState.READY
    assert record.addresses == {"public": "127.0.0.1:1234"}
    assert record.is_running
    assert find_running(nodes) == record
    assert find_running(nodes, "n") == record
    with pytest.raises(PreconditionError, match="already running"):
        start_node(make_spec("good"), nodes)

    stopped = stop_node(record)

    assert not stopped.forced
    ended = read_record(nodes / "n")
    assert ended is not None
    assert (ended.state, ended.exit_code, ended.is_running) == (NodeState.STOPPED, 0, False)
    with pytest.raises(NotFoundError):
        find_running(nodes)
    with pytest.raises(NotFoundError):
        stop_node(record)


def test_a_start_need_not_be_waited_for(nodes: Path) -> None:
    record = start_node(make_spec("silent"), nodes, wait=False)
    assert record.state in {NodeState.STARTING, NodeState.READY}
    stop_node(record)


def test_a_start_that_takes_too_long_is_told(nodes: Path) -> None:
    with pytest.raises(UnavailableError, match=r"not ready after 0\.3 s") as caught:
        start_node(make_spec("silent"), nodes, limit_s=0.3)
    assert caught.value.code == "smesh.node.not_ready"


def test_a_wrong_configuration_is_told_and_not_tried_again(nodes: Path) -> None:
    with pytest.raises(ConfigError, match=r"exit code 8: genesis time is zero"):
        start_node(make_spec("wrong-config"), nodes)
    ended = read_record(nodes / "n")
    assert ended is not None
    assert (ended.state, ended.restarts) == (NodeState.FAILED, 0)


def test_several_nodes_must_be_named(nodes: Path) -> None:
    for name in ("a", "b"):
        start_node(make_spec("good", name=name), nodes)
    with pytest.raises(PreconditionError, match="2 nodes run: a, b"):
        find_running(nodes)
    for name in ("a", "b"):
        stop_node(find_running(nodes, name))


def test_a_node_that_does_not_end_is_killed_only_on_demand(nodes: Path) -> None:
    record = start_node(make_spec("stubborn"), nodes)
    with pytest.raises(UnavailableError, match="has not ended"):
        stop_node(record, limit_s=0.2)
    stopped = stop_node(record, limit_s=0.2, force=True)
    assert stopped.forced
    assert not record.is_running


def test_a_node_whose_supervisor_was_killed_is_still_found(nodes: Path) -> None:
    record = start_node(make_spec("good"), nodes)
    guard = record.supervisor.find()
    assert guard is not None
    guard.kill()
    guard.wait(5)

    assert find_running(nodes).node == record.node
    stop_node(find_running(nodes))
    with pytest.raises(NotFoundError):
        find_running(nodes)


def supervise(folder: Path, behaviour: str, *rest: str, **policy: int) -> tuple[int, NodeRecord]:
    """Run a supervisor in this process until its node is at its end."""
    folder.mkdir()
    with NotifyReceiver(folder / "socket") as receiver:
        guard = Supervisor(
            folder=folder,
            command=(sys.executable, "-S", FAKE_NODE, behaviour, *rest),
            receiver=receiver,
            environment=os.environ,
            policy=RestartPolicy(**policy),
            listen_s=0.02,
        )
        code = guard.run()
    record = read_record(folder)
    assert record is not None
    return code, record


def test_a_node_that_keeps_failing_is_given_up(nodes: Path) -> None:
    code, record = supervise(nodes / "n", "crash", delay_ns=1_000_000, burst=3)
    assert (code, record.state, record.restarts) == (1, NodeState.FAILED, 2)


def test_a_node_that_failed_once_runs_again_until_it_is_stopped(nodes: Path) -> None:
    folder = nodes / "n"
    folder.mkdir()
    with NotifyReceiver(folder / "socket") as receiver:
        guard = Supervisor(
            folder=folder,
            command=(sys.executable, "-S", FAKE_NODE, "crash-once", str(nodes / "mark")),
            receiver=receiver,
            environment=os.environ,
            policy=RestartPolicy(delay_ns=1_000_000),
            listen_s=0.02,
        )
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(guard.run()))
        thread.start()
        _wait_for(lambda: (r := read_record(folder)) is not None and r.state is NodeState.READY)
        ready = read_record(folder)
        assert ready is not None
        assert (ready.restarts, ready.status) == (1, "synced")
        guard.stop()
        thread.join(10)
    assert codes == [0]


def test_a_stop_between_two_starts_is_final(nodes: Path) -> None:
    folder = nodes / "n"
    folder.mkdir()
    with NotifyReceiver(folder / "socket") as receiver:
        guard = Supervisor(
            folder=folder,
            command=(sys.executable, "-S", FAKE_NODE, "crash"),
            receiver=receiver,
            environment=os.environ,
            listen_s=0.02,
        )
        thread = threading.Thread(target=guard.run)
        thread.start()
        _wait_for(
            lambda: (r := read_record(folder)) is not None and r.state is NodeState.RESTARTING
        )
        guard.stop()
        thread.join(10)
    ended = read_record(folder)
    assert ended is not None
    assert ended.state is NodeState.STOPPED


def test_a_supervisor_told_to_stop_before_it_starts_stops_the_node(nodes: Path) -> None:
    folder = nodes / "n"
    folder.mkdir()
    with NotifyReceiver(folder / "socket") as receiver:
        guard = Supervisor(
            folder=folder,
            command=(sys.executable, "-S", FAKE_NODE, "abrupt"),
            receiver=receiver,
            environment=os.environ,
            listen_s=0.02,
        )
        guard.stop()
        code = guard.run()
    assert code == -signal.SIGTERM


def test_the_program_holds_the_lock_and_passes_signals_on(
    nodes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers: dict[int, object] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    folder = nodes / "n"
    arguments = [str(folder), sys.executable, "-S", FAKE_NODE]

    def second_and_stop() -> None:
        _wait_for(lambda: (r := read_record(folder)) is not None and r.state is NodeState.READY)
        codes.append(
            subprocess.run(
                [sys.executable, "-m", "node.operator.supervisor", *arguments, "good"],
                capture_output=True,
                check=False,
            ).returncode
        )
        handler = handlers[signal.SIGTERM]
        assert callable(handler)
        handler(signal.SIGTERM, None)

    codes: list[int] = []
    thread = threading.Thread(target=second_and_stop)
    thread.start()
    assert supervisor.main([*arguments, "good"]) == 0
    thread.join(10)
    assert codes == [supervisor.LOCKED_CODE]


def test_a_locked_folder_and_a_killed_node_have_codes(
    nodes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from node.runtime.files import locked

    with locked(nodes / "lock"):
        assert supervisor.main([str(nodes), "true"]) == supervisor.LOCKED_CODE
    assert "only one spacemesh instance" in capsys.readouterr().err
    monkeypatch.setattr(supervisor.Supervisor, "run", lambda _: -9)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert supervisor.main([str(nodes), "true"]) == 137


def test_a_node_in_the_foreground_gives_its_code() -> None:
    spec = NodeSpec(name="n", arguments=("-c", "exit 8"), program=("/bin/sh",))
    assert run_foreground(spec) == 8


def test_ctrl_c_in_the_foreground_waits_for_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    real_wait = subprocess.Popen.wait
    interrupts = iter([KeyboardInterrupt])

    def wait(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        for interrupt in interrupts:
            raise interrupt
        return real_wait(process, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", wait)
    spec = NodeSpec(name="n", arguments=("-c", "exit 3"), program=("/bin/sh",))
    assert run_foreground(spec) == 3


def test_large_logs_make_room(nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "LARGEST_LOG", 5)
    folder = nodes / "n"
    folder.mkdir()
    (folder / "node.log").write_text("old lines\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        start_node(make_spec("wrong-config"), nodes)
    assert (folder / "node.log.1").read_text(encoding="utf-8") == "old lines\n"
    assert last_lines(folder / "node.log") == ["genesis time is zero"]
    assert last_lines(folder / "absent") == []


def test_a_node_that_ends_without_a_word_is_told_by_its_code(nodes: Path) -> None:
    spec = NodeSpec(name="n", arguments=("-c", "exit 2"), program=("/bin/sh",))
    with pytest.raises(ConfigError, match=r"exit code 2$"):
        start_node(spec, nodes)
    absent = NodeSpec(name="m", arguments=(), program=("/nonexistent/program",))
    with pytest.raises(UnavailableError, match="FileNotFoundError"):
        start_node(absent, nodes)


def test_records_of_other_processes_do_not_run(nodes: Path) -> None:
    assert mark_process(os.getpid()).is_alive
    with pytest.raises(psutil.NoSuchProcess):
        mark_process(1 << 22)


def _wait_for(condition: object, limit_s: float = 10.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
