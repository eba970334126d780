"""From a subscription to a response stream.

A client that reads too slowly loses events; it is told so by the end of its stream, in the
reference's words, and reads again.

Source: go-spacemesh, api/grpcserver and events; api digest section 5.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from node.api.errors import overflow
from node.events import Event, Subscription

E = TypeVar("E", bound=Event)

CAPACITY: Final = 65_536
"""Events that wait for a client of a version 1 stream."""

RESULTS_CAPACITY: Final = 1_024
"""Events that wait for a client of a stream with history."""

RESULTS_FULL: Final = "buffer overflow"
"""What the end of a stream with history says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingWanted(Event):
    """Never published: what a stream waits for whose flags name nothing that there is."""


def kinds_of(flags: int, kinds: Mapping[int, tuple[type[Event], ...]]) -> tuple[type[Event], ...]:
    """Return the kinds of events that the bits of ``flags`` stand for, in their order."""
    wanted = tuple(kind for bit, group in kinds.items() if flags & bit for kind in group)
    return wanted or (NothingWanted,)


async def follow(events: Subscription[E], full: str) -> AsyncIterator[E]:
    """Yield events until one was lost.

    Raises:
        ApiError: with the text ``full``.
    """
    async for event in events:
        if events.dropped:
            raise overflow(full)
        yield event
