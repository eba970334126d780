"""The file from which an audit that was interrupted goes on.

It is text: a first line that tells what it is, then a line for every window of work, with
the digest of the work and what was found.  Verdicts follow from the work alone, so a line is
used only where the same work comes up again; everything else of an audit is repeated, and
costs little.  A last line that was not written to its end is dropped.

Source: this project.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from node.base.errors import PreconditionError, StoreError
from node.base.hashing import hash32
from node.checkpoint.audit.work import HOLDS, Work

FORMAT: Final = "audit progress"
VERSION: Final = 1
"""Goes up when the same work gets another verdict."""


class ProgressFile:
    """Verdicts on windows, in the order in which an audit comes to them."""

    def __init__(self, file: BinaryIO) -> None:
        """Take an open file, placed behind its first line."""
        self._file = file
        self._is_exhausted = False
        self.recalled = 0
        """Windows that were in the file."""

    def recall(self, works: tuple[Work, ...]) -> list[str] | None:
        """See ``verdicts.Notes``."""
        if self._is_exhausted:
            return None
        begin = self._file.tell()
        noted = _read_line(self._file.readline())
        if noted is None or noted.get("work") != _digest(works):
            # From here on everything is written anew.
            self._file.seek(begin)
            self._file.truncate()
            self._is_exhausted = True
            return None
        self.recalled += 1
        faults = noted["faults"]
        return [faults.get(str(place), HOLDS) for place in range(len(works))]

    def note(self, works: tuple[Work, ...], verdicts: list[str]) -> None:
        """See ``verdicts.Notes``."""
        faults = {place: told for place, told in enumerate(verdicts) if told != HOLDS}
        self._file.write(_line({"work": _digest(works), "faults": faults}))
        self._file.flush()


@contextmanager
def open_progress(path: Path, subject: str) -> Iterator[ProgressFile]:
    """Open a progress file, or begin one where there is none.

    Args:
        path: the file.
        subject: what is audited, in a word that nothing else has.

    Raises:
        PreconditionError: the file is something else, or of another audit.
        StoreError: it cannot be read or written.
    """
    first = {"format": FORMAT, "version": VERSION, "subject": subject}
    try:
        with path.open("r+b" if path.exists() else "x+b") as file:
            line = file.readline()
            if line and _read_line(line) != first:
                raise PreconditionError(
                    f"{path} holds no progress of this audit",
                    code="smesh.precondition.progress",
                    hint="name another file, or remove this one if it is of an older audit",
                )
            if not line:
                file.write(_line(first))
            yield ProgressFile(file)
    except OSError as error:
        raise StoreError(
            f"progress file {path}: {error}",
            code="smesh.store.progress",
            hint="name another file: one you may write, on a disk with space",
        ) from error


def _digest(works: tuple[Work, ...]) -> str:
    return hash32(repr(works).encode()).hex()


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _read_line(line: bytes) -> dict[str, Any] | None:
    """Return what a line says; None: it was cut, or is none of ours."""
    try:
        content = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
