"""The process that does a round's work: ``python -m node.poet.prover_process ORDER``.

ORDER is the hex form of a WorkOrder.  The process runs at low priority, tells its leaf
count on its standard output (``leaves N``) and puts the proof into the round's folder.
It stops, with a checkpoint, when its standard input is closed: that happens when the
server tells it to stop, and also when the server is killed, so no worker outlives it.
"""

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from node.base import scale
from node.base.errors import SpacemeshError, StoreError
from node.base.scale import U8, U64, Limit
from node.poet.engines import NS_PER_S, choose_engine
from node.poet.proving import EndAtLeaves, EndAtTime, WorkStoppedError, WorkTask, run_work

MODULE: Final = "node.poet.prover_process"
EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_STOPPED: Final = 3
EXIT_DAMAGED: Final = 4
"""The round's folder cannot be used: trying again does not help."""
REPORT_INTERVAL_NS: Final = NS_PER_S // 2
STDIN: Final = 0
STDOUT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """A WorkTask as one command line argument."""

    directory: Annotated[str, Limit(1 << 12)]
    statement: Annotated[bytes, Limit(1 << 16)]
    end_ns: U64 | None
    leaf_count: U64 | None
    niceness: U8
    """Added to the process's priority number: 0 leaves it as it is, 19 yields to all."""


def make_order(task: WorkTask, niceness: int) -> WorkOrder:
    """Return the order that tells a process to do ``task``."""
    return WorkOrder(
        directory=str(task.directory),
        statement=task.statement,
        end_ns=task.end.end_ns if isinstance(task.end, EndAtTime) else None,
        leaf_count=task.end.leaf_count if isinstance(task.end, EndAtLeaves) else None,
        niceness=niceness,
    )


def run_order(
    order: WorkOrder,
    *,
    now_ns: Callable[[], int],
    monotonic_ns: Callable[[], int],
    is_stopped: Callable[[], bool],
    write: Callable[[str], None],
) -> int:
    """Do the work; return the exit status.

    Args:
        order: what to do.
        now_ns: unix time.
        monotonic_ns: for measuring speed.
        is_stopped: whether to stop now.
        write: takes a line for the server.
    """
    choice = choose_engine(monotonic_ns)
    if order.leaf_count is not None:
        end: EndAtTime | EndAtLeaves = EndAtLeaves(order.leaf_count)
        expected_leaves = order.leaf_count
    else:
        end = EndAtTime(order.end_ns or 0)
        left_ns = max(0, end.end_ns - now_ns())
        expected_leaves = int(choice.leaves_per_second * left_ns) // NS_PER_S
    reported_ns = 0

    def report(leaf_count: int) -> None:
        nonlocal reported_ns
        if monotonic_ns() - reported_ns >= REPORT_INTERVAL_NS:
            reported_ns = monotonic_ns()
            write(f"leaves {leaf_count}")

    task = WorkTask(directory=Path(order.directory), statement=order.statement, end=end)
    try:
        proof = run_work(
            task,
            choice.engine,
            expected_leaves=expected_leaves,
            now_ns=now_ns,
            is_stopped=is_stopped,
            report=report,
        )
    except WorkStoppedError:
        return EXIT_STOPPED
    except StoreError as error:
        write(f"error {error}")
        return EXIT_DAMAGED
    except SpacemeshError as error:
        write(f"error {error}")
        return EXIT_FAILED
    write(f"leaves {proof.leaf_count}")
    return EXIT_DONE


def is_input_closed() -> bool:
    """Return whether the server closed our standard input, or is gone."""
    readable, _, _ = select.select([STDIN], [], [], 0)
    return bool(readable) and not os.read(STDIN, 1)


def write_line(line: str) -> None:
    """Write a line to the server, if it is still there."""
    with contextlib.suppress(BrokenPipeError):
        os.write(STDOUT, line.encode() + b"\n")


def main() -> int:
    """Read the order from the command line and do it."""
    order = scale.decode(WorkOrder, bytes.fromhex(sys.argv[1]))
    os.nice(order.niceness)
    return run_order(
        order,
        now_ns=time.time_ns,
        monotonic_ns=time.monotonic_ns,
        is_stopped=is_input_closed,
        write=write_line,
    )


if __name__ == "__main__":
    sys.exit(main())
