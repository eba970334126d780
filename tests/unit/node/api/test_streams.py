"""Streams whose clients are too slow, and flags that ask for nothing."""

import grpc
import pytest

from node.api.errors import ApiError
from node.api.queries import ROWS_PER_TURN, in_turns
from node.api.streams import NothingWanted, follow, kinds_of
from node.events import Bus, Event, LayerStarted, PeerCountChanged
from node.types.layer import LayerID


async def test_a_stream_that_lost_an_event_ends() -> None:
    bus = Bus()
    with bus.subscribe(PeerCountChanged, capacity=2) as events:
        for count in range(3):
            bus.publish(PeerCountChanged(count=count))
        with pytest.raises(ApiError, match="status buffer is full") as caught:
            await anext(follow(events, "status buffer is full"))
    assert caught.value.status is grpc.StatusCode.CANCELLED


async def test_a_stream_has_every_event() -> None:
    bus = Bus()
    with bus.subscribe(PeerCountChanged, capacity=2) as events:
        followed = follow(events, "full")
        for count in range(3):
            bus.publish(PeerCountChanged(count=count))
            assert (await anext(followed)).count == count


def test_flags_stand_for_kinds_in_their_order() -> None:
    table: dict[int, tuple[type[Event], ...]] = {1: (LayerStarted,), 2: (PeerCountChanged,)}
    assert kinds_of(3, table) == (LayerStarted, PeerCountChanged)
    assert kinds_of(2, table) == (PeerCountChanged,)
    assert kinds_of(4, table) == (NothingWanted,)


async def test_long_scans_let_the_loop_go_on() -> None:
    rows = [LayerID(number) for number in range(ROWS_PER_TURN + 1)]
    assert [row async for row in in_turns(rows)] == rows
