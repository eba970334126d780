"""Thresholds: the digest's goldens, and what invalidates them."""

import pytest

from node.base import fixed
from node.consensus.tortoise.parameters import WindowSize
from node.consensus.tortoise.state import TortoiseState
from node.consensus.tortoise.threshold import Thresholds, sign_over, third_of
from node.consensus.tortoise.votes import ABSTAIN, AGAINST, SUPPORT
from node.types.layer import LayerID
from tests.support.tortoise_network import parameters

HISTORY = (WindowSize(first_layer=LayerID(0), last_layer=LayerID(11), size_layers=4),)


def state_with(
    weights: dict[int, int], last: int, processed: int, **changes: object
) -> TortoiseState:
    state = TortoiseState(parameters(**changes))
    for epoch, weight in weights.items():
        state.epoch(epoch).weight = fixed.from_int(weight)
    state.last, state.processed = last, processed
    return state


@pytest.mark.parametrize(
    ("weights", "layers", "changes", "threshold"),
    [
        ({2: 45}, (11, 11, 7), {}, 15.0),
        ({2: 45}, (9, 9, 7), {}, 7.5),
        ({2: 40, 3: 40, 4: 40}, (19, 19, 7), {}, 40.0),
        ({2: 40}, (10, 10, 7), {}, 10.0),
        ({2: 60, 3: 60}, (13, 13, 8), {}, 25.0),
        ({2: 45}, (11, 0, 7), {"window_layers": 2}, 7.5),
        ({2: 45}, (11, 10, 7), {"window_layers": 2}, 11.25),
        ({2: 45}, (15, 0, 7), {"window_layers": 2, "historical_windows": HISTORY}, 15.0),
        ({}, (11, 11, 7), {}, 0.0),
    ],
)
def test_global_thresholds_are_a_third_of_what_is_to_vote(
    weights: dict[int, int],
    layers: tuple[int, int, int],
    changes: dict[str, object],
    threshold: float,
) -> None:
    last, processed, target = layers
    thresholds = Thresholds(state_with(weights, last, processed, **changes))
    assert thresholds.of(target)[1] / fixed.ONE == threshold
    assert thresholds.of(target)[1] / fixed.ONE == threshold


def test_neighbouring_layers_differ_by_the_weight_of_a_layer() -> None:
    thresholds = Thresholds(state_with({2: 40, 3: 80}, 13, 13))
    assert [thresholds.of(layer)[0] // fixed.ONE for layer in (7, 8, 10, 11)] == [80, 70, 50, 40]


def test_the_local_threshold_is_a_third_of_a_layer() -> None:
    state = state_with({2: 120}, 9, 9)
    thresholds = Thresholds(state)
    thresholds.update_local()
    assert thresholds.local == fixed.from_int(10)
    assert thresholds.of(8)[1] == fixed.from_int(10) + fixed.from_int(10)


def test_thresholds_follow_the_state() -> None:
    state = state_with({2: 120}, 9, 9)
    thresholds = Thresholds(state)
    assert thresholds.of(7)[0] == fixed.from_int(60)
    state.last = 10
    assert thresholds.of(7)[0] == fixed.from_int(90)
    state.epoch(2).weight = fixed.from_int(240)
    state.weights_version += 1
    assert thresholds.of(7)[0] == fixed.from_int(180)


@pytest.mark.parametrize(
    ("weight", "sign"),
    [(11, SUPPORT), (10, ABSTAIN), (1, ABSTAIN), (0, ABSTAIN), (-10, ABSTAIN), (-11, AGAINST)],
)
def test_a_weight_decides_above_the_threshold(weight: int, sign: object) -> None:
    assert sign_over(weight, 10) is sign


def test_zero_never_decides() -> None:
    assert sign_over(0, 0) is ABSTAIN
    assert sign_over(1, 0) is SUPPORT
    assert sign_over(-1, 0) is AGAINST


def test_a_third_is_what_the_reference_divides() -> None:
    for weight in (0, 1, 2, 3, 1 << 70, (1 << 71) + 1, 3 << 80, (1 << 126) - 1):
        assert third_of(weight) == fixed.divide(weight, fixed.from_int(3))
