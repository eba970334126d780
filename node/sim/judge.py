"""Looks at the nodes of a simulated network: are all honest ones equal, and coming forward?

What is compared

- at every layer, between the nodes that are settled: the malicious smeshers of the layer
  before are known to all, and none of them is honest; the state of the layer some layers
  back, by when every vote is in; at the start of an epoch, the ATXs of all before, but for
  those of smeshers whose node is not settled
- at the end, between the nodes that are settled then: ATXs, malicious smeshers, and state
  root and block of every applied layer, how far each has come, and whether blocks are still
  made

A node is not settled while it is down or cut off, and for some layers thereafter.  What it
published meanwhile reaches the others one by one, as they synchronise, so its ATX is compared
when it is settled again, or in the end at the latest.  ATXs of smeshers convicted of a wrong
PoST do not count: it is checked by samples, so it is kept by those who happened to look
elsewhere, until they hear of the proof.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from node.base import scale
from node.base.hashing import hash32
from node.config.model.root import NodeConfig
from node.consensus.malfeasance.wire import InvalidPostIndex, MalfeasanceData, MalfeasanceProof
from node.sim.faults import MANY_EPOCHS, QUIET_EPOCHS, FaultPlan, LateStart, Outage, Partition
from node.sim.mesh_report import Disagreement, LayerRow
from node.sim.power import PowerLost
from node.store.atxs import atxs_in_epoch
from node.store.db import Reader
from node.store.identities import malfeasances, malicious_smeshers
from node.store.layers import find_applied_block, find_state_hash
from node.store.rewards import rewards_in_layer
from node.types.ids import NO_BLOCK, SmesherID
from node.types.layer import EpochID, LayerID

CATCH_UP_LAYERS: Final = 4
"""How long a node needs, beyond hdist, after it was away: the synchronisation, which runs
once or twice a layer, brings in all layers, and after that it listens for a layer before it
takes part again."""
WATCHED_LAYERS: Final = 12
"""How far back changes of opinion are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Layers in which a node is not judged: it is away, or catching up."""

    node: int
    first: int
    last: int


def absences(faults: FaultPlan, config: NodeConfig) -> tuple[Absence, ...]:
    """Return when which nodes are not judged."""
    return tuple(absence for outage in faults.outages for absence in _absences_of(outage, config))


def _absences_of(outage: Outage, config: NodeConfig) -> Iterable[Absence]:
    layer_ns = config.main.layer_duration
    grace = config.tortoise.hdist + CATCH_UP_LAYERS
    match outage:
        case LateStart():
            # It has every epoch before to bring in.
            last = outage.layer + 2 * grace
            yield Absence(node=outage.node, first=0, last=last)
        case Partition():
            last = outage.layer + 1 + math.ceil(outage.length_ns / layer_ns) + grace
            for node in outage.nodes:
                yield Absence(node=node, first=outage.layer, last=last)
        case _:
            last = outage.layer + 1 + math.ceil(outage.down_ns / layer_ns) + grace
            yield Absence(node=outage.node, first=outage.layer, last=last)


class Judged(Protocol):
    """A node as far as it is judged; what it holds is asked only while it runs."""

    @property
    def number(self) -> int:
        """Which one."""

    @property
    def is_running(self) -> bool:
        """Tell whether it runs."""

    @property
    def db(self) -> Reader:
        """What it holds."""

    @property
    def applied(self) -> LayerID:
        """Last layer in its state."""


@dataclass(kw_only=True)
class Judge:
    """Compares the nodes of a world, layer by layer and in the end."""

    config: NodeConfig
    faults: FaultPlan

    nodes: Callable[[], Iterable[Judged]]
    """All that were started so far, adversaries too."""

    honest: Mapping[int, SmesherID]
    """Smeshers who may never be held to be malicious, by node."""

    last: LayerID
    """Where the run ends."""

    found: list[Disagreement] = field(default_factory=list)
    _absences: tuple[Absence, ...] = field(init=False)
    _convicted: set[SmesherID] = field(default_factory=set)
    _blocks: dict[tuple[int, LayerID], str] = field(default_factory=dict)
    _reorgs: Counter[LayerID] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Work out who is judged when."""
        config = self.config
        self._absences = absences(self.faults, config)
        self._adversaries = {node for node, _ in self.faults.adversaries}
        self._layers_per_epoch = config.main.layers_per_epoch
        # A layer that hare failed for waits zdist layers, and is then decided by votes that
        # are in the ballots of the next one, of which the last is not over.
        self._longest_lag = config.tortoise.zdist + 2
        self._decided_after = config.tortoise.hdist + CATCH_UP_LAYERS

    def settled(self, layer: LayerID) -> list[Judged]:
        """Return the honest nodes that are judged at the start of a layer."""
        away = self._away(layer) | self._adversaries
        return [one for one in self.nodes() if one.number not in away]

    def left_out(self) -> tuple[int, ...]:
        """Return the honest nodes that are not judged at the end: a short run has some."""
        return tuple(sorted(self._away(self.last) - self._adversaries))

    def _away(self, layer: LayerID) -> set[int]:
        return {one.node for one in self._absences if one.first <= layer <= one.last}

    def _running(self, layer: LayerID) -> list[Judged]:
        """Return the settled nodes that run, as all of them must."""
        nodes = self.settled(layer)
        stopped = {_name(one): "stopped" for one in nodes if not one.is_running}
        if stopped:
            self._report(layer, "nodes do not run", stopped)
        return [one for one in nodes if one.is_running]

    def look(self, layer: LayerID) -> None:
        """Compare what settled nodes have at the start of a layer."""
        nodes = self._running(layer)
        self._compare_malicious(layer, nodes)
        epoch, ordinal = divmod(layer, self._layers_per_epoch)
        # One layer on: what was under way when the epoch ended has arrived.
        if ordinal == 1:
            away = {self.honest[node] for node in self._away(layer) if node in self.honest}
            for past in range(1, epoch):
                self._compare_atxs(layer, EpochID(past), nodes, but=away)
        decided = LayerID(max(0, layer - self._decided_after))
        self._compare_states(layer, decided, nodes)
        self._count_reorgs(layer)

    def finish(self) -> tuple[LayerRow, ...]:
        """Compare everything at the end of the run, and return the table."""
        nodes = self._running(self.last)
        self._compare_malicious(self.last, nodes)
        for number in range(1, self.last // self._layers_per_epoch):
            self._compare_atxs(self.last, EpochID(number), nodes)
        lagging = {
            _name(one): str(one.applied)
            for one in nodes
            if one.applied < self.last - self._longest_lag
        }
        if lagging:
            self._report(self.last, f"applied layers lag behind layer {self.last}", lagging)
        rows = tuple(self._row(LayerID(number), nodes) for number in range(1, self.last))
        self._check_blocks(rows)
        return rows

    def _check_blocks(self, rows: Sequence[LayerRow]) -> None:
        """Look for blocks in the last two epochs: where none are made, all agree on nothing."""
        lasts = QUIET_EPOCHS - 1
        if self.last < MANY_EPOCHS * self._layers_per_epoch:
            return
        first = self.last - lasts * self._layers_per_epoch
        quiet = [row for row in rows if first <= row.layer < self.last - self._longest_lag]
        empty = {f"layer {row.layer}": "no block" for row in quiet if row.equal and not row.block}
        if 2 * len(empty) > len(quiet):
            self._report(self.last, "most of the last layers have no block", empty)

    def _compare_malicious(self, layer: LayerID, nodes: Sequence[Judged]) -> None:
        convicted = {_name(one): set(malicious_smeshers(one.db)) for one in nodes}
        honest = set(self.honest.values())
        wrong = {name: _listed(found & honest) for name, found in convicted.items()}
        wrong = {name: text for name, text in wrong.items() if text}
        if wrong:
            self._report(layer, "honest smeshers are held to be malicious", wrong)
        missing = {name: _listed(self._convicted - found) for name, found in convicted.items()}
        self._note(layer, "malicious smeshers that are not known", missing)
        self._convicted.update(*convicted.values())

    def _compare_atxs(
        self,
        layer: LayerID,
        epoch: EpochID,
        nodes: Sequence[Judged],
        but: Collection[SmesherID] = (),
    ) -> None:
        values = {_name(one): _digest_of_atxs(one, epoch, but) for one in nodes}
        self._note(layer, f"ATXs of epoch {epoch}", values)

    def _compare_states(
        self, now: LayerID, layer: LayerID, nodes: Sequence[Judged]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return state roots and blocks of a layer, of the nodes that have applied it."""
        having = [one for one in nodes if one.applied >= layer]
        roots = {_name(one): (find_state_hash(one.db, layer) or b"").hex() for one in having}
        blocks = {_name(one): _block_of(one, layer) for one in having}
        self._note(now, f"state root of layer {layer}", roots)
        self._note(now, f"block of layer {layer}", blocks)
        return roots, blocks

    def _count_reorgs(self, layer: LayerID) -> None:
        """Count changes of opinion, also of nodes that were away and come to know better."""
        for one in self.nodes():
            if one.is_running and one.number not in self._adversaries:
                # One whose power has just failed cannot be asked any more.
                with suppress(PowerLost):
                    self._count_reorgs_of(one, layer)

    def _count_reorgs_of(self, one: Judged, layer: LayerID) -> None:
        for number in range(max(1, layer - WATCHED_LAYERS), min(layer, one.applied + 1)):
            past = LayerID(number)
            block = _block_of(one, past)
            before = self._blocks.get((one.number, past))
            if before is not None and before != block:
                self._reorgs[past] += 1
            self._blocks[one.number, past] = block

    def _note(self, layer: LayerID, subject: str, values: dict[str, str]) -> None:
        if len(set(values.values())) > 1:
            self._report(layer, subject, values)

    def _report(self, layer: LayerID, subject: str, values: dict[str, str]) -> None:
        """Keep something that is wrong, once: it may stay so for long."""
        if all((one.subject, one.values) != (subject, values) for one in self.found):
            self.found.append(Disagreement(layer=layer, subject=subject, values=values))

    def _row(self, layer: LayerID, nodes: Sequence[Judged]) -> LayerRow:
        roots, blocks = self._compare_states(self.last, layer, nodes)
        block = _only(blocks)
        return LayerRow(
            layer=layer,
            applied=len(roots),
            block="" if block == NO_BLOCK.hex() else block,
            state_root=_only(roots),
            reorgs=self._reorgs[layer],
            rewards=max((len(list(rewards_in_layer(n.db, layer))) for n in nodes), default=0),
            equal=len(set(roots.values())) <= 1 and len(set(blocks.values())) <= 1,
        )


def _name(one: Judged) -> str:
    return f"node{one.number}"


def _block_of(one: Judged, layer: LayerID) -> str:
    return (find_applied_block(one.db, layer) or NO_BLOCK).hex()


def _listed(smeshers: set[SmesherID]) -> str:
    return ", ".join(sorted(smesher.hex() for smesher in smeshers))


def _only(values: dict[str, str]) -> str:
    """Return what all have, or nothing."""
    different = set(values.values())
    return different.pop() if len(different) == 1 else ""


def _digest_of_atxs(node: Judged, epoch: EpochID, but: Collection[SmesherID]) -> str:
    db = node.db
    left_out = {*_convicted_by_sample(db), *but}
    atxs = sorted(atx.id for atx in atxs_in_epoch(db, epoch) if atx.smesher not in left_out)
    return f"{len(atxs)} {hash32(*atxs).hex()[:16]}"


def _convicted_by_sample(db: Reader) -> Iterator[SmesherID]:
    for one in malfeasances(db):
        # A member of a set of married smeshers is condemned without a proof of its own.
        if one.proof and isinstance(_data_of(one.proof), InvalidPostIndex):
            yield one.smesher


def _data_of(proof: bytes) -> MalfeasanceData:
    return scale.decode(MalfeasanceProof, proof).data
