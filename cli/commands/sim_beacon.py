"""``smcli sim beacon``: nodes that agree on the randomness of epochs, round by round."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import Context
from cli.records import Identifier, Result, Table
from cli.simulations import Drop, Nodes, Seed, TwoFaced, check_honest, failure, per_million, span

if TYPE_CHECKING:
    from node.sim.beacon import BeaconReport, EpochOutcome, VotingRound

MAX_ROUNDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedVotes:
    """An honest node at the end of a round."""

    node: str
    support: int
    against: int
    undecided: int
    supported: tuple[Identifier, ...]
    coin_before: bool | None
    """Thrown after the round before, for what was undecided then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedVoting:
    """A round of voting."""

    epoch: int
    round: int
    at_s: float
    """When the votes are counted, after the start of the epoch."""

    nodes: tuple[SimulatedVotes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedEpoch:
    """The beacon of an epoch, as the honest nodes have it."""

    epoch: int
    beacons: dict[str, Identifier | None]
    agreed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedBeacon:
    """A run, and what it was given."""

    nodes: int
    epochs: int
    adversaries: int
    drop: float
    seed: int
    rounds: tuple[SimulatedVoting, ...]
    outcomes: tuple[SimulatedEpoch, ...]
    agreed: bool
    """No two honest nodes have different beacons for an epoch."""


def beacon(
    context: Context,
    *,
    nodes: Nodes = 20,
    epochs: Annotated[int, typer.Option(min=1, help="Length of the run.")] = 2,
    adversaries: TwoFaced = 0,
    drop: Drop = 0.0,
    seed: Seed = 0,
    rounds: Annotated[
        int, typer.Option(min=1, max=MAX_ROUNDS, help="Voting rounds of an epoch.")
    ] = 6,
) -> Result:
    """Let many nodes agree on the beacons of some epochs, in virtual time.

    Handlers, rounds and messages are those of the daemon. Shows how the honest nodes count
    the votes after every round, and which beacon they come to. Ends with exit code 11 if two
    of them come to different ones; that some have none is allowed, and happens where too much
    is lost: they take it from ballots.
    """
    # Deferred: half of the node is imported, which no other command of the group needs.
    from node.runtime.logs import configure
    from node.sim.beacon import BeaconPlan, run_beacon

    check_honest(adversaries, nodes, "adversaries")
    plan = BeaconPlan(
        nodes=nodes,
        epochs=epochs,
        adversaries=adversaries,
        rounds=rounds,
        lost_per_million=per_million(drop),
        seed=seed,
    )
    with (
        configure(default_level="error", now_ns=context.clock),
        tempfile.TemporaryDirectory(prefix="smcli-sim-") as folder,
    ):
        report = run_beacon(plan, Path(folder))
    result = _result(report, drop)
    if report.agreed:
        return result
    first = next(outcome for outcome in report.outcomes if not outcome.agreed)
    raise failure(
        f"honest nodes have {len(_shares(first))} different beacons for epoch {first.epoch}",
        result,
        seed,
        "--json for every node in every round",
    )


def _result(report: "BeaconReport", drop: float) -> Result:
    plan = report.plan
    data = SimulatedBeacon(
        nodes=plan.nodes,
        epochs=plan.epochs,
        adversaries=plan.adversaries,
        drop=drop,
        seed=plan.seed,
        rounds=tuple(_voting(one) for one in report.rounds),
        outcomes=tuple(_epoch(one) for one in report.outcomes),
        agreed=report.agreed,
    )
    columns = {
        "epoch": "epoch",
        "round": "round",
        "at": "counted at",
        "support": "for",
        "against": "against",
        "undecided": "undecided",
        "coin": "coin before",
        "views": "different views",
    }
    rows = [_row(one) for one in data.rounds]
    table = Table(rows=rows, columns=columns, key="rounds", notes=tuple(_notes(report)))
    return Result(data=data, human=table)


def _voting(one: "VotingRound") -> SimulatedVoting:
    return SimulatedVoting(
        epoch=one.epoch,
        round=one.round,
        at_s=one.offset_s,
        nodes=tuple(
            SimulatedVotes(
                node=votes.node,
                support=votes.support,
                against=votes.against,
                undecided=votes.undecided,
                supported=tuple(Identifier(proposal.hex()) for proposal in votes.supported),
                coin_before=votes.coin,
            )
            for votes in one.nodes
        ),
    )


def _epoch(one: "EpochOutcome") -> SimulatedEpoch:
    beacons = {
        node: None if beacon is None else Identifier(beacon.hex())
        for node, beacon in one.beacons.items()
    }
    return SimulatedEpoch(epoch=one.epoch, beacons=beacons, agreed=one.agreed)


def _row(one: SimulatedVoting) -> dict[str, object]:
    """Return a round as people see it: the honest nodes together."""
    coins = sorted({str(node.coin_before).lower() for node in one.nodes} - {"none"})
    return {
        "epoch": one.epoch,
        "round": one.round,
        "at": f"{one.at_s:g} s",
        "support": span([node.support for node in one.nodes]),
        "against": span([node.against for node in one.nodes]),
        "undecided": span([node.undecided for node in one.nodes]),
        "coin": ", ".join(coins),
        "views": len({node.supported for node in one.nodes}),
    }


def _shares(outcome: "EpochOutcome") -> Counter[bytes]:
    return Counter(beacon for beacon in outcome.beacons.values() if beacon is not None)


def _notes(report: "BeaconReport") -> Iterator[str]:
    plan = report.plan
    yield f"{plan.nodes} nodes, {plan.adversaries} of them adversaries, seed {plan.seed}."
    for outcome in report.outcomes:
        shares = _shares(outcome)
        for found, count in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
            yield (
                f"Epoch {outcome.epoch}: {count} of {len(outcome.beacons)} honest nodes "
                f"have beacon {found.hex()}."
            )
        without = [node for node, known in outcome.beacons.items() if known is None]
        if without:
            yield f"Epoch {outcome.epoch}: without a beacon: {', '.join(without)}."
