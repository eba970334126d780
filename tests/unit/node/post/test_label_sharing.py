"""Several providers at one space, and providers that rest."""

from collections.abc import Callable, Sequence

import pytest

from node.base.errors import DeviceError, UsageError
from node.post.engine import CPU_PROVIDER_ID, InlineLabels
from node.post.engine_host import EngineWorker
from node.post.init_engines import CHEAP_CHECKS, COSTLY_CHECKS, NoProvider
from node.post.label_sharing import RestingLabels, SharedLabels, open_shared_engines
from tests.support.post_labels import HashedLabels

COMMITMENT = bytes(32)


class Clock:
    """Nanoseconds that pass when a provider works."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class Timed(InlineLabels):
    """A provider that takes its time for every label."""

    def __init__(self, clock: Clock, label_ns: int) -> None:
        super().__init__(HashedLabels())
        self.clock = clock
        self.label_ns = label_ns
        self.counts: list[int] = []

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        self.counts.append(count)
        self.clock.now += count * self.label_ns
        return await super().labels(commitment, start, count)


class Broken(InlineLabels):
    """A provider whose driver fails."""

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        raise DeviceError("the driver failed", code="smesh.device.driver")


def ignore(_: int, __: int) -> None:
    return


async def test_faster_providers_compute_more() -> None:
    clock = Clock()
    fast, slow = Timed(clock, 1_000), Timed(clock, 3_000)
    shares: list[tuple[int, int]] = []
    shared = SharedLabels([fast, slow], clock=clock, on_share=lambda *share: shares.append(share))

    first = await shared.labels(COMMITMENT, 0, 10)
    second = await shared.labels(COMMITMENT, 10, 400)

    assert first + second == HashedLabels().labels(COMMITMENT, 0, 410)
    assert (fast.counts, slow.counts) == ([5, 300], [5, 100])
    assert shares == [(0, 5), (1, 5), (0, 300), (1, 100)]


async def test_fewer_labels_than_providers() -> None:
    clock = Clock()
    sources = [Timed(clock, 1_000) for _ in range(3)]
    shared = SharedLabels(sources, clock=clock, on_share=ignore)
    assert await shared.labels(COMMITMENT, 7, 1) == HashedLabels().labels(COMMITMENT, 7, 1)
    single = await shared.labels_at([COMMITMENT], [9])
    assert single == HashedLabels().labels(COMMITMENT, 9, 1)


async def test_the_trouble_of_one_provider_is_told_as_it_is() -> None:
    clock = Clock()
    shared = SharedLabels([Timed(clock, 1), Broken(HashedLabels())], clock=clock, on_share=ignore)
    with pytest.raises(DeviceError, match="the driver failed"):
        await shared.labels(COMMITMENT, 0, 8)


async def test_a_provider_rests_after_its_work_but_not_after_it_was_opened() -> None:
    clock = Clock()
    rests: list[float] = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    resting = RestingLabels(Timed(clock, 1_000_000_000), 25, clock=clock, sleep=sleep)
    for _ in range(2):
        await resting.labels(COMMITMENT, 0, 2)
    single = await resting.labels_at([COMMITMENT], [1])

    assert rests == [0.0, 6.0]
    assert single == HashedLabels().labels(COMMITMENT, 1, 1)
    for percent in (0, 101):
        with pytest.raises(UsageError, match="of the time"):
            RestingLabels(Timed(clock, 1), percent, clock=clock)


@pytest.mark.parametrize(
    ("providers", "checker", "is_cheap"),
    [
        ((CPU_PROVIDER_ID,), "reference", False),
        ((0, 2), "cpu", True),
        ((CPU_PROVIDER_ID, 0), "cpu", True),
    ],
)
async def test_the_processor_checks_as_soon_as_there_is_a_gpu(
    providers: Sequence[int], checker: str, is_cheap: bool
) -> None:
    async with open_shared_engines(
        providers, 64, clock=Clock(), percent=50, on_share=ignore
    ) as engines:
        assert isinstance(engines.source, RestingLabels)
        assert isinstance(engines.checker, EngineWorker)
        assert engines.checker.options.kind == checker
        assert engines.checks is (CHEAP_CHECKS if is_cheap else COSTLY_CHECKS)


async def test_shares_are_told_by_the_numbers_of_the_providers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def labels(worker: EngineWorker, commitment: bytes, start: int, count: int) -> bytes:
        return HashedLabels().labels(commitment, start, count)

    monkeypatch.setattr(EngineWorker, "labels", labels)
    shares: list[int] = []
    tell: Callable[[int, int], None] = lambda number, _: shares.append(number)  # noqa: E731
    async with open_shared_engines((3, 1), 64, clock=Clock(), on_share=tell) as engines:
        assert isinstance(engines.source, SharedLabels)
        await engines.source.labels(COMMITMENT, 0, 2)
    assert shares == [3, 1]


async def test_no_provider_and_one_named_twice() -> None:
    async with open_shared_engines((), 64, clock=Clock(), on_share=ignore) as engines:
        assert isinstance(engines.source, NoProvider)
    with pytest.raises(UsageError, match="twice"):
        async with open_shared_engines((1, 1), 64, clock=Clock(), on_share=ignore):
            pytest.fail("they were opened")
