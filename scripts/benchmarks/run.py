"""``scripts/bench [NAME ...] [--json]``: figures of the hot paths, each with its unit.

One module of this package is one hot path; its ``measure`` yields the figures, those of the
clear implementation beside those of the fast one.
"""

import argparse
import importlib
import json
import pkgutil
import platform
import sys
from collections.abc import Iterator

import scripts.benchmarks
from scripts.benchmarks.measurement import Measurement

NAME_WIDTH = 52


def names() -> tuple[str, ...]:
    """Return the benchmarks: the modules that measure something."""
    found = (module.name for module in pkgutil.iter_modules(scripts.benchmarks.__path__))
    return tuple(sorted(set(found) - {"measurement", "run"}))


def measure(name: str) -> Iterator[Measurement]:
    """Run one benchmark, figure by figure."""
    yield from importlib.import_module(f"scripts.benchmarks.{name}").measure()


def show(chosen: tuple[str, ...], *, as_json: bool) -> None:
    """Print the figures as they come, or one JSON object at the end."""
    figures = []
    for name in chosen:
        if not as_json:
            print(name)
        for figure in measure(name):
            if as_json:
                entry = {"name": figure.name, "value": figure.value, "unit": figure.unit}
                figures.append({"benchmark": name, **entry})
            else:
                print(f"  {figure.name:<{NAME_WIDTH}} {figure.value:>14,.2f} {figure.unit}")
                sys.stdout.flush()
    if as_json:
        machine = {"machine": platform.machine(), "python": platform.python_version()}
        print(json.dumps({**machine, "figures": figures}, indent=2))


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the hot paths.")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(names())}; all without one")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parsed = parser.parse_args(arguments)
    unknown = [name for name in parsed.name if name not in names()]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}")
    show(tuple(parsed.name) or names(), as_json=parsed.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
