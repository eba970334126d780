"""Clocks that are wrong: they drift and jump, and a node goes by them.

Every simulated node has a layer ticker and the comparison of clocks with its peers, as the
daemon has them.  A ticker must never go back, whatever its clock does, or a node would say
something twice; and whose clock is off by more than is allowed must be told, and stop.

Source: node digest section 5; p2p digest A8.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from node.base.errors import PreconditionError
from node.config.durations import Nanoseconds
from node.config.model.node import PeersyncConfig
from node.events import Bus, WarningRaised
from node.layer_ticker import LONGEST_SLEEP_NS, ROUNDING_NS, LayerTicker
from node.net.memory import MemoryEnd, MemoryNetwork
from node.net.peersync import PeerSync
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.types.layer import LayerID
from node.types.layer_time import LayerTime

NS_PER_S: Final = 10**9
PER_MILLION: Final = 10**6
GENESIS_NS: Final = 1_700_000_000 * NS_PER_S
REQUIRED_ANSWERS: Final = 3
"""Peers that must answer a comparison, as by default."""
LOWEST_S: Final = 0.02
HIGHEST_S: Final = 0.3
"""Time that a message takes on a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A clock is set, once."""

    after_ns: int
    """When, of true time since the start."""

    by_ns: int
    """How far ahead it is set; negative: back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongClock:
    """A clock that shows something else than the time; implements ``Clock``."""

    start_ns: int
    """Instant at which the event loop's time is 0."""

    ahead_ns: int = 0
    """How far it is ahead from the start; negative: behind."""

    drift_per_million: int = 0
    """Nanoseconds that it gains in a millisecond; negative: loses."""

    jumps: tuple[Jump, ...] = ()

    def error_ns(self) -> int:
        """Return how far it is ahead now."""
        elapsed_ns = self._elapsed_ns()
        jumped = sum(jump.by_ns for jump in self.jumps if jump.after_ns <= elapsed_ns)
        return self.ahead_ns + elapsed_ns * self.drift_per_million // PER_MILLION + jumped

    def now_ns(self) -> int:
        """See Clock."""
        return self.start_ns + self._elapsed_ns() + self.error_ns()

    async def sleep_until(self, instant_ns: int) -> None:
        """See Clock."""
        remaining = instant_ns - self.now_ns()
        while remaining > ROUNDING_NS:
            await asyncio.sleep(min(remaining, LONGEST_SLEEP_NS) / NS_PER_S)
            remaining = instant_ns - self.now_ns()

    def _elapsed_ns(self) -> int:
        return round(asyncio.get_running_loop().time() * NS_PER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockPlan:
    """What is run; it determines everything that happens."""

    nodes: int
    layers: int
    layer_ns: int
    seed: int

    wrong: int
    """Nodes whose clocks drift or jump, as the seed says; the others are exact."""

    drift_per_million: int
    """Most that a clock gains or loses, of a million."""

    jump_ns: int
    """Farthest that a clock is set, ahead or back."""

    lost_per_million: int
    """Messages lost on each link, of a million."""

    allowed_ns: int
    """How far a clock may be off; see ``time.peersync.max-clock-offset``."""

    patience: int
    """Comparisons in a row that may be bad; see ``time.peersync.max-offset-errors``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A node's ticker yields a layer."""

    node: str
    layer: LayerID

    true_layer: LayerID
    """The layer by true time."""

    error_ns: int
    """How far the node's clock is ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A node tells its operator about its clock."""

    node: str
    true_layer: LayerID
    message: str
    is_last: bool
    """The node stops with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that must not happen."""

    node: str
    layer: LayerID
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReport:
    """How a run went."""

    plan: ClockPlan
    clocks: dict[str, WrongClock]
    ticks: tuple[Tick, ...]
    """In the order of time."""

    said: tuple[Said, ...]
    faults: tuple[Fault, ...]

    @property
    def agreed(self) -> bool:
        """Tell whether every node kept its promises."""
        return not self.faults


@dataclass(kw_only=True)
class ClockNode:
    """What of a node goes by the clock."""

    name: str
    clock: WrongClock
    end: MemoryEnd
    bus: Bus
    peersync: PeerSync
    has_stopped: bool = False

    far_since_ns: int | None = None
    """Since when, of true time, the clock is off by more than is allowed."""


class ClockSimulation:
    """All nodes of a run."""

    def __init__(self, plan: ClockPlan) -> None:
        """Make the nodes."""
        self.plan = plan
        self.time = LayerTime(
            genesis_ns=GENESIS_NS, layer_duration_ns=plan.layer_ns, layers_per_epoch=10
        )
        self.true = WrongClock(start_ns=GENESIS_NS)
        self.random = Randomness(b"clock %d" % plan.seed)
        self.network = MemoryNetwork(
            links=SeededLinks(
                random=self.random,
                lowest_s=LOWEST_S,
                highest_s=HIGHEST_S,
                lost_per_million=plan.lost_per_million,
            )
        )
        self.nodes = [self._node(number) for number in range(plan.nodes)]
        self.ticks: list[Tick] = []
        self.said: list[Said] = []
        self.faults: list[Fault] = []

    async def run(self) -> ClockReport:
        """Let all clocks run to the last layer."""
        async with asyncio.TaskGroup() as tasks:
            for node in self.nodes:
                node.end.start(tasks)
            lives = [tasks.create_task(self._live(node)) for node in self.nodes]
            end_ns = self.time.start_of(LayerID(self.plan.layers + 1))
            while self.true.now_ns() < end_ns:
                await self.true.sleep_until(self.true.now_ns() + NS_PER_S)
                self._look()
            for life in lives:
                life.cancel()
            for node in self.nodes:
                node.end.stop()
        return ClockReport(
            plan=self.plan,
            clocks={node.name: node.clock for node in self.nodes},
            ticks=tuple(self.ticks),
            said=tuple(self.said),
            faults=tuple(self.faults),
        )

    async def _live(self, node: ClockNode) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tick(node))
                tasks.create_task(self._listen(node))
                tasks.create_task(node.peersync.run())
        except* PreconditionError as group:
            node.has_stopped = True
            node.end.stop()
            self._say(node, str(group.exceptions[0]), is_last=True)

    async def _tick(self, node: ClockNode) -> None:
        """Follow the layers; the ticker's promise is that they ascend."""
        latest = LayerID(0)
        async for layer in LayerTicker(node.clock, self.time).ticks():
            tick = Tick(
                node=node.name,
                layer=layer,
                true_layer=self._true_layer(),
                error_ns=node.clock.error_ns(),
            )
            if tick.true_layer > self.plan.layers:
                return
            self.ticks.append(tick)
            if layer <= latest:
                self._fail(node, f"begins layer {layer} after layer {latest}")
            latest = layer

    async def _listen(self, node: ClockNode) -> None:
        with node.bus.subscribe(WarningRaised) as warnings:
            async for warning in warnings:
                self._say(node, warning.message, is_last=False)

    def _say(self, node: ClockNode, message: str, *, is_last: bool) -> None:
        self.said.append(
            Said(
                node=node.name,
                true_layer=self._true_layer(),
                message=message,
                is_last=is_last,
            )
        )
        allowed_ns = self.plan.allowed_ns
        if abs(node.clock.error_ns()) < allowed_ns - self._uncertainty_ns():
            self._fail(node, f"is told that its clock is off, which it is by less: {message}")

    def _look(self) -> None:
        """Notice who should have stopped by now."""
        now_ns = self.true.now_ns()
        # A round comes once in a layer; it may take all its time, and be tried again.
        patience_ns = (self.plan.patience + 2) * 2 * self.plan.layer_ns
        for node in self.nodes:
            is_far = (
                abs(node.clock.error_ns()) > self.plan.allowed_ns + self._uncertainty_ns()
                and not node.has_stopped
                and len(node.end.best(self.plan.nodes)) >= REQUIRED_ANSWERS
            )
            if not is_far:
                node.far_since_ns = None
            elif node.far_since_ns is None:
                node.far_since_ns = now_ns
            elif now_ns - node.far_since_ns > patience_ns:
                node.far_since_ns = now_ns
                self._fail(node, "goes on with a clock that is off, and nobody tells it")

    def _fail(self, node: ClockNode, message: str) -> None:
        self.faults.append(Fault(node=node.name, layer=self._true_layer(), message=message))

    def _true_layer(self) -> LayerID:
        return self.time.layer_at(self.true.now_ns())

    def _uncertainty_ns(self) -> int:
        """Return how wrong a comparison may be: ways there and back differ, clocks go on."""
        drifted_ns = self.plan.layer_ns * self.plan.drift_per_million // PER_MILLION
        return round(HIGHEST_S * NS_PER_S) + drifted_ns

    def _node(self, number: int) -> ClockNode:
        clock = self._draw() if number < self.plan.wrong else self.true
        end = self.network.join(f"node{number}")
        bus = Bus()
        config = PeersyncConfig(
            round_retry_interval=Nanoseconds(self.plan.layer_ns // 5),
            round_interval=Nanoseconds(self.plan.layer_ns),
            max_clock_offset=Nanoseconds(self.plan.allowed_ns),
            max_offset_errors=self.plan.patience,
            required_responses=REQUIRED_ANSWERS,
        )
        peersync = PeerSync(network=end, clock=clock, bus=bus, config=config)
        return ClockNode(name=end.local, clock=clock, end=end, bus=bus, peersync=peersync)

    def _draw(self) -> WrongClock:
        """Return a clock that drifts, and is set once: ahead or back."""
        length_ns = self.plan.layers * self.plan.layer_ns
        drift = self._signed(self.plan.drift_per_million)
        jumps = (
            Jump(after_ns=self.random.below(length_ns), by_ns=self._signed(self.plan.jump_ns)),
        )
        return WrongClock(start_ns=GENESIS_NS, drift_per_million=drift, jumps=jumps)

    def _signed(self, bound: int) -> int:
        """Return a number from ``-bound`` to ``bound``."""
        return self.random.below(2 * bound + 1) - bound


def run_clock(plan: ClockPlan) -> ClockReport:
    """Run a plan to its end."""
    return simulate(ClockSimulation(plan).run())
