"""Family ``block-order-shuffle``: the shuffle of a block's transactions."""

from collections.abc import Iterator
from pathlib import Path

from node.consensus.blocks.shuffle import shuffled
from scripts.vectors.family import Case, Family, compare, read_lines


def check(folder: Path) -> Iterator[Case]:
    """Compare every permutation."""
    lines = read_lines(next(folder.glob("block-order-shuffle.txt*")))
    for number, line in enumerate(lines, 1):
        seed, count, permutation = line.split(" ", 2)
        recorded = [int(part) for part in permutation.strip("[]").split()]
        yield compare(f"line {number}", shuffled(range(int(count)), bytes.fromhex(seed)), recorded)


FAMILIES = (Family("block-order-shuffle", ("block-order-shuffle.txt*",), check),)
