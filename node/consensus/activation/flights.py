"""One piece of work for all who ask for the same thing at once.

Source: golang.org/x/sync/singleflight, as go-spacemesh uses it; activation digest 6.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from node.base.errors import SpacemeshError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Flight(Generic[V]):
    """Work under way."""

    landed: asyncio.Event = field(default_factory=asyncio.Event)
    results: list[V] = field(default_factory=list)
    error: SpacemeshError | None = None


class SingleFlight(Generic[K, V]):
    """Shares results and errors among those who ask while the work is under way.

    The first one works, in its own task.  If it is cancelled, the next one takes over.
    """

    def __init__(self) -> None:
        self._flights: dict[K, _Flight[V]] = {}

    async def run(self, key: K, work: Callable[[], Awaitable[V]]) -> V:
        """Return what ``work`` returns, here or where it is under way already.

        Raises:
            SpacemeshError: what ``work`` raised.
        """
        while key in self._flights:
            flight = self._flights[key]
            await flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if flight.results:
                return flight.results[0]
        flight = self._flights[key] = _Flight()
        try:
            result = await work()
            flight.results.append(result)
        except SpacemeshError as error:
            flight.error = error
            raise
        finally:
            del self._flights[key]
            flight.landed.set()
        return result
