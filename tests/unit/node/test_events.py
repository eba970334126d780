"""The bus, and the JSON form of every event."""

import asyncio
import json
import typing
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from node import events
from node.events import (
    BeaconDecided,
    Bus,
    Event,
    LayerApplied,
    LayerSlots,
    LayerStarted,
    PeerCountChanged,
    Subscription,
    kind_of,
    plain,
    plain_event,
)
from node.sim.virtual_time import simulate
from node.types.ids import Beacon, FixedBytes
from node.types.layer import EpochID, LayerID
from node.types.transaction import TransactionStatus

KINDS = [
    kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
]


NO_KINDS: tuple[type[Event], ...] = ()


def started(layer: int) -> LayerStarted:
    return LayerStarted(layer=LayerID(layer))


def take_all(subscription: Subscription[Any]) -> list[Event]:
    taken: list[Event] = []
    while (event := subscription.take()) is not None:
        taken.append(event)
    return taken


def test_a_subscriber_gets_the_kinds_it_asked_for() -> None:
    bus = Bus()
    peers = PeerCountChanged(count=3)
    with (
        bus.subscribe(LayerStarted) as layers,
        bus.subscribe(LayerStarted, PeerCountChanged) as both,
        bus.subscribe(*NO_KINDS) as everything,
        bus.subscribe(Event) as base,
    ):
        bus.publish(started(1))
        bus.publish(peers)
        assert layers.take() == started(1)
        assert layers.take() is None
        assert take_all(both) == [started(1), peers]
        assert take_all(everything) == [started(1), peers]
        assert take_all(base) == [started(1), peers]


def test_nothing_comes_after_the_block() -> None:
    bus = Bus()
    with bus.subscribe(LayerStarted) as layers:
        bus.publish(started(1))
    bus.publish(started(2))
    assert (layers.take(), layers.take()) == (started(1), None)


def test_a_full_ring_drops_the_oldest_and_counts_them() -> None:
    bus = Bus()
    with bus.subscribe(LayerStarted, capacity=2) as layers:
        for layer in range(5):
            bus.publish(started(layer))
        bus.publish(PeerCountChanged(count=1))
        assert layers.dropped == 3
        assert take_all(layers) == [started(3), started(4)]


def test_publishing_without_subscribers_is_fine() -> None:
    Bus().publish(started(1))


def test_an_iterator_waits_for_the_next_event() -> None:
    async def main() -> list[tuple[Event, float]]:
        bus = Bus()
        seen: list[tuple[Event, float]] = []
        loop = asyncio.get_running_loop()

        async def listen() -> None:
            with bus.subscribe(LayerStarted) as layers:
                async for event in layers:
                    seen.append((event, loop.time()))
                    if event.layer == 3:
                        break

        async with asyncio.TaskGroup() as group:
            group.create_task(listen())
            await asyncio.sleep(10)
            bus.publish(started(1))
            bus.publish(started(2))
            await asyncio.sleep(10)
            bus.publish(started(3))
        return seen

    assert simulate(main()) == [(started(1), 10), (started(2), 10), (started(3), 20)]


def test_two_nodes_have_two_buses() -> None:
    one, two = Bus(), Bus()
    with one.subscribe(Event) as here, two.subscribe(Event) as there:
        one.publish(started(1))
        assert here.take() is not None
        assert there.take() is None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_is_documented_and_has_a_json_form(kind: type[Event]) -> None:
    assert kind.__doc__
    event = example(kind)
    assert isinstance(event, Event)
    text = json.dumps(plain_event(event))
    assert json.loads(text)["kind"] == kind_of(event)


def example(form: Any) -> Any:
    """Return some value of an annotated type."""
    form = getattr(form, "__supertype__", form)
    origin = typing.get_origin(form)
    if origin is typing.Annotated:
        return example(typing.get_args(form)[0])
    if origin is tuple:
        items = [item for item in typing.get_args(form) if item is not Ellipsis]
        return tuple(example(item) for item in items)
    if origin is not None:
        return example(typing.get_args(form)[0])
    if form in (int, str, bytes, bool):
        return form()
    if issubclass(form, FixedBytes):
        return form.zero()
    hints = typing.get_type_hints(form, include_extras=True)
    return form(**{field.name: example(hints[field.name]) for field in fields(form)})


def test_kinds_are_named_in_snake_case() -> None:
    assert kind_of(BeaconDecided(epoch=EpochID(1), beacon=Beacon(b"abcd"))) == "beacon_decided"
    assert kind_of(example(LayerApplied)) == "layer_applied"


def test_bytes_are_hexadecimal_and_nested_records_objects() -> None:
    event = BeaconDecided(epoch=EpochID(1), beacon=Beacon(b"abcd"))
    assert plain_event(event) == {"kind": "beacon_decided", "epoch": 1, "beacon": "61626364"}
    slots = (LayerSlots(layer=LayerID(7), count=2),)
    assert plain(slots) == [{"layer": 7, "count": 2}]
    assert is_dataclass(slots[0])
    assert plain(TransactionStatus.FAILURE) == "failure"


def test_what_json_cannot_say_is_an_error() -> None:
    with pytest.raises(TypeError, match="set has no JSON form"):
        plain({1})
