"""Deleting rows a portion at a time, so that others have their turn in between.

A view that is ordered by layer or by epoch tells which rows are old; the other views of the
same object go with it.  A portion is one atomic batch: a process that ends between two of them
leaves whole objects, and the next one begins with what is left.  Nobody waits for the disk: a
power loss that takes a portion back costs nothing but the work.

Source: go-spacemesh, prune; tortoise digest section 15.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from node.store.db import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What one batch deleted."""

    rows: int
    """Rows of the ordered view; those of other views are not counted."""

    rest: bytes | None
    """Where to go on, behind the prefix; None if nothing is left."""


def delete_portion(
    db: Database,
    prefix: bytes,
    *,
    start: bytes,
    stop: bytes,
    limit: int,
    other_view: Callable[[bytes], bytes] | None = None,
) -> Portion:
    """Delete the first rows of a range; where there are none, nothing is written.

    Args:
        db: the database.
        prefix: of the ordered view.
        start: first key, behind the prefix.  To start behind what was deleted before spares
            LevelDB from passing over it: it is there until files are rewritten.
        stop: end of the range, not itself in it, behind the prefix.
        limit: most rows to delete, at least 1.
        other_view: returns the whole key of the same object in another view.
    """
    keys = list(islice(db.keys(prefix, start=start, stop=stop), limit))
    if keys:
        with db.batch(sync=False) as batch:
            for key in keys:
                batch.delete(prefix + key)
                if other_view is not None:
                    batch.delete(other_view(key))
    return Portion(rows=len(keys), rest=keys[-1] + b"\0" if len(keys) == limit else None)
