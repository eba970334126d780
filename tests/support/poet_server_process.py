"""A PoET server as a process of its own: FOLDER; tells what happens, line by line.

Epochs of 14 s, the first round from the first second to the twelfth; one member registers.
The first process in a folder sets the genesis, when it is ready: starting may take long.
"""

import asyncio
import sys
import time
from pathlib import Path

from node.crypto.ed25519 import private_key_of, public_key_of, sign_bytes
from node.poet.prover import ProcessProver
from node.poet.registration import SubmitRequest
from node.poet.round import RoundSchedule
from node.poet.round_store import RoundStore
from node.poet.server import PoetConfig, PoetEvent, PoetServer

S = 10**9
REPORT_INTERVAL_S = 0.1


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def tell_event(event: PoetEvent) -> None:
    tell("event", event)


async def follow(server: PoetServer) -> None:
    """Tell the leaves, and how late the loop was, again and again."""
    loop = asyncio.get_running_loop()
    while True:
        started_s = loop.time()
        await asyncio.sleep(REPORT_INTERVAL_S)
        late_ms = round((loop.time() - started_s - REPORT_INTERVAL_S) * 1000)
        tell("status", server.status().leaf_count, late_ms)


def genesis_of(folder: Path) -> int:
    """Return the genesis of a folder, in Unix nanoseconds."""
    path = folder / "genesis"
    if not path.exists():
        path.write_text(str(time.time_ns()))
    return int(path.read_text())


async def main(folder: Path) -> None:
    schedule = RoundSchedule(
        genesis_ns=genesis_of(folder), epoch_ns=14 * S, phase_shift_ns=S, cycle_gap_ns=3 * S
    )
    key = private_key_of(b"s" * 32)
    with RoundStore(folder / "db") as store:
        server = PoetServer(
            PoetConfig(schedule=schedule),
            store,
            folder / "work",
            ProcessProver(),
            now_ns=time.time_ns,
            entropy=lambda size: b"e" * size,
            announce=tell_event,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.run())
            tasks.create_task(follow(server))
            await asyncio.sleep(0)
            if server.status().open_round == 0:
                await server.submit(
                    SubmitRequest(
                        challenge=b"c" * 32,
                        pubkey=public_key_of(key),
                        signature=sign_bytes(key, b"c" * 32),
                        pow_params=server.pow_params(),
                    )
                )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
