"""The order of sets, which differs from process to process, reaches no output."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def outcome(folder: Path, hash_seed: str) -> Any:
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.simulated_network", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_with_other_hashes_come_to_the_same(tmp_path: Path) -> None:
    first, second = (outcome(tmp_path / seed, seed) for seed in ("1", "2"))
    assert all(len(node["layers"]) == 4 for node in first.values())
    assert any(layer["block"] != "None" for layer in first["node0"]["layers"])
    assert first == second
