"""What ``smcli post`` opens, in the test's own process: real labels and proofs, at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Self

from node.post.engine import CPU_PROVIDER_ID, InlineLabels, LabelSource, ReferenceEngine
from node.post.engine_messages import WorkerOptions
from node.post.init_engines import CHEAP_CHECKS, COSTLY_CHECKS, InitEngines, NoProvider
from node.post.proving import ProofOptions, ProofProgress, open_space, prove
from node.post.recomputing import RecomputedLabels
from node.post.scan import PlainScan
from node.post.verifying import Mode, PostClaim, ProofParameters, check_post
from node.types.post import Post
from tests.support.post_labels import real_engine
from tests.support.post_proofs import hash_pow, search_pow


@asynccontextmanager
async def open_inline_engines(
    provider: int | None,
    scrypt_n: int,
    *,
    cache_directory: Path | None = None,
    on_note: Callable[[str], None] | None = None,
) -> AsyncIterator[InitEngines]:
    """Stand in for ``init_engines.open_engines``; every number but the processor's is a GPU."""
    source: LabelSource = NoProvider() if provider is None else InlineLabels(real_engine(scrypt_n))
    yield InitEngines(
        source=source,
        checker=InlineLabels(ReferenceEngine(scrypt_n)),
        checks=COSTLY_CHECKS if provider == CPU_PROVIDER_ID else CHEAP_CHECKS,
    )


class InlineWorker(InlineLabels):
    """Stands in for ``EngineWorker``."""

    def __init__(
        self, options: WorkerOptions, *, on_note: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(real_engine(options.scrypt_n))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return


class InlineProver:
    """Stands in for ``PostProcess``; its proof of work is a plain hash."""

    async def run(self) -> None:
        """Wait for the end."""
        await asyncio.Event().wait()

    async def prove(
        self,
        directory: Path,
        options: ProofOptions,
        *,
        fast: bool = False,
        remote_pow: str = "",
        progress: Callable[[ProofProgress], None],
    ) -> Post:
        """Make a proof."""
        return prove(
            open_space(directory),
            options,
            pow_search=search_pow,
            scan_factory=PlainScan,
            progress=progress,
            stopped=lambda: False,
        )

    async def verify(
        self, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
    ) -> None:
        """Verify a proof."""
        check_post(post, claim, parameters, mode, labels=recomputed_labels(), pow_hash=hash_pow)


@cache
def recomputed_labels() -> RecomputedLabels:
    """Return the labels of a verifier, compiled once."""
    return RecomputedLabels()


class BrokenLabels(InlineLabels):
    """A provider that computes wrong labels, as a card with a bad memory does."""

    def __init__(self, scrypt_n: int) -> None:
        super().__init__(real_engine(scrypt_n))

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return wrong labels."""
        return bytes(32 * count)

    async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return wrong labels."""
        return bytes(32 * len(indices))
