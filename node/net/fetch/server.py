"""Answers what peers fetch, from the store.

Source: go-spacemesh, fetch/handler.go; sync digest section 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from node.base import scale
from node.base.errors import UsageError
from node.net.fetch.wire import (
    ACTIVE_SETS,
    HASHES,
    Hint,
    RequestBatch,
    ResponseBatch,
    ResponseMessage,
)
from node.net.ports import PeerID, Requests
from node.types.ids import Hash32


@dataclass
class FetchServer:
    """Serves objects by hash."""

    find: Mapping[Hint, Callable[[Hash32], bytes | None]]
    """For each kind, what returns an object's bytes, or None."""

    def register(self, network: Requests) -> None:
        """Answer the hash protocols of ``network``."""
        network.serve(HASHES, self.on_hashes)
        network.serve(ACTIVE_SETS, self.on_active_set)

    async def on_hashes(self, peer: PeerID, data: bytes) -> bytes:
        """Answer a batch; what is missing or empty is left out.

        Raises:
            DecodeError: the request is malformed.
            UsageError: a hint is unknown.
        """
        return self._answer(scale.decode(RequestBatch, data))

    async def on_active_set(self, peer: PeerID, data: bytes) -> bytes:
        """Answer a batch of exactly one active set.

        Raises:
            DecodeError: the request is malformed.
            UsageError: it asks for something else, or for more.
        """
        batch = scale.decode(RequestBatch, data)
        if [request.hint for request in batch.requests] != [Hint.ACTIVE_SET.value]:
            raise UsageError("expected one active set")
        return self._answer(batch)

    def _answer(self, batch: RequestBatch) -> bytes:
        found: list[ResponseMessage] = []
        for request in batch.requests:
            if request.hint not in {hint.value for hint in self.find}:
                raise UsageError(f"blob store not found {request.hint}")
            blob = self.find[Hint(request.hint)](request.hash)
            if blob:
                found.append(ResponseMessage(hash=request.hash, data=blob))
        return scale.encode(ResponseBatch(id=batch.id, responses=tuple(found)))
