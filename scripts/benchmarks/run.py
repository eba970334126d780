"""``scripts/bench [NAME ...] [--json]``: figures of the hot paths, each with its unit.

One module of this package is one hot path; its ``measure`` yields the figures, each with
that of the clear implementation and with the bar it is to reach where there are such.  What
the processor does with work that is not ours is always measured first.
"""

import argparse
import importlib
import json
import pkgutil
import platform
import sys
import time
from collections.abc import Iterator
from typing import Final

import scripts.benchmarks
from node.runtime.collector import eased_collector
from node.runtime.logs import configure
from scripts.benchmarks.measurement import Measurement

NAME_WIDTH: Final = 52
REFERENCE: Final = "processor"
"""The benchmark that figures of two machines are compared by."""
NOT_BENCHMARKS: Final = frozenset({"measurement", "run", "samples"})


def names() -> tuple[str, ...]:
    """Return the benchmarks: the modules that measure something."""
    found = (module.name for module in pkgutil.iter_modules(scripts.benchmarks.__path__))
    return tuple(sorted(set(found) - NOT_BENCHMARKS))


def measure(name: str) -> Iterator[Measurement]:
    """Run one benchmark, figure by figure."""
    yield from importlib.import_module(f"scripts.benchmarks.{name}").measure()


def line_of(figure: Measurement) -> str:
    """Return a figure as people read it."""
    words = [f"{figure.name:<{NAME_WIDTH}} {figure.value:>14,.2f} {figure.unit:<14}"]
    if figure.cpu is not None:
        words.append(f"cpu {figure.cpu:,.2f}")
    if figure.ratio is not None:
        words.append(f"clear {figure.clear:,.2f} ({figure.ratio:,.1f} times as fast)")
    if figure.bar is not None:
        relation, verdict = (
            ("at least" if figure.is_rate else "at most"),
            ("met" if figure.is_met else "MISSED"),
        )
        words.append(f"{relation} {figure.bar:,g}: {verdict}")
    return "  ".join(words).rstrip()


def record_of(name: str, figure: Measurement) -> dict[str, object]:
    """Return a figure for programs; what it has not is left out."""
    told: dict[str, object] = {
        "benchmark": name,
        "name": figure.name,
        "value": figure.value,
        "unit": figure.unit,
        "cpu": figure.cpu,
        "clear": figure.clear,
        "ratio": figure.ratio,
        "bar": figure.bar,
        "met": figure.is_met,
    }
    return {key: value for key, value in told.items() if value is not None}


def show(chosen: tuple[str, ...], *, as_json: bool) -> None:
    """Print the figures as they come, or one JSON object at the end."""
    records = []
    for name in chosen:
        if not as_json:
            print(name)
        for figure in measure(name):
            if as_json:
                records.append(record_of(name, figure))
            else:
                print(f"  {line_of(figure)}")
                sys.stdout.flush()
    if as_json:
        machine = {"machine": platform.machine(), "python": platform.python_version()}
        print(json.dumps({**machine, "figures": records}, indent=2))


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the hot paths.")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(names())}; all without one")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parsed = parser.parse_args(arguments)
    unknown = [name for name in parsed.name if name not in names()]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}")
    chosen = [name for name in parsed.name or names() if name != REFERENCE]
    # The collector is as in a node, and no log comes between the figures.
    with eased_collector(), configure(default_level="error", now_ns=time.time_ns):
        show((REFERENCE, *chosen), as_json=parsed.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
