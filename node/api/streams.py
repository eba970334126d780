"""From a subscription to a response stream.

A client that reads too slowly loses events; it is told so by the end of its stream, in the
reference's words, and reads again.

Source: go-spacemesh, api/grpcserver and events; api digest section 5.
"""

from collections.abc import AsyncIterator
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


async def follow(events: Subscription[E], full: str) -> AsyncIterator[E]:
    """Yield events until one was lost.

    Raises:
        ApiError: with the text ``full``.
    """
    async for event in events:
        if events.dropped:
            raise overflow(full)
        yield event
