"""The beacon alone, simulated: agreement, dishonest nodes, loss."""

from pathlib import Path

from node.sim.beacon import FIRST_EPOCH, BeaconPlan, BeaconReport, run_beacon


def simulated(
    folder: Path,
    *,
    nodes: int = 4,
    epochs: int = 1,
    adversaries: int = 0,
    rounds: int = 4,
    lost_per_million: int = 0,
    seed: int = 1,
) -> BeaconReport:
    plan = BeaconPlan(
        nodes=nodes,
        epochs=epochs,
        adversaries=adversaries,
        rounds=rounds,
        lost_per_million=lost_per_million,
        seed=seed,
    )
    folder.mkdir(exist_ok=True)
    return run_beacon(plan, folder)


def test_honest_nodes_support_every_proposal_and_have_one_beacon(tmp_path: Path) -> None:
    report = simulated(tmp_path, epochs=2)
    assert report.agreed
    assert [outcome.epoch for outcome in report.outcomes] == [FIRST_EPOCH + 1, FIRST_EPOCH + 2]
    beacons = [set(outcome.beacons.values()) for outcome in report.outcomes]
    assert all(len(found) == 1 and None not in found for found in beacons)
    assert beacons[0] != beacons[1]
    assert [(one.epoch, one.round) for one in report.rounds] == [
        (FIRST_EPOCH + epoch, round_) for epoch in range(2) for round_ in range(4)
    ]
    assert [one.offset_s for one in report.rounds[:4]] == [90, 120, 160, 200]
    for one in report.rounds:
        assert len({node.supported for node in one.nodes}) == 1
        assert {(node.against, node.undecided) for node in one.nodes} == {(0, 0)}
        # The first coin is thrown after the round that follows the first votes.
        assert len({node.coin for node in one.nodes}) == 1
        assert all((node.coin is None) == (one.round < 2) for node in one.nodes)


def test_a_third_that_lies_divides_the_first_votes_but_not_the_beacon(tmp_path: Path) -> None:
    report = simulated(tmp_path, nodes=7, adversaries=2, rounds=5)
    assert {node.node for node in report.rounds[0].nodes} == {f"node{n}" for n in range(2, 7)}
    assert len({node.supported for node in report.rounds[0].nodes}) > 1
    assert len({node.supported for node in report.rounds[-1].nodes}) == 1
    (outcome,) = report.outcomes
    assert outcome.agreed
    assert len(set(outcome.beacons.values())) == 1


def test_one_seed_gives_one_run_and_another_seed_another(tmp_path: Path) -> None:
    runs = [
        simulated(tmp_path / str(number), adversaries=1, lost_per_million=200_000, seed=seed)
        for number, seed in enumerate((7, 7, 8))
    ]
    assert runs[0] == runs[1]
    assert runs[0].outcomes != runs[2].outcomes


def test_who_hears_nothing_has_a_beacon_of_its_own(tmp_path: Path) -> None:
    report = simulated(tmp_path, nodes=3, lost_per_million=1_000_000)
    (outcome,) = report.outcomes
    # A third of the weight decides for what nobody else has heard of.
    assert set(outcome.beacons) == {"node0", "node1", "node2"}
    assert not outcome.agreed
