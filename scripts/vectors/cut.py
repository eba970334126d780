"""Cut small test data out of a folder of recorded vectors: ``python -m scripts.vectors.cut``.

Line files keep every n-th line, so that each type and kind stays represented.
"""

import argparse
import lzma
from pathlib import Path

from scripts.vectors.family import read_lines


def cut_lines(source: Path, target: Path, every: int, first: int = 0) -> int:
    """Write lines first, first + every, … of ``source`` to ``target``; return their number."""
    kept = list(read_lines(source))[first::every]
    target.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(kept) + "\n"
    if target.suffix == ".xz":
        target.write_bytes(lzma.compress(text.encode(), preset=9))
    else:
        target.write_text(text, encoding="utf-8")
    return len(kept)


def main() -> None:
    """Parse the arguments and cut one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--every", type=int, default=30)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    kept = cut_lines(options.source, options.target, options.every, options.first)
    print(f"{kept} lines, {options.target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
