"""``scripts/crash [--layers 13-16] [--seed S] [--every N] [--machine] [--json]``.

A simulated node crashes before each of its writes in some layers, one crash in each run, and
is started again from its disk.  Afterwards it must hold what it accepted, must have said
nothing twice, and must have the states of the others; see ``node.sim.crash_run``.  Layers 12
to 15 of the preset are an epoch, 16 is the first of the next.  Exit code 11 when something
does not hold; the seed and the write are enough to see it again.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from node.runtime.logs import configure
from node.sim.crash_run import CrashPlan, CrashRuns
from node.sim.power import ALL, BetweenWrites, Write
from node.types.layer import LayerID

EXIT_FOUND: Final = 11
DEFAULT_LAYERS: Final = "13-16"


@dataclass(kw_only=True)
class LayerReport:
    """All crashes of one layer."""

    layer: int
    writes: int
    crashes: int = 0
    failed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What was wrong, by write."""


def crash_layer(
    layer: LayerID, *, seed: int, every: int, kept: int, folder: Path
) -> Iterator[tuple[LayerReport, Write]]:
    """Crash before every ``every``-th write of a layer; yield after each crash."""
    plan = CrashPlan(seed=seed, first=layer, last=layer)
    runs = CrashRuns(plan, folder)
    runs.prepare()
    writes = runs.writes()
    report = LayerReport(layer=layer, writes=len(writes))
    for write in writes[::every]:
        fault = BetweenWrites(node=plan.victim, layer=layer, write=write.number, unsynced_kept=kept)
        found = runs.crash(fault)
        problems = found.problems if found.happened else ("no crash", *found.problems)
        report.crashes += 1
        if problems:
            report.failed[describe(write)] = problems
        yield report, write


def describe(write: Write) -> str:
    """Return which write it is."""
    tables = "".join(prefix.decode("ascii", "replace") for prefix in write.prefixes) or "nothing"
    waited = "waited for" if write.sync else "not waited for"
    return f"write {write.number} of layer {write.layer} ({write.database}: {tables}, {waited})"


def read_layers(text: str) -> range:
    """Return the layers of ``13`` or ``13-16``.

    Raises:
        ValueError: there are none.
    """
    first, _, last = text.partition("-")
    layers = range(int(first), int(last or first) + 1)
    if not layers:
        raise ValueError(f"no layers in {text}")
    return layers


def read_step(text: str) -> int:
    """Return a number from 1 on.

    Raises:
        ValueError: it is none.
    """
    step = int(text)
    if step < 1:
        raise ValueError(f"{text} is less than 1")
    return step


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/crash", description=__doc__)
    parser.add_argument("--layers", type=read_layers, default=DEFAULT_LAYERS, help="FIRST-LAST")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--every", type=read_step, default=1, help="leave out all but every N-th write"
    )
    parser.add_argument(
        "--machine",
        action="store_true",
        help="the machine goes down, not the process: writes not waited for are lost",
    )
    parser.add_argument("--json", action="store_true", help="print the reports as JSON")
    options = parser.parse_args(arguments)
    kept = 0 if options.machine else ALL
    began = time.process_time()
    reports = []
    with configure(default_level="error", now_ns=time.time_ns):
        for number in options.layers:
            with tempfile.TemporaryDirectory(prefix="crash-") as name:
                report = LayerReport(layer=number, writes=0)
                for report, write in crash_layer(
                    LayerID(number),
                    seed=options.seed,
                    every=options.every,
                    kept=kept,
                    folder=Path(name),
                ):
                    for problem in report.failed.get(describe(write), ()):
                        print(f"{describe(write)}: {problem}", file=sys.stderr, flush=True)
            reports.append(report)
            if not options.json:
                print(
                    f"layer {report.layer}: {report.writes} writes, {report.crashes} crashes, "
                    f"{len(report.failed)} did harm",
                    flush=True,
                )
    held = not any(report.failed for report in reports)
    seconds = round(time.process_time() - began, 1)
    if options.json:
        document = {"seed": options.seed, "held": held, "processor_s": seconds}
        print(json.dumps({**document, "layers": [asdict(one) for one in reports]}, indent=2))
    else:
        print(f"seed {options.seed}: {'all held' if held else 'HARM DONE'}, {seconds} s processor")
    return 0 if held else EXIT_FOUND


if __name__ == "__main__":
    sys.exit(main())
