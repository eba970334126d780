"""Where a round's work runs: in a process of its own, or inline for simulations.

The process keeps the event loop free and yields the processor to everything else; it ends
with the round.  Inline work blocks the loop until it is done, which in virtual time costs
nothing; it must end at a leaf count, because the clock stands still meanwhile.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol, cast

from node.base import scale
from node.base.errors import StoreError, UnavailableError, UsageError
from node.poet.prover_process import (
    EXIT_DAMAGED,
    EXIT_DONE,
    EXIT_STOPPED,
    MODULE,
    make_order,
)
from node.poet.proving import EndAtTime, WorkStoppedError, WorkTask, find_proof, run_work
from node.poet.work import Engine
from node.types.poet import PoetProof

STOP_GRACE_S: Final = 5.0
"""How long a process that was told to stop may take for its checkpoint."""
REMEMBERED_LINES: Final = 20
"""Of what a failing process wrote."""


class Prover(Protocol):
    """Does rounds' work, one at a time."""

    async def prove(self, task: WorkTask, report: Callable[[int], None]) -> PoetProof:
        """Do the work, or what an earlier call left of it; return the proof.

        ``report`` is told the number of leaves every now and then.  Cancelling stops the
        work at a checkpoint.

        Raises:
            UnavailableError: the worker died; another call goes on from its checkpoint.
            StoreError: the round's folder is damaged.
        """


class InlineProver:
    """Does the work at once, on the event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def prove(self, task: WorkTask, report: Callable[[int], None]) -> PoetProof:
        """See Prover.

        Raises:
            UsageError: the work ends at an instant.
        """
        if isinstance(task.end, EndAtTime):
            raise UsageError("work on the event loop must end at a number of leaves")
        return run_work(
            task,
            self._engine,
            expected_leaves=task.end.leaf_count,
            now_ns=lambda: 0,
            is_stopped=lambda: False,
            report=report,
        )


class ProcessProver:
    """Does the work in a process that ends with it."""

    def __init__(
        self, *, niceness: int = 10, command: Sequence[str] = (sys.executable, "-P", "-m", MODULE)
    ) -> None:
        """Take what is added to the process's priority number, and what starts a worker.

        The command gets one more argument: the order.
        """
        self._niceness = niceness
        self._command = tuple(command)

    async def prove(self, task: WorkTask, report: Callable[[int], None]) -> PoetProof:
        """See Prover."""
        order = scale.encode(make_order(task, self._niceness)).hex()
        # A session of its own: Ctrl-C in the terminal is for the server alone, which then
        # lets the worker write its checkpoint.
        process = await asyncio.create_subprocess_exec(
            *self._command,
            order,
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        try:
            last_lines = await _follow(process, report)
            status = await process.wait()
        finally:
            await _end(process)
        return _outcome(task, status, last_lines)


async def _follow(process: Process, report: Callable[[int], None]) -> str:
    """Report leaf counts until the process closes its output; return its last words."""
    lines: deque[str] = deque(maxlen=REMEMBERED_LINES)
    async for line in cast(asyncio.StreamReader, process.stdout):
        word, _, rest = line.decode(errors="replace").rstrip().partition(" ")
        if word == "leaves" and rest.isdecimal():
            report(int(rest))
        else:
            lines.append(rest if word == "error" else f"{word} {rest}".rstrip())
    return "\n".join(lines)


async def _end(process: Process) -> None:
    """Have the process end: by closing its input, and by force if that does not help."""
    cast(asyncio.StreamWriter, process.stdin).close()
    try:
        async with asyncio.timeout(STOP_GRACE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _outcome(task: WorkTask, status: int, last_lines: str) -> PoetProof:
    if status == EXIT_DONE:
        proof = find_proof(task.directory)
        if proof is None:
            raise StoreError(f"{task.directory}: the worker is done but left no proof")
        return proof
    if status == EXIT_STOPPED:
        raise WorkStoppedError("the worker was stopped")
    if status == EXIT_DAMAGED:
        raise StoreError(last_lines, hint="remove the folder to do the round's work anew")
    raise UnavailableError(f"the PoET worker ended with status {status}: {last_lines}")
