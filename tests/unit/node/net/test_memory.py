"""The in-memory network: flooding, loss, requests, dropped peers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from node.base.errors import IgnoreError, RejectError, StoreError, UnavailableError
from node.net.memory import MemoryEnd, MemoryNetwork
from node.net.ports import PeerID
from node.net.verdict import Verdict, judge
from node.sim.virtual_time import simulate

A, B, C = PeerID("a"), PeerID("b"), PeerID("c")


class Recorder:
    """A handler that keeps what it gets and raises what it is told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.got: list[tuple[PeerID, bytes]] = []
        self.error = error

    async def __call__(self, peer: PeerID, data: bytes) -> None:
        self.got.append((peer, data))
        if self.error is not None:
            raise self.error


class CutLinks:
    """Some pairs do not hear each other."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self.pairs = pairs

    def delay_s(self, sender: PeerID, receiver: PeerID) -> float | None:
        return None if (sender, receiver) in self.pairs else 0.0


@asynccontextmanager
async def running(network: MemoryNetwork) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(network.run())
        await asyncio.sleep(0)
        yield
        task.cancel()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def listening(network: MemoryNetwork, names: str) -> tuple[list[MemoryEnd], list[Recorder]]:
    ends = [network.join(name) for name in names]
    recorders = [Recorder() for _ in names]
    for end, recorder in zip(ends, recorders, strict=True):
        end.register("t", recorder)
    return ends, recorders


async def test_a_message_reaches_everyone_once_and_ourselves_first() -> None:
    network = MemoryNetwork()
    ends, recorders = listening(network, "abc")
    async with running(network):
        await ends[0].publish("t", b"x")
        assert recorders[0].got == [(A, b"x")]
        await settle()
    assert [len(r.got) for r in recorders] == [1, 1, 1]
    assert recorders[1].got[0][1] == b"x"


async def test_a_message_travels_around_a_cut_link() -> None:
    network = MemoryNetwork(links=CutLinks(("a", "c")))
    ends, recorders = listening(network, "abc")
    async with running(network):
        await ends[0].publish("t", b"x")
        await settle()
    assert recorders[2].got == [(B, b"x")]


async def test_what_our_own_handler_refuses_goes_nowhere() -> None:
    network = MemoryNetwork()
    ends, recorders = listening(network, "ab")
    recorders[0].error = IgnoreError("late")
    async with running(network):
        with pytest.raises(IgnoreError):
            await ends[0].publish("t", b"x")
        await settle()
    assert recorders[1].got == []


async def test_what_our_own_handler_refused_may_be_offered_again() -> None:
    network = MemoryNetwork()
    a, b = network.join("a"), network.join("b")
    ours, theirs = Recorder(IgnoreError("not synced yet")), Recorder()
    a.register("t", ours)
    b.register("t", theirs)
    async with running(network):
        for _ in range(2):
            with pytest.raises(IgnoreError, match="not synced"):
                await a.publish("t", b"1")
        ours.error = None
        await a.publish("t", b"1")
        with pytest.raises(IgnoreError, match="published before"):
            await a.publish("t", b"1")
        await settle()
    assert theirs.got == [(A, b"1")]


async def test_the_sender_of_an_invalid_message_is_dropped() -> None:
    network = MemoryNetwork()
    ends, recorders = listening(network, "ab")
    recorders[1].error = RejectError("bad")
    async with running(network):
        await ends[0].publish("t", b"x")
        await settle()
        assert ends[1].best(5) == ()
        assert ends[0].best(5) == ()
        ends[1].drop(B, "never ourselves")
        with pytest.raises(UnavailableError, match="not connected"):
            await ends[1].request(A, "p", b"")


def test_a_dropped_peer_is_found_again() -> None:
    async def main() -> None:
        network = MemoryNetwork(reconnect_s=10.0)
        ends, _ = listening(network, "ab")
        async with running(network):
            ends[1].drop(A, "invalid")
            await asyncio.sleep(9.9)
            assert ends[0].best(5) == ()
            await asyncio.sleep(0.2)
            assert ends[0].best(5) == (B,)

    simulate(main())


async def test_requests_are_answered_or_say_why_not() -> None:
    async def answer(peer: PeerID, data: bytes) -> bytes:
        if not data:
            raise IgnoreError("nothing asked")
        return data + peer.encode()

    network = MemoryNetwork(links=CutLinks(("c", "b")))
    a, b, c = (network.join(name) for name in "abc")
    b.serve("p", answer)
    async with running(network):
        assert a.best(1) == (B,)
        assert await a.request(B, "p", b"x") == b"xa"
        with pytest.raises(UnavailableError, match="nothing asked"):
            await a.request(B, "p", b"")
        with pytest.raises(UnavailableError, match="does not speak q"):
            await a.request(B, "q", b"")
        with pytest.raises(UnavailableError, match="did not answer"):
            await c.request(B, "p", b"x")
        b.stop()
        with pytest.raises(UnavailableError, match="not connected"):
            await a.request(B, "p", b"x")


async def test_a_request_ends_with_the_node_that_answers_it() -> None:
    async def answer_never(_peer: PeerID, _data: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    class StoppingLinks:
        def delay_s(self, sender: PeerID, receiver: PeerID) -> float | None:
            return 0.001

    network = MemoryNetwork(links=StoppingLinks())
    a, b = network.join("a"), network.join("b")
    b.serve("p", answer_never)
    async with asyncio.TaskGroup() as tasks:
        a.start(tasks)

        async def life(seconds: float) -> None:
            async with asyncio.TaskGroup() as own:
                b.start(own)
                await asyncio.sleep(seconds)
                own.create_task(_fail())

        async def _fail() -> None:
            raise RuntimeError("the node ends")

        async def live(seconds: float) -> None:
            with pytest.raises(ExceptionGroup):
                await life(seconds)
            b.stop()

        tasks.create_task(live(0.02))
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="b is gone"):
            await a.request(B, "p", b"x")
        tasks.create_task(live(0.0))
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="not connected"):
            await a.request(B, "p", b"x")


async def test_stopped_ends_and_unknown_topics_lose_messages() -> None:
    network = MemoryNetwork()
    ends, recorders = listening(network, "ab")
    network.join("c")
    async with running(network):
        await ends[0].publish("t", b"1")
        ends[1].stop()
        await settle()
        ends[1].receive_later(A, "t", b"2", 0.0)
        await settle()
    assert recorders[1].got == []


class OneWayFirst:
    """The straight way from a to c takes longer than that over b."""

    async def go(self) -> None:
        """Take the time of the straight way."""
        await asyncio.sleep(0.03)

    def delay_s(self, sender: PeerID, receiver: PeerID) -> float | None:
        return 0.02 if (sender, receiver) == (A, C) else 0.001


async def test_a_message_comes_once_by_the_quickest_way() -> None:
    links = OneWayFirst()
    network = MemoryNetwork(links=links)
    ends, recorders = listening(network, "abc")
    async with running(network):
        await ends[0].publish("t", b"1")
        await links.go()
    assert recorders[2].got == [(B, b"1")]
    assert [len(recorder.got) for recorder in recorders] == [1, 1, 1]


async def test_old_messages_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.net.memory.REMEMBERED_MESSAGES", 2)
    network = MemoryNetwork()
    ends, recorders = listening(network, "a")
    for data in (b"1", b"2", b"3", b"1"):
        await ends[0].publish("t", data)
    assert len(recorders[0].got) == 4


async def test_verdicts_follow_the_error() -> None:
    async def verdict(error: Exception | None, *, strict: bool = False) -> Verdict:
        return await judge(Recorder(error), "t", A, b"", strict=strict)

    assert await verdict(None) is Verdict.ACCEPT
    assert await verdict(RejectError("x")) is Verdict.REJECT
    assert await verdict(IgnoreError("x")) is Verdict.IGNORE
    assert await verdict(ZeroDivisionError()) is Verdict.IGNORE
    with pytest.raises(ZeroDivisionError):
        await verdict(ZeroDivisionError(), strict=True)
    with pytest.raises(StoreError):
        await verdict(StoreError("disk"))
