"""Runs command lines without processes: scripted terminal, fixed clock and randomness."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cli.context import Context
from cli.errors import RefusedError
from cli.main import app
from cli.node_api import Endpoints
from node.base.errors import UnavailableError
from node.client.ports import NodeApi

NOW_NS = 1_700_000_000_123_000_000
"""2023-11-14T22:13:20.123Z."""


@dataclass(slots=True)
class FakeTerminal:
    """A person who answers from a list; without one nobody is there."""

    answers: list[str] | None = None
    shown: list[str] = field(default_factory=list)
    """What was put on screen once."""

    asked: list[str] = field(default_factory=list)

    @property
    def is_interactive(self) -> bool:
        return self.answers is not None

    def read_line(self, prompt: str) -> str:
        self.asked.append(prompt)
        if not self.answers:
            raise RefusedError("no answer")
        return self.answers.pop(0)

    def read_secret(self, prompt: str) -> str:
        return self.read_line(prompt)

    def show_once(self, text: str) -> None:
        self.shown.append(text)


class CountingBytes:
    """Bytes that differ from call to call and are the same in every run."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return bytes((self.calls * 37 + index) % 256 for index in range(size))


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command line did."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.stdout)

    @property
    def data(self) -> Any:
        """The data of a success."""
        assert self.document["ok"], self.document
        return self.document["data"]

    @property
    def error(self) -> Any:
        """The error of a failure."""
        assert not self.document["ok"], self.document
        return self.document["error"]


@dataclass(slots=True)
class FakeConnector:
    """Connects to one node, wherever it is said to be; without one nobody answers."""

    api: NodeApi | None = None
    asked: list[Endpoints] = field(default_factory=list)

    def __call__(self, endpoints: Endpoints) -> AbstractContextManager[NodeApi]:
        self.asked.append(endpoints)
        if self.api is None:
            raise UnavailableError(f"no node answers at {endpoints.public[0]}")
        return closing(self.api)


def make_context(
    home: Path,
    *,
    terminal: FakeTerminal | None = None,
    environment: dict[str, str] | None = None,
    open_api: Callable[[Endpoints], AbstractContextManager[NodeApi]] | None = None,
) -> Context:
    """Return a context whose folders are below ``home`` and whose person is ``terminal``."""
    return Context(
        open_api=open_api or FakeConnector(),
        environment={"SMCLI_HOME": str(home), "HOME": str(home), **(environment or {})},
        terminal=terminal or FakeTerminal(),
        clock=lambda: NOW_NS,
        monotonic=lambda: 0,
        random=CountingBytes(),
    )


def run_cli(
    arguments: Sequence[str],
    home: Path,
    *,
    stdin: str = "",
    terminal: FakeTerminal | None = None,
    environment: dict[str, str] | None = None,
    open_api: Callable[[Endpoints], AbstractContextManager[NodeApi]] | None = None,
) -> Ran:
    """Run one command line and return exit code and output; unexpected errors are raised."""
    context = make_context(home, terminal=terminal, environment=environment, open_api=open_api)
    result = CliRunner().invoke(
        app, list(arguments), input=stdin, obj=context, catch_exceptions=False
    )
    return Ran(result.exit_code, result.stdout, result.stderr)


class TerminalStream(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def secret_file(folder: Path, text: str, mode: int = 0o600) -> Iterator[Path]:
    """Yield a file with a secret in it."""
    file = folder / "secret"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    yield file
    file.unlink()
