"""Family ``tortoise``: recorded traces of the reference's tortoise.

Compared are the errors of decoding, storing and encoding, the encoded votes, the updates and
whether an applied layer still stands.
"""

from collections.abc import Iterator
from pathlib import Path

from node.consensus.tortoise.replay import Replay, Restart
from scripts.vectors.family import Case, Family, compare, read_lines, read_text


def traces(folder: Path) -> Iterator[tuple[Path, Restart | None]]:
    """Yield every trace with what is to be known of the restart it begins with."""
    for path in sorted((folder / "tortoise").glob("*.jsonl*")):
        injected = path.with_name(path.name.partition(".")[0] + ".inj")
        yield path, Restart.parse(read_text(injected)) if injected.exists() else None


def check(folder: Path) -> Iterator[Case]:
    """Replay every trace and compare, event by event."""
    for path, restart in traces(folder):
        for outcome in Replay(restart).run(read_lines(path)):
            name = f"{path.name} line {outcome.line}, {outcome.event}"
            yield compare(name, outcome.ours, outcome.recorded)


FAMILIES = (Family("tortoise", ("tortoise/*.jsonl*", "tortoise/*.inj"), check),)
