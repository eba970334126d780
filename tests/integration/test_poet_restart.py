"""A PoET server and its worker are killed in the middle of a round."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from node.base import scale
from node.poet.engines import make_engine
from node.poet.proving import Checkpoint
from node.poet.round_store import RoundStore
from node.poet.tree import compute_statement
from node.poet.verifying import check_proof

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def server_process(folder: Path) -> Iterator[Iterator[list[str]]]:
    """Start a server; yield the words of its lines; kill it at the end."""
    command = [sys.executable, "-m", "tests.support.poet_server_process"]
    process = subprocess.Popen([*command, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as lines:
        try:
            yield (line.split(" ", 2) for line in lines)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def test_a_killed_round_goes_on_and_is_published_exactly_once(tmp_path: Path) -> None:
    with server_process(tmp_path) as lines:
        reached = next(int(words[1]) for words in lines if words[0] == "status" and words[1] != "0")

    # The worker sees that its server is gone, writes a checkpoint and lets go of the folder.
    work = tmp_path / "work" / "0"
    with FileLock(work / "lock", timeout=5):
        checkpoint = scale.decode(Checkpoint, (work / "checkpoint").read_bytes())
    assert checkpoint.leaf_count >= reached
    assert not (work / "proof").exists()

    events = []
    with server_process(tmp_path) as lines:
        for words in lines:
            if words[0] == "event":
                events.append(" ".join(words[1:]).strip())
            if "RoundFinished" in words[1]:
                break
    assert events[0] == "RoundExecuting(round_id=0, member_count=1)"
    assert len(events) == 2

    statement = compute_statement([b"c" * 32])
    with RoundStore(tmp_path / "db") as store:
        proof = store.find_proof(0)
    assert proof is not None
    assert proof.leaf_count > checkpoint.leaf_count
    check_proof(proof, statement, make_engine())
    assert not work.exists()

    with server_process(tmp_path) as lines:
        assert next(words[0] for words in lines) == "status"
    with RoundStore(tmp_path / "db") as store:
        assert store.find_proof(0) == proof
