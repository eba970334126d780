"""Fetching by hash: sharing, batching, retries, failures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from node.base import scale
from node.base.errors import (
    DecodeError,
    IgnoreError,
    RejectError,
    UnavailableError,
    WrongObjectError,
)
from node.base.hashing import hash32
from node.net.fetch.client import Fetcher, FetchError
from node.net.fetch.planner import FetchPlanner
from node.net.fetch.server import FetchServer
from node.net.fetch.wire import Hint, RequestBatch, RequestMessage, ResponseBatch
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.types.ids import Hash32


def key(number: int) -> Hash32:
    return Hash32(hash32(number.to_bytes(4, "little")))


def zeros(size: int) -> bytes:
    return bytes(size)


class World:
    """A client and two servers with a store each."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.stores: dict[str, dict[Hash32, bytes]] = {name: {} for name in "abc"}
        self.ends = {name: self.network.join(name) for name in "abc"}
        self.requests: list[RequestBatch] = []
        self.fetcher = Fetcher(
            network=self.ends["a"],
            planner=FetchPlanner(entropy=zeros),
            has=lambda hint, wanted: wanted in self.stores["a"],
            batch_timeout_s=0.0,
        )
        for name in "bc":
            server = FetchServer(dict.fromkeys(Hint, self.stores[name].get))
            server.register(self.ends[name])
        for hint in Hint:
            self.fetcher.register(hint, self.validate)

    async def validate(self, wanted: Hash32, peer: PeerID, data: bytes) -> None:
        if data == b"bad":
            raise RejectError("bad object")
        if data == b"late":
            raise IgnoreError("late object")
        self.stores["a"][wanted] = data

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(t) for t in (self.network.run(), self.fetcher.run())]
            await asyncio.sleep(0)
            yield
            for task in running:
                task.cancel()


async def test_objects_come_once_however_many_wait() -> None:
    world = World()
    for number in range(25):
        world.stores["b"][key(number)] = b"x"
    async with world.running(), asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(world.fetcher.fetch(Hint.ATX, [key(n) for n in range(25)]))
    assert len(world.stores["a"]) == 25


async def test_what_is_stored_is_not_asked_for() -> None:
    world = World()
    world.stores["a"][key(1)] = b"x"
    await world.fetcher.fetch(Hint.ATX, [key(1), key(1)])
    assert world.fetcher.planner.unsent == 0


async def test_short_ids_are_padded_and_active_sets_go_alone() -> None:
    world = World()
    short = bytes(range(20))
    world.stores["b"][Hash32(short + bytes(12))] = b"ballot"
    world.stores["b"][key(2)] = world.stores["b"][key(3)] = b"set"
    async with world.running():
        await world.fetcher.fetch(Hint.BALLOT, [short])
        await world.fetcher.fetch(Hint.ACTIVE_SET, [key(2), key(3)])
    assert len(world.stores["a"]) == 3


async def test_known_holders_are_asked_first() -> None:
    world = World()
    world.stores["c"][key(1)] = b"x"
    world.fetcher.register_holder(PeerID("c"), [key(1)])
    world.fetcher.register_holder(PeerID("a"), [key(1)])
    async with world.running():
        await world.fetcher.fetch(Hint.TX, [key(1)])
    assert world.stores["a"] == {key(1): b"x"}


async def test_invalid_objects_drop_their_peer_and_say_so() -> None:
    world = World()
    world.stores["b"].update({key(1): b"bad", key(2): b"late"})
    async with world.running():
        with pytest.raises(FetchError, match="2 objects") as caught:
            await world.fetcher.fetch(Hint.ATX, [key(1), key(2)])
        assert world.ends["a"].best(5) == (PeerID("c"),)
    assert caught.value.is_ignorable
    assert set(caught.value.failures) == {key(1), key(2)}


async def test_without_peers_the_wait_ends() -> None:
    world = World()
    world.ends["a"].drop(PeerID("b"), "")
    world.ends["a"].drop(PeerID("c"), "")
    async with world.running():
        with pytest.raises(FetchError, match="no peers") as caught:
            await world.fetcher.fetch(Hint.ATX, [key(1)])
    assert not caught.value.is_ignorable
    assert FetchError({key(1): FetchError({key(2): DecodeError("x")})}).is_ignorable


async def test_missing_objects_are_asked_for_again_until_given_up() -> None:
    world = World()
    world.fetcher.planner.max_retries = 2
    async with world.running():
        with pytest.raises(FetchError, match="max retries"):
            await world.fetcher.fetch(Hint.ATX, [key(1)])


async def test_an_object_that_comes_by_gossip_meanwhile_is_enough() -> None:
    world = World()
    async with world.running(), asyncio.TaskGroup() as tasks:
        tasks.create_task(world.fetcher.fetch(Hint.ATX, [key(1)]))
        await asyncio.sleep(0)
        world.stores["a"][key(1)] = b"x"
    assert world.fetcher.planner.unsent == 0


async def test_answers_to_another_question_are_refused() -> None:
    async def answer(peer: PeerID, data: bytes) -> bytes:
        return scale.encode(ResponseBatch(id=Hash32.zero(), responses=()))

    world = World()
    for name in "bc":
        world.ends[name].serve("hs/1", answer)
    async with world.running():
        with pytest.raises(FetchError, match="mismatched"):
            await world.fetcher.fetch(Hint.ATX, [key(1)])


async def test_a_cancelled_wait_leaves_the_question_open() -> None:
    world = World()
    world.stores["b"][key(1)] = b"bad"
    async with world.running():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await world.fetcher.fetch(Hint.ATX, [key(1)])
        for _ in range(50):
            await asyncio.sleep(0)
    assert world.stores["a"] == {}


async def test_the_server_refuses_what_it_cannot_answer() -> None:
    server = FetchServer({Hint.ATX: {key(1): b""}.get})
    ask = RequestBatch(id=key(9), requests=(RequestMessage(hint="ATXDB", hash=key(1)),))
    answer = scale.decode(ResponseBatch, await server.on_hashes(PeerID("p"), scale.encode(ask)))
    assert answer == ResponseBatch(id=key(9), responses=())
    with pytest.raises(Exception, match="expected one active set"):
        await server.on_active_set(PeerID("p"), scale.encode(ask))
    other = RequestBatch(id=key(9), requests=(RequestMessage(hint="nope", hash=key(1)),))
    with pytest.raises(Exception, match="blob store not found nope"):
        await server.on_hashes(PeerID("p"), scale.encode(other))
    with pytest.raises(DecodeError):
        await server.on_hashes(PeerID("p"), b"\x01")


def test_planning_without_peers_keeps_what_is_wanted() -> None:
    planner = FetchPlanner(entropy=zeros)
    planner.want(Hint.ATX, key(1))
    assert planner.plan(()) == ()
    assert planner.unsent == 1
    assert planner.on_missing(key(2)) is False


def test_a_batch_is_named_by_its_requests() -> None:
    planner = FetchPlanner(entropy=zeros)
    planner.want(Hint.ATX, Hash32(hash32(b"\x01")))
    (batch,) = planner.plan(("p",))
    expected = "39132f3d0e365f867dceb463af90559f2af97193affe6a77d43b529633abb0d2"
    assert batch.message().id.hex() == expected


async def test_a_peer_that_cannot_be_asked_fails_its_batch() -> None:
    world = World()

    async def refuse(peer: PeerID, data: bytes) -> bytes:
        raise UnavailableError("busy")

    for name in "bc":
        world.ends[name].serve("hs/1", refuse)
    async with world.running():
        with pytest.raises(FetchError, match="busy"):
            await world.fetcher.fetch(Hint.ATX, [key(1)])


async def test_who_limits_itself_holds_no_more_places_than_there_are() -> None:
    world = World()
    world.fetcher.atxs_at_once = 2
    world.fetcher.__post_init__()
    waiting: list[int] = []

    async def validate(wanted: Hash32, peer: PeerID, data: bytes) -> None:
        waiting.append(world.fetcher.planner.unsent)
        await world.validate(wanted, peer, data)

    for number in range(9):
        world.stores["b"][key(number)] = world.stores["c"][key(number)] = b"x"
    async with world.running():
        keys = [key(number) for number in range(9)]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.fetcher.fetch(Hint.ATX, keys, validator=validate, limited=True))
            tasks.create_task(world.fetcher.fetch(Hint.ATX, keys[:5], limited=True))
    assert len(world.stores["a"]) == 9
    assert max(waiting) <= 2


async def test_what_comes_while_a_place_is_waited_for_is_not_asked_for() -> None:
    world = World()
    world.fetcher.atxs_at_once = 1
    world.fetcher.__post_init__()
    world.stores["b"][key(1)] = world.stores["c"][key(1)] = b"x"

    async def validate(wanted: Hash32, peer: PeerID, data: bytes) -> None:
        world.stores["a"][key(2)] = b"x"
        await world.validate(wanted, peer, data)

    async with world.running():
        await world.fetcher.fetch(Hint.ATX, [key(1), key(2)], validator=validate, limited=True)
    assert len(world.stores["a"]) == 2


@pytest.mark.parametrize("bad", [DecodeError("short"), WrongObjectError("another one")])
async def test_another_object_than_asked_for_is_asked_of_others(bad: Exception) -> None:
    world = World()
    world.stores["b"][key(1)] = b"from b"
    world.stores["c"][key(1)] = b"from c"

    async def validate(wanted: Hash32, peer: PeerID, data: bytes) -> None:
        if peer == "b":
            raise bad
        await world.validate(wanted, peer, data)

    async with world.running():
        await world.fetcher.fetch(Hint.ATX, [key(1)], validator=validate)
    assert world.stores["a"] == {key(1): b"from c"}
    assert world.ends["a"].has_dropped(PeerID("b"))


async def test_after_its_holders_others_are_asked() -> None:
    world = World()
    world.stores["b"][key(1)] = b"x"
    world.fetcher.register_holder(PeerID("c"), [key(1)])
    async with world.running():
        await world.fetcher.fetch(Hint.TX, [key(1)])
    assert world.stores["a"] == {key(1): b"x"}


def test_what_is_wanted_twice_is_wanted_once() -> None:
    planner = FetchPlanner(entropy=zeros)
    for _ in range(2):
        planner.want(Hint.ATX, key(1))
        planner.register_holder("p", [key(1)])
    (batch,) = planner.plan(("q", "p"))
    assert batch.peer == "p"
    assert len(batch.wanted) == 1
    planner.want(Hint.ATX, key(1))
    assert planner.unsent == 0


async def test_a_full_queue_is_not_kept_waiting() -> None:
    world = World()
    world.fetcher.batch_timeout_s = 1e6
    world.fetcher.queue_size = 3
    for number in range(3):
        world.stores["b"][key(number)] = world.stores["c"][key(number)] = b"x"
    async with world.running():
        await world.fetcher.fetch(Hint.ATX, [key(number) for number in range(3)])
    assert len(world.stores["a"]) == 3


async def test_answers_under_way_come_though_the_last_peer_has_left() -> None:
    world = World()
    world.stores["b"][key(1)] = b"x"

    async def validate(wanted: Hash32, peer: PeerID, data: bytes) -> None:
        for name in "bc":
            world.ends["a"].drop(PeerID(name), "gone")
        with pytest.raises(FetchError, match="no peers"):
            await world.fetcher.fetch(Hint.POET, [key(2)])
        await world.validate(wanted, peer, data)

    world.fetcher.register_holder(PeerID("b"), [key(1)])
    async with world.running():
        await world.fetcher.fetch(Hint.ATX, [key(1)], validator=validate)
    assert world.stores["a"] == {key(1): b"x"}


def test_holders_that_have_nothing_are_believed_if_that_is_asked_for() -> None:
    planner = FetchPlanner(entropy=zeros)
    planner.register_holder("p", [key(1)])
    planner.register_holder("q", [key(1)])
    for number in (1, 2):
        planner.want(Hint.BALLOT, key(number), from_holders=True)
    (batch,) = planner.plan(("p", "q"))
    assert batch.peer == "p"
    assert planner.on_missing(key(1))
    assert planner.on_missing(key(2))
    planner.plan(("p", "q"))
    assert not planner.on_missing(key(1))
    assert planner.on_missing(key(2))


def test_not_always_the_best_of_the_holders_has_the_first_turn() -> None:
    planner = FetchPlanner(entropy=lambda size: b"\x04".ljust(size, b"\0"))
    for peer in "pqr":
        planner.register_holder(peer, [key(1)])
    planner.want(Hint.ATX, key(1), from_holders=True)
    asked = []
    for left in (True, True, False):
        (batch,) = planner.plan(("p", "q", "r"))
        asked.append(batch.peer)
        assert planner.on_missing(key(1)) == left
    assert asked == ["q", "r", "p"]
