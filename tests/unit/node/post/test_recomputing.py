"""Labels for verifiers: engines are lent, kept, and replaced where LLVM has no code."""

import threading
from collections.abc import Sequence

import pytest

from node.base.errors import DeviceError
from node.post import recomputing
from node.post.labels import compute_label
from node.post.recomputing import RecomputedLabels

COMMITMENT = b"\x33" * 32


class CountedEngine:
    """The specification, as if it were compiled."""

    description = "counted"
    lanes = 2
    opened = 0
    is_wrong = False

    def __init__(self, scrypt_n: int, *, code: object) -> None:
        type(self).opened += 1
        self.scrypt_n = scrypt_n

    def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        return self.labels_at([commitment] * count, range(start, start + count))

    def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        labels = b"".join(
            compute_label(commitment, index, scrypt_n=self.scrypt_n)
            for commitment, index in zip(commitments, indices, strict=True)
        )
        return bytes(len(labels)) if self.is_wrong else labels


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> type[CountedEngine]:
    kind = type("Engine", (CountedEngine,), {})
    monkeypatch.setattr(recomputing, "LabelCode", object)
    monkeypatch.setattr(recomputing, "CpuLabelEngine", kind)
    return kind


def test_labels_come_in_the_order_of_the_indices(engines: type[CountedEngine]) -> None:
    labels = RecomputedLabels()(COMMITMENT, (5, 2**40, 5), 2)
    assert labels == [compute_label(COMMITMENT, index, scrypt_n=2) for index in (5, 2**40, 5)]
    assert RecomputedLabels()(COMMITMENT, (), 2) == ()


def test_an_engine_is_used_again(engines: type[CountedEngine]) -> None:
    labels = RecomputedLabels()
    for scrypt_n in (2, 2, 4, 2):
        labels(COMMITMENT, (1,), scrypt_n)
    assert engines.opened == 2


def test_calls_at_once_have_engines_of_their_own(
    engines: type[CountedEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = RecomputedLabels()
    labels(COMMITMENT, (1,), 2)
    inner = threading.Barrier(2, timeout=10)
    plain = engines.labels_at

    def wait(engine: CountedEngine, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        if indices == (7,):
            inner.wait()
        return plain(engine, commitments, indices)

    monkeypatch.setattr(engines, "labels_at", wait)
    threads = [threading.Thread(target=labels, args=(COMMITMENT, (7,), 2)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engines.opened == 2


def test_an_engine_that_computes_wrong_labels_is_replaced(engines: type[CountedEngine]) -> None:
    engines.is_wrong = True
    assert RecomputedLabels()(COMMITMENT, (9,), 2) == [compute_label(COMMITMENT, 9, scrypt_n=2)]


def test_without_a_compiler_labels_are_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DeviceError("no compiler")

    monkeypatch.setattr(recomputing, "LabelCode", refuse)
    assert RecomputedLabels()(COMMITMENT, (9,), 2) == [compute_label(COMMITMENT, 9, scrypt_n=2)]
