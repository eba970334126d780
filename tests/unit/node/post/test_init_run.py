"""Initialisation of real directories with labels that cost nothing."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import DeviceError, PreconditionError, StoreError, UsageError
from node.post import init_run
from node.post.engine import InlineLabels
from node.post.files import list_data_files, lock_directory, read_metadata
from node.post.init_engines import COSTLY_CHECKS, InitEngines, NoProvider
from node.post.init_options import SpaceStatus
from node.post.init_plan import (
    FileFound,
    NonceFound,
    Output,
    RemoveFile,
    SaveMetadata,
    ShortenFile,
    SyncFile,
)
from node.post.init_run import InitProgress, InlineRunner, ThreadRunner, create_space, run_init
from node.post.space_report import read_report
from node.sim.virtual_time import simulate
from tests.support.post_labels import HashedLabels, hashed_engines, small_options


class StoppedError(Exception):
    """The test has seen enough."""


class FailingLabels(HashedLabels):
    """Fails some times before it answers."""

    def __init__(self, failures: int, code: str) -> None:
        super().__init__()
        self.failures = failures
        self.code = code

    def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        if self.failures:
            self.failures -= 1
            raise DeviceError("the driver has gone", code=self.code)
        return super().labels(commitment, start, count)


def stored(directory: Path) -> bytes:
    return b"".join(file.path.read_bytes() for file in list_data_files(directory))


def expected() -> bytes:
    labels = HashedLabels()
    commitment = small_options().commitment
    return b"".join(labels.label(commitment, index)[:16] for index in range(256))


async def test_a_space_is_written_and_reported(tmp_path: Path) -> None:
    progress: list[InitProgress] = []
    events: list[Output] = []
    directory = tmp_path / "space"

    result = await run_init(
        directory,
        small_options(),
        hashed_engines(),
        on_progress=progress.append,
        on_event=events.append,
        first_work=20,
    )

    assert stored(directory) == expected()
    assert result.status is SpaceStatus.COMPLETED
    assert result.metadata == read_metadata(directory)
    assert (result.position, result.labels_done) == (256, 256)
    assert isinstance(events[0], SaveMetadata)
    assert [e.file for e in events if isinstance(e, SyncFile)] == [0, 1, 2, 3]
    assert any(isinstance(e, NonceFound) for e in events)
    first, last = progress[0], progress[-1]
    assert (first.labels_done, first.labels_total, first.file) == (0, 256, 0)
    assert first.status is SpaceStatus.INITIALIZING
    assert replace(first, labels_per_s=0.0).seconds_left is None
    assert (last.status, last.labels_done, last.position) == (SpaceStatus.COMPLETED, 256, 256)
    assert last.seconds_left == 0
    report = read_report(directory)
    assert (report.status, report.missing_files) == (SpaceStatus.COMPLETED, ())


@pytest.mark.parametrize("stop_after", [0, 1, 20, 64, 100, 180])
async def test_a_stopped_run_is_gone_on_with(tmp_path: Path, stop_after: int) -> None:
    def stop(progress: InitProgress) -> None:
        if progress.labels_done >= stop_after:
            raise StoppedError

    with pytest.raises(StoppedError):
        await run_init(tmp_path, small_options(), hashed_engines(), on_progress=stop, first_work=10)
    with (tmp_path / f"postdata_{len(stored(tmp_path)) // 1024}.bin").open("ab") as file:
        file.write(b"torn")
    result = await run_init(tmp_path, small_options(), hashed_engines())

    assert stored(tmp_path) == expected()
    assert result.status is SpaceStatus.COMPLETED


async def test_a_second_run_computes_nothing(tmp_path: Path) -> None:
    await run_init(tmp_path, small_options(), hashed_engines())
    nobody = InitEngines(source=NoProvider(), checker=None, checks=COSTLY_CHECKS)

    result = await run_init(tmp_path, small_options(), nobody, blocking=InlineRunner())

    assert result.labels_done == 0
    assert stored(tmp_path) == expected()


async def test_without_provider_nothing_is_computed(tmp_path: Path) -> None:
    nobody = InitEngines(source=NoProvider(), checker=None, checks=COSTLY_CHECKS)

    with pytest.raises(UsageError, match="no provider specified"):
        await run_init(tmp_path, small_options(), nobody)
    with pytest.raises(UsageError, match="no provider specified"):
        await NoProvider().labels_at([], [])


async def test_a_cancelled_run_leaves_whole_labels(tmp_path: Path) -> None:
    class Endless(HashedLabels):
        async def labels(self, commitment: bytes, start: int, count: int) -> bytes:  # type: ignore[override]
            if start >= 64:
                await asyncio.Event().wait()
            return HashedLabels.labels(self, commitment, start, count)

        async def labels_at(  # type: ignore[override]
            self, commitments: Sequence[bytes], indices: Sequence[int]
        ) -> bytes:
            return HashedLabels.labels_at(self, commitments, indices)

    source = Endless()
    engines = InitEngines(source=source, checker=source, checks=COSTLY_CHECKS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await run_init(tmp_path, small_options(), engines)

    assert stored(tmp_path) == expected()[:1024]
    assert read_report(tmp_path).missing_files == (1, 2, 3)
    await run_init(tmp_path, small_options(), hashed_engines())
    assert stored(tmp_path) == expected()


async def test_a_call_is_finished_before_its_waiter_goes() -> None:
    may_end = threading.Event()
    events: list[str] = []

    def call() -> None:
        may_end.wait(10)
        events.append("written")

    async def wait() -> None:
        try:
            await ThreadRunner().run(call)
        finally:
            events.append("closed")

    async with asyncio.TaskGroup() as tasks:
        waiter = tasks.create_task(wait())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.sleep(0)
        may_end.set()

    assert events == ["written", "closed"]


async def test_wrong_labels_are_never_written(tmp_path: Path) -> None:
    broken = HashedLabels(lambda index, label: bytes(32) if index % 64 >= 40 else label)
    engines = hashed_engines(broken, every_work=True, labels=16)

    with pytest.raises(DeviceError, match="reference label mismatch"):
        await run_init(tmp_path, small_options(), engines)

    assert expected().startswith(stored(tmp_path))
    assert len(stored(tmp_path)) < 41 * 16


async def test_without_a_checker_the_source_is_asked_twice(tmp_path: Path) -> None:
    engines = InitEngines(source=InlineLabels(HashedLabels()), checker=None, checks=COSTLY_CHECKS)

    assert (await run_init(tmp_path, small_options(), engines)).labels_done == 256


async def test_a_passing_failure_is_tried_again(tmp_path: Path) -> None:
    source = FailingLabels(3, "smesh.device.ended")

    result = await run_init(tmp_path, small_options(), hashed_engines(source), retry_delay_s=0)

    assert result.labels_done == 256


@pytest.mark.parametrize(("code", "left"), [("smesh.device.driver", 1), ("smesh.device.busy", 11)])
async def test_a_lasting_failure_ends_the_run(tmp_path: Path, code: str, left: int) -> None:
    source = FailingLabels(12, code)

    with pytest.raises(DeviceError, match="the driver has gone"):
        await run_init(tmp_path, small_options(), hashed_engines(source), retry_delay_s=0)
    assert source.failures == left


async def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with lock_directory(tmp_path):
        assert read_report(tmp_path).status is SpaceStatus.INITIALIZING
        with pytest.raises(PreconditionError, match="already initializing"):
            await run_init(tmp_path, small_options(), hashed_engines())


async def test_a_disk_that_is_too_small_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, needed: int) -> None:
        raise PreconditionError(f"{path} needs {needed} bytes")

    monkeypatch.setattr(init_run, "check_free_space", refuse)

    with pytest.raises(PreconditionError, match="needs 4096 bytes"):
        await run_init(tmp_path, small_options(), hashed_engines())
    assert list_data_files(tmp_path) == ()


async def test_damaged_data_is_not_gone_on_with(tmp_path: Path) -> None:
    await run_init(tmp_path, small_options(to_file=0), hashed_engines())
    path = tmp_path / "postdata_0.bin"
    path.write_bytes(bytes(160))

    with pytest.raises(StoreError, match="file 0 does not hold the labels of this space"):
        await run_init(tmp_path, small_options(), hashed_engines())
    assert path.read_bytes() == bytes(160)


async def test_shrinking_removes_what_it_says(tmp_path: Path) -> None:
    await run_init(tmp_path, small_options(labels_per_unit=50), hashed_engines())
    before = stored(tmp_path)
    fewer = small_options(labels_per_unit=50, num_units=2)
    with pytest.raises(PreconditionError, match="would remove labels"):
        await run_init(tmp_path, fewer, hashed_engines())
    assert stored(tmp_path) == before

    events: list[Output] = []
    allowed = small_options(labels_per_unit=50, num_units=2, allow_shrink=True)
    await run_init(tmp_path, allowed, hashed_engines(), on_event=events.append)

    assert stored(tmp_path) == before[: 100 * 16]
    assert [e for e in events if isinstance(e, ShortenFile | RemoveFile)] == [
        ShortenFile(1, 36),
        RemoveFile(2),
        RemoveFile(3),
    ]
    assert [e.file for e in events if isinstance(e, FileFound)] == [0, 1]


async def test_the_search_beyond_is_reported_as_such(tmp_path: Path) -> None:
    source = HashedLabels(lambda index, label: b"\xff" + label[1:] if index < 256 else label)
    progress: list[InitProgress] = []

    result = await run_init(
        tmp_path,
        small_options(batch_size=50),
        hashed_engines(source, source),
        on_progress=progress.append,
    )

    assert result.metadata.nonce is not None
    assert result.metadata.nonce >= 256
    assert any(told.is_searching for told in progress)
    assert progress[-1].labels_done == 256
    plan = await create_space(tmp_path, small_options(), hashed_engines(source))
    assert plan.metadata.nonce_value == source.label(plan.commitment, plan.metadata.nonce or 0)[:16]


async def test_work_grows_to_what_fits_a_second(tmp_path: Path) -> None:
    ticks = iter(range(0, 10**12, 10**8))
    source = HashedLabels()

    await run_init(
        tmp_path,
        small_options(labels_per_unit=2000, num_units=1, max_file_size=1 << 20),
        hashed_engines(source),
        first_work=4,
        clock=lambda: next(ticks),
    )

    counts = [count for _, count in source.requests]
    # A call takes a tenth of a second of this clock: ten times as much fits, eightfold is allowed.
    assert counts[:4] == [4, 32, 256, 1708]


def test_work_follows_the_time_of_the_loop(tmp_path: Path) -> None:
    class Slow(InlineLabels):
        async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
            await asyncio.sleep(0.5 * count)
            return await super().labels(commitment, start, count)

    source = HashedLabels()
    engines = replace(hashed_engines(), source=Slow(source))
    simulate(run_init(tmp_path, small_options(), engines, first_work=16, blocking=InlineRunner()))

    # Two labels a second, whatever the machine's clock says.
    assert [count for _, count in source.requests][:4] == [16, 2, 2, 2]


def test_reports_of_directories_without_metadata(tmp_path: Path) -> None:
    assert read_report(tmp_path).status is SpaceStatus.NOT_STARTED
    (tmp_path / "postdata_0.bin").write_bytes(bytes(16))
    report = read_report(tmp_path)

    assert (report.status, report.labels_written) == (SpaceStatus.STARTED, 1)
    assert report.metadata is None
