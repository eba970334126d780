"""Who computes the labels of an initialisation, and who checks them.

A GPU is checked by the processor, label by label in every piece of work; the processor by
the specification, which takes a second a label and is therefore asked seldom.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.base.errors import UsageError
from node.post.engine import CPU_PROVIDER_ID, LabelSource
from node.post.engine_host import EngineWorker
from node.post.engine_messages import WorkerOptions
from node.post.init_plan import SpotChecks

CHEAP_CHECKS: Final = SpotChecks(every_work=True, labels=16)
"""For a second opinion that is as fast as a processor computes labels."""

COSTLY_CHECKS: Final = SpotChecks(every_work=False, labels=1)
"""For the specification itself, which takes a second a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitEngines:
    """Who computes the labels, and who checks them."""

    source: LabelSource

    checker: LabelSource | None
    """Another implementation; None only where the source is the specification."""

    checks: SpotChecks
    """What the checker is asked."""


class NoProvider:
    """The source where no provider was chosen: a complete space opens without one."""

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "no provider specified",
            code="smesh.post.no_provider",
            hint=f"choose one of `smcli post providers`; the processor is {CPU_PROVIDER_ID}",
        )

    async def labels_at(self, commitments: object, indices: object) -> bytes:
        """Refuse.

        Raises:
            UsageError: always.
        """
        return await self.labels(b"", 0, 1)


@asynccontextmanager
async def open_engines(
    provider: int | None,
    scrypt_n: int,
    *,
    cache_directory: Path | None = None,
    on_note: Callable[[str], None] | None = None,
) -> AsyncIterator[InitEngines]:
    """Open a provider by its number, and who checks it.

    A GPU is checked by the processor, the processor by the specification.  All of them
    are processes that start when they are needed and end when they are idle.

    Args:
        provider: number of a provider; None for none.
        scrypt_n: number of chunks of the label function.
        cache_directory: where tuned kernel shapes are kept; None to keep none.
        on_note: told what a person may want to read.
    """
    if provider is None:
        yield InitEngines(source=NoProvider(), checker=None, checks=COSTLY_CHECKS)
        return
    cache = str(cache_directory) if cache_directory is not None else ""
    is_processor = provider == CPU_PROVIDER_ID
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(
            EngineWorker(
                WorkerOptions(
                    kind="cpu" if is_processor else "opencl",
                    provider=0 if is_processor else provider,
                    scrypt_n=scrypt_n,
                    cache_directory=cache,
                ),
                on_note=on_note,
            )
        )
        checker = await stack.enter_async_context(
            EngineWorker(
                WorkerOptions(kind="reference" if is_processor else "cpu", scrypt_n=scrypt_n),
                on_note=on_note,
            )
        )
        checks = COSTLY_CHECKS if is_processor else CHEAP_CHECKS
        yield InitEngines(source=source, checker=checker, checks=checks)
