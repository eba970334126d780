"""The trace of a simulation: everything that happened, in a file that can be followed again.

A trace is gzip-compressed lines of JSON.  The first is the head, an object with ``format``,
``version`` and the plan.  Every further line is an event, an array

    [virtual nanoseconds, kind, ...]

with the kinds ``faults`` (the drawn plan), ``heard``, ``again``, ``asked``, ``answered``,
``lost`` (sender, receiver, topic, bytes, first 8 bytes of the hash in hex), ``stop``,
``start``, ``cut``, ``heal`` (nodes) and ``layer`` (number, and of every judged node the last
applied layer with its block and state root).  The same plan gives the same lines.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from node.base.errors import ConfigError, UsageError
from node.base.hashing import hash32
from node.net.memory import Passage
from node.net.ports import PeerID
from node.sim.mesh_report import Departure, MeshPlan

FORMAT: Final = "smesh-sim-mesh"
VERSION: Final = 1
SHORT_HASH: Final = 8
"""Bytes of a hash that are written down."""
LEVEL: Final = 6
"""Of compression."""
NOTHING: Final = "nothing: the trace ends before"
NAME_A_TRACE: Final = "name a file that `smcli sim mesh --trace` has written"
NOT_WHOLE: Final = "write it anew: the same seed gives the same trace"

Item: TypeAlias = str | int | float | Sequence["Item"] | Mapping[str, "Item"] | None


class Recorder(Protocol):
    """Takes note of what happens in a run."""

    @property
    def events(self) -> int:
        """How many there have been."""

    @property
    def departure(self) -> Departure | None:
        """Where the run did something else than expected, if that is known."""

    def note(self, now_ns: int, kind: str, *items: Item) -> None:
        """Take note of an event."""


class TraceWriter:
    """Writes the trace of a run."""

    departure: Departure | None = None
    """None: nothing is expected of the run."""

    def __init__(self, write: Callable[[str], object]) -> None:
        """Write lines with ``write``."""
        self._write = write
        self.events = 0

    def note(self, now_ns: int, kind: str, *items: Item) -> None:
        """See Recorder."""
        self._write(_line([now_ns, kind, *items]))
        self.events += 1


class TraceFollower:
    """Compares a run with the trace of an earlier one."""

    def __init__(self, lines: Iterator[str]) -> None:
        """Expect the events of these lines."""
        self._lines = lines
        self.events = 0
        self.departure: Departure | None = None

    def note(self, now_ns: int, kind: str, *items: Item) -> None:
        """See Recorder; what comes after the first difference is not looked at."""
        if self.departure is not None:
            return
        happened = _line([now_ns, kind, *items])
        expected = next(self._lines, NOTHING)
        if happened != expected:
            self.departure = Departure(
                event=self.events, expected=expected.strip(), happened=happened.strip()
            )
        self.events += 1

    def finish(self) -> None:
        """The run is over: the trace must be, too."""
        left = next(self._lines, None)
        if left is not None and self.departure is None:
            self.departure = Departure(
                event=self.events, expected=left.strip(), happened="nothing: the run is over"
            )


class Messages:
    """Notes every message that passes; a ``node.net.memory.Watch``."""

    def __init__(self, recorder: Recorder, now_ns: Callable[[], int]) -> None:
        """Note with ``recorder``."""
        self._recorder = recorder
        self._now_ns = now_ns

    def __call__(
        self, passage: Passage, sender: PeerID, receiver: PeerID, topic: str, data: bytes
    ) -> None:
        """See Watch."""
        short = hash32(data)[:SHORT_HASH].hex()
        self._recorder.note(
            self._now_ns(), passage.value, sender, receiver, topic, len(data), short
        )


@contextmanager
def writing(path: Path, plan: MeshPlan) -> Iterator[TraceWriter]:
    """Write the trace of a run of ``plan`` to a file, which must not exist.

    Raises:
        UsageError: it exists, or cannot be written.
    """
    try:
        # Without a time in its head the same run gives the same file.
        raw = path.open("xb")
    except OSError as error:
        raise UsageError(
            f"trace {path} cannot be written: {error.strerror}",
            hint="name a file that does not exist, in a folder that does",
        ) from error
    with raw, gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as file:
        head = {"format": FORMAT, "version": VERSION, "plan": asdict(plan)}
        file.write(_line(head).encode())
        yield TraceWriter(lambda line: file.write(line.encode()))


@contextmanager
def reading(path: Path) -> Iterator[tuple[MeshPlan, TraceFollower]]:
    """Open a trace to follow it.

    Raises:
        ConfigError: it is no trace, or of another version.
        UsageError: it cannot be read.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            plan = _plan_of(path, file.readline())
            yield plan, TraceFollower(_lines(path, file))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UsageError(f"trace {path} cannot be read: {error}", hint=NAME_A_TRACE) from error


def _lines(path: Path, file: Iterator[str]) -> Iterator[str]:
    try:
        yield from file
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UsageError(f"trace {path} cannot be read on: {error}", hint=NOT_WHOLE) from error


def _plan_of(path: Path, line: str) -> MeshPlan:
    try:
        head = json.loads(line)
    except json.JSONDecodeError:
        head = None
    if not isinstance(head, Mapping) or head.get("format") != FORMAT:
        raise ConfigError(
            f"{path} is not the trace of a simulated network", path=str(path), hint=NAME_A_TRACE
        )
    if head.get("version") != VERSION:
        raise ConfigError(
            f"trace {path} has version {head.get('version')}, this program knows {VERSION}",
            path=str(path),
            hint="replay it with the program that wrote it",
        )
    try:
        return MeshPlan(**head["plan"])
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"trace {path} has no whole plan: {error}", path=str(path), hint=NOT_WHOLE
        ) from error


def as_item(value: object) -> Item:
    """Return a value as JSON has it."""
    item: Item = json.loads(json.dumps(value))
    return item


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
