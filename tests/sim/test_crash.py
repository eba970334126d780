"""Nodes that crash between two of their writes, whichever they are."""

import asyncio
from pathlib import Path

import pytest

from node.sim.crash import Crashes
from node.sim.crash_run import CrashPlan, CrashRuns
from node.sim.power import ALL, BetweenWrites, PoweredDatabase, PowerLost, Write
from node.sim.virtual_time import simulate
from node.sim.world import World, world_config
from node.store.identities import malicious_smeshers
from node.store.layers import find_state_hash
from node.types.layer import LayerID

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEED = 4
PLAIN, LAST_OF_EPOCH, FIRST_OF_EPOCH = LayerID(14), LayerID(15), LayerID(16)


def test_a_crash_before_each_kind_of_write_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = CrashRuns(CrashPlan(seed=SEED, first=PLAIN, last=FIRST_OF_EPOCH), tmp_path)
    runs.prepare()
    writes = runs.writes()
    assert {write.layer for write in writes} == {PLAIN, LAST_OF_EPOCH, FIRST_OF_EPOCH}
    kinds: dict[tuple[str, bool, tuple[bytes, ...]], Write] = {}
    for write in writes:
        kinds.setdefault((write.database, write.sync, write.prefixes), write)
    assert len(kinds) > 10
    for number, write in enumerate(kinds.values()):
        # Every other time the whole machine goes down, and what nobody waited for is lost.
        kept = 0 if number % 2 else ALL
        fault = BetweenWrites(node=1, layer=write.layer, write=write.number, unsynced_kept=kept)
        report = runs.crash(fault)
        assert report.happened, (SEED, write)
        assert report.problems == (), (SEED, write)

    # The same checks on a disk that lies: nothing is there that it said it had.
    waiting = PoweredDatabase.batch
    monkeypatch.setattr(
        PoweredDatabase, "batch", lambda database, *, sync=True: waiting(database, sync=False)
    )
    early = next(write for write in writes if write.layer == LAST_OF_EPOCH)
    report = runs.crash(
        BetweenWrites(node=1, layer=early.layer, write=early.number, unsynced_kept=0)
    )
    assert any("was accepted and lost" in problem for problem in report.problems)


def test_nodes_may_crash_again_while_they_start(tmp_path: Path) -> None:
    config = world_config(
        tmp_path, {"syncer.malfeasance-sync.min-sync-peers": "1"}, preset="fastnet"
    )
    crashes = Crashes(
        [
            BetweenWrites(node=1, layer=LayerID(2), write=0),
            BetweenWrites(node=1, layer=LayerID(2), write=1, down_ns=10**9),
            BetweenWrites(node=0, layer=LayerID(13), write=20, unsynced_kept=0),
            BetweenWrites(node=1, layer=LayerID(13), write=20),
            BetweenWrites(node=1, layer=LayerID(13), write=21, unsynced_kept=1),
        ],
        config,
    )
    world = World(folder=tmp_path, seed=SEED, config=config, adjust=crashes.adjust)

    async def main() -> None:
        world.add_node(0)
        async with world.running(), asyncio.TaskGroup() as tasks:
            service = tasks.create_task(crashes.run(world))
            await world.until_layer(2)
            # Its databases are empty: the first writes come before it can run.
            with pytest.raises(PowerLost):
                world.add_node(1)
            await world.until_layer(15)
            service.cancel()

    simulate(main())
    assert [(one.node, one.layer, one.write) for one in crashes.happened[:2]] == [
        (1, 2, 0),
        (1, 2, 1),
    ]
    assert len(crashes.happened) == 5
    assert crashes.is_up(0)
    assert crashes.is_up(1)
    assert crashes.witness.doubles == []
    assert crashes.witness.accusations == 0
    one, other = (world.nodes[name].node for name in ("node0", "node1"))
    # Both were away in layer 13: half of the network, in one layer.
    assert min(one.mesh.applied, other.mesh.applied) >= 12
    for number in range(8, 13):
        layer = LayerID(number)
        assert find_state_hash(one.db, layer) == find_state_hash(other.db, layer) is not None
    assert list(malicious_smeshers(one.db)) == list(malicious_smeshers(other.db)) == []
    world.close()
