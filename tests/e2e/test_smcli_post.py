"""``smcli post`` as a process with real workers: interrupted, killed, resumed; then proven."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest

from node.post.labels import make_commitment
from tests.support.post_labels import real_engine

pytestmark = pytest.mark.e2e

SMCLI = str(Path(sys.executable).parent / "smcli")
SCRYPT_N = 512
UNIT = 2048
SMESHER = b"\x11" * 32
ATX = b"\x22" * 32
LIMIT_S = 100


def command(home: Path, *arguments: str) -> list[str]:
    return [SMCLI, "post", *arguments, "--network", "fastnet", "--dir", str(home / "space")]


def init(home: Path, *arguments: str) -> list[str]:
    return command(
        home,
        *("init", "--id", SMESHER.hex(), "--commitment-atx", ATX.hex()),
        *("--labels-per-unit", str(UNIT), "--scrypt-n", str(SCRYPT_N)),
        *("--max-file-size", "16KiB", *arguments),
    )


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "SMCLI_HOME": str(home), "HOME": str(home), "TERM": "xterm"}


def run(home: Path, words: list[str]) -> tuple[int, Any]:
    """Run to the end; return the exit code and the last document."""
    done = subprocess.run(
        words, env=environment(home), capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def stop_at_work(home: Path, words: list[str], signal_number: int) -> tuple[int, list[Any]]:
    """Start, wait for labels, send a signal; return the exit code and the documents."""
    with subprocess.Popen(
        words, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        documents = []
        for line in process.stdout:
            documents.append(json.loads(line))
            if documents[-1].get("done"):
                break
        workers = psutil.Process(process.pid).children()
        assert workers
        process.send_signal(signal_number)
        documents += [json.loads(line) for line in process.stdout]
        code = process.wait(LIMIT_S)
    _, alive = psutil.wait_procs(workers, LIMIT_S)
    assert alive == []
    return code, documents


def stored(home: Path) -> bytes:
    files = sorted((home / "space").glob("postdata_*.bin"))
    return b"".join(file.read_bytes() for file in files)


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="reads the process table")
def test_an_initialisation_is_stopped_in_every_way_and_finished(tmp_path: Path) -> None:
    commitment = make_commitment(SMESHER, ATX)
    whole = real_engine(SCRYPT_N).labels(commitment, 0, 2 * UNIT)
    expected = b"".join(whole[at : at + 16] for at in range(0, len(whole), 32))
    slowly = init(tmp_path, "--json", "--throttle", "1")

    code, documents = stop_at_work(tmp_path, slowly, signal.SIGINT)
    assert code == 130
    assert documents[-1]["error"]["code"] == "smesh.interrupted"
    assert "goes on" in documents[-1]["error"]["hint"]
    after_interrupt = stored(tmp_path)
    assert after_interrupt
    assert expected.startswith(after_interrupt)

    code, _ = stop_at_work(tmp_path, slowly, signal.SIGTERM)
    assert code == 143
    code, _ = stop_at_work(tmp_path, slowly, signal.SIGKILL)
    assert code == -signal.SIGKILL
    after_kill = stored(tmp_path)
    assert len(after_kill) > len(after_interrupt)
    assert expected.startswith(after_kill)

    code, document = run(tmp_path, init(tmp_path, "--json"))
    assert code == 0
    assert document["data"]["status"] == "completed"
    assert document["data"]["labels_computed"] == 2 * UNIT - len(after_kill) // 16
    assert stored(tmp_path) == expected

    cost = ("--scrypt-n", str(SCRYPT_N))
    code, document = run(tmp_path, command(tmp_path, "verify", "--all", "--json", *cost))
    assert (code, document["data"]["labels_checked"]) == (0, 2 * UNIT)
    code, document = run(tmp_path, command(tmp_path, "prove", "--json", *cost))
    assert code == 0
    assert document["data"]["verify_s"] > 0


@pytest.mark.timeout(200)
def test_ctrl_c_on_a_terminal_leaves_a_bar_and_130(tmp_path: Path) -> None:
    words = init(tmp_path, "--throttle", "1")
    terminal = pexpect.spawn(
        words[0],
        words[1:],
        env=environment(tmp_path),
        encoding="utf-8",
        timeout=LIMIT_S,
        dimensions=(50, 200),
    )
    terminal.expect(r"labels.*[1-9][0-9]*/4096")
    terminal.sendintr()
    terminal.expect("interrupted; [0-9]+ labels of this run are in")
    terminal.expect("goes on where this one stopped")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130
    assert stored(tmp_path)
