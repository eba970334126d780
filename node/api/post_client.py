"""A PoST worker at the other end of a gRPC stream, as the node asks it.

The worker dials the node, so the node's questions travel on the response stream: one at a
time, each followed by its answer.

Source: go-spacemesh, api/grpcserver/post_service.go and post_client.go; post digest
section 13.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from node.base.errors import UnavailableError
from node.pb.spacemesh.v1 import post_types_pb2
from node.post.metadata import SpaceMetadata
from node.smesher.post_registry import POLL_S
from node.types.ids import AtxID, Hash32, SmesherID
from node.types.post import Post

CONNECTION_CODE: Final = "smesh.post.connection"
"""Code of the error for a worker that went away: one asks again when it is back."""

NO_PROOF_CODE: Final = "smesh.post.no_proof"
"""Code of the error for a worker that makes no proof."""

UNKNOWN_FILE_SIZE: Final = 0
"""The protocol does not tell how a worker spreads its labels over files."""


@dataclass(frozen=True, slots=True)
class Question:
    """What waits to be asked, and where the answer goes."""

    request: post_types_pb2.NodeRequest
    answer: "asyncio.Future[post_types_pb2.ServiceResponse]"


@dataclass
class StreamPostClient:
    """Asks a worker; ``serve`` carries questions and answers as long as it is connected."""

    poll_s: float = POLL_S
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _questions: asyncio.Queue[Question] = field(default_factory=asyncio.Queue)
    _is_closed: bool = False

    async def info(self) -> SpaceMetadata:
        """See PostClient."""
        request = post_types_pb2.NodeRequest(metadata=post_types_pb2.MetadataRequest())
        answer = await self._ask(request)
        if not answer.metadata.HasField("meta"):
            raise UnavailableError("the PoST worker sent no metadata", code=NO_PROOF_CODE)
        return space_metadata(answer.metadata.meta)

    async def proof(self, challenge: Hash32) -> tuple[Post, SpaceMetadata]:
        """See PostClient."""
        request = post_types_pb2.NodeRequest(
            gen_proof=post_types_pb2.GenProofRequest(challenge=challenge)
        )
        while True:
            answer = (await self._ask(request)).gen_proof
            if answer.status != post_types_pb2.GEN_PROOF_STATUS_OK:
                status = post_types_pb2.GenProofStatus.Name(answer.status)
                raise UnavailableError(f"error generating proof: {status}", code=NO_PROOF_CODE)
            if answer.HasField("proof"):
                return _checked(answer, challenge)
            await asyncio.sleep(self.poll_s)

    async def serve(
        self, answers: AsyncIterator[post_types_pb2.ServiceResponse]
    ) -> AsyncGenerator[post_types_pb2.NodeRequest, None]:
        """Yield the questions and take the answers, until the worker sends no more."""
        pending: Question | None = None
        try:
            while True:
                pending = await self._questions.get()
                yield pending.request
                answer = await anext(answers, None)
                if answer is None:
                    return
                if not pending.answer.done():
                    pending.answer.set_result(answer)
                pending = None
        finally:
            self._close(pending)

    def _close(self, pending: Question | None) -> None:
        """Tell everybody who waits that there will be no answer."""
        self._is_closed = True
        waiting = [] if pending is None else [pending]
        while not self._questions.empty():
            waiting.append(self._questions.get_nowait())
        for question in waiting:
            if not question.answer.done():
                question.answer.set_exception(_gone())

    async def _ask(self, request: post_types_pb2.NodeRequest) -> post_types_pb2.ServiceResponse:
        async with self._turn:
            if self._is_closed:
                raise _gone()
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[post_types_pb2.ServiceResponse] = loop.create_future()
            self._questions.put_nowait(Question(request, answer))
            return await answer


def space_metadata(meta: post_types_pb2.Metadata) -> SpaceMetadata:
    """Return what a worker says of its space.

    Raises:
        UnavailableError: an identifier does not have 32 bytes.
    """
    try:
        smesher, commitment = SmesherID(meta.node_id), AtxID(meta.commitment_atx_id)
    except ValueError as error:
        raise UnavailableError(
            f"the PoST worker sent wrong metadata: {error}", code=NO_PROOF_CODE
        ) from error
    return SpaceMetadata(
        smesher=smesher,
        commitment_atx=commitment,
        labels_per_unit=meta.labels_per_unit,
        num_units=meta.num_units,
        max_file_size=UNKNOWN_FILE_SIZE,
        nonce=meta.nonce if meta.HasField("nonce") else None,
    )


def _checked(
    answer: post_types_pb2.GenProofResponse, challenge: Hash32
) -> tuple[Post, SpaceMetadata]:
    """Return the proof of an answer that is for this challenge."""
    if not answer.HasField("metadata"):
        raise UnavailableError("proof metadata is nil", code=NO_PROOF_CODE)
    if answer.metadata.challenge != challenge:
        raise UnavailableError(
            f"unexpected challenge: {answer.metadata.challenge.hex()}", code=NO_PROOF_CODE
        )
    if not answer.metadata.HasField("meta"):
        raise UnavailableError("post metadata is nil", code=NO_PROOF_CODE)
    proof = answer.proof
    post = Post(nonce=proof.nonce, indices=proof.indices, pow=proof.pow)
    return post, space_metadata(answer.metadata.meta)


def _gone() -> UnavailableError:
    return UnavailableError("the PoST worker went away", code=CONNECTION_CODE)
