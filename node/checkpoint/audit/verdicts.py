"""Verdicts on work: done ahead of the checkers, a window of rows at a time.

A checker reads rows one after the other.  While it judges those of one window, the work of
the next ones is being done.  What a row will need is foreseen from the file; where that was
wrong, because something the row rests on is damaged, the right work is done when it is asked
for.  So verdicts never depend on who did the work, or when.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from node.checkpoint.audit.crews import Await, Crew
from node.checkpoint.audit.work import Work

R = TypeVar("R")

WINDOW_ROWS: Final = 512
"""Most rows of a window."""
WINDOW_WORKS: Final = 256
"""Pieces of work that are enough for a window."""
AHEAD: Final = 3
"""Windows whose work is begun."""
KEPT: Final = 2
"""Windows whose verdicts are kept: that of the row in work, and the one before, because
whoever groups rows asks for the next one early."""


class Notes(Protocol):
    """Remembers the verdicts on whole windows, beyond the end of the process."""

    def recall(self, works: tuple[Work, ...]) -> list[str] | None:
        """Return the verdicts on a window if it is the next one that was noted."""

    def note(self, works: tuple[Work, ...], verdicts: list[str]) -> None:
        """Note the verdicts on a window."""


class NoNotes:
    """Remembers nothing."""

    def recall(self, works: tuple[Work, ...]) -> list[str] | None:
        """See Notes."""

    def note(self, works: tuple[Work, ...], verdicts: list[str]) -> None:
        """See Notes."""


@dataclass(slots=True)
class _Window:
    """Work that is begun."""

    works: tuple[Work, ...]
    wait: Await
    is_noted: bool


@dataclass(slots=True)
class Verdicts:
    """Has work done, and answers for it."""

    crew: Crew
    notes: Notes = field(default_factory=NoNotes)
    _known: deque[dict[Work, str]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def of(self, work: Work) -> str:
        """Return the verdict on a piece of work; see ``work.do_work``."""
        for known in self._known:
            verdict = known.get(work)
            if verdict is not None:
                return verdict
        return self.crew.do(work)

    def ahead(self, rows: Iterable[R], foresee: Callable[[R], Iterable[Work]]) -> Iterator[R]:
        """Yield rows; the work of each is done when it comes.

        Args:
            rows: any number of them; some windows are in memory.
            foresee: tells what work a row will need.
        """
        source = iter(rows)
        begun: deque[tuple[list[R], _Window]] = deque()
        while True:
            while len(begun) < AHEAD:
                taken, works = _take(source, foresee)
                if not taken:
                    break
                begun.append((taken, self._begin(works)))
            if not begun:
                return
            taken, window = begun.popleft()
            self._known.append(self._finish(window))
            yield from taken

    def _begin(self, works: tuple[Work, ...]) -> _Window:
        noted = self.notes.recall(works) if works else []
        if noted is not None:
            return _Window(works, lambda: noted, is_noted=True)
        return _Window(works, self.crew.begin(works), is_noted=False)

    def _finish(self, window: _Window) -> dict[Work, str]:
        verdicts = window.wait()
        if not window.is_noted:
            self.notes.note(window.works, verdicts)
        return dict(zip(window.works, verdicts, strict=True))


def _take(
    source: Iterator[R], foresee: Callable[[R], Iterable[Work]]
) -> tuple[list[R], tuple[Work, ...]]:
    """Take the rows of a window; return them with their work, each piece once."""
    taken: list[R] = []
    works: dict[Work, None] = {}
    while len(taken) < WINDOW_ROWS and len(works) < WINDOW_WORKS:
        row = next(source, None)
        if row is None:
            break
        taken.append(row)
        works.update(dict.fromkeys(foresee(row)))
    return taken, tuple(works)
