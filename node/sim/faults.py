"""What goes wrong in a simulation, drawn from its seed before it starts.

Faults are bounded so that an honest network has to bear them: clocks are off by less than
the tolerance of the protocols, messages are late by less than a hare round, a minority of
nodes is down at any time.
"""

from dataclasses import dataclass

from node.sim.links import Randomness
from node.types.layer import LayerID

NS_PER_MS = 10**6
MAX_SKEW_NS = 100 * NS_PER_MS
"""How far a node's clock is ahead at most."""
LOST_PER_MILLION = 20_000
"""Messages lost on each link."""
LOWEST_S = 0.005
HIGHEST_S = 0.12
"""Time that a message takes on a link."""
RESTARTS_PER_EPOCH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """A process that dies at an instant and is started again from its disk at once."""

    node: int
    layer: LayerID

    offset_ns: int
    """Nanoseconds after the start of the layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Everything that goes wrong in one run."""

    lost_per_million: int = 0
    lowest_s: float = LOWEST_S
    highest_s: float = HIGHEST_S

    skews_ns: tuple[int, ...] = ()
    """How far each node's clock is ahead; none: all are exact."""

    restarts: tuple[Restart, ...] = ()
    """In the order of time."""

    def skew_ns(self, node: int) -> int:
        """Return how far a node's clock is ahead."""
        return self.skews_ns[node] if self.skews_ns else 0


def draw_faults(
    seed: int, *, nodes: int, epochs: int, layers_per_epoch: int, layer_ns: int
) -> FaultPlan:
    """Return the faults of a seed.

    Args:
        seed: the run's.
        nodes: how many there are.
        epochs: how many the run takes.
        layers_per_epoch: the network's.
        layer_ns: duration of a layer.
    """
    random = Randomness(b"faults %d" % seed)
    skews = tuple(random.below(MAX_SKEW_NS) for _ in range(nodes))
    restarts = [
        Restart(
            node=random.below(nodes),
            layer=LayerID(epoch * layers_per_epoch + random.below(layers_per_epoch)),
            offset_ns=random.below(layer_ns),
        )
        for epoch in range(1, epochs)
        for _ in range(RESTARTS_PER_EPOCH)
    ]
    restarts.sort(key=lambda restart: (restart.layer, restart.offset_ns, restart.node))
    return FaultPlan(lost_per_million=LOST_PER_MILLION, skews_ns=skews, restarts=tuple(restarts))
