"""``smcli sim mesh`` and ``smcli sim replay``: whole nodes in one process."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from cli.context import Context
from cli.errors import CheckFailedError
from cli.records import Identifier, Result, Table
from cli.simulations import Seed, failure
from node.base.errors import PreconditionError, UsageError

if TYPE_CHECKING:
    from node.sim.mesh_report import Departure, Disagreement, MeshPlan, MeshReport
    from node.sim.trace import Recorder

MAX_NODES = 1000

Folder: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Empty folder for the nodes' data, kept; else a temporary one."),
]
LogLevel: TypeAlias = Annotated[
    str, typer.Option(help="Least level of what the nodes log to standard error.")
]


class Hare(StrEnum):
    """How nodes come to the proposals of a layer."""

    MESSAGES = "messages"
    TURBO = "turbo"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedLayer:
    """What the honest nodes hold of a layer."""

    layer: int

    applied: int
    """Nodes that have it in their state."""

    block: Identifier
    """Empty: none, or nodes differ."""

    state_root: Identifier

    reorgs: int
    """How often a node applied something else after it had applied the layer."""

    rewards: int
    """Smeshers who were rewarded."""

    equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedMesh:
    """A run, and what it was given."""

    preset: str
    nodes: int
    epochs: int
    seed: int
    faults: bool
    restarts: int
    partitions: int

    hare: str
    """How nodes came to the proposals of a layer."""

    late: int
    """Nodes that started long after the others."""

    adversaries: "dict[str, str]"
    """What those nodes did that break the protocol."""

    layers: tuple[SimulatedLayer, ...]
    empty_layers: int
    reorgs: int
    agreed: bool
    disagreements: "tuple[Disagreement, ...]"

    left_out: tuple[str, ...]
    """Honest nodes that were still catching up at the end, and not compared any more."""

    virtual_s: float
    """Length of the run on its own clock."""

    processor_s: float
    """What it took of a processor here."""

    trace: str | None
    """File that the run was written to, or compared with."""

    events: int
    """Of the trace."""

    departure: "Departure | None"
    """First event that was another one than the trace says."""


def mesh(
    context: Context,
    *,
    preset: Annotated[str, typer.Option(help="Network whose parameters are taken.")] = "fastnet",
    nodes: Annotated[int, typer.Option(min=1, max=MAX_NODES, help="Whole nodes.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Length of the run.")] = 5,
    seed: Seed = 0,
    faults: Annotated[
        bool,
        typer.Option(
            help="Lose, delay and repeat messages, skew clocks, kill nodes also between two "
            "writes and start them again, cut nodes off for a while, let some join late."
        ),
    ] = True,
    adversaries: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How many of the nodes break the protocol; a sixth of them where there are "
            "faults, else none. More than that no network has to bear.",
        ),
    ] = None,
    hare: Annotated[
        Hare,
        typer.Option(
            help="How nodes come to the proposals of a layer; turbo: each takes those that it "
            "has, without messages, which is quicker; give --no-faults with it, as nodes that "
            "miss some come to differ."
        ),
    ] = Hare.MESSAGES,
    trace: Annotated[
        Path | None,
        typer.Option(help="File to write everything that happens to, for smcli sim replay."),
    ] = None,
    folder: Folder = None,
    log_level: LogLevel = "error",
) -> Result:
    """Run a network of whole nodes in virtual time and compare what they hold.

    Handlers, services, store and state are those of the daemon; links, clocks, randomness and
    what goes wrong come from the seed. Ends with exit code 11, and names the seed, if honest
    nodes differ in a state root, in the ATXs of an epoch or in who is malicious, if one of
    them is held to be malicious, if one does not keep up, or if no blocks are made any more.
    """
    # Deferred: a simulation imports the whole node.
    from node.sim.mesh import most_adversaries
    from node.sim.mesh_report import MeshPlan
    from node.sim.trace import writing

    most = most_adversaries(nodes)
    if adversaries is not None and adversaries > most:
        raise UsageError(
            f"{adversaries} adversaries among {nodes} nodes",
            hint=f"a network of {nodes} bears {most}",
        )
    if adversaries is None:
        adversaries = most if faults else 0
    plan = MeshPlan(
        preset=preset,
        nodes=nodes,
        epochs=epochs,
        seed=seed,
        faults=faults,
        adversaries=adversaries,
        hare=hare.value,
    )
    began = time.process_time()
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(_folder(folder))
        recorder = None if trace is None else stack.enter_context(writing(trace, plan))
        report = _run(context, plan, place, recorder, log_level)
    result = _result(report, time.process_time() - began, trace)
    if report.agreed:
        return result
    first = report.disagreements[0]
    raise failure(
        f"nodes differ, first in layer {first.layer}: {first.subject}",
        result,
        seed,
        "--folder to look into the databases",
    )


def replay(
    context: Context,
    file: Annotated[Path, typer.Argument(help="Trace that smcli sim mesh has written.")],
    *,
    folder: Folder = None,
    log_level: LogLevel = "error",
) -> Result:
    """Run a traced simulation again and compare it with its trace, event by event.

    Every message that arrived or was lost, everything that went wrong and what the nodes held
    at every layer has to be the same. Ends with exit code 11 if it departs from the trace, and
    names the first event that does; that happens when the node behaves differently now.
    """
    # Deferred: a simulation imports the whole node.
    from node.sim.trace import reading

    began = time.process_time()
    with _folder(folder) as place, reading(file) as (plan, follower):
        report = _run(context, plan, place, follower, log_level)
    result = _result(report, time.process_time() - began, file)
    departure = report.departure
    if departure is None:
        return result
    raise CheckFailedError(
        f"the run departs from its trace at event {departure.event}; seed {plan.seed}",
        report=result,
        code="smesh.check_failed.replay",
        hint="the node behaves differently since the trace was written",
    )


def _run(
    context: Context,
    plan: "MeshPlan",
    place: Path,
    recorder: "Recorder | None",
    log_level: str,
) -> "MeshReport":
    from node.runtime.collector import eased_collector
    from node.runtime.logs import configure
    from node.sim.mesh import network_ns, run_mesh

    with (
        eased_collector(),
        configure(default_level=log_level, now_ns=network_ns),
        context.output.progress() as progress,
        _told_if_unfinished(context, plan.seed),
    ):
        return run_mesh(plan, place, progress.update, recorder)


@contextlib.contextmanager
def _told_if_unfinished(context: Context, seed: int) -> Iterator[None]:
    """Name the seed, whatever ends the block before its end."""
    with contextlib.ExitStack() as unfinished:
        unfinished.callback(
            context.output.warn,
            f"the simulation of seed {seed} did not end",
            code="smesh.sim.ended",
            hint="the same seed and options lead there again",
        )
        yield
        unfinished.pop_all()


@contextlib.contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        try:
            chosen.mkdir(parents=True, exist_ok=True)
            is_empty = not any(chosen.iterdir())
        except OSError as error:
            raise UsageError(
                f"{chosen} is no folder for the nodes' data: {error.strerror}",
                hint="choose another one with --folder",
            ) from error
        if not is_empty:
            raise PreconditionError(
                f"{chosen} is not empty",
                hint="choose another folder: a run begins from nothing, and removes nothing",
            )
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="smcli-sim-") as name:
        yield Path(name)


def _result(report: "MeshReport", processor_s: float, trace: Path | None) -> Result:
    layers = tuple(
        SimulatedLayer(
            layer=row.layer,
            applied=row.applied,
            block=Identifier(row.block),
            state_root=Identifier(row.state_root),
            reorgs=row.reorgs,
            rewards=row.rewards,
            equal=row.equal,
        )
        for row in report.layers
    )
    plan = report.plan
    data = SimulatedMesh(
        preset=plan.preset,
        nodes=plan.nodes,
        epochs=plan.epochs,
        seed=plan.seed,
        faults=plan.faults,
        restarts=report.faults.starts_again,
        partitions=report.faults.partitions,
        hare=plan.hare,
        late=len(report.faults.late),
        adversaries={f"node{number}": name for number, name in report.faults.adversaries},
        layers=layers,
        empty_layers=report.empty_layers,
        reorgs=sum(row.reorgs for row in layers),
        agreed=report.agreed,
        disagreements=report.disagreements,
        left_out=_left_out(report),
        virtual_s=report.virtual_s,
        processor_s=round(processor_s, 3),
        trace=None if trace is None else str(trace),
        events=report.events,
        departure=report.departure,
    )
    columns = {
        "layer": "layer",
        "applied": "applied by",
        "block": "block",
        "state_root": "state root",
        "reorgs": "reorgs",
        "rewards": "rewards",
        "equal": "equal",
    }
    return Result(
        data=data,
        human=Table(rows=layers, columns=columns, key="layers", notes=tuple(_notes(report))),
    )


def _left_out(report: "MeshReport") -> tuple[str, ...]:
    return tuple(f"node{number}" for number in report.left_out)


def _notes(report: "MeshReport") -> Iterator[str]:
    plan, faults = report.plan, report.faults
    yield f"{plan.nodes} nodes, {report.virtual_s:.0f} s of network time, seed {plan.seed}."
    yield (
        f"{faults.starts_again} restarts, {faults.partitions} partitions, {len(faults.late)} "
        f"late nodes, {report.empty_layers} empty layers."
    )
    if plan.hare == Hare.TURBO.value:
        yield "No messages of hare: each node took the proposals that it had."
    for number, name in faults.adversaries:
        yield f"Adversary node{number}: {name}."
    if report.departure is not None:
        yield f"The run departs from its trace at event {report.departure.event}:"
        yield f"  expected  {report.departure.expected}"
        yield f"  happened  {report.departure.happened}"
    elif report.events:
        yield f"{report.events} events in the trace."
    if report.agreed:
        yield "All honest nodes agree."
    if report.left_out:
        yield f"Not compared at the end, still catching up: {', '.join(_left_out(report))}."
    for found in report.disagreements:
        yield f"Layer {found.layer}, {found.subject}:"
        for name, value in sorted(found.values.items()):
            yield f"  {name}  {value}"
