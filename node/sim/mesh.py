"""A whole network in virtual time, and whether its nodes agree.

Everything follows from the plan: the same one gives the same run, event by event.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, assert_never

from node.environment import Environment
from node.layer_ticker import LoopClock
from node.net.ports import PeerID
from node.sim.adversaries.registry import Cast, draw_cast
from node.sim.crash import Crashes
from node.sim.faults import (
    MOST_REPEATED_S,
    NODES_PER_ADVERSARY,
    SLOW_S,
    FaultPlan,
    LateStart,
    Outage,
    Partition,
    Restart,
    Shape,
    draw_faults,
)
from node.sim.judge import Judge
from node.sim.links import MILLION, Randomness, SeededLinks
from node.sim.mesh_report import LayerRow, MeshPlan, MeshReport
from node.sim.power import BetweenWrites, PowerLost
from node.sim.trace import Item, Messages, Recorder, TraceFollower, as_item
from node.sim.virtual_time import simulate
from node.sim.world import GENESIS_NS, START_BEFORE_NS, SimulatedNode, World, world_config
from node.store.db import Reader
from node.store.layers import find_applied_block, find_state_hash
from node.types.ids import NO_BLOCK
from node.types.layer import LayerID

ASKED_FOR_MALICIOUS: Final = 3
"""Peers whose lists of malicious smeshers a starting node waits for, at most."""
RECONNECT_S: Final = 10.0
"""A node that has lost peers looks for some so often.  Who passes on what only few find to
be wrong, such as a PoST that is checked by samples, is dropped by those, and comes back."""
SHORT: Final = 16
"""Characters of a hash in a trace."""


def most_adversaries(nodes: int) -> int:
    """Return how many of the nodes may be adversaries: less than a fifth of the weight."""
    return nodes // NODES_PER_ADVERSARY


def network_ns() -> int:
    """Return what time it is in the network that runs, or when it would begin."""
    clock = LoopClock(GENESIS_NS - START_BEFORE_NS)
    try:
        return clock.now_ns()
    except RuntimeError:
        return GENESIS_NS - START_BEFORE_NS


def run_mesh(
    plan: MeshPlan,
    folder: Path,
    report: Callable[[str, int, int], None],
    recorder: Recorder | None = None,
) -> MeshReport:
    """Run a plan to its end, or to where it departs from the trace that it follows.

    Args:
        plan: what to run.
        folder: empty; takes the databases of all nodes.
        report: told after every layer: what, how many, of how many.
        recorder: writes the trace of the run, or compares the run with one.

    Raises:
        ConfigError: there is no such preset, or it cannot be simulated.
    """
    # A node asks so many peers for the malicious before it takes part: no more than there are.
    asked = str(max(1, min(ASKED_FOR_MALICIOUS, plan.nodes - 1)))
    settings = {
        "syncer.malfeasance-sync.min-sync-peers": asked,
        "main.standalone": "false",
        "hare.mode": plan.hare,
    }
    config = world_config(folder, settings, preset=plan.preset)
    cast = draw_cast(plan.seed, nodes=plan.nodes, adversaries=plan.adversaries)
    faults = draw_plan(plan, cast, config.main.layers_per_epoch, config.main.layer_duration)
    links = SeededLinks(
        Randomness(b"links %d" % plan.seed),
        lowest_s=faults.lowest_s,
        highest_s=faults.highest_s,
        lost_per_million=faults.lost_per_million,
        far_s={PeerID(f"node{number}"): SLOW_S for number in faults.slow},
    )
    crashing = tuple(one for one in faults.outages if isinstance(one, BetweenWrites))
    crashes = Crashes(crashing, config)
    crashes_of = {one.node for one in crashing}

    def adjust(number: int, environment: Environment) -> Environment:
        tampered = cast.adjust(number, environment)
        return crashes.adjust(number, tampered) if number in crashes_of else tampered

    world = World(
        folder=folder,
        seed=plan.seed,
        config=config,
        links=links,
        reconnect_s=RECONNECT_S,
        skew_ns=faults.skew_ns,
        adjust=adjust,
    )
    if faults.repeated_per_million:
        world.network.again_s = _repeating(plan.seed, faults.repeated_per_million)
    run = _Run(
        plan=plan,
        faults=faults,
        world=world,
        links=links,
        crashes=crashes,
        report=report,
        recorder=recorder,
    )
    try:
        simulate(run.main())
        return run.result()
    finally:
        world.close()


def draw_plan(plan: MeshPlan, cast: Cast, layers_per_epoch: int, layer_ns: int) -> FaultPlan:
    """Return the faults of a plan."""
    adversaries = tuple(sorted(cast.parts.items()))
    if not plan.faults:
        return FaultPlan(adversaries=adversaries)
    shape = Shape(
        nodes=plan.nodes,
        epochs=plan.epochs,
        layers_per_epoch=layers_per_epoch,
        layer_ns=layer_ns,
        honest=plan.nodes - plan.adversaries,
    )
    return draw_faults(plan.seed, shape, adversaries)


def _repeating(seed: int, per_million: int) -> Callable[[PeerID], float | None]:
    fractions = Randomness(b"repeated %d" % seed).fractions()

    def again_s(_receiver: PeerID) -> float | None:
        if next(fractions) * MILLION >= per_million:
            return None
        return MOST_REPEATED_S * next(fractions)

    return again_s


class _Moment(NamedTuple):
    """Something that is done at an instant."""

    at_ns: int

    place: int
    """Before what else is done at the same instant."""

    do: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Judged:
    """A node of the world, as the judge sees it."""

    one: SimulatedNode

    @property
    def number(self) -> int:
        return self.one.number

    @property
    def is_running(self) -> bool:
        return self.one.end.is_running

    @property
    def db(self) -> Reader:
        return self.one.node.db

    @property
    def applied(self) -> LayerID:
        return self.one.node.mesh.applied


@dataclass(kw_only=True)
class _Run:
    plan: MeshPlan
    faults: FaultPlan
    world: World
    links: SeededLinks
    crashes: Crashes
    report: Callable[[str, int, int], None]
    recorder: Recorder | None
    _down: dict[int, Restart] = field(default_factory=dict)
    """What killed the nodes that are down."""

    _rows: tuple[LayerRow, ...] = ()

    def __post_init__(self) -> None:
        main = self.world.config.main
        self.layer_ns = main.layer_duration
        self.last = LayerID(self.plan.epochs * main.layers_per_epoch)
        self.judge = Judge(
            config=self.world.config,
            faults=self.faults,
            nodes=lambda: [_Judged(one) for one in self.world.nodes.values()],
            honest={
                number: self.world.signer(number).smesher_id
                for number in range(self.plan.nodes - self.plan.adversaries)
            },
            last=self.last,
        )

    async def main(self) -> None:
        if self.recorder is not None:
            self.world.network.watch = Messages(self.recorder, self._now_ns)
            self._note("faults", as_item(asdict(self.faults)))
        for number in range(self.plan.nodes):
            if number not in self.faults.late:
                self.world.add_node(number)
        async with self.world.running(), asyncio.TaskGroup() as tasks:
            service = tasks.create_task(self.crashes.run(self.world))
            for moment in self._moments():
                await self.world.clock.sleep_until(moment.at_ns)
                await moment.do()
                if self.recorder is not None and self.recorder.departure is not None:
                    break
            self._rows = self.judge.finish()
            service.cancel()

    def result(self) -> MeshReport:
        """Return the report of a run that is over."""
        if isinstance(self.recorder, TraceFollower):
            self.recorder.finish()
        return MeshReport(
            plan=self.plan,
            faults=self.faults,
            layers=self._rows,
            disagreements=tuple(self.judge.found),
            left_out=self.judge.left_out(),
            virtual_s=self.last * self.layer_ns / 1e9,
            events=0 if self.recorder is None else self.recorder.events,
            departure=None if self.recorder is None else self.recorder.departure,
        )

    # What is done when

    def _moments(self) -> list[_Moment]:
        """Return everything that is done from outside, in order."""
        found: list[tuple[int, Callable[[], Awaitable[None]]]] = []
        for outage in self.faults.outages:
            found += self._steps(outage)
        for number in range(1, self.last + 1):
            found.append((self._start_of(LayerID(number)), partial(self._look, LayerID(number))))
        moments = [_Moment(at_ns, place, do) for place, (at_ns, do) in enumerate(found)]
        return sorted(moments, key=lambda moment: (moment.at_ns, moment.place))

    def _steps(self, outage: Outage) -> list[tuple[int, Callable[[], Awaitable[None]]]]:
        match outage:
            case Restart():
                at_ns = self._start_of(outage.layer) + outage.offset_ns
                return [
                    (at_ns, partial(self._stop, outage)),
                    (at_ns + outage.down_ns, partial(self._bring_back, outage)),
                ]
            case LateStart(node=node):
                at_ns = self._start_of(outage.layer) + outage.offset_ns
                return [(at_ns, partial(self._start, node))]
            case Partition(nodes=nodes, length_ns=length_ns):
                at_ns = self._start_of(outage.layer) + outage.offset_ns
                return [
                    (at_ns, partial(self._cut, nodes)),
                    (at_ns + length_ns, self._heal),
                ]
            case BetweenWrites():
                # It happens by itself, when the node writes.
                return []
            case _:
                assert_never(outage)

    async def _look(self, layer: LayerID) -> None:
        self.judge.look(layer)
        if self.recorder is not None:
            self._note("layer", layer, [self._state_of(number) for number in self._judged(layer)])
        self.report("layers", layer, self.last)

    async def _stop(self, restart: Restart) -> None:
        # One that is down already is not killed on top of it.
        name = f"node{restart.node}"
        if self.world.nodes[name].end.is_running:
            self._down[restart.node] = restart
            self._note("stop", [restart.node])
            await self.world.stop(name)

    async def _bring_back(self, restart: Restart) -> None:
        if self._down.get(restart.node) is restart:
            del self._down[restart.node]
            await self._start(restart.node)

    async def _start(self, number: int) -> None:
        self._note("start", [number])
        # A planned crash may come while it starts: it is brought back by the one who crashed it.
        with suppress(PowerLost):
            self.world.add_node(number)
            self.world.start(f"node{number}")

    async def _cut(self, numbers: tuple[int, ...]) -> None:
        self._note("cut", list(numbers))
        for inside in numbers:
            for outside in range(self.plan.nodes):
                if outside not in numbers:
                    self.links.separate(PeerID(f"node{inside}"), PeerID(f"node{outside}"))

    async def _heal(self) -> None:
        self._note("heal", [])
        self.links.heal()

    # The trace

    def _note(self, kind: str, *items: Item) -> None:
        if self.recorder is not None:
            self.recorder.note(self._now_ns(), kind, *items)

    def _state_of(self, number: int) -> list[int | str]:
        node = self.world.nodes[f"node{number}"].node
        applied = node.mesh.applied
        block = find_applied_block(node.db, applied) or NO_BLOCK
        root = find_state_hash(node.db, applied) or b""
        return [number, applied, block.hex()[:SHORT], root.hex()[:SHORT]]

    def _judged(self, layer: LayerID) -> list[int]:
        return sorted(one.number for one in self.judge.settled(layer) if one.is_running)

    def _now_ns(self) -> int:
        return self.world.clock.now_ns() - GENESIS_NS

    def _start_of(self, layer: LayerID) -> int:
        return GENESIS_NS + layer * self.layer_ns
