"""The tortoise alone: nodes vote for many layers, are split for some, and come together again.

Every node has the tortoise of the daemon and one smesher with a ballot in every layer; what
hare would have decided is made up from who hears whom.  Dishonest smeshers vote against every
block, or withhold their ballots and give them away together, later.

Honest nodes must not come to two different opinions of a layer that both of them have decided.

A trace of the reference, or of a node of such a run, can be replayed: then every output of
the tortoise is compared with the recorded one.

Source: tortoise digest sections 5 to 8 and 11.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from node.base.errors import IgnoreError, PreconditionError
from node.base.hashing import hash32
from node.consensus.atxdata import AtxData, AtxEntry
from node.consensus.tortoise.ballots import BallotData, ReferenceData
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import TortoiseParameters
from node.consensus.tortoise.replay import Comparison, Replay, Restart
from node.consensus.tortoise.trace import (
    RecordedTortoise,
    TallyEvent,
    TraceEvent,
    decode_event,
)
from node.sim.links import MILLION, Randomness
from node.types.address import NO_ADDRESS
from node.types.ballot import Opinion, Vote
from node.types.ids import NO_BLOCK, AtxID, BallotID, Beacon, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID

LAYERS_PER_EPOCH: Final = 10
GENESIS: Final = LayerID(2 * LAYERS_PER_EPOCH - 1)
HDIST: Final = 5
ZDIST: Final = 2
WINDOW_LAYERS: Final = 10_000
MAX_EXCEPTIONS: Final = 1000
WEIGHT: Final = 1000
"""Of every smesher."""
TICKS: Final = 100
"""Of an epoch."""
WITHHELD_LAYERS: Final = 2 * HDIST
"""How long dishonest ballots are kept back."""

Record = Callable[[TraceEvent], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TortoisePlan:
    """What is run; it determines everything that happens."""

    nodes: int
    layers: int

    adversaries: int
    """Smeshers that vote against every block, or withhold their ballots, by turns."""

    lost_per_million: int
    """Ballots that reach a node a layer late, of a million."""

    split_at: int
    """Layer, counted from the first, in which the nodes are parted; 0: never."""

    split_layers: int
    """For how many layers."""

    smaller_side: int
    """Nodes on one side of the split."""

    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLayer:
    """Where a node stands after a layer."""

    node: str
    mode: str
    verified: LayerID
    ballots: int
    """That it has counted, of all layers."""

    waiting: int
    """That it cannot decode yet: what they are based on is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStep:
    """A layer, when its votes have been counted."""

    layer: LayerID
    is_split: bool
    nodes: tuple[NodeLayer, ...]
    """The honest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A layer that honest nodes decided differently."""

    layer: LayerID
    blocks: dict[str, str]
    """What each takes for valid: blocks in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TortoiseReport:
    """How a run went."""

    plan: TortoisePlan
    steps: tuple[LayerStep, ...]
    disputes: tuple[Dispute, ...]

    @property
    def agreed(self) -> bool:
        """Tell whether no two honest nodes decided a layer differently."""
        return not self.disputes


@dataclass(kw_only=True)
class TortoiseNode:
    """A tortoise, and the ballots that wait for what they are based on."""

    number: int
    is_honest: bool
    tortoise: Tortoise
    atxdata: AtxData
    inbox: list[tuple[int, BallotData]] = field(default_factory=list)
    """Ballots under way, with the layer in which they arrive."""

    blocks: list[tuple[int, Vote]] = field(default_factory=list)
    """Blocks under way."""

    counted: int = 0

    @property
    def name(self) -> str:
        """Return its name."""
        return f"node{self.number}"

    def receive(self, layer: int) -> None:
        """Take what has arrived: blocks, and ballots as far as they can be decoded."""
        for _, block in (arrived for arrived in self.blocks if arrived[0] <= layer):
            self.tortoise.on_block(block)
        self.blocks = [coming for coming in self.blocks if coming[0] > layer]
        due = sorted((b for at, b in self.inbox if at <= layer), key=lambda b: (b.layer, b.id))
        later = [(at, ballot) for at, ballot in self.inbox if at > layer]
        for ballot in due:
            try:
                self.tortoise.on_ballot(ballot)
            except IgnoreError:
                later.append((layer, ballot))
            else:
                self.counted += 1
        self.inbox = later

    def look(self, layer: int) -> NodeLayer:
        """Return where it stands."""
        return NodeLayer(
            node=self.name,
            mode=self.tortoise.mode.value,
            verified=self.tortoise.latest_complete,
            ballots=self.counted,
            waiting=sum(at <= layer for at, _ in self.inbox),
        )

    def valid_blocks(self, layer: LayerID) -> str:
        """Return what it takes for valid in a layer that it has decided."""
        (result,) = self.tortoise.results(layer, layer)
        return ", ".join(block.header.block.hex() for block in result.blocks if block.valid)


class TortoiseSimulation:
    """All nodes of a run."""

    def __init__(self, plan: TortoisePlan, record: Record | None = None) -> None:
        """Make the nodes; ``record`` takes the trace of the first honest one."""
        self.plan = plan
        self.random = Randomness(b"tortoise %d" % plan.seed)
        self.parameters = TortoiseParameters(
            hdist=HDIST,
            zdist=ZDIST,
            window_layers=WINDOW_LAYERS,
            max_exceptions=MAX_EXCEPTIONS,
            bad_beacon_delay_layers=LAYERS_PER_EPOCH,
            layers_per_epoch=LAYERS_PER_EPOCH,
            effective_genesis=GENESIS,
        )
        self.nodes = [
            self._node(number, record if number == plan.adversaries else None)
            for number in range(plan.nodes)
        ]
        self.steps: list[LayerStep] = []

    def run(self) -> TortoiseReport:
        """Count the votes of all layers, one after the other."""
        first = GENESIS + 1
        for number in range(self.plan.layers):
            layer = LayerID(first + number)
            if layer % LAYERS_PER_EPOCH == 0:
                self._begin_epoch(EpochID(layer // LAYERS_PER_EPOCH))
            split = self.plan.split_at
            is_split = 0 < split <= number + 1 < split + self.plan.split_layers
            self._hold_layer(layer, is_split=is_split)
        return TortoiseReport(
            plan=self.plan, steps=tuple(self.steps), disputes=tuple(self._disputes())
        )

    def _begin_epoch(self, epoch: EpochID) -> None:
        for node in self.nodes:
            for smesher in self.nodes:
                entry = AtxEntry(
                    smesher=_smesher_id(smesher.number),
                    coinbase=NO_ADDRESS,
                    weight=WEIGHT,
                    base_height=epoch * TICKS,
                    height=(epoch + 1) * TICKS,
                    nonce=0,
                )
                atx_id = _atx_id(epoch, smesher.number)
                node.atxdata.add(epoch, atx_id, entry)
                node.tortoise.on_atx(epoch, atx_id, entry)
            node.tortoise.on_beacon(epoch, _beacon(epoch))

    def _hold_layer(self, layer: LayerID, *, is_split: bool) -> None:
        for node in self.nodes:
            node.receive(layer)
            node.tortoise.tally_votes(layer)
        for node in self.nodes:
            self._vote(node, layer, is_split=is_split)
        coin = bool(self.random(1)[0] & 1)
        for side in self._sides(is_split=is_split):
            self._decide(side, layer)
        for node in self.nodes:
            node.tortoise.on_weak_coin(layer, coin=coin)
            node.receive(layer)
            node.tortoise.tally_votes(layer)
            for result in node.tortoise.updates():
                if result.verified:
                    node.tortoise.on_applied(result.layer, result.opinion)
        seen = tuple(node.look(layer) for node in self.nodes if node.is_honest)
        self.steps.append(LayerStep(layer=layer, is_split=is_split, nodes=seen))

    def _vote(self, node: TortoiseNode, layer: LayerID, *, is_split: bool) -> None:
        """Make the node's ballot, and send it to everybody."""
        try:
            opinion = node.tortoise.encode_votes(layer)
        except PreconditionError:
            # Nothing serves as a base: who stood alone for long has no ballot in this layer.
            return
        ballot = _ballot(node.number, layer, opinion)
        plan = self.plan
        withheld = not node.is_honest and node.number % 2 == 1
        for other in self.nodes:
            arrives = int(layer)
            if other is not node:
                if self.random.below(MILLION) < plan.lost_per_million:
                    arrives += 1
                if is_split and self._side_of(node) != self._side_of(other):
                    arrives = max(arrives, self._healed)
                if withheld:
                    arrives = max(arrives, layer - layer % WITHHELD_LAYERS + WITHHELD_LAYERS)
            other.inbox.append((arrives, ballot))

    @property
    def _healed(self) -> int:
        """The first layer after the split."""
        return GENESIS + self.plan.split_at + self.plan.split_layers

    def _side_of(self, node: TortoiseNode) -> int:
        return int(node.number >= self.plan.nodes - self.plan.smaller_side)

    def _sides(self, *, is_split: bool) -> list[list[TortoiseNode]]:
        if not is_split:
            return [self.nodes]
        return [[node for node in self.nodes if self._side_of(node) == side] for side in (0, 1)]

    def _decide(self, side: list[TortoiseNode], layer: LayerID) -> None:
        """Let hare end with a block where enough of those who hear each other want one."""
        wanting = sum(node.is_honest or node.number % 2 == 1 for node in side)
        if 2 * wanting <= self.plan.nodes:
            return
        height = layer // LAYERS_PER_EPOCH * TICKS
        block = Vote(block=_block_id(layer, self.plan.seed), layer=layer, height=height)
        for node in self.nodes:
            if node not in side:
                # When they meet again they hear of it from votes, and fetch it.
                node.blocks.append((self._healed, block))
        for node in side:
            node.tortoise.on_block(block)
            # Who is against every block takes it that hare ended without one.
            is_against = not node.is_honest and node.number % 2 == 0
            node.tortoise.on_hare_output(layer, NO_BLOCK if is_against else block.block)

    def _disputes(self) -> Iterable[Dispute]:
        honest = [node for node in self.nodes if node.is_honest]
        decided = min(node.tortoise.latest_complete for node in honest)
        for number in range(GENESIS + 1, decided + 1):
            layer = LayerID(number)
            blocks = {node.name: node.valid_blocks(layer) for node in honest}
            if len(set(blocks.values())) > 1:
                yield Dispute(layer=layer, blocks=blocks)

    def _node(self, number: int, record: Record | None) -> TortoiseNode:
        atxdata = AtxData()
        tortoise = Tortoise(self.parameters, atxdata)
        if record is not None:
            tortoise = RecordedTortoise(
                self.parameters, atxdata, record, layer_size=self.plan.nodes
            )
        return TortoiseNode(
            number=number,
            is_honest=number >= self.plan.adversaries,
            tortoise=tortoise,
            atxdata=atxdata,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedLayer:
    """A tally of a trace, and what was compared since the one before."""

    layer: LayerID
    mode: str
    verified: LayerID
    compared: int
    different: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """How a replay went."""

    layers: tuple[ReplayedLayer, ...]
    compared: int
    """Outputs; the last of them may come after the last tally."""

    differences: tuple[Comparison, ...]


def run_tortoise(plan: TortoisePlan, record: Record | None = None) -> TortoiseReport:
    """Run a plan to its end; ``record`` takes the trace of the first honest node."""
    return TortoiseSimulation(plan, record).run()


def replay_trace(lines: Iterable[bytes | str], restart: Restart | None = None) -> ReplayReport:
    """Replay a trace and compare every output.

    Args:
        lines: of the trace.
        restart: what to do first, where the trace begins with a restart.

    Raises:
        RejectError: the trace does not begin with its parameters.
        DecodeError: a line is no event.
    """
    replay = Replay(restart)
    layers: list[ReplayedLayer] = []
    differences: list[Comparison] = []
    compared = since = different = 0
    for number, line in enumerate(lines, 1):
        event = decode_event(line)
        outputs = replay.feed(event)
        if outputs is not None:
            ours, recorded = outputs
            found = Comparison(
                line=number, event=type(event).__name__, ours=ours, recorded=recorded
            )
            since += 1
            if not found.equal:
                different += 1
                differences.append(found)
        if isinstance(event, TallyEvent):
            layers.append(
                ReplayedLayer(
                    layer=LayerID(event.lid),
                    mode=replay.tortoise.mode.value,
                    verified=replay.tortoise.latest_complete,
                    compared=since,
                    different=different,
                )
            )
            compared, since, different = compared + since, 0, 0
    return ReplayReport(
        layers=tuple(layers), compared=compared + since, differences=tuple(differences)
    )


def _smesher_id(number: int) -> SmesherID:
    return SmesherID(hash32(b"smesher", number.to_bytes(4, "big")))


def _atx_id(epoch: int, number: int) -> AtxID:
    return AtxID(hash32(b"atx", epoch.to_bytes(4, "big"), number.to_bytes(4, "big")))


def _block_id(layer: int, seed: int) -> BlockID:
    digest = hash32(b"block", layer.to_bytes(4, "big"), seed.to_bytes(8, "big"))
    return BlockID(digest[: BlockID.SIZE])


def _beacon(epoch: int) -> Beacon:
    return Beacon(epoch.to_bytes(Beacon.SIZE, "big"))


def _ballot(number: int, layer: LayerID, opinion: Opinion) -> BallotData:
    """Return a smesher's ballot; each is a reference ballot of its own."""
    epoch = layer // LAYERS_PER_EPOCH
    identity = hash32(b"ballot", layer.to_bytes(4, "big"), number.to_bytes(4, "big"))
    return BallotData(
        id=BallotID(identity[: BallotID.SIZE]),
        smesher=_smesher_id(number),
        layer=layer,
        atx_id=_atx_id(epoch, number),
        eligibility_count=1,
        opinion=Opinion(hash=Hash32(opinion.hash), votes=opinion.votes),
        epoch_data=ReferenceData(beacon=_beacon(epoch), eligibility_count=LAYERS_PER_EPOCH),
        ref_ballot=None,
    )
