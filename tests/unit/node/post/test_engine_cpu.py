"""Labels compiled for this processor."""

import pytest

from node.base.errors import DeviceError, UsageError
from node.post.engine import ReferenceEngine, self_test
from node.post.engine_cpu import MIDDLE, NARROW, WIDE, CpuLabelEngine, LabelCode, choose_shape
from node.post.engine_cpu_labels import VectorShape
from node.post.labels import compute_label
from tests.support.post_labels import label_code, real_engine

COMMITMENT = bytes(range(32))


@pytest.mark.parametrize(
    ("features", "shape"),
    [
        ({"avx512f": True, "avx512vl": True, "avx2": True}, WIDE),
        ({"avx512f": True, "avx512vl": False, "avx2": True}, MIDDLE),
        ({"avx2": True}, MIDDLE),
        ({"sse2": True}, NARROW),
    ],
    ids=["512 bits", "half of 512", "256 bits", "128 bits"],
)
def test_the_shape_follows_the_instruction_sets(
    features: dict[str, bool], shape: VectorShape
) -> None:
    assert choose_shape(features) == shape


@pytest.mark.parametrize(
    "shape", [VectorShape(1, 1, 1), VectorShape(1, 2, 2), VectorShape(4, 1, 1)], ids=str
)
def test_every_shape_computes_the_known_label_in_every_lane(shape: VectorShape) -> None:
    code = LabelCode(shape)
    for scrypt_n in (2, 64):
        self_test(CpuLabelEngine(scrypt_n, code=code), scrypt_n)


def test_counts_that_do_not_fill_the_lanes_are_right() -> None:
    engine = real_engine()
    expected = ReferenceEngine(2).labels(COMMITMENT, 2**32 - 4, 9)

    for count in (1, 5, 9):
        assert engine.labels(COMMITMENT, 2**32 - 4, count) == expected[: 32 * count]


def test_the_largest_index_has_a_label() -> None:
    last = 2**64 - 1

    assert real_engine().labels(COMMITMENT, last, 1) == compute_label(COMMITMENT, last, scrypt_n=2)


def test_a_request_may_name_many_commitments() -> None:
    commitments = [bytes([k]) * 32 for k in range(7)]
    indices = [2**40 * k for k in range(7)]

    assert real_engine(4).labels_at(commitments, indices) == ReferenceEngine(4).labels_at(
        commitments, indices
    )


@pytest.mark.parametrize("count", [1, 7, 50])
def test_threads_share_the_labels(count: int) -> None:
    alone = real_engine()
    shared = CpuLabelEngine(2, code=label_code(), threads=3)

    assert shared.labels(COMMITMENT, 11, count) == alone.labels(COMMITMENT, 11, count)
    assert shared.lanes == 3 * alone.lanes
    assert "3 threads" in shared.description


def test_requests_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError):
        real_engine().labels(COMMITMENT, 2**64 - 1, 2)
    with pytest.raises(UsageError):
        real_engine().labels_at([COMMITMENT], [])
    with pytest.raises(UsageError):
        CpuLabelEngine(3, code=label_code())


def test_a_module_that_llvm_refuses_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> object:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr("node.post.llvm.binding.parse_assembly", refuse)

    with pytest.raises(DeviceError, match=r"LLVM cannot compile the label function .*: no such"):
        LabelCode(VectorShape(1, 1, 1))
