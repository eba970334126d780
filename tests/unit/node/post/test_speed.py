"""What a machine does when it proves: fixed work, timed."""

from pathlib import Path

import pytest

from node.post import speed
from node.post.k2pow import RandomX
from node.post.scan import PlainScan
from node.post.speed import HASHES, SCANS, measure_pow, measure_reading, measure_scan

SECOND = 1_000_000_000


class Clock:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self, step_ns: int = SECOND) -> None:
        self.now = 0
        self.step_ns = step_ns

    def __call__(self) -> int:
        self.now += self.step_ns
        return self.now


def test_every_thread_scans() -> None:
    rate = measure_scan(
        PlainScan, nonces=32, threads=2, difficulty=1 << 56, data=bytes(1024), clock=Clock()
    )
    assert rate == SCANS * 2 * 1024


def test_a_clock_that_stands_still_divides_by_nothing() -> None:
    rate = measure_scan(
        PlainScan, nonces=16, threads=1, difficulty=1, data=bytes(128), clock=Clock(0)
    )
    assert rate == SCANS * 128 * 1e9


class Hashes(RandomX):
    """Counts hashes."""

    def __init__(self) -> None:
        super().__init__(flags=0)
        self.inputs: list[bytes] = []

    def hash(self, data: bytes) -> bytes:
        self.inputs.append(data)
        return bytes(32)


def test_hashes_are_counted_after_the_memory_is_there() -> None:
    randomx = Hashes()
    assert measure_pow(randomx, threads=2, clock=Clock()) == HASHES * 2
    assert len(randomx.inputs) == HASHES * 2 + 1
    assert {len(data) for data in randomx.inputs[1:]} == {48}


def test_a_disk_is_measured_with_enough_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / name for name in ("one", "two", "three")]
    for file in files:
        file.write_bytes(bytes(100_000))
    assert measure_reading(files, clock=Clock()) is None

    monkeypatch.setattr(speed, "LEAST_READ_BYTES", 200_000)
    assert measure_reading(files, clock=Clock()) == 100_000
    monkeypatch.setattr(speed, "READ_BYTES", 200_000)
    assert measure_reading(files, clock=Clock()) == pytest.approx(200_000 / 3)
    with pytest.raises(FileNotFoundError):
        measure_reading([tmp_path / "missing"], clock=Clock())
