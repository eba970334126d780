"""Several providers at one space, and providers that leave time for other work.

Both are label sources around other ones, so that an initialisation need not know of them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from node.base.errors import UsageError
from node.post.engine import LabelSource
from node.post.init_engines import InitEngines, open_engines

FULL_TIME: Final = 100
"""Percent of the time that a provider works unless told otherwise."""


class SharedLabels:
    """A label source that divides every request among several ones, by their speed."""

    def __init__(
        self,
        sources: Sequence[LabelSource],
        *,
        clock: Callable[[], int],
        on_share: Callable[[int, int], None],
    ) -> None:
        """Take the sources.

        Args:
            sources: at least one.
            clock: nanoseconds.
            on_share: told the number of a source and how many labels it has computed.
        """
        self._sources = tuple(sources)
        self._clock = clock
        self._on_share = on_share
        # Labels a nanosecond; until the first request is done nobody is known to be slower.
        self._speeds = [1.0] * len(self._sources)

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return ``count`` labels from index ``start`` on, 32 bytes each.

        Raises:
            DeviceError: one of the sources failed; the others were stopped.
        """
        parts = []
        try:
            async with asyncio.TaskGroup() as tasks:
                for number, share in enumerate(self._divide(count)):
                    if share:
                        part = self._compute(number, commitment, start, share)
                        parts.append(tasks.create_task(part))
                        start += share
        except ExceptionGroup as group:
            # What failed first has cancelled the others.
            raise group.exceptions[0] from None
        return b"".join(part.result() for part in parts)

    async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return one label, 32 bytes, for every pair, from the first source."""
        return await self._sources[0].labels_at(commitments, indices)

    def _divide(self, count: int) -> list[int]:
        """Return the labels of each source; every one gets some, if there are enough."""
        whole = sum(self._speeds)
        least = 1 if count >= len(self._sources) else 0
        spare = count - least * len(self._sources)
        shares = [least + int(spare * speed / whole) for speed in self._speeds]
        shares[self._speeds.index(max(self._speeds))] += count - sum(shares)
        return shares

    async def _compute(self, number: int, commitment: bytes, start: int, count: int) -> bytes:
        began = self._clock()
        labels = await self._sources[number].labels(commitment, start, count)
        self._speeds[number] = count / max(self._clock() - began, 1)
        self._on_share(number, count)
        return labels


class RestingLabels:
    """A label source that works a part of the time only."""

    def __init__(
        self,
        source: LabelSource,
        percent: int,
        *,
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the source.

        Args:
            source: does the work.
            percent: part of the time that it works, 1 to 100.
            clock: nanoseconds.
            sleep: waits for so many seconds.

        Raises:
            UsageError: the percentage is out of range.
        """
        if not 1 <= percent <= FULL_TIME:
            raise UsageError(f"a provider cannot work {percent} % of the time")
        self._source = source
        self._percent = percent
        self._clock = clock
        self._sleep = sleep
        self._is_open = False

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return ``count`` labels from index ``start`` on, 32 bytes each; then rest."""
        began = self._clock()
        labels = await self._source.labels(commitment, start, count)
        worked_s = (self._clock() - began) / 1e9 if self._is_open else 0.0
        # The first request has opened the provider as well, which may take a minute.
        self._is_open = True
        await self._sleep(worked_s * (FULL_TIME - self._percent) / self._percent)
        return labels

    async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return one label, 32 bytes, for every pair of commitment and index."""
        return await self._source.labels_at(commitments, indices)


@asynccontextmanager
async def open_shared_engines(
    providers: Sequence[int],
    scrypt_n: int,
    *,
    clock: Callable[[], int],
    percent: int = FULL_TIME,
    cache_directory: Path | None = None,
    on_note: Callable[[str], None] | None = None,
    on_share: Callable[[int, int], None],
) -> AsyncIterator[InitEngines]:
    """Open any number of providers, and who checks them.

    One checker serves all: the processor as soon as one of them is a GPU.

    Args:
        providers: their numbers; none at all is enough for a complete space.
        scrypt_n: number of chunks of the label function.
        clock: nanoseconds.
        percent: part of the time that they work.
        cache_directory: where tuned kernel shapes are kept; None to keep none.
        on_note: told what a person may want to read.
        on_share: told the number of a provider and how many labels it has computed.

    Raises:
        UsageError: a provider is named twice, or the percentage is out of range.
    """
    if len(set(providers)) != len(providers):
        raise UsageError("a provider is named twice")
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(
                open_engines(provider, scrypt_n, cache_directory=cache_directory, on_note=on_note)
            )
            for provider in providers or (None,)
        ]
        checked = next((engines for engines in opened if engines.checks.every_work), opened[0])
        if not providers:
            yield checked
            return

        def tell(number: int, count: int) -> None:
            on_share(providers[number], count)

        shared = SharedLabels([one.source for one in opened], clock=clock, on_share=tell)
        source: LabelSource = shared
        if percent != FULL_TIME:
            source = RestingLabels(shared, percent, clock=clock)
        yield replace(checked, source=source)
