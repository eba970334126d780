"""What happened to our own smeshers, kept for operators who look later.

The log stamps what the bus announces, keeps the last hundred messages, and hands new ones
to whoever follows it.

Source: go-spacemesh, events/reporter.go; api digest sections 5 and 6.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from node.api.convert.user_events import USER_EVENTS, user_event_messages
from node.events import Bus, Event, Subscription
from node.layer_ticker import Clock
from node.pb.spacemesh.v1 import admin_types_pb2

KEPT: Final = 100
"""Messages that a new follower is told first."""

LIVE_CAPACITY: Final = 1_000
"""Messages that wait for a follower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEventNoted(Event):
    """A message was added to the log."""

    message: admin_types_pb2.Event


@dataclass
class UserEventLog:
    """The last messages and who follows."""

    _kept: deque[admin_types_pb2.Event] = field(default_factory=lambda: deque(maxlen=KEPT))
    _followers: Bus = field(default_factory=Bus)

    def note(self, event: Event, now_ns: int) -> None:
        """Add what an event means to an operator."""
        for message in user_event_messages(event, now_ns):
            self._kept.append(message)
            self._followers.publish(UserEventNoted(message=message))

    @contextmanager
    def follow(
        self,
    ) -> Iterator[tuple[tuple[admin_types_pb2.Event, ...], Subscription[UserEventNoted]]]:
        """Return what is kept, and what is added for the length of the block."""
        with self._followers.subscribe(UserEventNoted, capacity=LIVE_CAPACITY) as live:
            yield tuple(self._kept), live


async def record(log: UserEventLog, events: Subscription[Event], clock: Clock) -> None:
    """Stamp and note events as they come, until cancelled."""
    async for event in events:
        log.note(event, clock.now_ns())


@contextmanager
def user_events(bus: Bus) -> Iterator[Subscription[Event]]:
    """Collect the events that concern operators."""
    with bus.subscribe(*USER_EVENTS) as events:
        yield events
