"""``smcli sim tortoise``: votes of many layers, splits and how they heal; traces replayed."""

import contextlib
import inspect
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from cli.context import Context
from cli.errors import CheckFailedError
from cli.records import Identifier, Result, Table
from cli.simulations import MAX_NODES, Seed, check_honest, failure, per_million, span
from node.base.errors import UsageError

if TYPE_CHECKING:
    from node.consensus.tortoise.trace import TraceEvent
    from node.sim.tortoise import LayerStep, ReplayReport, TortoisePlan, TortoiseReport

MAX_LAYERS = 2000
SHOWN = 80
"""Characters of an output that is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedOpinion:
    """An honest node after a layer."""

    node: str
    mode: str
    verified: int
    """Last layer that it has decided."""

    ballots: int
    waiting: int
    """Ballots that it cannot decode yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTally:
    """A layer, when its votes have been counted."""

    layer: int
    is_split: bool
    nodes: tuple[SimulatedOpinion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDispute:
    """A layer that honest nodes decided differently."""

    layer: int
    blocks: dict[str, Identifier]
    """Blocks that each takes for valid; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTortoise:
    """A run, and what it was given."""

    nodes: int
    layers: int
    adversaries: int
    drop: float
    split_at: int
    split_layers: int
    smaller_side: int
    seed: int
    tallies: tuple[SimulatedTally, ...]
    disputes: tuple[SimulatedDispute, ...]
    agreed: bool
    """No two honest nodes decided a layer differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedTally:
    """A tally of a trace."""

    layer: int
    mode: str
    verified: int
    compared: int
    """Outputs since the tally before."""

    different: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedDifference:
    """An output that is not the recorded one."""

    line: int
    event: str
    ours: str
    recorded: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedTrace:
    """A trace, and how far our outputs are the recorded ones."""

    trace: str
    tallies: tuple[ReplayedTally, ...]
    compared: int
    differences: tuple[ReplayedDifference, ...]
    agreed: bool


def tortoise(
    context: Context,
    *,
    nodes: Annotated[int, typer.Option(min=1, max=MAX_NODES, help="One smesher each.")] = 10,
    layers: Annotated[int, typer.Option(min=1, max=MAX_LAYERS, help="Length of the run.")] = 40,
    adversaries: Annotated[
        int, typer.Option(min=0, help="Vote against every block, or withhold ballots, by turns.")
    ] = 0,
    drop: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of ballots that come a layer late.")
    ] = 0.0,
    seed: Seed = 0,
    split_at: Annotated[
        int, typer.Option(min=0, help="Layer, from 1 on, in which the nodes are parted; 0: never.")
    ] = 0,
    split_layers: Annotated[int, typer.Option(min=1, help="How long they are parted.")] = 8,
    smaller_side: Annotated[
        int | None, typer.Option(min=0, help="Nodes on one side of the split; else half.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write the trace of the first honest node here.")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Replay this trace instead; .xz is unpacked.")
    ] = None,
    restart: Annotated[
        Path | None, typer.Option(help="What a trace that begins with a restart does not tell.")
    ] = None,
) -> Result:
    """Let tortoises count the votes of many layers, or replay a recorded trace.

    Shows after every layer how far the honest nodes have decided, and in which mode. Ends with
    exit code 11 if two of them decide a layer differently; of a trace, if an output is not the
    recorded one.
    """
    # Deferred: nothing else of the group needs it.
    from node.runtime.logs import configure
    from node.sim.tortoise import TortoisePlan, run_tortoise

    if trace is not None:
        _refuse(
            "belongs to a run, not to the replay of a trace",
            "--trace",
            nodes=nodes,
            layers=layers,
            adversaries=adversaries,
            drop=drop,
            seed=seed,
            split_at=split_at,
            split_layers=split_layers,
            smaller_side=smaller_side,
            record=record,
        )
        return _replay(trace, restart)
    if restart is not None:
        raise UsageError("--restart belongs to a trace", hint="give the trace with --trace")
    check_honest(adversaries, nodes, "adversaries")
    smaller = nodes // 2 if smaller_side is None else smaller_side
    if smaller > nodes:
        raise UsageError(
            f"{smaller} nodes on one side, of {nodes}",
            hint="give --smaller-side no more than --nodes",
        )
    if not split_at:
        _refuse(
            "belongs to a split",
            "give its layer with --split-at",
            split_layers=split_layers,
            smaller_side=smaller_side,
        )
    plan = TortoisePlan(
        nodes=nodes,
        layers=layers,
        adversaries=adversaries,
        lost_per_million=per_million(drop),
        split_at=split_at,
        split_layers=split_layers,
        smaller_side=smaller,
        seed=seed,
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(configure(default_level="error", now_ns=context.clock))
        written = None if record is None else _writer(stack.enter_context(_created(record)))
        report = run_tortoise(plan, written)
    result = _result(report, drop)
    if report.agreed:
        return result
    raise failure(
        f"honest nodes decide {len(report.disputes)} layers differently, "
        f"first layer {report.disputes[0].layer}",
        result,
        seed,
        "--record to replay one node",
    )


def _refuse(reason: str, otherwise: str, **given: object) -> None:
    """Refuse options that would do nothing.

    Args:
        reason: what they belong to.
        otherwise: what to do instead of leaving them out.
        given: their values; those of the command's defaults pass.

    Raises:
        UsageError: one was given.
    """
    parameters = inspect.signature(tortoise).parameters
    for name, value in given.items():
        if value != parameters[name].default:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} {reason}", hint=f"leave out --{option} or {otherwise}")


def _created(record: Path) -> IO[bytes]:
    try:
        return record.open("wb")
    except OSError as error:
        raise UsageError(f"trace {record} cannot be written: {error.strerror}") from error


def _writer(file: IO[bytes]) -> "Callable[[TraceEvent], None]":
    """Return what writes events, one a line."""
    from node.consensus.tortoise.trace import encode_event

    def write(event: "TraceEvent") -> None:
        file.write(encode_event(event) + b"\n")

    return write


def _result(report: "TortoiseReport", drop: float) -> Result:
    plan = report.plan
    data = SimulatedTortoise(
        nodes=plan.nodes,
        layers=plan.layers,
        adversaries=plan.adversaries,
        drop=drop,
        split_at=plan.split_at,
        split_layers=plan.split_layers,
        smaller_side=plan.smaller_side,
        seed=plan.seed,
        tallies=tuple(_tally(step) for step in report.steps),
        disputes=tuple(
            SimulatedDispute(
                layer=dispute.layer,
                blocks={node: Identifier(block) for node, block in dispute.blocks.items()},
            )
            for dispute in report.disputes
        ),
        agreed=report.agreed,
    )
    columns = {
        "layer": "layer",
        "split": "split",
        "ballots": "ballots",
        "waiting": "waiting",
        "verifying": "verifying mode",
        "full": "full mode",
        "verified": "decided up to",
    }
    rows = [_row(tally) for tally in data.tallies]
    notes = tuple(_notes(plan, data))
    return Result(data=data, human=Table(rows=rows, columns=columns, key="tallies", notes=notes))


def _tally(step: "LayerStep") -> SimulatedTally:
    return SimulatedTally(
        layer=step.layer,
        is_split=step.is_split,
        nodes=tuple(
            SimulatedOpinion(
                node=node.node,
                mode=node.mode,
                verified=node.verified,
                ballots=node.ballots,
                waiting=node.waiting,
            )
            for node in step.nodes
        ),
    )


def _row(tally: SimulatedTally) -> dict[str, object]:
    """Return a layer as people see it: the honest nodes together."""
    full = sum(node.mode == "full" for node in tally.nodes)
    return {
        "layer": tally.layer,
        "split": "yes" if tally.is_split else "",
        "ballots": span([node.ballots for node in tally.nodes]),
        "waiting": span([node.waiting for node in tally.nodes]),
        "verifying": len(tally.nodes) - full,
        "full": full,
        "verified": span([node.verified for node in tally.nodes]),
    }


def _notes(plan: "TortoisePlan", data: SimulatedTortoise) -> Iterator[str]:
    yield f"{plan.nodes} nodes, {plan.adversaries} of them adversaries, seed {plan.seed}."
    if plan.split_at:
        larger = plan.nodes - plan.smaller_side
        yield f"Split into {larger} and {plan.smaller_side} for {plan.split_layers} layers."
    for dispute in data.disputes:
        yield f"Layer {dispute.layer}:"
        yield from (f"  {node}  {blocks or 'no block'}" for node, blocks in dispute.blocks.items())
    if data.agreed:
        yield "No two honest nodes decide a layer differently."


def _replay(trace: Path, restart: Path | None) -> Result:
    from node.consensus.tortoise.replay import Restart
    from node.sim.tortoise import replay_trace

    begins = None
    if restart is not None:
        try:
            begins = Restart.parse(restart.read_text())
        except (OSError, ValueError) as error:
            raise UsageError(f"{restart} tells no restart: {error}") from error
    try:
        with _opened(trace) as lines:
            report = replay_trace(lines, begins)
    except (OSError, lzma.LZMAError) as error:
        raise UsageError(f"{trace} cannot be read: {error}") from error
    result = _replayed(trace, report)
    if not report.differences:
        return result
    first = report.differences[0]
    raise CheckFailedError(
        f"{len(report.differences)} of {report.compared} outputs are not the recorded ones, "
        f"first in line {first.line}",
        report=result,
        code="smesh.check_failed.sim",
        hint="compare the outputs with --json",
    )


def _opened(trace: Path) -> IO[bytes]:
    return lzma.open(trace) if trace.suffix == ".xz" else trace.open("rb")


def _replayed(trace: Path, report: "ReplayReport") -> Result:
    tallies = tuple(
        ReplayedTally(
            layer=layer.layer,
            mode=layer.mode,
            verified=layer.verified,
            compared=layer.compared,
            different=layer.different,
        )
        for layer in report.layers
    )
    data = ReplayedTrace(
        trace=str(trace),
        tallies=tallies,
        compared=report.compared,
        differences=tuple(
            ReplayedDifference(
                line=found.line,
                event=found.event,
                ours=str(found.ours),
                recorded=str(found.recorded),
            )
            for found in report.differences
        ),
        agreed=not report.differences,
    )
    columns = {
        "layer": "tally of layer",
        "mode": "mode",
        "verified": "decided up to",
        "compared": "outputs",
        "different": "different",
    }
    notes = [f"{report.compared} outputs compared, {len(report.differences)} different."]
    for found in data.differences:
        notes.append(f"Line {found.line}, {found.event}:")
        notes += [f"  ours      {found.ours[:SHOWN]}", f"  recorded  {found.recorded[:SHOWN]}"]
    table = Table(rows=tallies, columns=columns, key="tallies", notes=tuple(notes))
    return Result(data=data, human=table)
