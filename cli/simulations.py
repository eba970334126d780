"""What the commands of ``smcli sim`` have in common: options, checks, how a report is told."""

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import typer

from cli.errors import CheckFailedError
from cli.records import Result
from node.base.errors import UsageError

MILLION: Final = 1_000_000
MAX_NODES: Final = 200
"""Of a simulation of one component; whole nodes have a bound of their own."""

Nodes: TypeAlias = Annotated[int, typer.Option(min=2, max=MAX_NODES, help="One smesher each.")]
TwoFaced: TypeAlias = Annotated[
    int, typer.Option(min=0, help="Nodes that tell two halves of the others two things.")
]
Drop: TypeAlias = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Share of messages lost on each link.")
]
Seed: TypeAlias = Annotated[int, typer.Option(min=0, help="Determines everything that happens.")]


def per_million(share: float) -> int:
    """Return a share as simulations count it."""
    return round(share * MILLION)


def check_honest(dishonest: int, nodes: int, name: str) -> None:
    """Check that somebody is honest.

    Args:
        dishonest: how many are not.
        nodes: of how many.
        name: of the dishonest, and of their option.

    Raises:
        UsageError: nobody is.
    """
    if dishonest >= nodes:
        raise UsageError(
            f"{dishonest} {name} of {nodes} nodes leave nobody to agree",
            hint=f"give --{name} fewer than --nodes",
        )


def failure(message: str, result: Result, seed: int, how: str) -> CheckFailedError:
    """Return the failure of a run whose nodes do not agree.

    Args:
        message: what is wrong.
        result: of the run.
        seed: with which it can be seen again.
        how: what to add to the seed, and what for.
    """
    return CheckFailedError(
        f"{message}; seed {seed}",
        report=result,
        code="smesh.check_failed.sim",
        hint=f"run it again with --seed {seed} and {how}",
    )


def span(values: Sequence[int]) -> str:
    """Return the lowest and the highest of some numbers, or the one that all are."""
    lowest, highest = min(values), max(values)
    return str(lowest) if lowest == highest else f"{lowest} to {highest}"
