"""The choice of an engine: right first, then fast."""

from collections.abc import Sequence

import pytest

from node.base.errors import DeviceError, RejectError
from node.poet import engine_llvm, engines
from node.poet.work import ClearEngine, Engine, Frontier


class WrongEngine(ClearEngine):
    """Wrong in the way that is asked for."""

    name = "wrong"

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def extend(self, frontier: Frontier, count: int, keep_from: int) -> dict[int, bytes]:
        layers = super().extend(frontier, count, keep_from)
        if self.fault == "labels":
            layers[0] = bytes(len(layers[0]))
        if self.fault == "parked":
            frontier.park(63, bytes(32))
        return layers

    def opened_labels(
        self,
        statement: bytes,
        root: bytes,
        indices: Sequence[int],
        leaves: Sequence[bytes],
        nodes: Sequence[bytes],
    ) -> tuple[bytes, ...] | None:
        if self.fault == "refuses":
            raise RejectError("not sorted")
        return None if self.fault == "opening" else tuple(leaves)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("labels", "wrong labels from leaf 0 on"),
        ("parked", "wrong parked nodes after leaf 8"),
        ("refuses", "a good opening is refused: not sorted"),
        ("opening", "a good opening is not recognised"),
        ("none", ""),
    ],
)
def test_the_self_test_finds_each_fault(fault: str, text: str) -> None:
    assert engines.find_fault(WrongEngine(fault)) == text


def test_speed_is_leaves_over_seconds() -> None:
    ticks = iter((0, 500_000_000))

    assert engines.measure_speed(ClearEngine(), lambda: next(ticks)) == 512.0


def test_an_engine_that_computes_something_else_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_llvm, "LlvmEngine", lambda: WrongEngine("labels"))

    with pytest.raises(DeviceError, match="fails its self-test: wrong labels"):
        engines.make_fast_engine()
    assert engines.make_engine().name == "hashlib"
    choice = engines.choose_engine(iter(range(100)).__next__)
    assert choice.engine.name == "hashlib"
    assert "self-test" in choice.refused


@pytest.mark.parametrize(
    ("ticks", "chosen", "refused"),
    [
        pytest.param((0, 100, 0, 10), "fast", "", id="faster"),
        pytest.param((0, 10, 0, 100), "hashlib", "fast makes", id="slower"),
    ],
)
def test_the_faster_engine_is_chosen(
    monkeypatch: pytest.MonkeyPatch, ticks: tuple[int, ...], chosen: str, refused: str
) -> None:
    fast: Engine = WrongEngine("none")
    fast.name = "fast"
    monkeypatch.setattr(engines, "make_fast_engine", lambda: fast)

    choice = engines.choose_engine(iter(ticks).__next__)

    assert choice.engine.name == chosen
    assert choice.refused.startswith(refused)
    assert bool(choice.refused) is bool(refused)


def test_a_processor_without_the_instructions_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llvmlite.binding.get_host_cpu_features", dict)

    with pytest.raises(DeviceError, match="has no sha, ssse3"):
        engine_llvm.LlvmEngine()
