"""Verification of other smeshers' PoSTs, as the node uses it.

Source: go-spacemesh, activation, post_verifier; post digest section 11.1.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from node.post.verifying import Mode, PostClaim, ProofParameters
from node.types.post import Post


class PostCheck(Protocol):
    """Checks a proof somewhere off the loop, such as ``process.PostProcess``."""

    async def verify(
        self, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
    ) -> None:
        """Raise what ``verifying.check_post`` raises, or UnavailableError."""
        ...


class PostVerifier:
    """Checks proofs, as many at once as the node may spend processors on.

    Callers wait for their turn; there is no other queue.  Those that are prioritized, and
    proofs of our own smeshers, go first.  While an own proof is being made, fewer are
    checked at once, to leave it the processors.
    """

    def __init__(self, check: PostCheck, *, workers: int, min_workers: int = 1) -> None:
        """Take the limits.

        Args:
            check: does the work.
            workers: checks at once, at least 1.
            min_workers: the same while an own smesher is proving.
        """
        self._check = check
        self._workers = workers
        self._min_workers = min(workers, min_workers)
        self._turns = _Turns(workers)
        self._own: set[bytes] = set()
        self._proving: set[bytes] = set()

    @property
    def workers(self) -> int:
        """Checks that may be made at once now."""
        return self._turns.limit

    @property
    def waiting(self) -> int:
        """Callers that wait for their turn."""
        return self._turns.waiting

    def add_own_smesher(self, smesher: bytes) -> None:
        """Prioritize the proofs of a smesher from now on."""
        self._own.add(smesher)

    def on_proving_started(self, smesher: bytes) -> None:
        """Leave processors to a proof of our own."""
        self._proving.add(smesher)
        self._turns.set_limit(self._min_workers)

    def on_proving_ended(self, smesher: bytes) -> None:
        """Take them back when no own proof is being made any more."""
        self._proving.discard(smesher)
        if not self._proving:
            self._turns.set_limit(self._workers)

    async def verify(
        self,
        post: Post,
        claim: PostClaim,
        parameters: ProofParameters,
        mode: Mode,
        *,
        prioritized: bool = False,
    ) -> None:
        """Check a proof.

        Raises:
            InvalidPostError: a label is bad.
            RejectError: the proof fails in any other way.
            UnavailableError: the worker died or was closed.
        """
        async with self._turns.turn(first=prioritized or claim.smesher in self._own):
            await self._check.verify(post, claim, parameters, mode)


class UncheckedPosts:
    """What ``smeshing-opts-verifying-disable`` asks for: every proof holds."""

    async def verify(
        self,
        post: Post,
        claim: PostClaim,
        parameters: ProofParameters,
        mode: Mode,
        *,
        prioritized: bool = False,
    ) -> None:
        """Do nothing: the operator has said so."""


@dataclass(slots=True)
class _Turns:
    """A limit on what is done at once, with two queues."""

    limit: int
    _busy: int = 0
    _first: deque[asyncio.Future[None]] = field(default_factory=deque)
    _others: deque[asyncio.Future[None]] = field(default_factory=deque)

    @property
    def waiting(self) -> int:
        return len(self._first) + len(self._others)

    def set_limit(self, limit: int) -> None:
        self.limit = limit
        self._grant()

    @asynccontextmanager
    async def turn(self, *, first: bool) -> AsyncIterator[None]:
        granted = asyncio.get_running_loop().create_future()
        queue = self._first if first else self._others
        queue.append(granted)
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if granted in queue:
                queue.remove(granted)
            elif not granted.cancelled():
                self._release()
            raise
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        self._busy -= 1
        self._grant()

    def _grant(self) -> None:
        while self._busy < self.limit and self.waiting:
            granted = (self._first or self._others).popleft()
            if not granted.cancelled():
                self._busy += 1
                granted.set_result(None)
