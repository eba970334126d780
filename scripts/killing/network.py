"""A standalone network in a real process, fast enough to be killed many times.

The daemon is started as anyone starts it, with short layers.  It is ended by SIGKILL; what
it started has to notice that by itself.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from node.base.errors import UnavailableError
from node.config.durations import format_instant
from node.operator.node_record import ProcessMark, mark_process
from node.runtime.notify import VARIABLE, NotifyReceiver

SECOND_NS: Final = 10**9
LAYER_S: Final = 3
LAYERS_PER_EPOCH: Final = 16
GENESIS_AHEAD_S: Final = 20
READY_LIMIT_S: Final = 120.0
POLL_S: Final = 0.05
END_LIMIT_S: Final = 20.0
"""How long processes may take to notice that their owner is gone, or to end in order."""

SETTINGS: Final = {
    "main.layer-duration": f"{LAYER_S}s",
    "main.layers-per-epoch": str(LAYERS_PER_EPOCH),
    "main.atx-grade-delay": "1s",
    "hare3.preround-delay": "700ms",
    "hare3.round-duration": "100ms",
    "beacon.beacon-proposal-duration": "1s",
    "beacon.beacon-first-voting-round-duration": "3s",
    "beacon.beacon-voting-round-duration": "1s",
    "beacon.beacon-weak-coin-round-duration": "1s",
    "beacon.beacon-grace-period-duration": "3s",
    "poet.phase-shift": "24s",
    "poet.cycle-gap": "24s",
    "poet.grace-period": "20s",
    "poet.positioning-atx-selection-timeout": "4s",
    "syncer.gossipduration": "0s",
    "syncer.interval": "1s",
    "api.grpc-public-listener": "127.0.0.1:0",
    "api.grpc-private-listener": "127.0.0.1:0",
    "api.grpc-post-listener": "127.0.0.1:0",
}
"""What differs from the preset: short epochs, and ports of the system's choice."""


@dataclass(kw_only=True)
class Network:
    """Folder, genesis and rich account of a network, whose process comes and goes."""

    folder: Path
    genesis_ns: int
    coinbase: str
    rich: str
    balance: int

    @classmethod
    def begin(cls, folder: Path, *, coinbase: str, rich: str, balance: int) -> "Network":
        """Plan a network whose genesis is some seconds ahead."""
        ahead = time.time_ns() // SECOND_NS + GENESIS_AHEAD_S
        return cls(
            folder=folder,
            genesis_ns=ahead * SECOND_NS,
            coinbase=coinbase,
            rich=rich,
            balance=balance,
        )

    @property
    def data(self) -> Path:
        """Data folder of the node."""
        return self.folder / "node"

    @property
    def log(self) -> Path:
        """What node and workers print, of all their lives."""
        return self.folder / "node.log"

    def arguments(self) -> tuple[str, ...]:
        """Return the command line of the node."""
        settings = {
            **SETTINGS,
            "main.data-folder": str(self.data),
            "main.filelock": str(self.data / "LOCK"),
            "genesis.genesis-time": format_instant(self.genesis_ns),
            "smeshing.smeshing-coinbase": self.coinbase,
            "smeshing.smeshing-opts.smeshing-opts-datadir": str(self.data / "post"),
        }
        flags = [flag for key, value in settings.items() for flag in ("--set", f"{key}={value}")]
        accounts = ["--accounts", f"{self.rich}={self.balance}"]
        return "--preset", "standalone", *accounts, *flags

    def layer_now(self) -> int:
        """Return the running layer, negative before genesis."""
        return (time.time_ns() - self.genesis_ns) // (LAYER_S * SECOND_NS)


@dataclass(kw_only=True)
class Life:
    """One process of the node, from its start to its end."""

    process: "subprocess.Popen[bytes]"
    began_s: float
    helpers: set[ProcessMark] = field(default_factory=set)
    ready_s: float | None = None
    """How long it took until the API answered."""

    address: str = ""
    _ending: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self.process.poll() is None

    def wait_ready(self, receiver: NotifyReceiver) -> bool:
        """Wait until the API answers; tell whether it came to that."""
        while self.is_running and time.monotonic() - self.began_s < READY_LIMIT_S:
            fields = receiver.receive(POLL_S)
            if fields is not None and fields.get("READY") == "1":
                self.ready_s = time.monotonic() - self.began_s
                self.address = fields["X_SMESH_PUBLIC"]
                return True
        return False

    def kill(self) -> None:
        """End it without warning."""
        with self._ending:
            if self.is_running:
                self._note_helpers()
                self.process.kill()
        self.process.wait()

    def stop(self) -> int | None:
        """End it in order; return its exit code, or None if it does not end in time."""
        self._note_helpers()
        self.process.terminate()
        try:
            return self.process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            return None

    def left_behind(self) -> list[ProcessMark]:
        """Return helpers that did not end with it, once they have had time to."""
        deadline = time.monotonic() + END_LIMIT_S
        while True:
            left = [mark for mark in self.helpers if mark.is_alive]
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(POLL_S)

    def _note_helpers(self) -> None:
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return
        for child in children:
            try:
                self.helpers.add(mark_process(child.pid))
            except psutil.NoSuchProcess:
                continue


@contextmanager
def living(network: Network) -> Iterator[tuple[Life, NotifyReceiver]]:
    """Start the node; it does not outlive the block."""
    with tempfile.TemporaryDirectory(prefix="kill-") as socket_folder:
        path = Path(socket_folder) / "notify"
        with NotifyReceiver(path) as receiver, network.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", "node", *network.arguments()],
                env={**os.environ, VARIABLE: str(path)},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
            life = Life(process=process, began_s=time.monotonic())
            try:
                yield life, receiver
            finally:
                life.kill()


def last_words(network: Network, count: int = 8) -> str:
    """Return the end of the log, a line each."""
    if not network.log.exists():
        raise UnavailableError(f"{network.log} was never written")
    lines = network.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  | {line}" for line in lines[-count:])
