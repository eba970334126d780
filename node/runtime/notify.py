"""Telling whoever started us how we are: systemd's protocol, one datagram of KEY=VALUE lines.

A process under systemd, or under our own supervisor, finds the socket in ``NOTIFY_SOCKET``.
``READY=1`` says that the API answers, ``STATUS=`` is a line for people, ``STOPPING=1`` says
that the end has begun.  Keys of our own begin with ``X_SMESH_``; systemd passes over them.

Source: sd_notify(3); product digest 2.10.
"""

import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

VARIABLE: Final = "NOTIFY_SOCKET"
"""Variable with the path of the socket; ``@`` stands for a leading zero byte."""

OWN_PREFIX: Final = "X_SMESH_"
"""Beginning of the keys that are ours."""

MAX_DATAGRAM: Final = 1 << 16
"""Bytes read of one message."""


def notify(environment: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    """Send fields to whoever started us; tell whether somebody could be told.

    Never raises for a missing listener: a node runs on without its supervisor.

    Args:
        environment: has ``NOTIFY_SOCKET``, or nobody listens.
        fields: ``READY``, ``STATUS``, ``STOPPING``, ``EXTEND_TIMEOUT_USEC`` and our own.

    Raises:
        ValueError: a value has more than one line.
    """
    if any("\n" in value for value in fields.values()):
        raise ValueError("a value of more than one line")
    address = environment.get(VARIABLE, "")
    if not address:
        return False
    text = "\n".join(f"{key}={value}" for key, value in fields.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto(text.encode(), _address(address))
        except OSError:
            return False
    return True


class NotifyReceiver:
    """The other end: a socket that a started process may send to."""

    def __init__(self, path: Path) -> None:
        """Listen at ``path``, which must not exist and should be short (107 bytes at most)."""
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.bind(str(path))

    def receive(self, timeout_s: float) -> dict[str, str] | None:
        """Return the fields of the next message, None if none came in time."""
        self._socket.settimeout(timeout_s)
        try:
            data = self._socket.recv(MAX_DATAGRAM)
        except TimeoutError:
            return None
        lines = data.decode(errors="replace").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)


def _address(text: str) -> str:
    return "\0" + text[1:] if text.startswith("@") else text
