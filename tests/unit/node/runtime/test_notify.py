"""Readiness by systemd's protocol."""

import socket
from pathlib import Path

import pytest

from node.runtime.notify import NotifyReceiver, notify


def test_fields_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with NotifyReceiver(Path("socket")) as receiver:
        environment = {"NOTIFY_SOCKET": "socket"}
        assert notify(environment, {"READY": "1", "STATUS": "synced = yes"})
        assert receiver.receive(1) == {"READY": "1", "STATUS": "synced = yes"}
        assert receiver.receive(0.001) is None
    assert not notify(environment, {"READY": "1"})


def test_without_a_listener_nothing_happens() -> None:
    assert not notify({}, {"READY": "1"})


def test_abstract_sockets_have_a_zero_byte() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0spacemesh-test-notify")
        assert notify({"NOTIFY_SOCKET": "@spacemesh-test-notify"}, {"STATUS": "x"})
        assert receiver.recv(100) == b"STATUS=x"


def test_a_value_has_one_line() -> None:
    with pytest.raises(ValueError, match="more than one line"):
        notify({}, {"STATUS": "a\nREADY=1"})
