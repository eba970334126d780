"""What is written down about a started node, so that later commands find it.

<state>/nodes/<name>/record.json   this record, replaced as a whole
                     lock          held by the supervisor while it lives
                     node.log      what node and supervisor print
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from typing import Any, Final

import psutil

from node.base.errors import StoreError
from node.runtime.files import write_atomic

RECORD_FILE: Final = "record.json"
LOCK_FILE: Final = "lock"
LOG_FILE: Final = "node.log"

SAME_START_S: Final = 1.0
"""A process whose start differs by more than this has only inherited a number."""


@unique
class NodeState(StrEnum):
    """Where a node is in its life, as far as its supervisor knows."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    """It ended badly and is about to be started again."""

    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    """It ended badly and is not started again."""


ENDED: Final = frozenset({NodeState.STOPPED, NodeState.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMark:
    """A process that cannot be mixed up with a later one of the same number."""

    pid: int
    created_s: float
    """Start of the process in unix seconds, as the system tells it."""

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return self.find() is not None

    def find(self) -> psutil.Process | None:
        """Return the process if it still runs."""
        try:
            process = psutil.Process(self.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            same = abs(process.create_time() - self.created_s) < SAME_START_S
        except psutil.NoSuchProcess:
            return None
        return process if alive and same else None


def mark_process(pid: int) -> ProcessMark:
    """Return the mark of a running process.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    return ProcessMark(pid=pid, created_s=psutil.Process(pid).create_time())


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """A started node."""

    name: str
    command: tuple[str, ...]
    """Program and arguments."""

    started_ns: int
    """Unix time of the first start."""

    supervisor: ProcessMark
    node: ProcessMark | None = None
    """The node itself; None between two starts and after the end."""

    state: NodeState = NodeState.STARTING
    status: str = ""
    """What the node last said about itself."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    """Listeners by name, such as ``public``: HOST:PORT as bound."""

    restarts: int = 0
    exit_code: int | None = None
    """Of the last end; negative: the number of a signal."""

    @property
    def is_running(self) -> bool:
        """Whether supervisor or node still run."""
        return self.supervisor.is_alive or (self.node is not None and self.node.is_alive)


def write_record(folder: Path, record: NodeRecord) -> None:
    """Replace the record of a node.

    Raises:
        OSError: the folder is full or read-only.
    """
    write_atomic(folder / RECORD_FILE, json.dumps(asdict(record)).encode())


def read_record(folder: Path) -> NodeRecord | None:
    """Return the record of a node, None if it was never started.

    Raises:
        StoreError: the record is damaged.
    """
    file = folder / RECORD_FILE
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
        node = content.pop("node")
        return NodeRecord(
            supervisor=ProcessMark(**content.pop("supervisor")),
            node=ProcessMark(**node) if node is not None else None,
            state=NodeState(content.pop("state")),
            command=tuple(content.pop("command")),
            **content,
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"{file}: the record of a started node is damaged: {error}",
            code="smesh.node.record",
            hint="remove it once you are sure that the node does not run",
        ) from error
