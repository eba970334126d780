"""Fixed-point arithmetic: quotients and products of the reference, overflow included."""

from collections.abc import Callable, Iterator
from pathlib import Path

from node.base.fixed import FixedOverflowError, divide, from_int, from_ratio, multiply
from scripts.vectors.family import Case, Family, compare, read_lines

LAYERS_PER_EPOCH = 4032
FACTOR_LIMIT = 5000


def check(folder: Path) -> Iterator[Case]:
    """Compare the five results of every line."""
    (path,) = folder.glob("fixed.txt*")
    for number, line in enumerate(read_lines(path), start=1):
        first, second, third, *recorded = line.split()
        ours = _results(int(first), int(second), int(third))
        yield compare(f"line {number}", ours, recorded)


def _results(a: int, b: int, c: int) -> list[str]:
    layers = from_int(LAYERS_PER_EPOCH)
    computations: tuple[Callable[[], int], ...] = (
        lambda: from_ratio(a, b),
        lambda: multiply(from_ratio(a, b), from_int(c)),
        lambda: divide(multiply(from_int(a), from_int(c % FACTOR_LIMIT)), layers),
        lambda: divide(divide(from_int(a), from_int(3)), layers),
        lambda: divide(from_ratio(a, b), from_int(3)),
    )
    return [_shown(computation) for computation in computations]


def _shown(computation: Callable[[], int]) -> str:
    try:
        return f"{computation():032x}"
    except FixedOverflowError:
        return "panic"


FAMILIES = (Family("fixed", ("fixed.txt*",), check),)
