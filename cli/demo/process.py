"""The node of a demo as a process: started, found again, watched, ended.

A supervisor keeps it alive.  If this program is killed the network lives on, and the next
demo in the same folder goes on with it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.base.errors import NotFoundError, UnavailableError
from node.config.durations import format_instant
from node.operator.daemon import (
    READY_LIMIT_S,
    NodeSpec,
    Stopped,
    last_lines,
    start_node,
    stop_node,
)
from node.operator.node_record import ENDED, LOG_FILE, NodeRecord, NodeState, read_record

PRESET: Final = "standalone"
ANY_PORT: Final = "127.0.0.1:0"
POLL_S: Final = 0.1

RECORD_LIMIT_S: Final = 5.0
"""How long a supervisor that was just started may take to write its record."""

LAST_WORDS: Final = 5
"""Lines of the log that are told when a node has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningNode:
    """A node whose API answers."""

    pid: int
    public: str
    private: str
    """Addresses of the API as bound, HOST:PORT."""


@dataclass(slots=True, kw_only=True)
class NodeProcess:
    """The node of one folder."""

    spec: NodeSpec
    nodes: Path
    """Where started nodes are written down."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    _begun: bool = False
    _before: NodeRecord | None = None
    """The record of a node that had ended when this one was started."""

    @property
    def log(self) -> Path:
        """What node and supervisor print."""
        return self.nodes / self.spec.name / LOG_FILE

    def start(self, on_status: Callable[[str], None]) -> RunningNode:
        """Start the node, or find the one that runs, and wait for its API.

        Raises:
            ConfigError: its configuration is wrong.
            UnavailableError: it ended, or is not ready in time.
        """
        before = self._record()
        self._begun = True
        if before is not None and before.is_running:
            on_status("going on with the network that runs already")
            return self.wait(on_status)
        self._before = before
        return _running(start_node(self.spec, self.nodes, on_status=on_status))

    def wait(self, on_status: Callable[[str], None]) -> RunningNode:
        """Wait for the API of a node that was started before, or is started again.

        Raises:
            UnavailableError: the node ended for good, or is not ready in time.
        """
        deadline = self.monotonic() + READY_LIMIT_S
        said = ""
        while self.monotonic() < deadline:
            record = self.check()
            if record.state is NodeState.READY:
                return _running(record)
            if record.status != said:
                said = record.status
                on_status(said)
            self.sleep(POLL_S)
        raise UnavailableError(
            f"the node is not ready after {READY_LIMIT_S:g} s",
            code="smesh.node.not_ready",
            hint=f"see {self.log}",
        )

    def check(self) -> NodeRecord:
        """Return what is known of the node.

        Raises:
            UnavailableError: it ended, and nobody starts it again; has its last words.
        """
        record = self._record()
        if record is None:
            raise UnavailableError("the node's record is gone", hint=f"see {self.log}")
        if record.state in ENDED or not record.is_running:
            raise UnavailableError(
                f"the node has ended, exit code {record.exit_code}{self.last_words()}",
                code="smesh.demo.node_ended",
                hint=f"see {self.log}",
            )
        return record

    def last_words(self) -> str:
        """Return the end of the node's log, a line each."""
        return "".join(f"\n  | {line}" for line in last_lines(self.log, LAST_WORDS))

    def stop(self) -> Stopped | None:
        """End the node in order; None if it does not run.

        Raises:
            UnavailableError: it does not end.
        """
        if not self._begun:
            return None
        deadline = self.monotonic() + RECORD_LIMIT_S
        record = self._record()
        # Whoever interrupts a start may be faster than the first record of the supervisor.
        while not _differs(record, self._before) and self.monotonic() < deadline:
            self.sleep(POLL_S)
            record = self._record()
        if record is None or not record.is_running:
            return None
        try:
            return stop_node(record)
        except NotFoundError:
            return None

    def _record(self) -> NodeRecord | None:
        return read_record(self.nodes / self.spec.name)


def node_arguments(data_folder: Path, genesis_ns: int, coinbase: str) -> tuple[str, ...]:
    """Return the flags of a node that is a network by itself and pays one address."""
    settings = {
        "main.data-folder": data_folder,
        "main.filelock": data_folder / "LOCK",
        "genesis.genesis-time": format_instant(genesis_ns),
        "smeshing.smeshing-coinbase": coinbase,
        "smeshing.smeshing-opts.smeshing-opts-datadir": data_folder / "post",
        # Nobody else talks: there is nothing to listen to before it takes part.
        "syncer.gossipduration": "0s",
        "syncer.interval": "1s",
        "api.grpc-public-listener": ANY_PORT,
        "api.grpc-private-listener": ANY_PORT,
        "api.grpc-post-listener": ANY_PORT,
    }
    flags = (flag for key, value in settings.items() for flag in ("--set", f"{key}={value}"))
    return "--preset", PRESET, *flags


def read_addresses(addresses: Mapping[str, str]) -> tuple[str, str]:
    """Return the addresses of the public and the private API.

    Raises:
        UnavailableError: the node did not tell them.
    """
    try:
        return addresses["public"], addresses["private"]
    except KeyError as error:
        raise UnavailableError(f"the node did not tell where its {error} API listens") from error


def _differs(record: NodeRecord | None, before: NodeRecord | None) -> bool:
    return record is not None and (before is None or record.started_ns != before.started_ns)


def _running(record: NodeRecord) -> RunningNode:
    public, private = read_addresses(record.addresses)
    return RunningNode(
        pid=record.node.pid if record.node is not None else 0, public=public, private=private
    )
