"""The supervised space: made, served, stopped, and what goes wrong."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import PreconditionError
from node.events import (
    InitCompleted,
    InitFailed,
    InitStarted,
    PostProgress,
    PostServiceStarted,
    PostServiceStopped,
)
from node.post.files import read_metadata
from node.sim.virtual_time import simulate
from node.smesher.post_process import SetupState
from tests.support.post_labels import hashed_engines
from tests.support.supervised import COMMITMENT, LABELS, SMESHER, BrokenLabels, Supervised


async def test_a_space_is_made_and_served(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    async with supervised.running() as events:
        await asyncio.sleep(0)
        assert supervised.post.state is SetupState.NOT_STARTED
        assert not supervised.post.is_smeshing
        supervised.post.start()
        await supervised.reach(SetupState.COMPLETE)
        assert supervised.post.is_smeshing
        client = await supervised.registry.wait(SMESHER)
        assert await client.info() == read_metadata(supervised.directory)
    kinds = [type(event) for event in events if not isinstance(event, PostProgress)]
    assert kinds == [InitStarted, InitCompleted, PostServiceStarted, PostServiceStopped]
    assert events[0] == InitStarted(smesher=SMESHER, commitment=COMMITMENT)
    progress = [event for event in events if isinstance(event, PostProgress)]
    assert progress[-1].labels_written == progress[-1].labels_wanted == LABELS
    assert supervised.post.progress is not None
    assert supervised.registry.find(SMESHER) is None


async def test_a_space_that_is_there_keeps_its_commitment(tmp_path: Path) -> None:
    first = Supervised(tmp_path)
    async with first.running():
        first.post.start()
        await first.reach(SetupState.COMPLETE)
    again = Supervised(tmp_path)
    async with again.running() as events:
        again.post.start()
        await again.reach(SetupState.COMPLETE)
    assert (first.chosen, again.chosen) == (1, 0)
    assert events[0] == InitStarted(smesher=SMESHER, commitment=COMMITMENT)


async def test_work_is_stopped_and_taken_up_again(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    async with supervised.running():
        supervised.post.start()
        with pytest.raises(PreconditionError, match="started"):
            supervised.post.start()
        await supervised.reach(SetupState.COMPLETE)
        supervised.post.stop()
        await supervised.reach(SetupState.STOPPED)
        assert not supervised.post.is_smeshing
        assert supervised.registry.find(SMESHER) is None
        await asyncio.sleep(0)
        supervised.post.start()
        await supervised.reach(SetupState.COMPLETE)


async def test_what_fails_is_told_and_ends_the_work(tmp_path: Path) -> None:
    broken = BrokenLabels()
    supervised = Supervised(tmp_path, hashed_engines(broken))
    async with supervised.running() as events:
        supervised.post.start()
        await supervised.reach(SetupState.ERROR)
        await asyncio.sleep(0)
        assert not supervised.post.is_smeshing
    assert "no such device" in supervised.post.error
    failed = [event for event in events if isinstance(event, InitFailed)]
    assert [(event.commitment, "no such device" in event.error) for event in failed] == [
        (COMMITMENT, True)
    ]


class SlowLabels:
    """A device that takes a second for every request."""

    def __init__(self) -> None:
        self.source = hashed_engines().source
        self.asked = 0

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        self.asked += 1
        await asyncio.sleep(1)
        return await self.source.labels(commitment, start, count)

    async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        return await self.source.labels_at(commitments, indices)


@pytest.mark.parametrize("throttle", [False, True])
def test_a_throttled_space_takes_twice_as_long(tmp_path: Path, throttle: bool) -> None:
    device = SlowLabels()
    supervised = Supervised(tmp_path, replace(hashed_engines(), source=device))
    supervised.post.space = replace(supervised.post.space, throttle=throttle, batch_size=64)

    async def main() -> float:
        async with supervised.running():
            supervised.post.start()
            await supervised.registry.wait(SMESHER)
            return asyncio.get_running_loop().time()

    took_s = simulate(main())
    # The first request opens the device as well and is not rested for.
    rests = device.asked - 1 if throttle else 0
    assert took_s == pytest.approx(device.asked + rests)
    assert device.asked > 4
