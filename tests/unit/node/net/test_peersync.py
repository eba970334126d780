"""Comparing clocks: what is asked, what the answers make, and when the node stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from node.base import scale
from node.base.errors import DecodeError, PreconditionError, UnavailableError
from node.config.durations import Nanoseconds
from node.config.model.node import PeersyncConfig
from node.events import Bus, WarningRaised
from node.layer_ticker import LoopClock
from node.net.memory import MemoryNetwork
from node.net.peersync import (
    DRIFT,
    PROTOCOL,
    PeerSync,
    Sample,
    TimeRequest,
    TimeResponse,
    median_offset_ns,
)
from node.net.ports import PeerID, RequestHandler
from node.sim.virtual_time import simulate

SECOND = 10**9
START = 1_700_000_000 * SECOND
CONFIG = PeersyncConfig(
    round_retry_interval=Nanoseconds(SECOND),
    round_interval=Nanoseconds(60 * SECOND),
    round_timeout=Nanoseconds(5 * SECOND),
    max_clock_offset=Nanoseconds(10 * SECOND),
    max_offset_errors=3,
    required_responses=3,
)


class SlowLinks:
    """Every way takes the same time."""

    def delay_s(self, sender: PeerID, receiver: PeerID) -> float | None:
        return 0.25


class Clocks:
    """Some nodes with clocks of their own; the first is the one that is looked at."""

    def __init__(self, *ahead_s: float, config: PeersyncConfig = CONFIG) -> None:
        self.network = MemoryNetwork(links=SlowLinks())
        self.bus = Bus()
        self.stopped: PreconditionError | None = None
        self.nodes = [
            PeerSync(
                network=self.network.join(f"node{number}"),
                clock=LoopClock(START + round(ahead * SECOND)),
                bus=self.bus,
                config=config,
            )
            for number, ahead in enumerate(ahead_s)
        ]

    @asynccontextmanager
    async def carried(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            for end in self.network.ends.values():
                end.start(tasks)
            yield
            for end in self.network.ends.values():
                end.stop()


def _run_for(clocks: Clocks, seconds: float) -> PeerSync:
    """Return the first node, which has run for some seconds or until it stopped itself."""
    first = clocks.nodes[0]

    async def main() -> None:
        async with clocks.carried():
            try:
                async with asyncio.timeout(seconds):
                    await first.run()
            except TimeoutError:
                return
            except PreconditionError as error:
                clocks.stopped = error

    simulate(main())
    return first


def test_messages_have_the_bytes_of_the_reference() -> None:
    assert scale.encode(TimeRequest(id=1)).hex() == "04"
    response = TimeResponse(id=1, timestamp=1_700_000_000_000_000_000)
    assert scale.encode(response).hex() == "041300002a36fe9c9717"


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([(107, 104)], 5),
        ([(107, 104), (100, 104), (90, 104)], -2),
        ([(107, 104), (100, 104)], 1),
        ([(99, 104), (98, 104)], -3),
        ([(95, 100), (90, 100)], -7),
    ],
)
def test_the_offset_is_the_median_less_half_the_way(
    samples: list[tuple[int, int]], expected: int
) -> None:
    assert median_offset_ns(100, [Sample(*sample) for sample in samples]) == expected


def test_clocks_within_the_tolerance_are_borne() -> None:
    node = _run_for(Clocks(0, 9, 9.5, 10), 1000)
    assert node.offset_ns == round(9.5 * SECOND)
    assert node.errors == 0


@pytest.mark.parametrize(("ahead", "side"), [(-11, "behind"), (11, "ahead of")])
def test_a_clock_that_is_off_warns_and_then_stops_the_node(ahead: float, side: str) -> None:
    clocks = Clocks(ahead, 0, 0, 0)
    with clocks.bus.subscribe(WarningRaised) as warnings:
        _run_for(clocks, 1000)
        told = [warnings.take() for _ in range(3)]
        assert warnings.take() is None
    stopped = clocks.stopped
    assert stopped is not None
    assert f"11.000 s {side} those of the peers" in str(stopped)
    assert stopped.code == DRIFT
    assert "clock" in stopped.hint
    assert {None if warning is None else warning.code for warning in told} == {DRIFT}


def test_one_good_round_forgives_the_bad_ones() -> None:
    clocks = Clocks(-11, 0, 0, 0)
    first = clocks.nodes[0]

    async def main() -> None:
        async with clocks.carried(), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(first.run())
            await asyncio.sleep(90)
            assert first.errors == 2
            first.clock = LoopClock(START)
            await asyncio.sleep(60)
            assert first.errors == 0
            first.clock = LoopClock(START - 11 * SECOND)
            await asyncio.sleep(100)
            assert first.errors == 2
            running.cancel()

    simulate(main())


def test_a_round_without_enough_peers_is_tried_again_soon() -> None:
    clocks = Clocks(-100, 0, 0)
    assert _run_for(clocks, 1000).offset_ns is None


def test_nothing_is_asked_where_it_is_disabled() -> None:
    clocks = Clocks(-100, 0, 0, 0, config=PeersyncConfig(disable=True))
    assert _run_for(clocks, 1000).offset_ns is None


async def _hang(_peer: PeerID, _data: bytes) -> bytes:
    await asyncio.sleep(1000)
    return b""


async def _answer_garbage(_peer: PeerID, _data: bytes) -> bytes:
    return b"\xff"


async def _answer_another(_peer: PeerID, _data: bytes) -> bytes:
    return scale.encode(TimeResponse(id=1_000_000, timestamp=START))


async def _refuse(_peer: PeerID, _data: bytes) -> bytes:
    raise UnavailableError("no")


@pytest.mark.parametrize("answer", [_hang, _answer_garbage, _answer_another, _refuse])
def test_answers_that_are_none_do_not_count(
    answer: RequestHandler,
) -> None:
    clocks = Clocks(-100, 0, 0, 0)
    end = clocks.network.ends[PeerID("node3")]
    end.serve(PROTOCOL, answer)
    assert _run_for(clocks, 100).offset_ns is None


async def test_a_malformed_request_has_no_answer() -> None:
    with pytest.raises(DecodeError):
        await Clocks(0).nodes[0].on_request(PeerID("peer"), b"")
