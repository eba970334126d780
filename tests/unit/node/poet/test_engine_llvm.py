"""The compiled engine where it is there; what it computes is compared in tests/property."""

import pytest

from node.base.errors import DeviceError, RejectError
from node.poet.engine_llvm import LlvmEngine
from node.poet.engines import find_fault
from node.poet.work import ClearEngine, Frontier


@pytest.fixture(scope="module")
def engine() -> LlvmEngine:
    try:
        return LlvmEngine()
    except DeviceError as error:
        pytest.skip(str(error))


def test_it_passes_the_self_test(engine: LlvmEngine) -> None:
    assert find_fault(engine) == ""


@pytest.mark.parametrize("statement", [b"", b"short", b"x" * 33])
def test_statements_of_odd_sizes_go_the_clear_way(engine: LlvmEngine, statement: bytes) -> None:
    ours, theirs = Frontier(statement), Frontier(statement)

    assert engine.extend(theirs, 5, 0) == ClearEngine().extend(ours, 5, 0)
    assert ours == theirs


def test_nodes_of_odd_sizes_go_the_clear_way(engine: LlvmEngine) -> None:
    opening = ((0, 1), (b"a" * 31, b"b" * 32), ())

    assert engine.opened_labels(bytes(32), bytes(32), *opening) is None


def test_it_refuses_indices_that_do_not_ascend(engine: LlvmEngine) -> None:
    with pytest.raises(RejectError, match="leafIndices are not sorted"):
        engine.opened_labels(bytes(32), bytes(32), (1, 0), (bytes(32), bytes(32)), ())


def test_the_highest_leaves_are_computed(engine: LlvmEngine) -> None:
    first = (1 << 63) - 2
    ours, theirs = (Frontier(b"s" * 32, first, bytearray(b"p" * 2048)) for _ in range(2))

    assert engine.extend(theirs, 3, 0) == ClearEngine().extend(ours, 3, 0)
    assert ours == theirs
