"""``smcli sim mesh``: whole nodes in one process, and whether they agree."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import Context
from cli.errors import CheckFailedError
from cli.records import Identifier, Result, Table
from node.base.errors import PreconditionError

if TYPE_CHECKING:
    from node.sim.mesh import Disagreement, MeshReport

MAX_NODES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedLayer:
    """What the nodes hold of a layer."""

    layer: int

    applied: int
    """Nodes that have it in their state."""

    block: Identifier
    """Empty: none, or nodes differ."""

    state_root: Identifier
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
    layers: tuple[SimulatedLayer, ...]
    agreed: bool
    disagreements: "tuple[Disagreement, ...]"

    virtual_s: float
    """Length of the run on its own clock."""

    processor_s: float
    """What it took of a processor here."""


def mesh(
    context: Context,
    *,
    preset: Annotated[str, typer.Option(help="Network whose parameters are taken.")] = "fastnet",
    nodes: Annotated[int, typer.Option(min=1, max=MAX_NODES, help="Whole nodes.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Length of the run.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Determines everything that happens.")] = 0,
    faults: Annotated[
        bool, typer.Option(help="Lose messages, skew clocks, kill and restart nodes.")
    ] = True,
    folder: Annotated[
        Path | None,
        typer.Option(help="Empty folder for the nodes' data, kept; else a temporary one."),
    ] = None,
    log_level: Annotated[
        str, typer.Option(help="Least level of what the nodes log to standard error.")
    ] = "error",
) -> Result:
    """Run a network of whole nodes in virtual time and compare what they hold.

    Handlers, services, store and state are those of the daemon; links, clocks and randomness
    come from the seed. Ends with exit code 11 if honest nodes differ in a state root, in the
    ATXs of an epoch or in who is malicious.
    """
    # Deferred: a simulation imports the whole node.
    from node.runtime.logs import configure
    from node.sim.mesh import MeshPlan, run_mesh

    plan = MeshPlan(preset=preset, nodes=nodes, epochs=epochs, seed=seed, faults=faults)
    began = time.process_time()
    with (
        configure(default_level=log_level, now_ns=context.clock),
        _folder(folder) as place,
        context.output.progress() as progress,
    ):
        report = run_mesh(plan, place, progress.update)
    result = _result(report, time.process_time() - began)
    if report.agreed:
        return result
    first = report.disagreements[0]
    raise CheckFailedError(
        f"nodes differ, first in layer {first.layer}: {first.subject}; seed {seed}",
        report=result,
        code="smesh.check_failed.sim",
        hint=f"run it again with --seed {seed} and --folder to look into the databases",
    )


@contextlib.contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        if any(chosen.iterdir()):
            raise PreconditionError(
                f"{chosen} is not empty",
                hint="choose another folder: a run begins from nothing, and removes nothing",
            )
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="smcli-sim-") as name:
        yield Path(name)


def _result(report: "MeshReport", processor_s: float) -> Result:
    layers = tuple(
        SimulatedLayer(
            layer=row.layer,
            applied=row.applied,
            block=Identifier(row.block),
            state_root=Identifier(row.state_root),
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
        restarts=len(report.faults.restarts),
        layers=layers,
        agreed=report.agreed,
        disagreements=report.disagreements,
        virtual_s=report.virtual_s,
        processor_s=round(processor_s, 3),
    )
    columns = {
        "layer": "layer",
        "applied": "applied by",
        "block": "block",
        "state_root": "state root",
        "equal": "equal",
    }
    return Result(
        data=data,
        human=Table(rows=layers, columns=columns, key="layers", notes=tuple(_notes(report))),
    )


def _notes(report: "MeshReport") -> Iterator[str]:
    yield (
        f"{report.plan.nodes} nodes, {report.virtual_s:.0f} s of network time, "
        f"seed {report.plan.seed}, {len(report.faults.restarts)} restarts."
    )
    if report.agreed:
        yield "All nodes agree."
    for found in report.disagreements:
        yield f"Layer {found.layer}, {found.subject}:"
        for name, value in sorted(found.values.items()):
            yield f"  {name}  {value}"
