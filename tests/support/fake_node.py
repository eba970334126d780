"""A program that behaves like a node towards whoever starts it; its argument says how.

Imports little: it must start in a few hundredths of a second.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path


def say(*lines: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto("\n".join(lines).encode(), os.environ["NOTIFY_SOCKET"])


def end(code: int) -> None:
    def handler(_number: int, _frame: object) -> None:
        say("STOPPING=1")
        sys.exit(code)

    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)


def main(behaviour: str, *rest: str) -> None:
    if behaviour == "stubborn":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif behaviour != "abrupt":
        end(0)
    if behaviour == "wrong-config":
        sys.stderr.write("genesis time is zero\n")
        sys.exit(8)
    if behaviour == "crash":
        sys.exit(1)
    if behaviour == "crash-once" and not Path(rest[0]).exists():
        Path(rest[0]).touch()
        sys.exit(1)
    if behaviour == "suicide":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "silent":
        time.sleep(60)
    say("STATUS=loading")
    if behaviour == "slow":
        time.sleep(0.3)
    private = ["X_SMESH_PRIVATE=127.0.0.1:1235"] if behaviour in {"demo", "slow"} else []
    say("READY=1", "STATUS=synced", "X_SMESH_PUBLIC=127.0.0.1:1234", *private)
    while True:
        signal.pause()


main(*sys.argv[1:])
