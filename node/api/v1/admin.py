"""AdminService: what happens to our own smeshers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from node.api.backend import ApiBackend
from node.api.registration import Call, Service
from node.api.streams import follow
from node.pb.spacemesh.v1 import admin_pb2, admin_types_pb2

FULL: Final = "buffer is full"


@dataclass(frozen=True, slots=True)
class AdminService:
    """The log of user events."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            admin_pb2.DESCRIPTOR.services_by_name["AdminService"],
            {"EventsStream": self.events_stream},
        )

    async def events_stream(
        self, request: admin_types_pb2.EventStreamRequest, call: Call
    ) -> AsyncIterator[admin_types_pb2.Event]:
        """Yield the last hundred events, then each as it happens."""
        with self.backend.user_events.follow() as (past, live):
            await call.ready()
            for message in past:
                yield message
            async for noted in follow(live, FULL):
                yield noted.message
