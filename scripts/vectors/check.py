"""``scripts/check-vectors DIR``: our code against every recorded file in a folder."""

import argparse
import importlib
import pkgutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import scripts.vectors
from node.runtime.logs import configure
from scripts.vectors.family import Family

SHOWN_PROBLEMS = 3
"""Differences printed in full for each family."""
SHOWN_CHARACTERS = 600
DOCUMENTS = {"README.md"}


def families() -> Iterator[Family]:
    """Yield what every module of this package declares as ``FAMILIES``."""
    for module in sorted(pkgutil.iter_modules(scripts.vectors.__path__), key=lambda m: m.name):
        loaded = importlib.import_module(f"scripts.vectors.{module.name}")
        yield from getattr(loaded, "FAMILIES", ())


def run(folder: Path, chosen: tuple[str, ...] = ()) -> bool:
    """Check every family found in ``folder``; print a line each; tell whether all passed."""
    known: set[Path] = set()
    passed_all = True
    for family in sorted(families(), key=lambda f: f.name):
        files = [path for pattern in family.files for path in folder.glob(pattern)]
        known.update(files)
        if not any(folder.glob(family.files[0])):
            continue
        if chosen and not any(family.name.startswith(name) for name in chosen):
            continue
        passed_all &= _report(family, folder)
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in DOCUMENTS):
        if path not in known:
            print(f"unknown {path.relative_to(folder)}")
            passed_all = False
    return passed_all


def _report(family: Family, folder: Path) -> bool:
    if family.check is None:
        print(f"{family.name} not yet", flush=True)
        return True
    passed = total = shown = 0
    for case in family.check(folder):
        total += 1
        passed += not case.problem
        if case.problem and shown < SHOWN_PROBLEMS:
            shown += 1
            print(f"  {family.name}: {case.name}: {case.problem[:SHOWN_CHARACTERS]}")
    print(f"{family.name} {passed}/{total}", flush=True)
    return passed == total > 0


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="scripts/check-vectors", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of recorded vectors")
    parser.add_argument("family", nargs="*", help="only families whose names begin so")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder")
    # What components log must not come between the lines of the families.
    with configure(default_level="error", now_ns=time.time_ns):
        passed_all = run(arguments.folder, tuple(arguments.family))
    return 0 if passed_all else 1


if __name__ == "__main__":
    sys.exit(main())
