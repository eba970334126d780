"""Keeps one node running: a small process beside it, for where no systemd does this.

    python -m node.operator.supervisor FOLDER PROGRAM [ARGUMENTS]

It holds the lock of its folder, starts the program, listens to what it says about itself,
writes that into the record, starts it again after a failure, and passes SIGINT and SIGTERM
on.  It ends with the exit code of the program.

Source: product digest 2.10.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Final

from node.base.errors import PreconditionError
from node.operator.node_record import (
    LOCK_FILE,
    NodeRecord,
    NodeState,
    mark_process,
    write_record,
)
from node.runtime.files import locked
from node.runtime.notify import OWN_PREFIX, VARIABLE, NotifyReceiver

SECOND: Final = 1_000_000_000

CLEAN_CODES: Final = frozenset(
    {0, 130, 143, -signal.SIGINT, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGPIPE}
)
"""Ends that were wanted."""

HOPELESS_CODES: Final = frozenset({2, 8})
"""Wrong arguments and wrong configuration: another start would end the same way."""

LISTEN_S: Final = 0.2
"""Longest time between two looks at the node."""

LOCKED_CODE: Final = 7
"""Exit code when another supervisor has the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """When a node that ended is started again."""

    delay_ns: int = 5 * SECOND
    burst: int = 5
    """Starts within ``interval_ns`` after which it is given up."""

    interval_ns: int = 60 * SECOND

    def next_start(self, exit_code: int, starts_ns: Sequence[int], now_ns: int) -> int | None:
        """Return when to start again, None: never.

        Args:
            exit_code: how it ended; negative: by a signal.
            starts_ns: instants of all starts so far.
            now_ns: instant of the end.
        """
        if exit_code in CLEAN_CODES or exit_code in HOPELESS_CODES:
            return None
        recent = [start for start in starts_ns if now_ns - start < self.interval_ns]
        return None if len(recent) >= self.burst else now_ns + self.delay_ns


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Runs one node; the folder's lock must be held."""

    folder: Path
    command: tuple[str, ...]
    receiver: NotifyReceiver
    environment: Mapping[str, str]
    policy: RestartPolicy = RestartPolicy()
    listen_s: float = LISTEN_S
    _stopping: bool = False
    _process: subprocess.Popen[bytes] | None = None
    _starts_ns: list[int] = field(default_factory=list)

    def run(self) -> int:
        """Run the node until it need not be started again; return its exit code."""
        record = NodeRecord(
            name=self.folder.name,
            command=self.command,
            started_ns=time.time_ns(),
            supervisor=mark_process(os.getpid()),
        )
        while True:
            record, code = self._run_once(record)
            record = replace(record, node=None, exit_code=code, addresses={})
            start_ns = self._next_start(code)
            if start_ns is None or not self._wait_until(start_ns, record):
                clean = self._stopping or code in CLEAN_CODES
                state = NodeState.STOPPED if clean else NodeState.FAILED
                write_record(self.folder, replace(record, state=state))
                return code
            record = replace(record, restarts=record.restarts + 1)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask the node to end, and do not start it again.

        SIGTERM, because a shell lets its background jobs ignore SIGINT, and so would a node
        that has not come to its own handlers yet.
        """
        self._stopping = True
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _run_once(self, record: NodeRecord) -> tuple[NodeRecord, int]:
        """Start the node and follow it to its end."""
        self._starts_ns.append(time.monotonic_ns())
        process = subprocess.Popen(  # noqa: S603 - the program we were started for
            self.command,
            env={**self.environment, VARIABLE: str(self.receiver.path)},
            stdin=subprocess.DEVNULL,
        )
        self._process = process
        if self._stopping:
            process.send_signal(signal.SIGTERM)
        record = replace(
            record, node=mark_process(process.pid), state=NodeState.STARTING, status=""
        )
        write_record(self.folder, record)
        while (code := process.poll()) is None:
            fields = self.receiver.receive(self.listen_s)
            heard = _hear(record, fields or {}, stopping=self._stopping)
            if heard != record:
                record = heard
                write_record(self.folder, record)
        return record, code

    def _next_start(self, code: int) -> int | None:
        if self._stopping:
            return None
        return self.policy.next_start(code, self._starts_ns, time.monotonic_ns())

    def _wait_until(self, start_ns: int, record: NodeRecord) -> bool:
        """Wait for the next start; False: we were told to stop meanwhile."""
        write_record(self.folder, replace(record, state=NodeState.RESTARTING))
        while not self._stopping and (left_ns := start_ns - time.monotonic_ns()) > 0:
            self.receiver.receive(min(self.listen_s, left_ns / SECOND))
        return not self._stopping


def _hear(record: NodeRecord, fields: Mapping[str, str], *, stopping: bool) -> NodeRecord:
    """Return the record with what the node said about itself."""
    addresses = dict(record.addresses)
    for key, value in fields.items():
        if key.startswith(OWN_PREFIX):
            addresses[key.removeprefix(OWN_PREFIX).lower()] = value
    state = record.state
    if fields.get("READY") == "1":
        state = NodeState.READY
    if fields.get("STOPPING") == "1" or stopping:
        state = NodeState.STOPPING
    return replace(
        record, addresses=addresses, state=state, status=fields.get("STATUS", record.status)
    )


def main(arguments: Sequence[str]) -> int:
    """Supervise the program named by the arguments."""
    folder = Path(arguments[0])
    try:
        with (
            locked(folder / LOCK_FILE),
            tempfile.TemporaryDirectory(prefix="smnode-") as short_folder,
            NotifyReceiver(Path(short_folder) / "notify") as receiver,
        ):
            supervisor = Supervisor(
                folder=folder,
                command=tuple(arguments[1:]),
                receiver=receiver,
                environment=os.environ,
            )

            def pass_on(number: int, _frame: FrameType | None) -> None:
                supervisor.stop(number)

            signal.signal(signal.SIGINT, pass_on)
            signal.signal(signal.SIGTERM, pass_on)
            code = supervisor.run()
    except PreconditionError as error:
        sys.stderr.write(f"{error}\n")
        return LOCKED_CODE
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
