"""``smcli`` as a process: on a terminal, in a pipe, interrupted."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

pytestmark = pytest.mark.e2e

SMCLI = str(Path(sys.executable).parent / "smcli")


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "SMCLI_HOME": str(home), "HOME": str(home), "TERM": "xterm"}


def spawn(home: Path, *arguments: str) -> "pexpect.spawn[str]":
    return pexpect.spawn(
        SMCLI,
        list(arguments),
        env=environment(home),
        encoding="utf-8",
        timeout=30,
        dimensions=(50, 200),
    )


def test_a_wallet_is_made_on_a_terminal_and_opens(tmp_path: Path) -> None:
    terminal = spawn(tmp_path, "wallet", "create")
    terminal.expect("Press Enter when you have written this down")
    words = dict(re.findall(r"^\s*(\d+)  ([a-z]+)\s*$", terminal.before or "", re.MULTILINE))
    assert len(words) == 24
    terminal.sendline("")
    for _ in range(3):
        terminal.expect(r"Word (\d+): ")
        assert isinstance(terminal.match, re.Match)
        terminal.sendline(words[terminal.match.group(1)])
    terminal.expect("New wallet password: ")
    terminal.sendline("pässwörd")
    terminal.expect("Again: ")
    terminal.sendline("pässwörd")
    terminal.expect("Wallet saved to")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0

    reader = spawn(tmp_path, "wallet", "read")
    reader.expect("Wallet password: ")
    reader.sendline("pässwörd")
    reader.expect("Wallet Contents")
    reader.expect(pexpect.EOF)
    reader.close()
    assert reader.exitstatus == 0
    assert "pässwörd" not in (reader.before or "")


def test_ctrl_c_at_a_question_is_130(tmp_path: Path) -> None:
    terminal = spawn(tmp_path, "genesis", "verify")
    terminal.expect("Key 1")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130


def test_a_closed_pipe_is_silent(tmp_path: Path) -> None:
    with subprocess.Popen(
        [SMCLI, "config", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == -signal.SIGPIPE
    assert errors == b""
