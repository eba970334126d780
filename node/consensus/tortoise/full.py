"""Full mode: every vote of every ballot counts for or against each block.

Ballots whose votes are to be added are queued and *flushed* before anything reads a margin.
A flush walks the chains of votes from the newest layer down, and where chains join it goes on
with the sum of their weights: each node is visited once, however many ballots hang on it.

A ballot does not vote on blocks above its own height, so what is carried down is the weight
by height: a ``VoteWeight``.

Source: go-spacemesh, tortoise/full; tortoise digest sections 5.5, 6.2 and 8.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate

from node.consensus.tortoise.ballots import BAD_BEACON, MALICIOUS, BallotGroup
from node.consensus.tortoise.state import TortoiseState
from node.consensus.tortoise.threshold import Thresholds, sign_over
from node.consensus.tortoise.validity import Verdict, decide_layer
from node.consensus.tortoise.votes import ABSTAIN, AGAINST, BlockInfo, VoteNode


class _Rows:
    """Some ballots of a group, with their weights by height worked out when asked for."""

    __slots__ = ("_above", "_group", "_heights", "_rows", "lowest", "total")

    def __init__(self, group: BallotGroup, rows: Iterable[int]) -> None:
        self._group = group
        self._rows = tuple(rows)
        self.total = sum(map(group.weight, self._rows))
        self.lowest = min(group.references[row].height for row in self._rows)
        self._heights: list[int] = []
        self._above: list[int] = []

    def at_least(self, height: int) -> int:
        if height <= self.lowest:
            return self.total
        if not self._heights:
            group = self._group
            rows = sorted(self._rows, key=lambda row: group.references[row].height)
            self._heights = [group.references[row].height for row in rows]
            sums = list(accumulate(map(group.weight, reversed(rows)), initial=0))
            self._above = sums[::-1]
        return self._above[bisect_left(self._heights, height)]


class VoteWeight:
    """The weight of a number of ballots, by height.

    Attributes:
        total: the weight of all of them, fixed point.
        lowest: the lowest height of any of them.
        parts: the ballots, by where they came from.
    """

    __slots__ = ("lowest", "parts", "total")

    def __init__(self, group: BallotGroup, rows: Iterable[int]) -> None:
        """Take some rows of a group, at least one."""
        part = _Rows(group, rows)
        self.parts = [part]
        self.lowest = part.lowest
        self.total = part.total

    def absorb(self, other: "VoteWeight") -> None:
        """Add the ballots of another; it must not be used any more."""
        self.parts += other.parts
        self.lowest = min(self.lowest, other.lowest)
        self.total += other.total

    def at_least(self, height: int) -> int:
        """Return the weight of the ballots of at least a height, fixed point."""
        if height <= self.lowest:
            return self.total
        return sum(part.at_least(height) for part in self.parts)


def walk_down(
    weights: Iterable[tuple[VoteNode, VoteWeight]],
    lowest: int,
    visit: Callable[[VoteNode, VoteWeight], None],
) -> None:
    """Visit every node of some chains once, newest layers first, with the weight on it.

    Args:
        weights: the chains and what weighs on them; used up.
        lowest: layer at which the walk ends.
        visit: is called for each node of at least that layer.
    """
    waiting: dict[int, dict[VoteNode, VoteWeight]] = {}

    def add(node: VoteNode, weight: VoteWeight) -> None:
        in_layer = waiting.setdefault(node.layer, {})
        joined = in_layer.setdefault(node, weight)
        if joined is not weight:
            joined.absorb(weight)

    for node, weight in weights:
        add(node, weight)
    for layer in range(max(waiting, default=lowest - 1), lowest - 1, -1):
        for node, weight in waiting.pop(layer, {}).items():
            visit(node, weight)
            if node.previous is not None:
                add(node.previous, weight)


class FullMode:
    """Adds up votes block by block.

    Attributes:
        active: whether the tortoise decides in this mode.
        counted: highest layer whose ballots are counted; it stays when the mode is left,
            and late ballots up to it go on being counted.
    """

    def __init__(self, state: TortoiseState, thresholds: Thresholds) -> None:
        self._state = state
        self._thresholds = thresholds
        self.active = False
        self.counted: int = state.parameters.effective_genesis
        self._delayed: dict[int, list[tuple[BallotGroup, int]]] = {}
        self._queue: dict[BallotGroup, list[int]] = {}

    @property
    def delayed_count(self) -> int:
        """Ballots whose votes wait because of a bad beacon."""
        return sum(map(len, self._delayed.values()))

    def enter(self) -> None:
        """Count all ballots that are not counted yet, and decide in this mode from now on."""
        self.active = True
        state = self._state
        for layer in range(max(self.counted, state.evicted) + 1, state.processed + 1):
            for group in state.layer(layer).groups.values():
                for row in range(len(group.ids)):
                    self.count(group, row)
            self.count_layer(layer)

    def count_layer(self, layer: int) -> None:
        """Note that a layer is counted, and count the votes that were held up until it."""
        for group, row in self._delayed.pop(layer, ()):
            self.count(group, row)
        self.counted = layer

    def count(self, group: BallotGroup, row: int) -> None:
        """Count a ballot's votes: at once, later if its beacon is bad, never if malicious."""
        marks = group.marks[row]
        if marks & BAD_BEACON:
            release = group.layer + self._state.parameters.bad_beacon_delay_layers
            if release > self._state.last:
                self._delayed.setdefault(release, []).append((group, row))
                return
        if not marks & MALICIOUS:
            self._queue.setdefault(group, []).append(row)

    def flush(self) -> None:
        """Add the queued votes to the margins; call before one is read."""
        queue, self._queue = self._queue, {}
        weights = [(group.tail, VoteWeight(group, rows)) for group, rows in queue.items()]
        walk_down(weights, self._state.evicted + 1, self._apply)

    def _apply(self, node: VoteNode, weight: VoteWeight) -> None:
        if node.abstain:
            return
        layer = self._state.layers[node.layer]
        lowest_supported: int | None = None
        for block in layer.blocks:
            votes = weight.at_least(block.height)
            if block in node.supported:
                block.margin += votes
                if lowest_supported is None:
                    lowest_supported = block.height
            else:
                block.margin -= votes
        supporting = 0 if lowest_supported is None else weight.at_least(lowest_supported)
        layer.empty += weight.total - 2 * supporting

    def add_late_block(self, block: BlockInfo) -> None:
        """Put a block in its layer, and count the votes against it that were cast before.

        All ballots of counted layers that vote on its layer count here, the one that
        brought the block included, as in the reference.
        """
        state = self._state
        if block.layer >= self.counted:
            state.insert_block(block)
            return
        self.flush()
        state.insert_block(block)

        def oppose(node: VoteNode, weight: VoteWeight) -> None:
            if node.layer == block.layer and not node.abstain:
                block.margin -= weight.at_least(block.height)

        groups = [
            group
            for layer in range(block.layer + 1, self.counted + 1)
            if (info := state.layers.get(layer)) is not None
            for group in info.groups.values()
            if group.ids
        ]
        weights = [(group.tail, VoteWeight(group, range(len(group.ids)))) for group in groups]
        walk_down(weights, block.layer, oppose)

    def judge(self, layer: int) -> Verdict:
        """Decide the blocks of a layer by their margins."""
        info = self._state.layers[layer]
        threshold = self._thresholds.of(layer)[1]
        empty = info.empty > 0 and info.empty > threshold
        if not info.blocks:
            return Verdict.SAME if empty else Verdict.UNDECIDED
        decisions = [sign_over(block.margin, threshold) for block in info.blocks]
        if empty:
            decisions = [AGAINST if sign is ABSTAIN else sign for sign in decisions]
        return decide_layer(info.blocks, decisions)
