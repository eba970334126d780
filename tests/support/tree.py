"""The files of the project, for tests that look at the project itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

FOLDERS = ("cli", "node", "scripts", "tests", "configs", ".ci")
TOP_LEVEL = ("README.md", "LICENSE", "pyproject.toml", ".gitignore")


def is_generated(path: Path) -> bool:
    """Tell whether a script wrote the file."""
    return path.is_relative_to(ROOT / "node" / "pb")


def all_files() -> Iterator[Path]:
    """Yield what belongs to the project, whoever wrote it."""
    yield from (ROOT / name for name in TOP_LEVEL)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def modules(*folders: str) -> Iterator[Path]:
    """Yield the Python modules below some folders that people wrote."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not is_generated(path):
                yield path


def shown(path: Path) -> str:
    """Return a path as it is written in messages."""
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))
