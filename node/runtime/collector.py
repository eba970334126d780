"""Python's collector of cyclic garbage, set for a process that remembers millions of things.

Identifiers are objects that the collector tracks.  By default it looks at the youngest after
every 700 new ones, and time and again at all that there are: an active set of 100 000 ids is
looked at hundreds of times while it is read, and a look at everything that a node on mainnet
remembers holds the event loop up for the better part of a second.

Reference counts free nearly everything; cycles, mostly of exceptions and their tracebacks,
may wait.

Source: CPython, gc; style digest section 4.7.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG: Final = 100_000
"""New objects after which the youngest are looked at: some 10 ms of work."""

MIDDLE: Final = 10
"""Looks at the youngest for one at those that survived them."""

OLD: Final = 10
"""Looks at the latter for one at everything that is not settled.

Cycles that were long-lived wait for that: ten million objects may, a gigabyte at the worst.
"""


@contextmanager
def eased_collector() -> Iterator[None]:
    """Collect seldom inside; afterwards as before."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def settle() -> None:
    """Leave out everything that there is now in the future: it is here to stay."""
    gc.collect()
    gc.freeze()
