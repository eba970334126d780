"""Family ``subsidy``: accumulated issuance of single layers."""

from collections.abc import Iterator
from pathlib import Path

from node.vm.rewards import compute_issued
from scripts.vectors.family import Case, Family, compare, read_lines


def check(folder: Path) -> Iterator[Case]:
    """Compare each line: the layer's index, and the smidge issued so far."""
    for line in read_lines(next(folder.glob("subsidy.txt*"))):
        index, issued = map(int, line.split())
        yield compare(f"subsidy {index}", compute_issued(index), issued)


FAMILIES = (Family("subsidy", ("subsidy.txt*",), check),)
