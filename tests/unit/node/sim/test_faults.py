"""Faults follow from the seed, and stay within what an honest network has to bear."""

import pytest

from node.sim.faults import (
    FEW_NODES,
    NODES_PER_CUT,
    FaultPlan,
    LateStart,
    Partition,
    Restart,
    Shape,
    draw_faults,
)
from node.sim.power import BetweenWrites

SECOND_NS = 10**9


def shape(nodes: int = 20, epochs: int = 10, honest: int | None = None) -> Shape:
    return Shape(
        nodes=nodes,
        epochs=epochs,
        layers_per_epoch=4,
        layer_ns=15 * SECOND_NS,
        honest=nodes if honest is None else honest,
    )


def test_faults_follow_from_the_seed() -> None:
    plan = draw_faults(1, shape())
    assert plan == draw_faults(1, shape())
    assert plan != draw_faults(2, shape())
    assert len(plan.skews_ns) == 20
    assert plan.skew_ns(3) == plan.skews_ns[3]
    assert FaultPlan().skew_ns(3) == 0
    assert [one.layer for one in plan.outages] == sorted(one.layer for one in plan.outages)


@pytest.mark.parametrize("seed", range(30))
def test_most_honest_nodes_are_there_at_any_time(seed: int) -> None:
    honest = 17
    plan = draw_faults(seed, shape(honest=honest), ((17, "spam"), (18, "spam"), (19, "spam")))
    assert len(plan.adversaries) * 5 < 20
    assert len(plan.late) == honest // 10
    assert plan.partitions == 2
    assert len(plan.slow) == honest // 7
    away = dict.fromkeys(range(10), 0)
    for one in plan.outages:
        nodes: tuple[int, ...] = ()
        match one:
            case Partition(nodes=nodes, length_ns=length_ns):
                assert len(nodes) == honest // NODES_PER_CUT
                assert length_ns <= 4 * 15 * SECOND_NS
            case LateStart(node=node):
                nodes = (node,)
                assert one.layer < 20
            case Restart(node=node, down_ns=down_ns) | BetweenWrites(node=node, down_ns=down_ns):
                nodes = (node,)
                assert down_ns < 2 * 15 * SECOND_NS
                assert node not in plan.late
        assert all(node < honest for node in nodes)
        away[one.layer // 4] += 0 if isinstance(one, LateStart) else len(nodes)
    assert max(away.values()) <= 4
    assert away[7] == away[8] == away[9] == 0
    assert plan.starts_again == sum(away.values()) - 2 * plan.partitions


@pytest.mark.parametrize("seed", range(30))
def test_outages_are_over_when_the_last_epochs_begin(seed: int) -> None:
    quiet = shape().last_epoch * 4 * 15 * SECOND_NS
    for one in draw_faults(seed, shape()).outages:
        length_ns = 0
        offset_ns = 0 if isinstance(one, BetweenWrites) else one.offset_ns
        if isinstance(one, Partition):
            length_ns = one.length_ns
        elif not isinstance(one, LateStart):
            length_ns = one.down_ns
        assert one.layer * 15 * SECOND_NS + offset_ns + length_ns <= quiet


def test_few_nodes_come_back_at_once() -> None:
    for seed in range(20):
        plan = draw_faults(seed, shape(nodes=FEW_NODES - 1, epochs=6))
        assert all(
            one.down_ns == 0 for one in plan.outages if isinstance(one, Restart | BetweenWrites)
        )
        assert plan.partitions == 0


def test_a_short_run_has_no_outages() -> None:
    assert draw_faults(3, shape(nodes=1, epochs=2)).outages == ()
