"""``smcli post plan``: what space this machine can make and prove in time.

Source: product digest A.3.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.context import Context
from cli.records import Result, Table
from cli.spaces import (
    Directory,
    Nonces,
    ScryptN,
    Threads,
    choose_directory,
    configuration,
    settle_providers,
)
from cli.speeds import Machine, count_processors, measure_machine
from node.base.errors import UsageError
from node.post.engine import CPU_PROVIDER_ID, DeviceClass
from node.post.engine_host import find_providers
from node.post.estimate import (
    ProvingForecast,
    SizeLimits,
    forecast_init,
    forecast_proving,
    limit_size,
    measure_speed,
)
from node.post.files import list_data_files
from node.post.init_engines import open_engines
from node.post.k2pow import FAST_MEMORY_BYTES, LIGHT_MEMORY_BYTES
from node.post.labels import LABEL_SIZE
from node.post.proving import BATCH_SIZE
from node.runtime.files import free_bytes

if TYPE_CHECKING:
    from node.config.model.root import NodeConfig

CANDIDATE_NONCES: Final = (16, 32, 64, 128, 144, 288)
"""Nonces of a pass that are compared; those the digest has chances for."""

DEFAULT_HOURS: Final = 168.0
"""A week of initialising."""

HOUR_S: Final = 3600
GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a number of nonces would mean."""

    nonces: int
    mib_per_s: float
    pass_chance: float
    max_units: int
    """Most units that can be proven within the cycle gap, with a reserve."""

    typical_hours: float
    """For the recommended size, if the first pass yields the proof."""

    sure_hours: float
    """Within this 99.9 % of all proofs are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacePlan:
    """What is recommended, and why."""

    directory: Path
    units: int
    """0 if this machine is too slow, or its disk too full, for the network's least."""

    size_bytes: int
    nonces: int
    threads: int
    randomx_mode: str
    provider: int
    labels_per_s: int
    init_hours: float
    units_by_disk: int
    units_by_init: int
    units_by_proving: int
    min_units: int
    max_units: int
    bytes_free: int
    bytes_left: int
    memory_bytes: int
    """What proving takes."""

    cycle_gap_hours: float
    choices: tuple[Choice, ...]


def plan(
    context: Context,
    *,
    directory: Directory = None,
    max_hours: Annotated[
        float, typer.Option(metavar="HOURS", min=0, help="Longest initialisation you accept.")
    ] = DEFAULT_HOURS,
    provider: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Computes the labels; the first GPU without it."),
    ] = None,
    nonces: Nonces = None,
    threads: Threads = None,
    scrypt_n: ScryptN = None,
) -> Result:
    """Measure this machine and recommend a size, nonces and threads."""
    config = configuration(context)
    where = choose_directory(context, directory)
    numbers = settle_providers(context, provider, find_providers) or (_best_provider(),)
    if len(numbers) > 1:
        raise UsageError("a plan is for one provider", hint="ask for each of them")
    count = threads or config.smeshing.proving.threads_on(count_processors())
    cost = scrypt_n or config.smeshing.opts.scrypt.n
    labels_per_s = _measure_labels(context, numbers[0], cost)
    rules = config.post
    machine = measure_machine(
        context,
        nonces=(nonces,) if nonces else CANDIDATE_NONCES,
        threads=count,
        fast=config.smeshing.proving.randomx_mode == "fast",
        k1=rules.k1,
        num_labels=max(rules.min_num_units, 1) * rules.labels_per_unit,
        files=[file.path for file in list_data_files(where)],
    )
    written = sum(file.size for file in list_data_files(where))
    report = _make_plan(
        config,
        machine,
        directory=where,
        provider=numbers[0],
        threads=count,
        labels_per_s=labels_per_s,
        usable_bytes=free_bytes(where) + written,
        max_init_s=max_hours * HOUR_S,
    )
    columns = {
        "nonces": "nonces",
        "mib_per_s": "MiB/s",
        "pass_chance": "chance of a pass",
        "max_units": "most units",
        "typical_hours": "typical hours",
        "sure_hours": "99.9 % within",
    }
    table = Table(rows=report.choices, columns=columns, key="choices", notes=_notes(report))
    return Result(data=report, human=table)


def _best_provider() -> int:
    """Return the first GPU that can be used, else the processor."""
    found, _ = find_providers()
    gpus = (one.id for one in found if one.device_class == DeviceClass.GPU and not one.problem)
    return next(gpus, CPU_PROVIDER_ID)


def _measure_labels(context: Context, provider: int, scrypt_n: int) -> int:
    kind = DeviceClass.CPU if provider == CPU_PROVIDER_ID else DeviceClass.GPU

    async def work() -> int:
        async with open_engines(provider, scrypt_n, on_note=context.output.note) as engines:
            return await measure_speed(engines.source, kind, clock=context.monotonic)

    context.output.note(f"Measuring provider {provider}, the scan, RandomX and the disk.")
    return context.run(work())


def _make_plan(
    config: "NodeConfig",
    machine: Machine,
    *,
    directory: Path,
    provider: int,
    threads: int,
    labels_per_s: int,
    usable_bytes: int,
    max_init_s: float,
) -> SpacePlan:
    rules = config.post
    gap_s = config.poet.cycle_gap / 1e9
    limits: dict[int, SizeLimits] = {
        nonces: limit_size(
            labels_per_unit=rules.labels_per_unit,
            free_bytes=usable_bytes,
            labels_per_s=labels_per_s,
            max_init_s=max_init_s,
            cycle_gap_s=gap_s,
            speed=machine.speed(nonces),
        )
        for nonces in machine.scan_bytes_per_s
    }
    sizes = {nonces: _most_units(config, limit) for nonces, limit in limits.items()}
    forecasts = {
        nonces: _forecast(config, machine, nonces, sizes[nonces] or rules.min_num_units)
        for nonces in limits
    }
    # The largest size first; among equals the surest proof.
    best = max(sizes, key=lambda nonces: (sizes[nonces], -forecasts[nonces].sure_seconds))
    units = sizes[best]
    choices = tuple(
        Choice(
            nonces=nonces,
            mib_per_s=round(machine.speed(nonces).bytes_per_s / (1 << 20), 1),
            pass_chance=round(forecasts[nonces].pass_chance, 4),
            max_units=_provable_units(config, limits[nonces]),
            typical_hours=round(forecasts[nonces].typical_seconds / HOUR_S, 2),
            sure_hours=round(forecasts[nonces].sure_seconds / HOUR_S, 2),
        )
        for nonces in limits
    )
    size_bytes = units * rules.labels_per_unit * LABEL_SIZE
    init = forecast_init(units * rules.labels_per_unit, labels_per_s)
    fast = config.smeshing.proving.randomx_mode == "fast"
    return SpacePlan(
        directory=directory,
        units=units,
        size_bytes=size_bytes,
        nonces=best,
        threads=threads,
        randomx_mode=config.smeshing.proving.randomx_mode,
        provider=provider,
        labels_per_s=labels_per_s,
        init_hours=round(init.seconds / HOUR_S, 2),
        units_by_disk=limits[best].by_disk,
        units_by_init=limits[best].by_init,
        units_by_proving=_provable_units(config, limits[best]),
        min_units=rules.min_num_units,
        max_units=rules.max_num_units,
        bytes_free=usable_bytes,
        bytes_left=usable_bytes - size_bytes,
        memory_bytes=(FAST_MEMORY_BYTES if fast else LIGHT_MEMORY_BYTES) + threads * BATCH_SIZE,
        cycle_gap_hours=round(gap_s / HOUR_S, 2),
        choices=choices,
    )


def _provable_units(config: "NodeConfig", limits: SizeLimits) -> int:
    """Return the most units that can be proven in time; a network without a gap sets no limit."""
    return limits.by_proving if config.poet.cycle_gap else config.post.max_num_units


def _most_units(config: "NodeConfig", limits: SizeLimits) -> int:
    """Return the most units that nothing speaks against; 0 if the network's least is too much."""
    rules = config.post
    units = min(
        limits.by_disk, limits.by_init, _provable_units(config, limits), rules.max_num_units
    )
    return units if units >= rules.min_num_units else 0


def _forecast(config: "NodeConfig", machine: Machine, nonces: int, units: int) -> ProvingForecast:
    return forecast_proving(
        k1=config.post.k1,
        k2=config.post.k2,
        num_units=units,
        labels_per_unit=config.post.labels_per_unit,
        pow_difficulty=bytes(config.post.pow_difficulty),
        speed=machine.speed(nonces),
    )


def _notes(report: SpacePlan) -> tuple[str, ...]:
    limits = (
        f"Most units: {report.units_by_disk} by disk, {report.units_by_init} by the time to "
        f"initialise, {report.units_by_proving} by the cycle gap of {report.cycle_gap_hours} h; "
        f"the network takes {report.min_units} to {report.max_units}."
    )
    if not report.units:
        return (limits, "This machine cannot make and prove the least space of this network.")
    size = (
        f"Recommended: {report.units} units, {report.size_bytes / GIB:.3g} GiB, with "
        f"{report.nonces} nonces and {report.threads} threads."
    )
    cost = (
        f"Labels take {report.init_hours} h at {report.labels_per_s} labels/s; "
        f"{report.bytes_left / GIB:.3g} GiB of disk stay free; "
        f"a proof takes {report.memory_bytes >> 20} MiB of memory."
    )
    return (limits, size, cost)
