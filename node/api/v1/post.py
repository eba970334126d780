"""PostService, where PoST workers register, and PostInfoService, what they do."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import structlog

from node.api.backend import ApiBackend
from node.api.convert.v1 import post_state
from node.api.errors import invalid, precondition, unknown
from node.api.post_client import StreamPostClient, space_metadata
from node.api.registration import Call, Service
from node.base.errors import PreconditionError, UnavailableError
from node.pb.spacemesh.v1 import post_pb2, post_types_pb2
from node.types.ids import SmesherID

log = structlog.get_logger("postService")

NO_COINBASE: Final = "connection not allowed: node has no coinbase set in config"
ALREADY_REGISTERED: Final = "post service already registered"


@dataclass(frozen=True, slots=True)
class PostService:
    """PoST workers dial it; the node asks, they answer."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            post_pb2.DESCRIPTOR.services_by_name["PostService"], {"Register": self.register}
        )

    async def register(
        self, answers: AsyncIterator[post_types_pb2.ServiceResponse], call: Call
    ) -> AsyncIterator[post_types_pb2.NodeRequest]:
        """Yield questions to a worker as long as it is connected.

        Raises:
            ApiError: workers are not let in, or one serves the identity already.
        """
        if self.backend.smeshing.coinbase is None:
            raise precondition(NO_COINBASE)
        yield post_types_pb2.NodeRequest(metadata=post_types_pb2.MetadataRequest())
        first = await anext(answers, None)
        if first is None:
            return
        smesher = _smesher_of(first)
        client = StreamPostClient()
        try:
            with self.backend.post_registry.connected(smesher, client):
                log.info("post_worker_connected", smesher=smesher)
                async with aclosing(client.serve(answers)) as questions:
                    async for question in questions:
                        yield question
            log.info("post_worker_left", smesher=smesher)
        except PreconditionError as error:
            raise unknown(ALREADY_REGISTERED) from error


@dataclass(frozen=True, slots=True)
class PostInfoService:
    """What the workers of our identities do."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            post_pb2.DESCRIPTOR.services_by_name["PostInfoService"],
            {"PostStates": self.post_states},
        )

    async def post_states(
        self, request: post_types_pb2.PostStatesRequest
    ) -> post_types_pb2.PostStatesResponse:
        """Return the state of each identity."""
        identities = self.backend.identities
        states = [
            post_state(identity, identities.state(identity.signer.smesher_id))
            for identity in identities.all()
        ]
        return post_types_pb2.PostStatesResponse(states=states)


def _smesher_of(first: post_types_pb2.ServiceResponse) -> SmesherID:
    """Return whom the worker serves that sent this first answer."""
    if not first.metadata.HasField("meta"):
        raise invalid("expected metadata from the post service")
    try:
        return SmesherID(space_metadata(first.metadata.meta).smesher)
    except UnavailableError as error:
        raise invalid(str(error)) from error
