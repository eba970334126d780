"""What a family of recorded vectors is: a name, the files it reads, and a comparison."""

import json
import lzma
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Case:
    """One compared line, entry or event."""

    name: str
    """Where it stands: line number, key or event number."""

    problem: str = ""
    """Empty when our output equals the recorded one; else the difference."""


Check: TypeAlias = Callable[[Path], Iterable[Case]]
"""Takes the folder of all vectors; yields one case per compared thing."""


@dataclass(frozen=True, slots=True)
class Family:
    """A named set of files with the code that compares them."""

    name: str
    """Printed first on the line, such as ``vm`` or ``post/labels``."""

    files: tuple[str, ...]
    """Globs relative to the vectors folder; the family is checked if the first one matches."""

    check: Check | None
    """None: no part of this project can be compared with it yet."""


def read_text(path: Path) -> str:
    """Return a file's text, unpacked if its name ends in ``.xz``."""
    if path.suffix == ".xz":
        with lzma.open(path, "rt", encoding="utf-8") as file:
            return file.read()
    return path.read_text(encoding="utf-8")


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines that are not empty, without their line ends."""
    return (line for line in read_text(path).splitlines() if line.strip())


def read_json(path: Path) -> Any:
    """Return the one JSON value of a file."""
    return json.loads(read_text(path))


def read_json_lines(path: Path) -> Iterator[Any]:
    """Yield the JSON value of every line."""
    return map(json.loads, read_lines(path))


def compare(name: str, ours: object, recorded: object) -> Case:
    """Return a case that tells both values when they differ."""
    return Case(name) if ours == recorded else Case(name, f"{ours!r}, recorded {recorded!r}")
