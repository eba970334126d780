"""Initialise a space: drive the plan with an engine, a second opinion, and the files.

Stopping is safe at any moment: cancel the task, or kill the process.  The next run goes
on from the sizes of the files, after it has compared the last label with what it should
be.  Labels are not written before those that are checked agree with another
implementation.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias, TypeVar, assert_never

from node.base.errors import DeviceError
from node.post.files import (
    LabelWriter,
    find_metadata,
    list_data_files,
    lock_directory,
    remove_data_file,
    shorten_data_file,
    write_metadata,
)
from node.post.init_engines import InitEngines
from node.post.init_options import InitOptions, SpaceStatus
from node.post.init_plan import (
    FileFound,
    InitPlan,
    NonceFound,
    Output,
    RemoveFile,
    SaveMetadata,
    ShortenFile,
    SyncFile,
    Work,
    WriteLabels,
)
from node.post.labels import LABEL_SIZE
from node.post.metadata import SpaceMetadata
from node.runtime.files import check_free_space

T = TypeVar("T")

RETRIES: Final = 10
"""How often a failing computation is tried again, as in the reference."""

RETRY_DELAY_S: Final = 1.0
"""Seconds between the tries."""

FIRST_WORK: Final = 64
"""Labels of the first piece of work, before the speed is known."""

NS_PER_S: Final = 10**9
WORK_NS: Final = NS_PER_S
"""How long a piece of work should take: what a stop loses, and how often progress is told."""

GROWTH: Final = 8
"""How much larger a piece of work may be than the one before."""

_PASSING_CODES: Final = frozenset({"smesh.device.ended", "smesh.device.driver"})
"""Failures after which trying again may help."""


class BlockingRunner(Protocol):
    """Runs calls that wait for a disk."""

    async def run(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns."""
        ...


class ThreadRunner:
    """Runs calls in threads, each to its end even if the task that waits is cancelled."""

    async def run(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns."""
        future = asyncio.get_running_loop().run_in_executor(None, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # A write that goes on in the background must not meet a closed file.
            await asyncio.wait([future])
            raise


class InlineRunner:
    """Runs calls here and now: for simulations, which have no threads."""

    async def run(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns."""
        return call()


@dataclass(frozen=True, slots=True, kw_only=True)
class InitProgress:
    """How far an initialisation is."""

    status: SpaceStatus
    labels_done: int
    """Labels computed and written in this run."""

    labels_total: int
    """Labels that were missing when this run began."""

    position: int
    """Index behind the last label written."""

    file: int | None
    """Number of the file in work; None when the files are complete."""

    labels_per_s: float
    """Mean of this run; 0 before the first labels."""

    is_searching: bool
    """The files are complete; a VRF nonce is looked for beyond them."""

    nonce: int | None
    """Best VRF nonce so far."""

    @property
    def seconds_left(self) -> float | None:
        """Forecast for the files; None before the speed is known."""
        if not self.labels_per_s:
            return None
        return (self.labels_total - self.labels_done) / self.labels_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class InitResult:
    """What an initialisation has come to."""

    status: SpaceStatus
    metadata: SpaceMetadata

    position: int
    """Index behind the last label of the last file of the range."""

    labels_done: int
    """Labels computed and written in this run."""


ProgressListener: TypeAlias = Callable[[InitProgress], None]
EventListener: TypeAlias = Callable[[Output], None]


async def create_space(
    directory: Path,
    options: InitOptions,
    engines: InitEngines,
    *,
    blocking: BlockingRunner | None = None,
) -> InitPlan:
    """Compare a directory with the wanted space and save its metadata.

    Nothing else is written.  The VRF nonce's value is completed if it is missing.

    Raises:
        UsageError: an option cannot be used.
        PreconditionError: the directory holds another space.
        StoreError: the directory is damaged or refuses a write.
        DeviceError: a label is needed and the engine fails.
    """
    runner = blocking or ThreadRunner()
    plan = InitPlan(
        options,
        metadata=find_metadata(directory),
        file_labels={file.index: file.num_labels for file in list_data_files(directory)},
        directory=str(directory),
        checks=engines.checks,
    )
    work = plan.create_work()
    label = None
    if work is not None:
        label = await engines.source.labels(plan.commitment, work.start, work.count)
    metadata = plan.on_created(label).metadata
    await runner.run(lambda: write_metadata(directory, metadata))
    return plan


async def run_init(
    directory: Path,
    options: InitOptions,
    engines: InitEngines,
    *,
    on_progress: ProgressListener | None = None,
    on_event: EventListener | None = None,
    first_work: int = FIRST_WORK,
    clock: Callable[[], int] | None = None,
    blocking: BlockingRunner | None = None,
    retry_delay_s: float = RETRY_DELAY_S,
) -> InitResult:
    """Initialise a space, or go on where an earlier run stopped.

    Args:
        directory: data directory; made if it does not exist.
        options: the wanted space.
        engines: who computes and who checks; see ``open_engines``.
        on_progress: told after every piece of work, about once a second.
        on_event: told of files, nonces and metadata, after they are on disk; the first
            event is the metadata, when the directory is found to be that of the space.
        first_work: labels of the first piece of work, before the speed is known.
        clock: nanoseconds, for the speed; the loop's if not given.
        blocking: where calls that wait for a disk run; threads if not given.
        retry_delay_s: seconds before a failing engine is tried again.

    Raises:
        UsageError: an option cannot be used.
        PreconditionError: another process is at it, the directory holds another space, or
            the disk is too small.
        StoreError: the directory is damaged or refuses a write.
        DeviceError: the engine fails, or computes wrong labels; nothing wrong is written.
    """
    with lock_directory(directory):
        runner = blocking or ThreadRunner()
        plan = await create_space(directory, options, engines, blocking=runner)
        run = _Run(
            directory,
            plan,
            engines=engines,
            runner=runner,
            clock=clock or loop_ns,
            retry_delay_s=retry_delay_s,
        )
        run.most = first_work
        run.on_event = on_event
        if on_event is not None:
            on_event(SaveMetadata(plan.metadata))
        with closing(run):
            await run.run(on_progress or _tell_nobody)
        return InitResult(
            status=plan.status,
            metadata=plan.metadata,
            position=plan.labels_written,
            labels_done=run.done,
        )


def loop_ns() -> int:
    """Return the time of the running loop in nanoseconds, virtual where the loop is."""
    return int(asyncio.get_running_loop().time() * NS_PER_S)


def _tell_nobody(_: InitProgress) -> None:
    return


class _Run:
    """One run over one directory."""

    def __init__(
        self,
        directory: Path,
        plan: InitPlan,
        *,
        engines: InitEngines,
        runner: BlockingRunner,
        clock: Callable[[], int],
        retry_delay_s: float,
    ) -> None:
        self.directory = directory
        self.plan = plan
        self.engines = engines
        self.runner = runner
        self.clock = clock
        self.retry_delay_s = retry_delay_s
        self.done = 0
        self.began_ns = clock()
        self.most = FIRST_WORK
        self.on_event: EventListener | None = None
        self.writer: LabelWriter | None = None

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    async def run(self, tell: ProgressListener) -> None:
        for output in self.plan.begin():
            await self._carry_out(output)
        total = self.plan.missing_labels()
        check_free_space(self.directory, total * LABEL_SIZE)
        tell(self._progress(total))
        while (work := self.plan.next_work(self.most)) is not None:
            is_searching = self.plan.is_searching
            on_disk = b""
            if work.overlaps and self.plan.current_file is not None:
                position = work.start - self.plan.layout.first_label(self.plan.current_file)
                on_disk = self._open(self.plan.current_file).read_label(position)
            labels, checked = await self._compute(work)
            for output in self.plan.on_labels(work, labels, on_disk=on_disk, checked=checked):
                await self._carry_out(output)
            if not is_searching:
                self.done += work.count - work.overlaps
            tell(self._progress(total))

    async def _compute(self, work: Work) -> tuple[bytes, bytes]:
        """Return the labels of a piece of work, and those that are computed twice."""
        try:
            async with asyncio.TaskGroup() as tasks:
                labels = tasks.create_task(self._labels(work))
                checked = tasks.create_task(self._checked(work))
        except ExceptionGroup as group:
            # What failed first has cancelled the other one.
            raise group.exceptions[0] from None
        return labels.result(), checked.result()

    async def _labels(self, work: Work) -> bytes:
        tries_left = RETRIES
        while True:
            began = self.clock()
            try:
                labels = await self.engines.source.labels(
                    self.plan.commitment, work.start, work.count
                )
            except DeviceError as error:
                if error.code not in _PASSING_CODES or not tries_left:
                    raise
                tries_left -= 1
                await asyncio.sleep(self.retry_delay_s)
            else:
                self._set_pace(work.count, self.clock() - began)
                return labels

    async def _checked(self, work: Work) -> bytes:
        checker = self.engines.checker or self.engines.source
        if not work.checks:
            return b""
        return await checker.labels_at([self.plan.commitment] * len(work.checks), work.checks)

    async def _carry_out(self, output: Output) -> None:
        match output:
            case SaveMetadata(metadata):
                await self.runner.run(lambda: write_metadata(self.directory, metadata))
            case WriteLabels(file, position, labels):
                writer = self._open(file)
                await self.runner.run(lambda: writer.write(position, labels))
            case SyncFile(file, _):
                writer = self._open(file)
                await self.runner.run(writer.sync)
                self.close()
            case RemoveFile(file):
                remove_data_file(self.directory, file)
            case ShortenFile(file, num_labels):
                shorten_data_file(self.directory, file, num_labels)
            case FileFound() | NonceFound():
                # For listeners only.
                return self._tell(output)
            case _:
                assert_never(output)
        if not isinstance(output, WriteLabels):
            self._tell(output)
        return None

    def _tell(self, output: Output) -> None:
        if self.on_event is not None:
            self.on_event(output)

    def _open(self, file: int) -> LabelWriter:
        # A file is closed when it is complete, so there is never another one open.
        if self.writer is None:
            self.writer = LabelWriter(self.directory, file)
        return self.writer

    def _set_pace(self, count: int, taken_ns: int) -> None:
        wanted = count * WORK_NS // max(taken_ns, 1)
        self.most = max(1, min(wanted, self.most * GROWTH, self.plan.options.batch_size))

    def _progress(self, total: int) -> InitProgress:
        plan = self.plan
        taken_ns = self.clock() - self.began_ns
        return InitProgress(
            status=plan.status if plan.is_done else SpaceStatus.INITIALIZING,
            labels_done=self.done,
            labels_total=total,
            position=plan.labels_written,
            file=plan.current_file,
            labels_per_s=self.done * 1e9 / taken_ns if taken_ns else 0.0,
            is_searching=plan.is_searching,
            nonce=plan.metadata.nonce,
        )
