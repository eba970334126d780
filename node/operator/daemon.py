"""Find, start and stop node processes.

Source: product digest 2.6 and 2.10.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from node.base.errors import ConfigError, NotFoundError, PreconditionError, UnavailableError
from node.operator.node_record import (
    ENDED,
    LOG_FILE,
    NodeRecord,
    NodeState,
    read_record,
)
from node.operator.supervisor import HOPELESS_CODES
from node.runtime.files import make_folder

READY_LIMIT_S: Final = 120.0
"""How long a start may take; migrations may need more."""

STOP_LIMIT_S: Final = 60.0
"""How long a node may take to end."""

POLL_S: Final = 0.02
"""Time between two looks at the record of a node that starts."""

LARGEST_LOG: Final = 16 << 20
"""Bytes of a log above which the next start begins a new one."""

LAST_LINES: Final = 5
"""Lines of the log that are told when a start fails."""

TAIL_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """What to start."""

    name: str
    """Name of the node among those of this user."""

    arguments: tuple[str, ...]
    """Flags of the node."""

    program: tuple[str, ...] = (sys.executable, "-P", "-m", "node")
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """How a node ended."""

    name: str
    forced: bool
    """It was killed because it did not end by itself."""

    seconds: float


def find_nodes(nodes_folder: Path) -> list[NodeRecord]:
    """Return what is known of all nodes that were started here, by name.

    Raises:
        StoreError: a record is damaged.
    """
    records = (read_record(folder) for folder in sorted(nodes_folder.glob("*/")))
    return [record for record in records if record is not None]


def find_running(nodes_folder: Path, name: str | None = None) -> NodeRecord:
    """Return the running node of a name, or the only one that runs.

    Raises:
        NotFoundError: none runs.
        PreconditionError: several run and none was named.
    """
    running = [
        record
        for record in find_nodes(nodes_folder)
        if record.is_running and name in {None, record.name}
    ]
    if not running:
        raise NotFoundError("running node", name or "", hint="start one with smcli node start")
    if len(running) > 1:
        names = ", ".join(record.name for record in running)
        raise PreconditionError(
            f"{len(running)} nodes run: {names}",
            code="smesh.node.ambiguous",
            hint="say which one with --name",
        )
    return running[0]


def run_foreground(spec: NodeSpec) -> int:
    """Run a node in this terminal until it ends; return its exit code.

    Ctrl-C reaches the node by itself, so we only keep waiting for its end.
    """
    command = [*spec.program, *spec.arguments]
    with subprocess.Popen(command, env=dict(spec.environment)) as node:  # noqa: S603 - our program
        while True:
            try:
                return node.wait()
            except KeyboardInterrupt:
                continue


def start_node(
    spec: NodeSpec,
    nodes_folder: Path,
    *,
    wait: bool = True,
    limit_s: float = READY_LIMIT_S,
    on_status: Callable[[str], None] | None = None,
) -> NodeRecord:
    """Start a node with a supervisor, detached from this process.

    Args:
        spec: what to start.
        nodes_folder: where started nodes are written down.
        wait: return only when its API answers.
        limit_s: how long to wait.
        on_status: is told what the node says about itself meanwhile.

    Raises:
        PreconditionError: a node of this name runs.
        ConfigError: its configuration is wrong.
        UnavailableError: it ended while starting, or is not ready in time.
    """
    folder = make_folder(nodes_folder / spec.name)
    before = read_record(folder)
    if before is not None and before.is_running:
        raise PreconditionError(
            f"node {spec.name} is already running",
            code="smesh.node.running",
            hint="stop it first, or start another one with another --name",
        )
    log = _open_log(folder)
    with log.open("ab") as output:
        supervisor = subprocess.Popen(  # noqa: S603 - our program
            [
                sys.executable,
                "-P",
                "-m",
                "node.operator.supervisor",
                str(folder),
                *spec.program,
                *spec.arguments,
            ],
            env=dict(spec.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        return _wait_ready(
            folder,
            supervisor,
            wanted=None if wait else NodeState.STARTING,
            limit_s=limit_s,
            on_status=on_status or (lambda _: None),
        )
    finally:
        # It lives on without us; a code keeps the object from warning about that.
        supervisor.returncode = supervisor.returncode or 0


def stop_node(record: NodeRecord, *, limit_s: float = STOP_LIMIT_S, force: bool = False) -> Stopped:
    """End a node: ask it, and kill it only if ``force`` says so.

    Raises:
        NotFoundError: it does not run.
        UnavailableError: it did not end in time.
    """
    started = time.monotonic()
    supervisor = record.supervisor.find()
    node = record.node.find() if record.node is not None else None
    # A supervisor that was killed leaves a node behind that must be told itself.
    told = supervisor or node
    if told is None:
        raise NotFoundError("running node", record.name)
    told.send_signal(signal.SIGINT)
    processes = [process for process in (supervisor, node) if process is not None]
    _, alive = psutil.wait_procs(processes, timeout=limit_s)
    if alive and not force:
        raise UnavailableError(
            f"node {record.name} has not ended after {limit_s:g} s",
            code="smesh.node.stop_timeout",
            hint="give it more time with --timeout, or kill it with --force",
        )
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=limit_s)
    return Stopped(
        name=record.name, forced=bool(alive), seconds=round(time.monotonic() - started, 3)
    )


def last_lines(log: Path, count: int = LAST_LINES) -> list[str]:
    """Return the last lines of a log; none if there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [line for line in lines if line.strip()][-count:]


def _wait_ready(
    folder: Path,
    supervisor: subprocess.Popen[bytes],
    *,
    wanted: NodeState | None,
    limit_s: float,
    on_status: Callable[[str], None],
) -> NodeRecord:
    """Follow the record of a new node until it is ready; ``wanted``: an earlier state will do."""
    deadline = time.monotonic() + limit_s
    said = ""
    while True:
        ended = supervisor.poll()
        record = read_record(folder)
        if record is not None and record.supervisor.pid == supervisor.pid:
            if record.state in {NodeState.READY, wanted}:
                return record
            if record.status != said:
                said = record.status
                on_status(said)
        if ended is not None:
            raise _start_failed(folder, ended, record)
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"node {folder.name} is not ready after {limit_s:g} s; it goes on starting",
                code="smesh.node.not_ready",
                hint=f"see {folder / LOG_FILE}, or stop it with smcli node stop",
            )
        time.sleep(POLL_S)


def _start_failed(
    folder: Path, code: int, record: NodeRecord | None
) -> ConfigError | UnavailableError:
    """Return why a node ended while it was starting."""
    exit_code = code
    if record is not None and record.state in ENDED and record.exit_code is not None:
        exit_code = record.exit_code
    lines = last_lines(folder / LOG_FILE)
    message = f"node {folder.name} ended while starting, exit code {exit_code}"
    if lines:
        message += f": {lines[-1]}"
    hint = f"see {folder / LOG_FILE}"
    if exit_code in HOPELESS_CODES:
        return ConfigError(message, code="smesh.node.config", hint=hint)
    return UnavailableError(message, code="smesh.node.start", hint=hint)


def _open_log(folder: Path) -> Path:
    """Return the log's path; a log that has grown large becomes the old one."""
    log = folder / LOG_FILE
    if log.is_file() and log.stat().st_size > LARGEST_LOG:
        log.replace(folder / f"{LOG_FILE}.1")
    return log
