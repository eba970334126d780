"""Forecasts against the figures that are known for mainnet."""

import math

import pytest

from node.base.errors import UsageError
from node.post.engine import DeviceClass, InlineLabels
from node.post.estimate import (
    ProvingSpeed,
    compute_nonce_chance,
    compute_pass_chance,
    count_sure_passes,
    forecast_init,
    forecast_proving,
    limit_size,
    measure_speed,
)
from tests.support.post_labels import HashedLabels

UNIT = 2**32
MAINNET_POW = bytes.fromhex("000dfb23b0979b4b" + 48 * "0")
SPEED = ProvingSpeed(nonces=144, bytes_per_s=2**30, pow_hashes_per_s=1000.0)


@pytest.mark.parametrize(
    ("nonces", "percent"),
    [(16, 32.6), (32, 54.6), (64, 79.4), (128, 95.75), (144, 97.1), (288, 99.9)],
)
def test_chances_of_a_pass_on_mainnet(nonces: int, percent: float) -> None:
    chance = compute_nonce_chance(26, 37, 4 * UNIT)

    assert chance == pytest.approx(0.02438, abs=1e-5)
    assert 100 * compute_pass_chance(nonces, chance) == pytest.approx(percent, abs=0.06)


def test_exact_and_limiting_chances_meet() -> None:
    exact = compute_nonce_chance(26, 37, 10**6)

    assert exact == pytest.approx(compute_nonce_chance(26, 37, 10**6 + 1), rel=1e-3)
    assert compute_nonce_chance(1, 3, 2) == 0.0
    assert compute_nonce_chance(1, 1, 2) == pytest.approx(0.75)


def test_too_few_labels_have_no_chance() -> None:
    with pytest.raises(UsageError, match=r"number of labels \(26\) must be bigger than k1"):
        compute_nonce_chance(26, 37, 26)


def test_an_initialisation_takes_labels_over_speed() -> None:
    forecast = forecast_init(4 * UNIT, 1_000_000)

    assert forecast.seconds == pytest.approx(17180, abs=1)
    assert (forecast.labels, forecast.disk_bytes) == (4 * UNIT, 256 << 30)
    with pytest.raises(UsageError, match="a speed of 0 labels/s"):
        forecast_init(1, 0)


def test_a_proof_takes_pow_and_a_pass() -> None:
    forecast = forecast_proving(
        k1=26, k2=37, num_units=4, labels_per_unit=UNIT, pow_difficulty=MAINNET_POW, speed=SPEED
    )

    # 4687.5 hashes for a group and a unit.
    assert forecast.pow_seconds == pytest.approx(9 * 4 * 4687.5 / 1000, rel=1e-3)
    assert forecast.read_seconds == 256
    assert forecast.sure_passes == 2
    assert forecast.typical_seconds == forecast.pow_seconds + 256
    assert forecast.sure_seconds == 2 * forecast.typical_seconds
    assert forecast.expected_seconds == pytest.approx(forecast.typical_seconds / 0.971, rel=1e-3)


def test_an_impossible_proof_takes_for_ever() -> None:
    forecast = forecast_proving(
        k1=1, k2=3, num_units=1, labels_per_unit=2, pow_difficulty=b"\xff" * 32, speed=SPEED
    )

    assert forecast.pass_chance == 0
    assert forecast.expected_seconds == math.inf


@pytest.mark.parametrize(("nonces", "passes"), [(16, 18), (128, 3), (144, 2), (288, 1), (300, 1)])
def test_so_many_passes_are_nearly_sure(nonces: int, passes: int) -> None:
    assert count_sure_passes(nonces) == passes


def test_the_least_limit_decides() -> None:
    limits = limit_size(
        labels_per_unit=UNIT,
        free_bytes=1 << 40,
        labels_per_s=1_000_000,
        max_init_s=7 * 86400,
        cycle_gap_s=12 * 3600,
        speed=SPEED,
    )

    assert limits.by_disk == 16
    assert limits.by_init == 140
    assert limits.by_proving == int(43200 * 0.7 / 2 / 64)
    assert limits.units == 16


@pytest.mark.parametrize(
    ("device_class", "count"), [(DeviceClass.CPU, 4096), (DeviceClass.GPU, 16384)]
)
async def test_speed_is_measured_after_the_engine_has_started(
    device_class: DeviceClass, count: int
) -> None:
    ticks = iter([0, 10**9])
    labels = HashedLabels()

    speed = await measure_speed(InlineLabels(labels), device_class, clock=lambda: next(ticks))

    assert speed == count
    assert labels.requests == [(1, 1), (1, count)]
