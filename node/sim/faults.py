"""What goes wrong in a simulation, drawn from its seed before it starts.

Faults are bounded so that an honest network has to bear them:

- clocks are off by less than the tolerance of the protocols; messages, also those of slow
  nodes, are late by less than a hare round;
- adversaries have less than a fifth of the weight;
- in every epoch a few others are killed, lose their power between two writes, or are cut off,
  one group after the other, so that those who are there and honest keep more than the
  half that hare needs, with room for what is lost on the way;
- nobody is away longer than an epoch, and nothing happens in the last three epochs, so that
  in the end everybody had the time to catch up.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from node.sim.links import Randomness
from node.sim.power import ALL, BetweenWrites
from node.types.layer import LayerID

NS_PER_MS = 10**6
MAX_SKEW_NS: Final = 100 * NS_PER_MS
"""How far a node's clock is ahead at most."""
LOST_PER_MILLION: Final = 20_000
"""Messages lost on each link."""
REPEATED_PER_MILLION: Final = 20_000
"""Messages that come to a node once more."""
LOWEST_S: Final = 0.005
HIGHEST_S: Final = 0.12
"""Time that a message takes on a link."""
SLOW_S: Final = 0.15
"""What a message to or from a slow node takes on top of it."""
MOST_REPEATED_S: Final = 40.0
"""After how long a message comes again, at most."""

NODES_PER_SLOW: Final = 7
NODES_PER_LATE: Final = 10
"""Of so many nodes one starts late."""
NODES_PER_CUT: Final = 7
"""Of so many nodes one is cut off in a partition."""
NODES_PER_ADVERSARY: Final = 6
"""One in six is less than a fifth."""
QUIET_EPOCHS: Final = 3
"""At the end of a run of many epochs; of a short one it is the last."""
MANY_EPOCHS: Final = 5
FEW_NODES: Final = 6
"""With fewer, a node that stays down is too much to bear."""
MOST_WRITES: Final = 60
"""A layer has about as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """A process that is killed at an instant and started again from its disk."""

    node: int
    layer: LayerID

    offset_ns: int
    """Nanoseconds after the start of the layer."""

    down_ns: int = 0
    """How long until it is started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Nodes that hear only each other for a while."""

    nodes: tuple[int, ...]
    layer: LayerID

    offset_ns: int
    """Nanoseconds after the start of the layer."""

    length_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LateStart:
    """A node that is started for the first time when the network has long been there."""

    node: int
    layer: LayerID
    offset_ns: int


Outage: TypeAlias = Restart | Partition | LateStart | BetweenWrites


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Everything that goes wrong in one run."""

    lost_per_million: int = 0
    repeated_per_million: int = 0
    lowest_s: float = LOWEST_S
    highest_s: float = HIGHEST_S

    skews_ns: tuple[int, ...] = ()
    """How far each node's clock is ahead; none: all are exact."""

    slow: tuple[int, ...] = ()
    """Nodes that are far from all others."""

    outages: tuple[Outage, ...] = ()
    """By layer."""

    adversaries: tuple[tuple[int, str], ...] = ()
    """Nodes that break the protocol, and how."""

    def skew_ns(self, node: int) -> int:
        """Return how far a node's clock is ahead."""
        return self.skews_ns[node] if self.skews_ns else 0

    @property
    def late(self) -> frozenset[int]:
        """Nodes that are not there from the beginning."""
        return frozenset(one.node for one in self.outages if isinstance(one, LateStart))

    @property
    def starts_again(self) -> int:
        """How often processes end and are started again."""
        return sum(isinstance(one, Restart | BetweenWrites) for one in self.outages)

    @property
    def partitions(self) -> int:
        """How often nodes are cut off."""
        return sum(isinstance(one, Partition) for one in self.outages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The network that faults are drawn for."""

    nodes: int
    epochs: int
    layers_per_epoch: int
    layer_ns: int

    honest: int
    """The first so many nodes; the rest are adversaries."""

    @property
    def last_epoch(self) -> int:
        """Epoch before which all outages are over."""
        return self.epochs - (QUIET_EPOCHS if self.epochs >= MANY_EPOCHS else 1)

    def until_quiet(self, layer: LayerID, offset_ns: int) -> int:
        """Return how many nanoseconds an outage may last that begins at an instant.

        ATXs that come late in an epoch divide the beacon of the next but one.
        """
        left = self.last_epoch * self.layers_per_epoch - layer
        return left * self.layer_ns - offset_ns


def draw_faults(
    seed: int, shape: Shape, adversaries: tuple[tuple[int, str], ...] = ()
) -> FaultPlan:
    """Return the faults of a seed."""
    random = Randomness(b"faults %d" % seed)
    skews = tuple(random.below(MAX_SKEW_NS) for _ in range(shape.nodes))
    slow = _draw_nodes(random, shape, shape.honest // NODES_PER_SLOW)
    late_starts = _late_starts(random, shape)
    late = {one.node for one in late_starts}
    outages: list[Outage] = [*late_starts]
    for epoch in range(1, shape.last_epoch):
        outages += _outages_of_epoch(random, shape, epoch, away=late)
    outages.sort(key=lambda outage: outage.layer)
    return FaultPlan(
        lost_per_million=LOST_PER_MILLION,
        repeated_per_million=REPEATED_PER_MILLION,
        skews_ns=skews,
        slow=slow,
        outages=tuple(outages),
        adversaries=adversaries,
    )


def _late_starts(random: Randomness, shape: Shape) -> list[LateStart]:
    """Some nodes start after the first epoch, in the first half of the run."""
    last = shape.last_epoch // 2
    if last < 1:
        return []
    return [
        LateStart(
            node=node,
            layer=LayerID((1 + random.below(last)) * shape.layers_per_epoch),
            offset_ns=random.below(shape.layer_ns * shape.layers_per_epoch),
        )
        for node in _draw_nodes(random, shape, shape.honest // NODES_PER_LATE)
    ]


def _outages_of_epoch(random: Randomness, shape: Shape, epoch: int, away: set[int]) -> list[Outage]:
    """Draw what happens to which nodes in one epoch, and over before the next one ends."""

    def instant() -> tuple[LayerID, int]:
        first = epoch * shape.layers_per_epoch
        return LayerID(first + random.below(shape.layers_per_epoch)), random.below(shape.layer_ns)

    found: list[Outage] = []
    nodes = _draw_nodes(random, shape, 2, away)
    for node in nodes:
        layer, offset_ns = instant()
        down_ns = random.below(2) * random.below(2 * shape.layer_ns)
        if shape.honest < FEW_NODES:
            down_ns = 0
        down_ns = min(down_ns, shape.until_quiet(layer, offset_ns))
        if random.below(2):
            found.append(Restart(node=node, layer=layer, offset_ns=offset_ns, down_ns=down_ns))
        else:
            write, kept = random.below(MOST_WRITES), ALL if random.below(2) else random.below(4)
            found.append(
                BetweenWrites(
                    node=node, layer=layer, write=write, unsynced_kept=kept, down_ns=down_ns
                )
            )
    # Every third epoch: longer than one would be two at once.
    cut = _draw_nodes(random, shape, shape.honest // NODES_PER_CUT, {*away, *nodes})
    layer, offset_ns = instant()
    length_ns = shape.layer_ns + random.below(shape.layer_ns * (shape.layers_per_epoch - 1))
    length_ns = min(length_ns, shape.until_quiet(layer, offset_ns))
    if epoch % 3 == 0 and cut:
        found.append(Partition(nodes=cut, layer=layer, offset_ns=offset_ns, length_ns=length_ns))
    return found


def _draw_nodes(
    random: Randomness, shape: Shape, count: int, away: set[int] | None = None
) -> tuple[int, ...]:
    """Return some different honest nodes; with few nodes it is fewer, so that most are there."""
    left = [node for node in range(shape.honest) if node not in (away or ())]
    most = max(1, shape.honest // 3) if shape.honest > 1 else 1
    return tuple(
        sorted(left.pop(random.below(len(left))) for _ in range(min(count, most, len(left))))
    )
