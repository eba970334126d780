"""Cut the start of a recorded network: ``python -m scripts.vectors.cut_requests VECTORS TARGET``.

Of the requests, those up to some layer; of the database, what such requests are about.
"""

import argparse
import json
import lzma
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from scripts.vectors.family import read_lines

LAST_LAYER: Final = 23
LAST_EPOCH: Final = 2
EVERY: Final = 2
"""Of the lines with nothing new, every so many are kept."""
LAYER_S: Final = 6
SMALL: Final = 1000
LAYERED: Final = {"ballots": "layer", "blocks": "layer", "certificates": "layer", "layers": "id"}
EMPTIED: Final = {
    "accounts",
    "block_transactions",
    "poets",
    "proposal_transactions",
    "rewards",
    "transactions",
    "transactions_results_addresses",
}


def columns_of(schema: str | list[str]) -> dict[str, list[str]]:
    """Return the names of the columns of every table."""
    text = schema if isinstance(schema, str) else "\n".join(schema)
    found: dict[str, list[str]] = {}
    for table, body in re.findall(
        r"CREATE TABLE (\w+)\s*\((.*?)\)(?:\s*WITHOUT|\s*;|\n|$)", text, re.DOTALL
    ):
        found[table] = re.findall(r"^\s*,?\s*(\w+)\s+\w", body, re.MULTILINE)
    return found


def cut_dump(lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines of a dump that belong to the first layers and epochs."""
    head = next(lines)
    columns = columns_of(json.loads(head)["schema"])
    yield head
    atxs: set[Any] = set()
    kept = list(lines)
    for line in kept:
        row = json.loads(line)
        if isinstance(row, list) and row[0] == "atxs":
            values = dict(zip(columns["atxs"], row[1:], strict=False))
            if values["epoch"] <= LAST_EPOCH:
                atxs.add(values["id"])
    for line in kept:
        row = json.loads(line)
        if isinstance(row, dict) or _is_early(row, columns, atxs):
            yield line


def _is_early(row: list[Any], columns: dict[str, list[str]], atxs: set[Any]) -> bool:
    table = row[0]
    values = dict(zip(columns[table], row[1:], strict=False))
    if table in EMPTIED:
        return False
    if table in LAYERED:
        return bool(values[LAYERED[table]] <= LAST_LAYER)
    if table in ("atxs", "atx_blobs"):
        return values["id"] in atxs
    if table == "posts":
        return values["atxid"] in atxs
    return table not in ("activesets", "beacons") or values["epoch"] <= LAST_EPOCH + 1


def cut_requests(lines: Iterator[str]) -> Iterator[str]:
    """Yield the first request of each sort, and some of the others."""
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(lines):
        row = json.loads(line)
        sort = (row["protocol"], row["what"])
        # A PoET proof alone is larger than all the rest.
        if "POETDB" in row["what"] and row["data_len"] > SMALL:
            continue
        if row["t"] <= LAST_LAYER * LAYER_S and (sort not in seen or number % EVERY == 0):
            seen.add(sort)
            yield line


def _write(path: Path, lines: Iterator[str]) -> None:
    text = "\n".join(lines) + "\n"
    path.write_bytes(lzma.compress(text.encode(), preset=9))
    print(path.name, path.stat().st_size, "bytes")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments and cut."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args(arguments)
    source, target = options.vectors / "network", options.target / "network"
    target.mkdir(parents=True, exist_ok=True)
    state, requests = "state-node0.jsonl.xz", "requests.jsonl.xz"
    _write(target / state, cut_dump(read_lines(source / state)))
    _write(target / requests, cut_requests(read_lines(source / requests)))
    genesis = json.loads((source / "meta.json").read_text())["genesis"]
    (target / "meta.json").write_text(json.dumps({"genesis": genesis}) + "\n")


if __name__ == "__main__":
    main()
