"""Progress of long work: bars for people, lines for logs, JSON lines for scripts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

SECOND: Final = 1_000_000_000
LINE_INTERVAL_NS: Final = 10 * SECOND
"""Longest time between two lines where no bar can be drawn."""
LINE_STEP: Final = 0.05
"""Part of the whole after which a line is due before that time."""
EVENT_INTERVAL_NS: Final = SECOND // 2
"""Shortest time between two JSON lines of one task."""

ReadClock = Callable[[], int]
"""Returns nanoseconds of a clock that only goes forward."""


@dataclass(slots=True, kw_only=True)
class Task:
    """One thing that is being done."""

    name: str
    total: int
    unit: str
    started_ns: int
    done: int = 0
    reported_done: int = -1
    reported_ns: int = 0
    handle: Any = None

    def rate(self, now_ns: int) -> float:
        """Units per second since the start."""
        elapsed = (now_ns - self.started_ns) / SECOND
        return self.done / elapsed if elapsed > 0 else 0.0

    def remaining_s(self, now_ns: int) -> float | None:
        """Seconds that are left at this rate, None if nobody can tell."""
        rate = self.rate(now_ns)
        return (self.total - self.done) / rate if rate and self.total else None


class Display(Protocol):
    """Shows tasks."""

    def begin(self, task: Task, now_ns: int) -> None:
        """Show a new task."""

    def show(self, task: Task, now_ns: int) -> None:
        """Show how far a task is."""

    def close(self) -> None:
        """Leave the last state on screen and stop."""


@dataclass(slots=True)
class JsonDisplay:
    """One JSON line per change, not too often."""

    emit: Callable[[str, dict[str, object]], None]

    def begin(self, task: Task, now_ns: int) -> None:
        """Wait for the report that follows."""

    def show(self, task: Task, now_ns: int) -> None:
        """Tell how far it is, at most twice a second, and when it is done."""
        first = task.reported_done < 0
        if first or task.done == task.total or now_ns - task.reported_ns >= EVENT_INTERVAL_NS:
            self._emit(task, now_ns)

    def close(self) -> None:
        """Nothing is left open."""

    def _emit(self, task: Task, now_ns: int) -> None:
        if task.done == task.reported_done:
            return
        task.reported_done, task.reported_ns = task.done, now_ns
        remaining = task.remaining_s(now_ns)
        self.emit(
            "progress",
            {
                "task": task.name,
                "done": task.done,
                "total": task.total,
                "unit": task.unit,
                "rate": round(task.rate(now_ns), 3),
                "eta_s": None if remaining is None else round(remaining, 1),
            },
        )


@dataclass(slots=True)
class LineDisplay:
    """One line per ten seconds or twentieth of the whole."""

    stream: TextIO

    def begin(self, task: Task, now_ns: int) -> None:
        """Start counting the time to the first line."""
        task.reported_ns = now_ns
        task.reported_done = 0

    def show(self, task: Task, now_ns: int) -> None:
        """Print a line if one is due."""
        step = (task.done - task.reported_done) / task.total if task.total else 0.0
        finished = task.done == task.total and task.reported_done != task.total
        if finished or step >= LINE_STEP or now_ns - task.reported_ns >= LINE_INTERVAL_NS:
            task.reported_done, task.reported_ns = task.done, now_ns
            whole = f" of {task.total}" if task.total else ""
            self.stream.write(f"{task.name}: {task.done}{whole} {task.unit}\n")
            self.stream.flush()

    def close(self) -> None:
        """Nothing is left open."""


@dataclass(slots=True)
class BarDisplay:
    """Bars on a terminal."""

    stream: TextIO
    _bars: "RichProgress | None" = None

    def begin(self, task: Task, now_ns: int) -> None:
        """Draw an empty bar."""
        task.handle = self._progress().add_task(
            task.name, total=task.total or None, unit=task.unit, rate=""
        )

    def show(self, task: Task, now_ns: int) -> None:
        """Move the bar."""
        rate = f"{task.rate(now_ns):,.0f}/s"
        self._progress().update(
            task.handle, completed=task.done, total=task.total or None, rate=rate
        )

    def close(self) -> None:
        """Leave the bars as they are."""
        if self._bars is not None:
            self._bars.stop()

    def _progress(self) -> "RichProgress":
        if self._bars is None:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}"),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(file=self.stream),
            )
            self._bars.start()
        return self._bars


class QuietDisplay:
    """Shows nothing."""

    def begin(self, task: Task, now_ns: int) -> None:
        """Stay quiet."""

    def show(self, task: Task, now_ns: int) -> None:
        """Stay quiet."""

    def close(self) -> None:
        """Stay quiet."""


@dataclass(slots=True)
class Progress:
    """What commands report to; a context manager."""

    display: Display
    clock: ReadClock
    _tasks: dict[str, Task] = field(default_factory=dict)

    def update(self, name: str, done: int, total: int = 0, unit: str = "") -> None:
        """Say how far the named task is; its first report begins it.

        Args:
            name: what is being done.
            done: units that are done.
            total: units in all; 0 if unknown.
            unit: name of the unit.
        """
        now_ns = self.clock()
        task = self._tasks.get(name)
        if task is None:
            task = Task(name=name, total=total, unit=unit, started_ns=now_ns)
            self._tasks[name] = task
            self.display.begin(task, now_ns)
        task.done = done
        task.total = total or task.total
        self.display.show(task, now_ns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.display.close()
