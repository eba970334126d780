"""Runs of ``smcli post`` on spaces of a few kilobytes."""

import json
from pathlib import Path
from typing import Any

from node.crypto.ed25519 import private_key_of
from node.post.engine import CPU_PROVIDER_ID, CPU_PROVIDER_NAME, DeviceClass, Provider
from node.post.labels import compute_label, make_commitment
from tests.support.cli import FakeTerminal, Ran, run_cli
from tests.support.post_labels import real_engine

ATX = "22" * 32
KEY = private_key_of(b"\x07" * 32)
ID = KEY[32:].hex()
CPU = Provider(id=CPU_PROVIDER_ID, name=CPU_PROVIDER_NAME, device_class=DeviceClass.CPU)
CARD = Provider(
    id=0,
    name="[GPU] NVIDIA CUDA/NVIDIA H100",
    device_class=DeviceClass.GPU,
    driver="550.1",
    memory_bytes=1 << 30,
)
OLD_CARD = Provider(
    id=1, name="[GPU] Old/Card", device_class=DeviceClass.GPU, problem="no compiler"
)


def run(
    tmp_path: Path,
    name: str,
    *arguments: str,
    directory: str | None = "space",
    terminal: FakeTerminal | None = None,
    environment: dict[str, str] | None = None,
) -> Ran:
    where = ["--dir", str(tmp_path / directory)] if directory else []
    return run_cli(
        ["post", name, "--network", "fastnet", *where, *arguments],
        tmp_path,
        terminal=terminal,
        environment=environment,
    )


def lines(ran: Ran) -> list[Any]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def result(ran: Ran) -> Any:
    """Return the data of the last line of a stream."""
    last = lines(ran)[-1]
    assert (last["type"], last["ok"]) == ("result", True), last
    return last["data"]


def failure(ran: Ran) -> Any:
    last = lines(ran)[-1]
    assert (last.get("type", "error"), last["ok"]) == ("error", False), last
    assert last["error"]["hint"]
    return last["error"]


def make(tmp_path: Path, *arguments: str, directory: str = "space") -> Ran:
    """Initialise two units of 128 labels in files of 64 labels."""
    return run(
        tmp_path,
        "init",
        *("--json", "--id", ID, "--commitment-atx", ATX, "--max-file-size", "1KiB"),
        *arguments,
        directory=directory,
    )


def labels(tmp_path: Path, directory: str = "space") -> bytes:
    files = sorted((tmp_path / directory).glob("postdata_*.bin"))
    return b"".join(file.read_bytes() for file in files)


def expected_labels() -> bytes:
    commitment = make_commitment(bytes.fromhex(ID), bytes.fromhex(ATX))
    whole = real_engine(2).labels(commitment, 0, 256)
    assert whole[:32] == compute_label(commitment, 0, scrypt_n=2)
    return b"".join(whole[at : at + 16] for at in range(0, len(whole), 32))
