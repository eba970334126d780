"""The supervised space: made, served, stopped, and what goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.base.errors import DeviceError, PreconditionError
from node.events import (
    Bus,
    Event,
    InitCompleted,
    InitFailed,
    InitStarted,
    PostProgress,
    PostServiceStarted,
    PostServiceStopped,
)
from node.post.files import read_metadata
from node.post.init_engines import InitEngines
from node.post.init_run import InlineRunner
from node.post.proving import ProofOptions
from node.post.service import ServiceOptions
from node.post.verifying import Mode, PostClaim, ProofParameters
from node.smesher.post_process import SetupState, SpaceWanted, SupervisedPost
from node.smesher.post_registry import PostRegistry
from node.types.ids import AtxID
from node.types.post import Post
from tests.support.chain import signer
from tests.support.post_labels import HashedLabels, hashed_engines
from tests.support.post_proofs import PARAMETERS

SMESHER = signer(1).smesher_id
COMMITMENT = AtxID(b"\x22" * 32)
LABELS = 2 * PARAMETERS.labels_per_unit


class BrokenLabels(HashedLabels):
    """A device that does not work."""

    def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        raise DeviceError("no such device", code="smesh.device.none")


class NoProver:
    """Is asked for nothing."""

    async def prove(self, directory: Path, options: ProofOptions, **_: object) -> Post:
        raise AssertionError

    async def verify(
        self, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
    ) -> None:
        raise AssertionError


class Supervised:
    """A supervised space with all that it tells."""

    def __init__(self, folder: Path, engines: InitEngines | None = None) -> None:
        self.directory = folder / "space"
        self.registry = PostRegistry()
        self.bus = Bus()
        self.chosen = 0
        self.post = SupervisedPost(
            smesher=SMESHER,
            space=SpaceWanted(
                directory=self.directory,
                num_units=2,
                labels_per_unit=PARAMETERS.labels_per_unit,
                max_file_size=4096,
                scrypt_n=PARAMETERS.scrypt_n,
                batch_size=512,
                min_units=1,
                max_units=4,
            ),
            service=ServiceOptions(
                directory=self.directory, parameters=PARAMETERS, nonces=16, threads=1
            ),
            engines=engines or hashed_engines(),
            prover=NoProver(),
            registry=self.registry,
            bus=self.bus,
            commitment=self.choose,
            poll_s=0,
            blocking=InlineRunner(),
        )

    async def choose(self) -> AtxID:
        self.chosen += 1
        return COMMITMENT

    @asynccontextmanager
    async def running(self) -> AsyncIterator[list[Event]]:
        """Run it; what it announces is in the list afterwards."""
        events: list[Event] = []
        with self.bus.subscribe(Event) as heard:
            async with asyncio.TaskGroup() as tasks:
                run = tasks.create_task(self.post.run())
                yield events
                run.cancel()
            while (event := heard.take()) is not None:
                events.append(event)

    async def reach(self, state: SetupState) -> None:
        """Wait until the space is so far."""
        for _ in range(10_000):
            if self.post.state is state:
                return
            await asyncio.sleep(0)
        raise AssertionError(self.post.state)


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
