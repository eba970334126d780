"""How calls are timed, and what a figure tells."""

import pytest

from scripts.benchmarks.measurement import (
    MIN_ROUNDS,
    Measurement,
    duration,
    throughput,
    time_call,
)


def test_a_quick_call_is_made_often_and_its_best_round_counts() -> None:
    calls: list[None] = []
    timing = time_call(lambda: calls.append(None), 0.01)
    assert len(calls) > 1000
    assert 0 < timing.wall < 1e-3
    assert 0 <= timing.cpu < 1e-3


def test_a_slow_call_is_a_round_of_its_own() -> None:
    calls: list[int] = []
    time_call(lambda: calls.append(sum(range(300_000))), 0.2)
    assert len(calls) >= MIN_ROUNDS + 1


def test_a_call_that_takes_all_the_time_is_made_once() -> None:
    calls: list[int] = []
    time_call(lambda: calls.append(sum(range(20_000))), 1e-6)
    assert len(calls) == 1


def test_a_duration_is_that_of_one_of_the_parts() -> None:
    whole = duration("all", lambda: sum(range(10_000)), "us", 0.02)
    part = duration("part", lambda: sum(range(10_000)), "us", 0.02, parts=1000)
    assert part.value < whole.value / 100


@pytest.mark.parametrize(
    ("figure", "ratio", "is_met"),
    [
        (Measurement("rate", 10.0, "labels/s", clear=2.0, bar=9.0), 5.0, True),
        (Measurement("rate", 10.0, "labels/s", clear=2.0, bar=11.0), 5.0, False),
        (Measurement("time", 10.0, "us", clear=50.0, bar=11.0), 5.0, True),
        (Measurement("time", 10.0, "us", clear=50.0, bar=9.0), 5.0, False),
        (Measurement("time", 10.0, "us", cpu=8.0, clear=50.0, bar=9.0), 5.0, True),
        (Measurement("size", 10.0, "MiB"), None, None),
    ],
)
def test_more_is_better_of_rates_and_less_of_all_else(
    figure: Measurement, ratio: float | None, is_met: bool | None
) -> None:
    assert figure.ratio == ratio
    assert figure.is_met is is_met


def test_both_implementations_are_measured_in_the_same_unit() -> None:
    figure = throughput(
        "sums",
        lambda: sum(range(2_000)),
        "numbers/s",
        0.02,
        amount=2_000,
        clear=lambda: [number + 1 for number in range(1_000)],
        clear_amount=1_000,
        bar=1.0,
    )
    assert figure.clear is not None
    assert figure.is_met
    timed = duration("sum", lambda: sum(range(1_000)), "us", 0.02, clear=lambda: sum(range(9_000)))
    assert timed.ratio is not None
    assert timed.ratio > 1
