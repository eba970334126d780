"""A supervised space whose labels are plain hashes, with all that it tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from node.base.errors import DeviceError
from node.events import Bus, Event
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
