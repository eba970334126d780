"""Forecasts: how long an initialisation and a proof take, and what size is wise.

A proof has to be done within the cycle gap, between the end of one PoET round and the
start of the next.  Whether a pass over the data yields a proof is chance: the more nonces
are tried at once, the likelier, and the slower the pass.

Source: product digest A.3; Smapp's rule for a safe size; post-rs, benchmark.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from node.base.errors import UsageError
from node.post.engine import DeviceClass, LabelSource
from node.post.labels import LABEL_SIZE
from node.post.rules import NONCES_PER_GROUP

SURE_NONCES: Final = 288
"""With so many nonces 99.9 % of all passes yield a proof, on mainnet's parameters."""

SAFE_SHARE: Final = 0.7
"""Part of the cycle gap that a proof may be planned to take."""

BENCHMARK_LABELS: Final = {DeviceClass.CPU: 1 << 12, DeviceClass.GPU: 1 << 14}
"""Labels that the reference computes to measure a provider."""

_BENCHMARK_COMMITMENT: Final = bytes(32)
_POISSON_FROM: Final = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class InitForecast:
    """What an initialisation will take."""

    labels: int
    """Labels still to be computed."""

    seconds: float
    disk_bytes: int
    """Disk still to be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvingForecast:
    """What a proof will take."""

    pass_chance: float
    """Chance that one pass over the data yields a proof."""

    pow_seconds: float
    """Proof of work before each pass."""

    read_seconds: float
    """One pass over the data."""

    sure_passes: int
    """Passes after which 99.9 % of all proofs are done."""

    @property
    def typical_seconds(self) -> float:
        """Time when the first pass yields the proof."""
        return self.pow_seconds + self.read_seconds

    @property
    def expected_seconds(self) -> float:
        """Mean time."""
        return self.typical_seconds / self.pass_chance if self.pass_chance else math.inf

    @property
    def sure_seconds(self) -> float:
        """Time within which 99.9 % of all proofs are done."""
        return self.typical_seconds * self.sure_passes


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvingSpeed:
    """What a machine was measured to do."""

    nonces: int
    """Nonces tried in one pass."""

    bytes_per_s: float
    """Data scanned for so many nonces."""

    pow_hashes_per_s: float
    """RandomX hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimits:
    """Most space units by each thing that limits them."""

    by_disk: int
    by_init: int
    by_proving: int

    @property
    def units(self) -> int:
        """The least of them."""
        return min(self.by_disk, self.by_init, self.by_proving)


def compute_nonce_chance(k1: int, k2: int, num_labels: int) -> float:
    """Return the chance that one nonce yields a proof: at least ``k2`` of the labels good.

    Args:
        k1: expected number of good labels.
        k2: good labels needed.
        num_labels: labels of the space.

    Raises:
        UsageError: there are not more labels than ``k1``.
    """
    if num_labels <= k1:
        raise UsageError(f"number of labels ({num_labels}) must be bigger than k1 ({k1})")
    if k2 > num_labels:
        return 0.0
    log_good, log_bad = math.log(k1 / num_labels), math.log1p(-k1 / num_labels)

    def chance_of(count: int) -> float:
        ways = (
            math.lgamma(num_labels + 1)
            - math.lgamma(count + 1)
            - math.lgamma(num_labels - count + 1)
        )
        return math.exp(ways + count * log_good + (num_labels - count) * log_bad)

    # Logarithms of such large factorials lose the last digits: there the limit is exact.
    if num_labels > _POISSON_FROM:
        log_k1 = math.log(k1)
        too_few = (math.exp(n * log_k1 - k1 - math.lgamma(n + 1)) for n in range(k2))
    else:
        too_few = (chance_of(n) for n in range(k2))
    return max(0.0, 1.0 - math.fsum(too_few))


def compute_pass_chance(nonces: int, nonce_chance: float) -> float:
    """Return the chance that one of several nonces yields a proof."""
    return 1.0 - (1.0 - nonce_chance) ** nonces


def forecast_init(missing_labels: int, labels_per_s: float) -> InitForecast:
    """Return what computing so many labels will take.

    Raises:
        UsageError: the speed is not above 0.
    """
    if labels_per_s <= 0:
        raise UsageError(f"a speed of {labels_per_s} labels/s initialises nothing")
    return InitForecast(
        labels=missing_labels,
        seconds=missing_labels / labels_per_s,
        disk_bytes=missing_labels * LABEL_SIZE,
    )


def forecast_proving(
    *,
    k1: int,
    k2: int,
    num_units: int,
    labels_per_unit: int,
    pow_difficulty: bytes,
    speed: ProvingSpeed,
) -> ProvingForecast:
    """Return what a proof will take.

    Args:
        k1: expected number of good labels.
        k2: good labels needed.
        num_units: size of the space.
        labels_per_unit: labels of one unit.
        pow_difficulty: threshold of the proof of work for one unit, 32 bytes.
        speed: what the machine does.
    """
    num_labels = num_units * labels_per_unit
    pass_chance = compute_pass_chance(speed.nonces, compute_nonce_chance(k1, k2, num_labels))
    groups = speed.nonces // NONCES_PER_GROUP
    hashes = groups * num_units * 2**256 / (int.from_bytes(pow_difficulty, "big") + 1)
    return ProvingForecast(
        pass_chance=pass_chance,
        pow_seconds=hashes / speed.pow_hashes_per_s,
        read_seconds=num_labels * LABEL_SIZE / speed.bytes_per_s,
        sure_passes=count_sure_passes(speed.nonces),
    )


def count_sure_passes(nonces: int) -> int:
    """Return how many passes with so many nonces try ``SURE_NONCES`` in all."""
    return -(-SURE_NONCES // nonces)


def limit_size(
    *,
    labels_per_unit: int,
    free_bytes: int,
    labels_per_s: float,
    max_init_s: float,
    cycle_gap_s: float,
    speed: ProvingSpeed,
) -> SizeLimits:
    """Return the most space units that disk, patience and the cycle gap allow.

    Args:
        labels_per_unit: labels of one unit.
        free_bytes: disk that may be used.
        labels_per_s: speed of the provider.
        max_init_s: longest initialisation one is ready to wait for.
        cycle_gap_s: time between two PoET rounds.
        speed: what the machine does when it proves.
    """
    unit_bytes = labels_per_unit * LABEL_SIZE
    provable = cycle_gap_s * SAFE_SHARE * speed.bytes_per_s / count_sure_passes(speed.nonces)
    return SizeLimits(
        by_disk=free_bytes // unit_bytes,
        by_init=int(max_init_s * labels_per_s / labels_per_unit),
        by_proving=int(provable / unit_bytes),
    )


async def measure_speed(
    source: LabelSource, device_class: DeviceClass, *, clock: Callable[[], int]
) -> int:
    """Return the labels a second that a provider computes, measured as the reference does.

    Args:
        source: the provider, with the scrypt N of mainnet.
        device_class: decides how many labels are computed.
        clock: nanoseconds.
    """
    # One label first: the engine may have to be started.
    await source.labels(_BENCHMARK_COMMITMENT, 1, 1)
    count = BENCHMARK_LABELS[device_class]
    began = clock()
    await source.labels(_BENCHMARK_COMMITMENT, 1, count)
    return int(count * 1e9 / max(clock() - began, 1))
