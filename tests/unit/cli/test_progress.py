"""Progress on terminals, in logs and for scripts."""

import io
from typing import Any

from cli.progress import (
    BarDisplay,
    JsonDisplay,
    LineDisplay,
    Progress,
    QuietDisplay,
)
from tests.support.cli import TerminalStream

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def test_lines_come_every_twentieth_or_ten_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    with Progress(LineDisplay(stream), clock) as progress:
        progress.update("init", 0, 1000, "labels")
        progress.update("init", 49)
        progress.update("init", 50)
        progress.update("init", 60)
        clock.now_ns = 10 * SECOND
        progress.update("init", 61)
        progress.update("init", 1000)
        progress.update("init", 1000)

    assert stream.getvalue().splitlines() == [
        "init: 50 of 1000 labels",
        "init: 61 of 1000 labels",
        "init: 1000 of 1000 labels",
    ]


def test_lines_of_work_without_a_known_end_come_by_time() -> None:
    stream, clock = io.StringIO(), Clock()
    with Progress(LineDisplay(stream), clock) as progress:
        progress.update("search", 0, unit="nonces")
        progress.update("search", 500)
        clock.now_ns = 11 * SECOND
        progress.update("search", 900)

    assert stream.getvalue() == "search: 900 nonces\n"


def test_scripts_get_rate_and_remaining_time() -> None:
    lines: list[dict[str, Any]] = []
    clock = Clock()
    with Progress(JsonDisplay(lambda _, data: lines.append(data)), clock) as progress:
        progress.update("init", 0, 100, "labels")
        clock.now_ns = SECOND // 4
        progress.update("init", 10)
        clock.now_ns = SECOND
        progress.update("init", 50)
        progress.update("init", 100)
        progress.update("init", 100)

    assert lines == [
        {"task": "init", "done": 0, "total": 100, "unit": "labels", "rate": 0.0, "eta_s": None},
        {"task": "init", "done": 50, "total": 100, "unit": "labels", "rate": 50.0, "eta_s": 1.0},
        {"task": "init", "done": 100, "total": 100, "unit": "labels", "rate": 100.0, "eta_s": 0.0},
    ]


def test_a_terminal_shows_bars() -> None:
    stream = TerminalStream()
    with Progress(BarDisplay(stream), Clock()) as progress:
        progress.update("init", 1, 4, "labels")
        progress.update("prove", 1, 2, "passes")
        progress.update("init", 4)

    assert "init" in stream.getvalue()
    assert "4/4" in stream.getvalue()


def test_nothing_to_show_needs_no_terminal() -> None:
    stream = TerminalStream()
    with Progress(BarDisplay(stream), Clock()):
        pass
    with Progress(QuietDisplay(), Clock()) as progress:
        progress.update("init", 1, 4, "labels")

    assert stream.getvalue() == ""
