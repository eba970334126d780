"""What differs from process to process, the order of sets and the clock, reaches no output."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLAN = ("sim", "mesh", "--nodes", "6", "--epochs", "3", "--seed", "4")
FIRST_LAYER, LAST_LAYER = 8, 12
"""With blocks."""

RUN = """
import sys
from cli.main import run
sys.argv[0] = "smcli"
run()
"""

HALTING_CLOCKS = """
import itertools, time

def halting(clock, second):
    waited = itertools.accumulate(itertools.cycle((0, 0, 0, 9, 0, 0, 0, 0, 5, 0, 0)))
    return lambda: clock() + next(waited) * second

for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
    setattr(time, name, halting(getattr(time, name), 1))
    setattr(time, name + "_ns", halting(getattr(time, name + "_ns"), 10**9))
"""
"""Some looks at a clock of the machine come seconds after the one before."""


def trace(folder: Path, hash_seed: str, program: str) -> bytes:
    path = folder / "trace.gz"
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-c", program, *PLAN, "--trace", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_processes_with_other_hashes_and_clocks_do_the_same(tmp_path: Path) -> None:
    first = trace(tmp_path / "1", "1", RUN)
    events = [json.loads(line) for line in gzip.decompress(first).splitlines()][1:]
    assert len(events) > 1000
    (held,) = (event[3] for event in events if event[1:3] == ["layer", LAST_LAYER])
    assert all(applied >= FIRST_LAYER and int(block, 16) for _, applied, block, _ in held)
    assert trace(tmp_path / "2", "2", RUN) == first
    assert trace(tmp_path / "3", "1", HALTING_CLOCKS + RUN) == first
