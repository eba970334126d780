"""A whole network in virtual time, and whether its nodes agree.

Honest nodes must have equal ATXs, equal malicious smeshers and equal states at every layer
that they have applied.  Everything follows from the plan: the same one gives the same run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.base.hashing import hash32
from node.sim.faults import FaultPlan, draw_faults
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import GENESIS_NS, SimulatedNode, World, world_config
from node.store.atxs import atx_ids_in_epoch
from node.store.identities import malicious_smeshers
from node.store.layers import find_applied_block, find_state_hash
from node.types.ids import NO_BLOCK, SmesherID
from node.types.layer import EpochID, LayerID

ASKED_FOR_MALICIOUS: Final = 3
"""Peers whose lists of malicious smeshers a starting node waits for, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshPlan:
    """What is run; it determines everything that happens."""

    preset: str
    nodes: int
    epochs: int
    seed: int

    faults: bool
    """Whether messages are lost, clocks are off and processes die."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """What the nodes hold of one layer."""

    layer: LayerID

    applied: int
    """Nodes that have it in their state."""

    block: str
    """Applied block in hex; empty where the layer is, or where nodes differ."""

    state_root: str
    """In hex; empty where nodes differ or none has one."""

    equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Something that honest nodes hold differently."""

    layer: LayerID
    subject: str

    values: dict[str, str]
    """What each node has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshReport:
    """How a run went."""

    plan: MeshPlan
    faults: FaultPlan
    layers: tuple[LayerRow, ...]
    disagreements: tuple[Disagreement, ...]

    virtual_s: float
    """Length of the run on its own clock, from genesis on."""

    @property
    def agreed(self) -> bool:
        """Tell whether all nodes held the same at all times."""
        return not self.disagreements


def run_mesh(plan: MeshPlan, folder: Path, report: Callable[[str, int, int], None]) -> MeshReport:
    """Run a plan to its end.

    Args:
        plan: what to run.
        folder: empty; takes the databases of all nodes.
        report: told after every layer: what, how many, of how many.

    Raises:
        ConfigError: there is no such preset, or it cannot be simulated.
    """
    # A node asks so many peers for the malicious before it takes part: no more than there are.
    asked = str(max(1, min(ASKED_FOR_MALICIOUS, plan.nodes - 1)))
    settings = {"syncer.malfeasance-sync.min-sync-peers": asked}
    config = world_config(folder, settings, preset=plan.preset)
    main = config.main
    faults = FaultPlan()
    if plan.faults:
        faults = draw_faults(
            plan.seed,
            nodes=plan.nodes,
            epochs=plan.epochs,
            layers_per_epoch=main.layers_per_epoch,
            layer_ns=main.layer_duration,
        )
    links = SeededLinks(
        Randomness(b"links %d" % plan.seed),
        lowest_s=faults.lowest_s,
        highest_s=faults.highest_s,
        lost_per_million=faults.lost_per_million,
    )
    world = World(folder=folder, seed=plan.seed, config=config, links=links, skew_ns=faults.skew_ns)
    run = _Run(plan=plan, faults=faults, world=world, report=report)
    try:
        simulate(run.main())
        return run.result()
    finally:
        world.close()


@dataclass(kw_only=True)
class _Run:
    plan: MeshPlan
    faults: FaultPlan
    world: World
    report: Callable[[str, int, int], None]

    def __post_init__(self) -> None:
        self.layers_per_epoch = self.world.config.main.layers_per_epoch
        self.last = LayerID(self.plan.epochs * self.layers_per_epoch)
        self.found: list[Disagreement] = []
        self._convicted: set[SmesherID] = set()

    @property
    def nodes(self) -> list[SimulatedNode]:
        return list(self.world.nodes.values())

    async def main(self) -> None:
        for number in range(self.plan.nodes):
            self.world.add_node(number)
        restarts = list(self.faults.restarts)
        async with self.world.running():
            for number in range(1, self.last + 1):
                while restarts and restarts[0].layer < number:
                    restart = restarts.pop(0)
                    start_ns = GENESIS_NS + restart.layer * self.world.config.main.layer_duration
                    await self.world.clock.sleep_until(start_ns + restart.offset_ns)
                    await self.world.restart(f"node{restart.node}")
                await self.world.until_layer(number)
                self._compare_sets(LayerID(number))
                self.report("layers", number, self.last)

    def _compare_sets(self, layer: LayerID) -> None:
        """Compare what all have heard of for a layer: past epochs' ATXs, the malicious."""
        current = EpochID(layer // self.layers_per_epoch)
        if layer % self.layers_per_epoch == 0 and current > 0:
            epoch = EpochID(current - 1)
            values = {one.name: _digest_of_atxs(one, epoch) for one in self.nodes}
            self._note(layer, f"ATXs of epoch {epoch}", values)
        convicted = {one.name: set(malicious_smeshers(one.node.db)) for one in self.nodes}
        missing = {
            name: ", ".join(sorted(smesher.hex() for smesher in self._convicted - smeshers))
            for name, smeshers in convicted.items()
        }
        self._note(layer, "malicious smeshers that are not known", missing)
        self._convicted.update(*convicted.values())

    def _note(self, layer: LayerID, subject: str, values: dict[str, str]) -> None:
        if len(set(values.values())) > 1:
            self.found.append(Disagreement(layer=layer, subject=subject, values=values))

    def result(self) -> MeshReport:
        """Compare the states and return the report."""
        rows = tuple(self._row(LayerID(number)) for number in range(1, self.last))
        main = self.world.config.main
        return MeshReport(
            plan=self.plan,
            faults=self.faults,
            layers=rows,
            disagreements=tuple(self.found),
            virtual_s=self.last * main.layer_duration / 1e9,
        )

    def _row(self, layer: LayerID) -> LayerRow:
        having = [one for one in self.nodes if one.node.mesh.applied >= layer]
        roots = {one.name: (find_state_hash(one.node.db, layer) or b"").hex() for one in having}
        blocks = {
            one.name: (find_applied_block(one.node.db, layer) or NO_BLOCK).hex() for one in having
        }
        self._note(layer, "state root", roots)
        self._note(layer, "applied block", blocks)
        block = _only(blocks)
        return LayerRow(
            layer=layer,
            applied=len(having),
            block="" if block == NO_BLOCK.hex() else block,
            state_root=_only(roots),
            equal=len(set(roots.values())) <= 1 and len(set(blocks.values())) <= 1,
        )


def _only(values: dict[str, str]) -> str:
    """Return what all have, or nothing."""
    different = set(values.values())
    return different.pop() if len(different) == 1 else ""


def _digest_of_atxs(node: SimulatedNode, epoch: EpochID) -> str:
    atxs = sorted(atx_ids_in_epoch(node.node.db, epoch))
    return f"{len(atxs)} {hash32(*atxs).hex()[:16]}"
