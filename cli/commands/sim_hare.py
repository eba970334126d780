"""``smcli sim hare``: one layer's agreement on many nodes, some of which equivocate."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import Context
from cli.records import Identifier, Result, Table
from cli.simulations import Drop, Nodes, Seed, TwoFaced, check_honest, failure, per_million, span

if TYPE_CHECKING:
    from node.sim.hare import HareReport, NodeRound, RoundReport


class Protocol(StrEnum):
    """Versions of hare."""

    HARE3 = "hare3"
    HARE4 = "hare4"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedNode:
    """An honest node after a round."""

    node: str
    messages: int
    seats: int
    malicious: int
    """Of the messages, those of smeshers known to be malicious."""

    locked: Identifier
    """Reference of the only set it may commit to; empty: any."""

    lock: str
    """``hard``, ``soft`` or empty."""

    result: Identifier
    """Reference of the set it has agreed on; empty: none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRound:
    """A round, and every honest node whose session is not over."""

    iteration: int
    round: str
    at_s: float
    """When it began, after the start of the layer."""

    nodes: tuple[SimulatedNode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedOutcome:
    """What an honest node ended with."""

    node: str

    agreed: Identifier | None
    """Reference of its set; null: it agreed on nothing."""

    weak_coin: bool | None
    convicted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedHare:
    """A run, and what it was given."""

    protocol: str
    nodes: int
    equivocators: int
    drop: float
    seed: int
    threshold: int
    proposals: tuple[Identifier, ...]
    rounds: tuple[SimulatedRound, ...]
    outcomes: tuple[SimulatedOutcome, ...]
    agreed: bool
    """No two honest nodes have different sets."""

    sets: tuple[tuple[Identifier, ...], ...]
    """What honest nodes agreed on; one, or there is a failure."""

    undecided: tuple[str, ...]


def hare(
    context: Context,
    *,
    nodes: Nodes = 20,
    equivocators: TwoFaced = 0,
    drop: Drop = 0.0,
    seed: Seed = 0,
    protocol: Annotated[Protocol, typer.Option(help="Version of hare.")] = Protocol.HARE3,
) -> Result:
    """Let many nodes agree on the proposals of a layer, in virtual time.

    Handlers, sessions and messages are those of the daemon, rounds and committees those of
    the live network. Shows how the honest nodes stand after every round, and what they agree
    on. Ends with exit code 11 if two of them agree on different sets; that some agree on
    nothing is allowed, and happens where too much is lost.
    """
    # Deferred: half of the node is imported, which no other command of the group needs.
    from node.consensus.hare.messages import Version
    from node.runtime.logs import configure
    from node.sim.hare import HarePlan, run_hare

    check_honest(equivocators, nodes, "equivocators")
    plan = HarePlan(
        version=Version.HARE3 if protocol is Protocol.HARE3 else Version.HARE4,
        nodes=nodes,
        equivocators=equivocators,
        lost_per_million=per_million(drop),
        seed=seed,
    )
    with (
        configure(default_level="error", now_ns=context.clock),
        tempfile.TemporaryDirectory(prefix="smcli-sim-") as folder,
    ):
        report = run_hare(plan, Path(folder))
    result = _result(report, protocol, drop)
    if report.agreed:
        return result
    raise failure(
        f"honest nodes agree on {len(report.sets)} different sets",
        result,
        seed,
        "--json for every node in every round",
    )


def _result(report: "HareReport", protocol: Protocol, drop: float) -> Result:
    rounds = tuple(_round(one) for one in report.rounds)
    data = SimulatedHare(
        protocol=protocol.value,
        nodes=report.plan.nodes,
        equivocators=report.plan.equivocators,
        drop=drop,
        seed=report.plan.seed,
        threshold=report.threshold,
        proposals=_identifiers(report.proposals),
        rounds=rounds,
        outcomes=tuple(_outcomes(report)),
        agreed=report.agreed,
        sets=tuple(map(_identifiers, report.sets)),
        undecided=report.undecided,
    )
    columns = {
        "iteration": "iteration",
        "round": "round",
        "at": "at",
        "nodes": "nodes",
        "messages": "messages",
        "seats": "seats",
        "malicious": "malicious",
        "soft": "soft locks",
        "hard": "hard locks",
        "agreed": "agreed",
    }
    rows = [_row(one) for one in rounds]
    table = Table(rows=rows, columns=columns, key="rounds", notes=tuple(_notes(report)))
    return Result(data=data, human=table)


def _round(report: "RoundReport") -> SimulatedRound:
    from node.consensus.hare.wire import Round

    return SimulatedRound(
        iteration=report.iter_round.iteration,
        round=Round(report.iter_round.round).name.lower(),
        at_s=report.offset_s,
        nodes=tuple(_node(state) for state in report.nodes),
    )


def _node(state: "NodeRound") -> SimulatedNode:
    lock = "hard" if state.is_hard else "soft"
    return SimulatedNode(
        node=state.node,
        messages=state.messages,
        seats=state.seats,
        malicious=state.malicious,
        locked=_reference(state.locked),
        lock="" if state.locked is None else lock,
        result=_reference(state.result),
    )


def _reference(reference: bytes | None) -> Identifier:
    return Identifier("" if reference is None else reference.hex())


def _identifiers(values: "tuple[bytes, ...]") -> tuple[Identifier, ...]:
    return tuple(Identifier(value.hex()) for value in values)


def _outcomes(report: "HareReport") -> Iterator[SimulatedOutcome]:
    from node.consensus.hare.wire import compute_reference

    for outcome in report.outcomes:
        agreed = None if outcome.agreed is None else _reference(compute_reference(outcome.agreed))
        yield SimulatedOutcome(
            node=outcome.node,
            agreed=agreed,
            weak_coin=outcome.coin,
            convicted=outcome.convicted,
        )


def _row(one: SimulatedRound) -> dict[str, object]:
    """Return a round as people see it: the honest nodes together."""
    return {
        "iteration": one.iteration,
        "round": one.round,
        "at": f"{one.at_s:g} s",
        "nodes": len(one.nodes),
        "messages": span([node.messages for node in one.nodes]),
        "seats": span([node.seats for node in one.nodes]),
        "malicious": span([node.malicious for node in one.nodes]),
        "soft": sum(node.lock == "soft" for node in one.nodes),
        "hard": sum(node.lock == "hard" for node in one.nodes),
        "agreed": sum(bool(node.result) for node in one.nodes),
    }


def _notes(report: "HareReport") -> Iterator[str]:
    plan, honest = report.plan, len(report.outcomes)
    yield (
        f"{plan.nodes} nodes, {plan.equivocators} of them equivocators, "
        f"{len(report.proposals)} proposals, threshold {report.threshold} seats, seed {plan.seed}."
    )
    for agreed in report.sets:
        having = sum(outcome.agreed == agreed for outcome in report.outcomes)
        yield f"{having} of {honest} honest nodes agree on {len(agreed)} proposals:"
        yield from (f"  {proposal.hex()}" for proposal in agreed)
    if report.undecided:
        yield f"Without agreement: {', '.join(report.undecided)}."
    coins = sorted({str(outcome.coin).lower() for outcome in report.outcomes})
    yield f"Weak coin: {', '.join(coins)}."
    if plan.equivocators:
        fewest = min(outcome.convicted for outcome in report.outcomes)
        yield f"Every honest node has proofs against at least {fewest} of the equivocators."
