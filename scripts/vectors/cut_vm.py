"""Cut the test data of the VM's families: ``python -m scripts.vectors.cut_vm SOURCE TARGET``.

Kept are the first layers and a part of the tables of ``vm``, the whole replay of the chain
with its checkpoints, and of the chain's submissions a few of every kind.
"""

import argparse
import json
import lzma
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.vectors.cut import cut_lines
from scripts.vectors.family import read_json, read_lines

LAYERS = 60
REWARDS = 100
EDGES = 4
"""Every so many signatures of the acceptance table."""
PROOFS = 4
SUBSIDIES = 10
"""Every so many lines."""
SUBMISSIONS = 3
"""Of each kind and version of the API."""
KIND_CHARACTERS = 12
WHOLE = ("replay", "checkpoint-snapshot-60", "checkpoint-snapshot-6000")


def cut_layers(data: dict[str, Any]) -> dict[str, Any]:
    """Return the beginning of ``vm.json`` and a part of each of its tables."""
    return data | {
        "layers": data["layers"][:LAYERS],
        "rewards": data["rewards"][:REWARDS],
        "edge": data["edge"][::EDGES],
        "vrf": data["vrf"][:PROOFS],
    }


def cut_submissions(lines: Iterator[str]) -> Iterator[str]:
    """Yield the first submissions of each kind; the kind is how the description begins."""
    seen: Counter[str] = Counter()
    for line in lines:
        entry = json.loads(line)
        what = entry["desc"].split(" -> ")[0].rstrip("0123456789 ")
        kind = what[:KIND_CHARACTERS] + entry["api"]
        seen[kind] += 1
        if seen[kind] <= SUBMISSIONS:
            yield line


def main() -> None:
    """Parse the arguments and cut the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder of recorded vectors")
    parser.add_argument("target", type=Path, help="folder of test data")
    options = parser.parse_args()
    source, target = options.source, options.target
    (target / "chain").mkdir(parents=True, exist_ok=True)
    layers = json.dumps(cut_layers(read_json(source / "vm.json.xz")), separators=(",", ":"))
    (target / "vm.json.xz").write_bytes(lzma.compress(layers.encode(), preset=9))
    cut_lines(source / "subsidy.txt.xz", target / "subsidy.txt.xz", SUBSIDIES)
    submissions = cut_submissions(read_lines(source / "chain" / "txs.jsonl.xz"))
    text = "".join(f"{line}\n" for line in submissions)
    (target / "chain" / "txs.jsonl.xz").write_bytes(lzma.compress(text.encode(), preset=9))
    for name in WHOLE:
        shutil.copyfile(source / "chain" / f"{name}.json.xz", target / "chain" / f"{name}.json.xz")


if __name__ == "__main__":
    main()
