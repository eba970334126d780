"""Rates of calls."""

from scripts.benchmarks.measurement import ROUNDS, Measurement, rate


def test_a_rate_is_that_of_the_best_round() -> None:
    calls: list[None] = []
    value = rate(lambda: calls.append(None), 0.001)
    assert len(calls) >= ROUNDS
    assert value > 1000


def test_a_slow_function_is_called_once_a_round() -> None:
    calls: list[int] = []
    rate(lambda: calls.append(sum(range(20_000))), 0.0)
    assert len(calls) == ROUNDS


def test_a_measurement_is_a_value_with_its_unit() -> None:
    assert Measurement("vrf prove", 4000.0, "1/s").unit == "1/s"
