"""Wrong clocks, simulated: what they show, and that layers ascend and operators are told."""

import asyncio
from dataclasses import replace

from node.layer_ticker import LayerTicker
from node.sim.clock import (
    GENESIS_NS,
    NS_PER_S,
    ClockPlan,
    ClockSimulation,
    Jump,
    WrongClock,
    run_clock,
)
from node.sim.virtual_time import simulate
from node.types.layer import LayerID
from node.types.layer_time import LayerTime

PLAN = ClockPlan(
    nodes=5,
    layers=20,
    layer_ns=60 * NS_PER_S,
    seed=1,
    wrong=1,
    drift_per_million=0,
    jump_ns=0,
    lost_per_million=0,
    allowed_ns=10 * NS_PER_S,
    patience=3,
)


def test_a_clock_drifts_and_is_set() -> None:
    clock = WrongClock(
        start_ns=GENESIS_NS,
        ahead_ns=NS_PER_S,
        drift_per_million=1000,
        jumps=(Jump(after_ns=100 * NS_PER_S, by_ns=-30 * NS_PER_S),),
    )

    async def main() -> list[int]:
        shown = [clock.now_ns()]
        for _ in range(2):
            await asyncio.sleep(60)
            shown.append(clock.now_ns())
        await clock.sleep_until(GENESIS_NS + 200 * NS_PER_S)
        return [*shown, clock.now_ns()]

    at_start, before, after, slept = [instant - GENESIS_NS for instant in simulate(main())]
    assert (at_start, before) == (NS_PER_S, 61_060_000_000)
    assert after == 91_120_000_000
    assert 0 <= slept - 200 * NS_PER_S < NS_PER_S


def test_a_ticker_leaves_out_what_a_clock_jumps_over_and_repeats_nothing() -> None:
    time = LayerTime(genesis_ns=GENESIS_NS, layer_duration_ns=60 * NS_PER_S, layers_per_epoch=10)

    async def ticks(by_s: int, count: int) -> list[tuple[int, int]]:
        clock = WrongClock(
            start_ns=GENESIS_NS,
            jumps=(Jump(after_ns=150 * NS_PER_S, by_ns=by_s * NS_PER_S),),
        )
        seen = []
        async for layer in LayerTicker(clock, time).ticks():
            seen.append((int(layer), round(asyncio.get_running_loop().time())))
            if len(seen) == count:
                break
        return seen

    assert simulate(ticks(150, 4)) == [(1, 60), (2, 120), (5, 150), (6, 210)]
    assert simulate(ticks(-100, 4)) == [(1, 60), (2, 120), (3, 280), (4, 340)]


def test_exact_clocks_tick_together_and_nobody_says_anything() -> None:
    report = run_clock(replace(PLAN, wrong=0, lost_per_million=100_000))
    assert report.agreed
    assert report.said == ()
    assert len(report.ticks) == PLAN.nodes * PLAN.layers
    assert all(tick.layer == tick.true_layer and tick.error_ns == 0 for tick in report.ticks)


def test_whose_clock_is_set_is_told_and_stops() -> None:
    for seed in range(6):
        report = run_clock(
            replace(PLAN, seed=seed, jump_ns=90 * NS_PER_S, drift_per_million=500, layers=30)
        )
        assert report.agreed, report.faults
        (jump,) = report.clocks["node0"].jumps
        if abs(jump.by_ns) > 20 * NS_PER_S and jump.after_ns < 20 * PLAN.layer_ns:
            told = [said for said in report.said if said.node == "node0"]
            assert [said.is_last for said in told] == [False, False, False, True]
            assert "those of the peers, 10 s are allowed" in told[-1].message
        assert {said.node for said in report.said} <= {"node0"}


def test_one_seed_gives_one_run_and_another_seed_another() -> None:
    plan = replace(PLAN, jump_ns=90 * NS_PER_S)
    assert run_clock(plan) == run_clock(plan)
    assert run_clock(plan).clocks != run_clock(replace(plan, seed=2)).clocks


def test_a_node_that_nobody_tells_is_a_fault() -> None:
    simulation = ClockSimulation(replace(PLAN, lost_per_million=1_000_000))
    simulation.nodes[0].clock = WrongClock(start_ns=GENESIS_NS, ahead_ns=-20 * NS_PER_S)
    report = simulate(simulation.run())
    assert not report.agreed
    assert {fault.node for fault in report.faults} == {"node0"}
    assert "nobody tells it" in report.faults[0].message


def test_a_warning_without_a_reason_is_a_fault() -> None:
    simulation = ClockSimulation(replace(PLAN, layers=12))
    node, other = simulation.nodes[:2]
    # Its comparisons are made with another clock than its layers.
    node.peersync.clock = WrongClock(start_ns=GENESIS_NS, ahead_ns=-20 * NS_PER_S)
    report = simulate(simulation.run())
    assert {fault.node for fault in report.faults} == {node.name}
    assert "which it is by less" in report.faults[0].message
    assert other.peersync.offset_ns is not None
    assert report.ticks[0].layer == LayerID(1)
