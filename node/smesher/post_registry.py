"""PoST workers that are connected: one for each identity, in this process or over gRPC.

Source: go-spacemesh, api/grpcserver/post_service.go and post_client.go; activation digest
8.5.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from node.base.errors import PreconditionError, UnavailableError
from node.post.machine import InProgress, ProofAnswer
from node.post.metadata import SpaceMetadata
from node.post.service import ProofWorker
from node.types.ids import Hash32, SmesherID
from node.types.post import Post

POLL_S: Final = 2.0
"""How often a worker is asked whether its proof is done."""


class PostClient(Protocol):
    """A connected worker, as the node asks it."""

    async def info(self) -> SpaceMetadata:
        """Return what space the worker proves.

        Raises:
            UnavailableError: it does not answer.
        """

    async def proof(self, challenge: Hash32) -> tuple[Post, SpaceMetadata]:
        """Return a proof for a challenge, once it is made.

        Raises:
            UnavailableError: the worker failed, refused or went away.
        """


@dataclass(frozen=True, slots=True)
class LocalPostClient:
    """A worker in this process."""

    worker: ProofWorker
    poll_s: float = POLL_S

    async def info(self) -> SpaceMetadata:
        """See PostClient."""
        return self.worker.get_metadata().metadata

    async def proof(self, challenge: Hash32) -> tuple[Post, SpaceMetadata]:
        """See PostClient."""
        while True:
            answer = await self.worker.request_proof(challenge)
            match answer:
                case ProofAnswer(post, _, metadata):
                    return post, metadata
                case InProgress():
                    await asyncio.sleep(self.poll_s)
                case _:
                    raise UnavailableError(
                        f"the PoST worker made no proof: {getattr(answer, 'reason', answer)}",
                        code="smesh.post.no_proof",
                    )


@dataclass
class PostRegistry:
    """The connected workers, by identity."""

    _clients: dict[SmesherID, PostClient] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def connected(self, smesher: SmesherID, client: PostClient) -> Iterator[None]:
        """Serve an identity with a worker for the length of the block.

        Raises:
            PreconditionError: another worker serves it already.
        """
        if smesher in self._clients:
            raise PreconditionError(f"post service already registered for {smesher}")
        self._clients[smesher] = client
        self._changed.set()
        try:
            yield
        finally:
            del self._clients[smesher]

    def find(self, smesher: SmesherID) -> PostClient | None:
        """Return the worker of an identity, or None."""
        return self._clients.get(smesher)

    async def wait(self, smesher: SmesherID) -> PostClient:
        """Return the worker of an identity as soon as one is connected."""
        while (client := self._clients.get(smesher)) is None:
            self._changed.clear()
            await self._changed.wait()
        return client
