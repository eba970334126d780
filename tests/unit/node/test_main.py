import asyncio
import os
import signal
import socket
from importlib.metadata import version
from pathlib import Path

import pytest

from node.__main__ import main, tell_refusals
from node.base.bech32 import decode_address, encode_address
from node.config.durations import Instant
from node.events import Bus, PublicationRefused
from node.runtime.notify import NotifyReceiver
from node.types.ids import SmesherID

FAR_AWAY = str(Instant(4_000_000_000 * 10**9))
COINBASE = "standalone1qqqqqqp3qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqvqtwcg"


def _arguments(folder: Path, *more: str) -> list[str]:
    return [
        "--preset=standalone",
        f"--genesis-time={FAR_AWAY}",
        f"--data-folder={folder / 'data'}",
        f"--filelock={folder / 'data' / 'LOCK'}",
        f"--smeshing-opts-datadir={folder / 'post'}",
        "--smeshing-start=false",
        f"--smeshing-coinbase={COINBASE}",
        *(f"--grpc-{name}-listener=127.0.0.1:0" for name in ("public", "private", "post")),
        *more,
    ]


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"{version('spacemesh')}\n"


def test_a_network_of_several_machines_is_a_configuration_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coinbase = encode_address("stest", decode_address(COINBASE, "standalone"))
    arguments = _arguments(tmp_path, "--preset=testnet", f"--smeshing-coinbase={coinbase}")
    assert main(arguments) == 8
    assert "one process only" in capsys.readouterr().err


def test_a_flag_that_does_not_exist_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--no-such-flag"])
    assert stopped.value.code == 2


def test_a_missing_file_is_told_with_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(tmp_path, f"--config={tmp_path / 'none.toml'}")) == 8
    assert "none.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_a_signal_ends_the_node_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    told: list[dict[str, str]] = []

    def hear(_environment: object, fields: dict[str, str]) -> bool:
        told.append(fields)
        if "READY" in fields:
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        return True

    monkeypatch.setattr("node.__main__.notify", hear)
    assert main(_arguments(tmp_path)) == code
    ready, stopping = told
    assert ready["READY"] == "1"
    assert ready["X_SMESH_PUBLIC"].startswith("127.0.0.1:")
    assert ready["X_SMESH_PRIVATE"].startswith("127.0.0.1:")
    assert stopping == {"STOPPING": "1"}


def test_an_address_in_use_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert main(_arguments(tmp_path, f"--grpc-public-listener=127.0.0.1:{port}")) == 7
    assert str(port) in capsys.readouterr().err


async def test_who_started_the_node_learns_why_it_says_nothing(tmp_path: Path) -> None:
    bus = Bus()
    event = PublicationRefused(
        smesher=SmesherID(bytes(32)),
        what="ballot",
        code="smesh.precondition.key_in_use",
        reason="another node said it",
        hint="stop the other node",
    )
    with NotifyReceiver(tmp_path / "notify") as receiver:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(tell_refusals(bus, {"NOTIFY_SOCKET": str(receiver.path)}))
            await asyncio.sleep(0)
            bus.publish(event)
            for _ in range(3):
                await asyncio.sleep(0)
            task.cancel()
        assert receiver.receive(5.0) == {"STATUS": "another node said it; stop the other node"}
