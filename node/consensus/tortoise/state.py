"""What the tortoise remembers: epochs, layers, ballots, and how far it has come.

A plain record with lookups.  The modules beside it judge and change it.

Source: go-spacemesh, tortoise; tortoise digest section 2.
"""

from dataclasses import dataclass
from enum import StrEnum

from node.consensus.tortoise.ballots import BallotGroup, BallotIndex
from node.consensus.tortoise.opinion import ABSTAIN_BODY, NO_OPINION, opinion_hash
from node.consensus.tortoise.parameters import TortoiseParameters
from node.consensus.tortoise.votes import ABSTAIN, SUPPORT, BlockInfo, Sign, block_order
from node.types.ballot import Vote
from node.types.ids import Beacon, SmesherID
from node.types.layer import EpochID, LayerID


class Mode(StrEnum):
    """How the tortoise decides."""

    VERIFYING = "verifying"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredBlock:
    """A block from the store."""

    header: Vote

    valid: bool
    """It was decided to be valid; invalid and undecided blocks are alike here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TortoiseDescription:
    """Where the tortoise stands; for logs, metrics and the debug API."""

    mode: Mode
    last: LayerID
    processed: LayerID
    verified: LayerID
    evicted: LayerID

    pending: LayerID
    """0 if nothing changed since the mesh applied it."""

    layers: int
    ballots: int

    waiting_ballots: int
    """Their epoch's beacon is not known yet."""

    delayed_ballots: int
    """Their beacon is not ours; full mode counts them later."""

    malicious: int


class EpochInfo:
    """An epoch.

    Attributes:
        weight: sum of the weights of its ATXs, fixed point; malicious ones do not count.
        height: median tick height of its ATXs, set when the epoch starts.
        beacon: our beacon, or None.
    """

    __slots__ = ("beacon", "height", "weight")

    def __init__(self) -> None:
        self.weight = 0
        self.height = 0
        self.beacon: Beacon | None = None


class LayerInfo:
    """A layer.

    Attributes:
        layer: its number; after a restart the first layer of the window has that of the
            effective genesis here, as in the reference.
        blocks: in ascending order of (height, id).
        hare_terminated: whether hare ended, or we stopped waiting for it.
        coin: hare's weak coin.
        opinion: our opinion of this and all layers before.
        previous: the layer before, whose opinion is covered by this one's.
        previous_opinion: that opinion where the layer itself is not in memory.
        good_uncounted: weight of the good ballots up to this layer, which verifying mode
            does not count for it; fixed point.
        ref_height: greatest height of a block up to the epoch's median.
        empty: weight of the votes that support no block less that of the others; fixed point.
        groups: ballots by opinion.
        arrivals: the group of each ballot in the order of arrival; the rows of a group
            are in that order, too.
    """

    __slots__ = (
        "arrivals",
        "blocks",
        "coin",
        "empty",
        "good_uncounted",
        "groups",
        "hare_terminated",
        "layer",
        "opinion",
        "previous",
        "previous_opinion",
        "ref_height",
    )

    def __init__(self, layer: int) -> None:
        self.layer = layer
        self.blocks: list[BlockInfo] = []
        self.hare_terminated = False
        self.coin: Sign = ABSTAIN
        self.opinion: bytes = NO_OPINION
        self.previous: LayerInfo | None = None
        self.previous_opinion: bytes | None = None
        self.good_uncounted = 0
        self.ref_height = 0
        self.empty = 0
        self.groups: dict[bytes, BallotGroup] = {}
        self.arrivals: list[BallotGroup] = []

    def find_block(self, vote: Vote) -> BlockInfo | None:
        """Return the block that a vote means, or None."""
        return next((block for block in self.blocks if block.matches(vote)), None)

    def rows(self) -> list[tuple[BallotGroup, int]]:
        """Return group and row of each ballot, in the order of arrival."""
        seen: dict[int, int] = {}
        rows = []
        for group in self.arrivals:
            row = seen.get(group.number, 0)
            seen[group.number] = row + 1
            rows.append((group, row))
        return rows

    def form_opinion(self, *, within_hdist: bool) -> bool:
        """Form our opinion anew; return whether it changed.

        Within hdist it follows hare, below the tortoise itself.
        """
        if not self.hare_terminated:
            entries = [ABSTAIN_BODY]
        elif within_hdist:
            entries = [block.entry for block in self.blocks if block.hare is SUPPORT]
        else:
            entries = [block.entry for block in self.blocks if block.validity is SUPPORT]
        before = self.previous_opinion if self.previous is None else self.previous.opinion
        old, self.opinion = self.opinion, opinion_hash(before, entries)
        return old != self.opinion


class TortoiseState:
    """Everything in memory.

    Attributes:
        last: highest layer heard of.
        processed: highest layer whose ballots are counted.
        verified: highest layer that is decided, with all layers before.
        evicted: highest layer that left memory.
        pending: lowest layer whose opinion changed since the mesh applied it; 0 if none.
        weights_version: grows whenever an epoch's weight changes.

    Invariants: evicted < pending unless pending is 0; every ballot of the index is in a
    layer above evicted.
    """

    def __init__(self, parameters: TortoiseParameters) -> None:
        genesis = parameters.effective_genesis
        self.parameters = parameters
        self.last: int = genesis
        self.processed: int = genesis
        self.verified = 0
        self.evicted = genesis - 1
        self.pending: int = genesis
        self.weights_version = 0
        self.epochs: dict[int, EpochInfo] = {}
        self.layers: dict[int, LayerInfo] = {}
        self.ballots = BallotIndex()
        self.malicious: set[SmesherID] = set()
        self.epoch(parameters.epoch_of(genesis))
        first = self.layer(genesis)
        first.hare_terminated = True
        first.form_opinion(within_hdist=True)

    def epoch(self, epoch: int) -> EpochInfo:
        """Return an epoch, new if it was not in memory."""
        info = self.epochs.get(epoch)
        if info is None:
            info = self.epochs[epoch] = EpochInfo()
        return info

    def epoch_of(self, layer: int) -> EpochID:
        """Return the number of a layer's epoch."""
        return self.parameters.epoch_of(layer)

    def layer(self, layer: int) -> LayerInfo:
        """Return a layer above ``evicted``, new if it was not in memory."""
        info = self.layers.get(layer)
        if info is None:
            info = self.layers[layer] = LayerInfo(layer)
        return info

    def within_hdist(self, layer: int) -> bool:
        """Tell whether hare's output still decides our vote on a layer."""
        return self.parameters.within_hdist(layer, self.last)

    def evict_below(self, start: int) -> list[EpochID]:
        """Forget all layers below ``start``; return the epochs that went with them.

        Ballots of that layer lose all votes but the newest.
        """
        evicted = []
        for layer in range(self.evicted + 1, start):
            info = self.layers.pop(layer, None)
            for group in info.groups.values() if info else ():
                self.ballots.drop(group)
            if (layer + 1) % self.parameters.layers_per_epoch == 0:
                evicted.append(self.epoch_of(layer))
                self.epochs.pop(evicted[-1], None)
        first = self.layer(start)
        if first.previous is not None:
            first.previous_opinion = first.previous.opinion
            first.previous = None
        for group in first.groups.values():
            group.cut()
        self.evicted = start - 1
        return evicted

    def note_change(self, layer: int) -> None:
        """Remember that the opinion on a layer, and on those after it, changed."""
        self.pending = layer if self.pending == 0 else min(self.pending, layer)

    def find_block(self, vote: Vote) -> BlockInfo | None:
        """Return the block that a vote means, or None."""
        return self.layer(vote.layer).find_block(vote)

    def insert_block(self, block: BlockInfo) -> None:
        """Put a block in its place, and raise the layer's reference height by it."""
        layer = self.layer(block.layer)
        layer.blocks.append(block)
        layer.blocks.sort(key=block_order)
        self.raise_ref_height(layer, block)

    def raise_ref_height(self, layer: LayerInfo, block: BlockInfo) -> None:
        """Let a block raise its layer's reference height, up to the epoch's median.

        A layer without one first takes over that of the nearest layer before with blocks.
        """
        epoch = self.epochs.get(self.epoch_of(block.layer))
        if epoch is None:
            return
        if layer.ref_height == 0 and layer.layer > self.evicted:
            layer.ref_height = self._ref_height_before(layer.layer)
        if layer.ref_height < block.height <= epoch.height:
            layer.ref_height = block.height

    def _ref_height_before(self, layer: int) -> int:
        for before in range(layer - 1, self.evicted, -1):
            info = self.layers.get(before)
            if info is not None and info.blocks:
                return info.ref_height
        return 0
