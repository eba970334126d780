"""What a simulation of a whole network is given, and what it finds."""

from dataclasses import dataclass

from node.config.model.consensus import HareMode
from node.sim.faults import FaultPlan
from node.types.layer import LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshPlan:
    """What is run; it determines everything that happens."""

    preset: str
    nodes: int
    epochs: int
    seed: int

    faults: bool
    """Whether messages are lost, clocks are off, processes die and links break."""

    adversaries: int
    """How many of the nodes, the last ones, break the protocol."""

    hare: HareMode = "messages"
    """How nodes come to the proposals of a layer; old traces do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """What the honest nodes hold of one layer at the end."""

    layer: LayerID

    applied: int
    """Nodes that have it in their state."""

    block: str
    """Applied block in hex; empty where the layer is, or where nodes differ."""

    state_root: str
    """In hex; empty where nodes differ or none has one."""

    reorgs: int
    """How often a node applied something else after it had applied the layer."""

    rewards: int
    """Smeshers who were rewarded."""

    equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Something that honest nodes hold differently, or that none of them may hold."""

    layer: LayerID
    subject: str

    values: dict[str, str]
    """What each node has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Where a run did something else than a trace says."""

    event: int
    """Number of the event, from 0 on."""

    expected: str
    happened: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshReport:
    """How a run went."""

    plan: MeshPlan
    faults: FaultPlan
    layers: tuple[LayerRow, ...]
    disagreements: tuple[Disagreement, ...]

    virtual_s: float
    """Length of the run on its own clock, from genesis on."""

    left_out: tuple[int, ...] = ()
    """Honest nodes that were still catching up at the end, and not compared any more."""

    events: int = 0
    """Of the trace, if one was written or followed."""

    departure: Departure | None = None
    """None also where no trace was followed."""

    @property
    def agreed(self) -> bool:
        """Tell whether all honest nodes that were compared held the same, and came forward."""
        return not self.disagreements

    @property
    def empty_layers(self) -> int:
        """Layers after the first that has a block, that have none and are applied."""
        numbers = [row.layer for row in self.layers if row.block]
        first = min(numbers, default=LayerID(0))
        return sum(
            row.layer > first and row.applied > 0 and row.equal and not row.block
            for row in self.layers
        )
