"""Hare alone, simulated: agreement, equivocators, loss, and one seed where a majority lies."""

from pathlib import Path

import pytest

from node.consensus.hare.machine import PREROUND
from node.consensus.hare.messages import Version
from node.consensus.hare.wire import IterRound, Round
from node.sim.hare import HarePlan, HareReport, run_hare

BOTH = pytest.mark.parametrize("version", list(Version), ids=lambda version: version.section)
RESULT = IterRound(iteration=1, round=Round.HARDLOCK)


def simulated(
    folder: Path,
    version: Version = Version.HARE3,
    *,
    nodes: int = 3,
    equivocators: int = 0,
    lost_per_million: int = 0,
    seed: int = 1,
) -> HareReport:
    plan = HarePlan(
        version=version,
        nodes=nodes,
        equivocators=equivocators,
        lost_per_million=lost_per_million,
        seed=seed,
    )
    folder.mkdir(exist_ok=True)
    return run_hare(plan, folder)


@BOTH
def test_honest_nodes_agree_on_everything_in_the_first_iteration(
    tmp_path: Path, version: Version
) -> None:
    report = simulated(tmp_path, version)
    assert report.agreed
    assert report.sets == (report.proposals,)
    assert report.undecided == ()
    assert len({outcome.coin for outcome in report.outcomes}) == 1
    assert report.rounds[0].iter_round == PREROUND
    assert report.rounds[-1].iter_round == IterRound(iteration=2, round=Round.HARDLOCK)
    (result,) = (r for r in report.rounds if r.iter_round == RESULT)
    assert result.offset_s == 109
    assert all(node.result is not None and node.is_hard for node in result.nodes)
    assert all(node.result is None for node in report.rounds[0].nodes)


@BOTH
def test_equivocators_are_found_and_cannot_divide_the_others(
    tmp_path: Path, version: Version
) -> None:
    report = simulated(tmp_path, version, nodes=5, equivocators=2)
    assert len(report.sets) == 1
    assert {outcome.node for outcome in report.outcomes} == {f"node{n}" for n in range(2, 5)}
    assert {outcome.convicted for outcome in report.outcomes} == {2}
    assert all(node.malicious == 2 for node in report.rounds[0].nodes)


@pytest.mark.slow
def test_lost_exchanges_of_hare_4_leave_nobody_without_agreement(tmp_path: Path) -> None:
    # Without a second question four of the eleven honest nodes agree on nothing.
    report = simulated(
        tmp_path, Version.HARE4, nodes=14, equivocators=3, lost_per_million=100_000, seed=1
    )
    assert len(report.sets) == 1
    assert report.undecided == ()
    assert {node.messages for node in report.rounds[0].nodes} == {14}


def test_one_seed_gives_one_run_and_another_seed_another(tmp_path: Path) -> None:
    runs = [
        simulated(
            tmp_path / str(number), Version.HARE4, equivocators=1, lost_per_million=200_000, seed=s
        )
        for number, s in enumerate((7, 7, 8))
    ]
    assert runs[0] == runs[1]
    assert runs[0].proposals != runs[2].proposals


def test_who_hears_nothing_agrees_on_nothing(tmp_path: Path) -> None:
    report = simulated(tmp_path, nodes=3, lost_per_million=1_000_000)
    assert report.agreed
    assert report.sets == ()
    assert report.undecided == ("node0", "node1", "node2")
    assert report.rounds[-1].iter_round == IterRound(iteration=3, round=Round.NOTIFY)


def test_a_majority_of_equivocators_can_divide_the_others(tmp_path: Path) -> None:
    report = simulated(tmp_path, nodes=8, equivocators=6, seed=38)
    assert not report.agreed
    assert [len(agreed) for agreed in report.sets] == [8, 7]


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("seed", range(5))
def test_a_minority_of_equivocators_never_divides_the_others(
    tmp_path: Path, version: Version, seed: int
) -> None:
    report = simulated(
        tmp_path, version, nodes=15, equivocators=6, lost_per_million=50_000, seed=seed
    )
    assert report.agreed
