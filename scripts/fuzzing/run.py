"""``scripts/fuzz [TARGET ...] [--cases N] [--seed S] [--case I] [--json]``.

Every decoder of the wire, and every handler of a whole node, gets malformed bytes; see
``decoding`` and ``handling`` for what must hold.  The cases follow from the seed.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from scripts.fuzzing import decoding
from scripts.fuzzing.findings import CaseError, Finding, Report
from scripts.fuzzing.handling import BLOCK, run_block
from scripts.fuzzing.scene import Theatre, record
from scripts.fuzzing.targets import TARGETS, Target, find_target

DECODERS: Final = "decoders"
SHARE_OF_DECODERS: Final = 2
"""One case of so many is for the decoders, unless targets are named."""
DEFAULT_CASES: Final = 10_000
EXIT_FOUND: Final = 11
SHOWN_BYTES: Final = 200


def names() -> tuple[str, ...]:
    """Return all targets."""
    return (DECODERS, *(target.name for target in TARGETS))


def fuzz_decoders(seed: int, numbers: range) -> Report:
    """Run cases of the decoders."""
    report = Report(target=DECODERS)
    began = time.monotonic()
    for number in numbers:
        try:
            decoding.case(seed, number)
        except CaseError as error:
            report.findings.append(
                Finding(
                    target=DECODERS,
                    seed=seed,
                    case=number,
                    told=error.told,
                    reason=error.reason,
                    data=error.data,
                )
            )
            report.count("FAILED")
        else:
            report.count("HELD")
    report.seconds = time.monotonic() - began
    return report


def fuzz_handler(theatre: Theatre, target: Target, seed: int, cases: range) -> Report:
    """Run cases of a handler, block by block; of the first block only the wanted ones count."""
    report = Report(target=target.name)
    began = time.monotonic()
    start = cases.start - cases.start % BLOCK
    for first in range(start, cases.stop, BLOCK):
        count = min(BLOCK, cases.stop - first)
        for outcome in run_block(theatre, target, seed, first, count):
            if outcome.number < cases.start:
                continue
            report.count("FAILED" if outcome.verdict is None else outcome.verdict.name)
            if outcome.finding is not None:
                report.findings.append(outcome.finding)
    report.seconds = time.monotonic() - began
    return report


def fuzz(chosen: Sequence[str], seed: int, cases: int, first: int = 0) -> Iterator[Report]:
    """Run ``cases`` cases, shared out among the chosen targets."""
    handlers = [find_target(name) for name in chosen if name != DECODERS]
    for_decoders = 0
    if DECODERS in chosen:
        for_decoders = cases // SHARE_OF_DECODERS if handlers else cases
        yield fuzz_decoders(seed, range(first, first + for_decoders))
    if not handlers:
        return
    share = -(-(cases - for_decoders) // len(handlers))
    with _theatre() as theatre:
        for target in handlers:
            yield fuzz_handler(theatre, target, seed, range(first, first + share))


@contextmanager
def _theatre() -> Iterator[Theatre]:
    with tempfile.TemporaryDirectory() as folder:
        theatre = Theatre(record(Path(folder)))
        try:
            yield theatre
        finally:
            theatre.close()


def show(report: Report) -> None:
    """Print what became of a target."""
    counts = ", ".join(f"{name} {count}" for name, count in sorted(report.outcomes.items()))
    rate = report.cases / report.seconds if report.seconds else 0
    print(f"{report.target:<22} {report.cases:>9} cases {rate:>8.0f}/s  {counts}")
    for finding in report.findings:
        print(f"  {finding.told}: {finding.reason}")
        print(f"    {finding.data[:SHOWN_BYTES].hex()}")
        print(f"    {finding.command}")
    sys.stdout.flush()


def as_record(report: Report) -> dict[str, object]:
    """Return a report as JSON has it."""
    findings = [
        {
            "case": finding.case,
            "told": finding.told,
            "reason": finding.reason,
            "data": finding.data.hex(),
            "command": finding.command,
        }
        for finding in report.findings
    ]
    return {
        "target": report.target,
        "cases": report.cases,
        "seconds": round(report.seconds, 3),
        "outcomes": report.outcomes,
        "findings": findings,
    }


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz", description="Feed malformed bytes to decoders and handlers."
    )
    parser.add_argument("target", nargs="*", help=f"of {', '.join(names())}; all without one")
    parser.add_argument("--cases", type=int, default=DEFAULT_CASES, help="how many, in all")
    parser.add_argument("--seed", type=int, default=1, help="what the cases follow from")
    parser.add_argument("--case", type=int, help="run this one again")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parsed = parser.parse_args(arguments)
    unknown = [name for name in parsed.target if name not in names()]
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(names())}")
    if parsed.case is not None and len(parsed.target) != 1:
        parser.error("--case needs the one target it is of")
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=silent)
    cases, first = (parsed.cases, 0) if parsed.case is None else (1, parsed.case)
    reports = []
    for report in fuzz(tuple(parsed.target) or names(), parsed.seed, cases, first):
        reports.append(report)
        if not parsed.json:
            show(report)
    if parsed.json:
        print(json.dumps({"seed": parsed.seed, "reports": [as_record(one) for one in reports]}))
    return EXIT_FOUND if any(report.findings for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
