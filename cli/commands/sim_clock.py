"""``smcli sim clock``: clocks that drift and jump, and what a node does and says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import Context
from cli.records import Result, Table
from cli.simulations import Drop, Seed, failure, per_million
from node.base.errors import UsageError

if TYPE_CHECKING:
    from node.sim.clock import ClockReport

MAX_NODES = 100
NS_PER_S = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedClock:
    """A clock that is not exact."""

    node: str
    drift_ppm: int
    """Seconds that it gains in a million; negative: loses."""

    jump_s: float
    """How far it is set ahead, once; negative: back."""

    jump_at_s: float
    """When, after genesis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTick:
    """A node begins a layer."""

    node: str
    layer: int

    true_layer: int
    """What layer it is."""

    clock_s: float
    """How far the node's clock is ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedWarning:
    """A node tells its operator that its clock is wrong."""

    node: str
    true_layer: int
    message: str

    stops: bool
    """The node stops with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFault:
    """A promise that a node did not keep."""

    node: str
    true_layer: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedClocks:
    """A run, and what it was given."""

    nodes: int
    layers: int
    wrong: int
    drop: float
    seed: int
    clocks: tuple[SimulatedClock, ...]
    ticks: tuple[SimulatedTick, ...]
    warnings: tuple[SimulatedWarning, ...]
    faults: tuple[SimulatedFault, ...]
    agreed: bool
    """Every node kept its promises."""


def clock(
    context: Context,
    *,
    nodes: Annotated[int, typer.Option(min=4, max=MAX_NODES, help="All of them peers.")] = 7,
    layers: Annotated[int, typer.Option(min=1, help="Length of the run.")] = 20,
    layer_seconds: Annotated[int, typer.Option(min=1, help="Length of a layer.")] = 60,
    wrong: Annotated[int, typer.Option(min=0, help="Nodes whose clocks drift and jump.")] = 2,
    drift: Annotated[int, typer.Option(min=0, help="Most that a clock gains, of a million.")] = 500,
    jump: Annotated[int, typer.Option(min=0, help="Most seconds that a clock is set.")] = 90,
    tolerance: Annotated[int, typer.Option(min=1, help="Seconds a clock may be off.")] = 10,
    patience: Annotated[int, typer.Option(min=1, help="Bad comparisons before the end.")] = 3,
    drop: Drop = 0.0,
    seed: Seed = 0,
) -> Result:
    """Let clocks drift and jump against the layers, in virtual time.

    Layers and the comparison of clocks with peers are those of the daemon. Shows when each
    node with a wrong clock begins which layer, and what it says. Ends with exit code 11 if
    one begins a layer again, goes on unwarned with a clock that is off, or is warned of a
    clock that is right.
    """
    # Deferred: nothing else of the group needs it.
    from node.runtime.logs import configure
    from node.sim.clock import ClockPlan, run_clock

    if 2 * wrong >= nodes - 1:
        raise UsageError(
            f"{wrong} wrong clocks of {nodes} leave no majority that knows the time",
            hint=f"give --wrong {(nodes - 2) // 2} at most: fewer than half of a node's peers",
        )
    plan = ClockPlan(
        nodes=nodes,
        layers=layers,
        layer_ns=layer_seconds * NS_PER_S,
        seed=seed,
        wrong=wrong,
        drift_per_million=drift,
        jump_ns=jump * NS_PER_S,
        lost_per_million=per_million(drop),
        allowed_ns=tolerance * NS_PER_S,
        patience=patience,
    )
    with configure(default_level="error", now_ns=context.clock):
        report = run_clock(plan)
    result = _result(report, drop)
    if report.agreed:
        return result
    first = report.faults[0]
    raise failure(
        f"{first.node} {first.message}", result, seed, "--json for every layer of every node"
    )


def _result(report: "ClockReport", drop: float) -> Result:
    plan = report.plan
    clocks = tuple(
        SimulatedClock(
            node=name,
            drift_ppm=wrong.drift_per_million,
            jump_s=jump.by_ns / NS_PER_S,
            jump_at_s=jump.after_ns / NS_PER_S,
        )
        for name, wrong in report.clocks.items()
        for jump in wrong.jumps
    )
    ticks = tuple(
        SimulatedTick(
            node=tick.node,
            layer=tick.layer,
            true_layer=tick.true_layer,
            clock_s=round(tick.error_ns / NS_PER_S, 3),
        )
        for tick in report.ticks
    )
    data = SimulatedClocks(
        nodes=plan.nodes,
        layers=plan.layers,
        wrong=plan.wrong,
        drop=drop,
        seed=plan.seed,
        clocks=clocks,
        ticks=ticks,
        warnings=tuple(
            SimulatedWarning(
                node=said.node,
                true_layer=said.true_layer,
                message=said.message,
                stops=said.is_last,
            )
            for said in report.said
        ),
        faults=tuple(
            SimulatedFault(node=fault.node, true_layer=fault.layer, message=fault.message)
            for fault in report.faults
        ),
        agreed=report.agreed,
    )
    columns = {
        "true_layer": "layer",
        "exact": "begun on time",
        "late": "late",
        "early": "early",
        "said": "said",
    }
    table = Table(rows=list(_rows(data)), columns=columns, key="ticks", notes=tuple(_notes(data)))
    return Result(data=data, human=table)


def _rows(data: SimulatedClocks) -> Iterator[dict[str, object]]:
    """Yield the layers as people see them: all nodes together."""
    for number in range(1, data.layers + 1):
        ticks = [tick for tick in data.ticks if tick.true_layer == number]
        off = [f"{tick.node} at {tick.layer}, {tick.clock_s:+.1f} s" for tick in ticks]
        yield {
            "true_layer": number,
            "exact": sum(tick.layer == number for tick in ticks),
            "late": _joined(o for o, t in zip(off, ticks, strict=True) if t.layer < number),
            "early": _joined(o for o, t in zip(off, ticks, strict=True) if t.layer > number),
            "said": _joined(
                f"{warning.node} {'stops' if warning.stops else 'warns'}"
                for warning in data.warnings
                if warning.true_layer == number
            ),
        }


def _joined(texts: Iterator[str]) -> str:
    return "; ".join(texts)


def _notes(data: SimulatedClocks) -> Iterator[str]:
    yield f"{data.nodes} nodes, {data.layers} layers, seed {data.seed}. Clocks that are wrong:"
    for one in data.clocks:
        yield (
            f"  {one.node}  gains {one.drift_ppm} of a million, "
            f"is set by {one.jump_s:+.1f} s after {one.jump_at_s:.0f} s"
        )
    for warning in data.warnings:
        if warning.stops:
            yield f"{warning.node} stops in layer {warning.true_layer}: {warning.message}."
    for fault in data.faults:
        yield f"Fault in layer {fault.true_layer}: {fault.node} {fault.message}."
    if data.agreed:
        yield "Every node kept its promises."
