"""Crashes between any two writes of a node, as a fault of a simulation.

To put them into a run of one's own:

    crashes = Crashes([BetweenWrites(node=1, layer=LayerID(9), write=4)], config)
    world = World(..., adjust=crashes.adjust)
    async with world.running(), asyncio.TaskGroup() as tasks:
        service = tasks.create_task(crashes.run(world))
        await world.until_layer(12)
        service.cancel()

Several nodes may have several crashes each, also while they start again.  A node that is
down is started again at once, or after ``down_ns``.  ``crashes.witness`` has heard all that
nodes said to each other; ``crashes.writes(1)`` are the writes of node 1 that happened, so a
run without faults tells how many a layer has.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from node.config.model.root import NodeConfig
from node.consensus.hare.messages import Version
from node.environment import Environment
from node.net.ports import PeerID
from node.sim.power import (
    BetweenWrites,
    Meter,
    Power,
    PoweredDatabase,
    PoweredNetwork,
    PowerLost,
    Write,
)
from node.sim.witness import Witness
from node.sim.world import GENESIS_NS, World
from node.types.layer import LayerID


class Crashes:
    """Lets nodes crash as planned and starts them again; ``adjust`` is a World's."""

    def __init__(self, faults: Iterable[BetweenWrites], config: NodeConfig) -> None:
        """Plan crashes, in any order, of nodes with this configuration."""
        self.witness = Witness(
            hare_topics={
                config.hare3.protocol_name: Version.HARE3,
                config.hare4.protocol_name: Version.HARE4,
            }
        )
        self.happened: list[BetweenWrites] = []
        self._layer_ns = config.main.layer_duration
        self._planned = sorted(faults, key=lambda fault: (fault.layer, fault.write))
        self._meters: dict[int, Meter] = {}
        self._powers: dict[int, Power] = {}
        self._down: asyncio.Queue[BetweenWrites] = asyncio.Queue()

    def adjust(self, number: int, environment: Environment) -> Environment:
        """Give a node, each time it is built, power that may fail."""
        clock = environment.clock
        planned = [fault for fault in self._planned if fault.node == number]
        power = Power(
            meter=self._meters.setdefault(number, Meter(faults=planned)),
            layer_now=lambda: self._layer_at(clock.now_ns()),
            on_lost=self._on_lost,
        )
        self._powers[number] = power
        return replace(
            environment,
            db=PoweredDatabase("state", environment.db, power),
            local=PoweredDatabase("local", environment.local, power),
            network=PoweredNetwork(environment.network, power, self._saw),
        )

    def writes(self, number: int) -> tuple[Write, ...]:
        """Return the writes of a node that have happened."""
        return tuple(self._meters[number].writes)

    def is_up(self, number: int) -> bool:
        """Tell whether a node runs, or is about to."""
        return self._powers[number].is_on

    async def run(self, world: World) -> None:
        """Start nodes again that went down, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                fault = await self._down.get()
                tasks.create_task(self._bring_back(world, fault))

    async def _bring_back(self, world: World, fault: BetweenWrites) -> None:
        name = f"node{fault.node}"
        if name in world.nodes:
            await world.stop(name)
        await asyncio.sleep(fault.down_ns / 1e9)
        try:
            world.add_node(fault.node)
        except PowerLost:
            # It went down again while it started: that fault is in the queue.
            return
        world.start(name)

    def _on_lost(self, fault: BetweenWrites) -> None:
        self.happened.append(fault)
        self._down.put_nowait(fault)

    def _saw(self, _peer: PeerID, topic: str, data: bytes) -> None:
        self.witness.saw(topic, data)

    def _layer_at(self, now_ns: int) -> LayerID:
        return LayerID(max(0, now_ns - GENESIS_NS) // self._layer_ns)
