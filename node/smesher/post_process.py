"""The supervised identity's space: initialised, then served by a PoST worker.

Source: go-spacemesh, activation/post.go and post_supervisor.go; activation digest 7, 8.5.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Final

import structlog

from node.base.errors import PreconditionError, SpacemeshError
from node.events import (
    Bus,
    InitCompleted,
    InitFailed,
    InitStarted,
    PostProgress,
    PostServiceStarted,
    PostServiceStopped,
)
from node.post.files import find_metadata
from node.post.init_engines import InitEngines
from node.post.init_options import InitOptions
from node.post.init_run import BlockingRunner, InitProgress, loop_ns, run_init
from node.post.label_sharing import RestingLabels
from node.post.service import ProofWorker, Prover, ServiceOptions
from node.smesher.post_registry import LocalPostClient, PostRegistry
from node.types.ids import AtxID, SmesherID

THROTTLED_PERCENT: Final = 50
"""How much of the time labels are made where others want the device too."""

log = structlog.get_logger("post")


class SetupState(IntEnum):
    """How far the space is, with the numbers of the API."""

    NOT_STARTED = 1
    PREPARED = 2
    IN_PROGRESS = 3
    STOPPED = 4
    COMPLETE = 5
    ERROR = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceWanted:
    """What space the configuration asks for."""

    directory: Path
    num_units: int
    labels_per_unit: int
    max_file_size: int
    scrypt_n: int
    batch_size: int
    min_units: int
    max_units: int

    throttle: bool = False
    """Leave the device to others for half of the time; the reference takes the setting and
    does nothing with it."""


@dataclass(kw_only=True)
class SupervisedPost:
    """Initialises the space of one identity and answers its proof requests."""

    smesher: SmesherID
    space: SpaceWanted
    service: ServiceOptions
    engines: InitEngines
    prover: Prover
    registry: PostRegistry
    bus: Bus

    commitment: Callable[[], Awaitable[AtxID]]
    """Chooses the commitment ATX of a new space."""

    poll_s: float
    """How often the node asks whether a proof is done."""

    blocking: BlockingRunner | None = None
    """Where calls that wait for a disk run; threads if not given."""

    state: SetupState = SetupState.NOT_STARTED
    progress: InitProgress | None = None
    error: str = ""
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Nothing holds the space yet."""
        self._idle.set()

    @property
    def is_smeshing(self) -> bool:
        """Tell whether the space is served, or made so that it can be."""
        return self._wanted.is_set()

    def start(self) -> None:
        """Make the space, if it is not there, and serve it.

        Raises:
            PreconditionError: it is being done already, or has not ended yet.
        """
        if self._wanted.is_set() or not self._idle.is_set():
            raise PreconditionError("post service already started")
        self._stopping.clear()
        self._wanted.set()

    def stop(self) -> None:
        """Stop the work; what is written stays."""
        self._wanted.clear()
        self._stopping.set()

    async def stopped(self) -> None:
        """Wait until nothing holds the space any more."""
        await self._idle.wait()

    async def run(self) -> None:
        """Work while it is wanted, until cancelled."""
        while True:
            await self._wanted.wait()
            self._idle.clear()
            try:
                async with asyncio.TaskGroup() as tasks:
                    work = tasks.create_task(self._work())
                    stop = tasks.create_task(self._stopping.wait())
                    await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
                    work.cancel()
                    stop.cancel()
            except* SpacemeshError as group:
                self._fail(group.exceptions[0])
            else:
                self.state = SetupState.STOPPED
            self._wanted.clear()
            self._idle.set()

    async def _work(self) -> None:
        await self._initialise()
        worker = ProofWorker(self.service, self.prover)
        self.state = SetupState.COMPLETE
        client = LocalPostClient(worker, self.poll_s)
        with self.registry.connected(self.smesher, client):
            self.bus.publish(PostServiceStarted(smesher=self.smesher))
            try:
                await worker.run()
            finally:
                self.bus.publish(PostServiceStopped(smesher=self.smesher))

    async def _initialise(self) -> None:
        known = find_metadata(self.space.directory)
        commitment = await self.commitment() if known is None else AtxID(known.commitment_atx)
        self.state = SetupState.IN_PROGRESS
        self.bus.publish(InitStarted(smesher=self.smesher, commitment=commitment))
        options = InitOptions(
            smesher=self.smesher,
            commitment_atx=commitment,
            labels_per_unit=self.space.labels_per_unit,
            num_units=self.space.num_units,
            max_file_size=self.space.max_file_size,
            scrypt_n=self.space.scrypt_n,
            batch_size=self.space.batch_size,
            min_units=self.space.min_units,
            max_units=self.space.max_units,
        )
        try:
            await run_init(
                self.space.directory,
                options,
                self._engines(),
                on_progress=self._on_progress,
                blocking=self.blocking,
            )
        except SpacemeshError as error:
            self.bus.publish(
                InitFailed(smesher=self.smesher, commitment=commitment, error=str(error))
            )
            raise
        self.bus.publish(InitCompleted(smesher=self.smesher))

    def _engines(self) -> InitEngines:
        """Return who computes labels, and how much of the time."""
        if not self.space.throttle:
            return self.engines
        resting = RestingLabels(self.engines.source, THROTTLED_PERCENT, clock=loop_ns)
        return replace(self.engines, source=resting)

    def _on_progress(self, progress: InitProgress) -> None:
        self.progress = progress
        self.bus.publish(
            PostProgress(
                smesher=self.smesher,
                labels_written=progress.position,
                labels_wanted=self.space.num_units * self.space.labels_per_unit,
            )
        )

    def _fail(self, error: BaseException) -> None:
        self.state = SetupState.ERROR
        self.error = str(error)
        log.warning("smeshing_stopped", smesher=self.smesher, reason=str(error))
