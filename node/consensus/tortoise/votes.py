"""Votes on blocks as chains of layers, and how ballots encode them.

A chain has one node for each layer, newest first.  Ballots say how their chain differs from
that of an earlier *base* ballot, so chains share their older nodes; nodes that differ are
copied.  A chain is only ever changed by ``BlockInfo`` objects being filled in when the
ballot is stored, and by cutting it where layers leave memory.

Source: go-spacemesh, tortoise; tortoise digest sections 2, 4 and 7.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, Self

from node.base.errors import IgnoreError
from node.consensus.tortoise.opinion import ABSTAIN_BODY, NO_OPINION, opinion_hash, support_entry
from node.types.ballot import Vote, Votes
from node.types.ids import BlockID
from node.types.layer import LayerID


class Sign(IntEnum):
    """A vote, a decision, or the sign of a margin."""

    AGAINST = -1
    ABSTAIN = 0
    """Also: undecided, neutral, not recorded."""

    SUPPORT = 1


SUPPORT: Final = Sign.SUPPORT
AGAINST: Final = Sign.AGAINST
ABSTAIN: Final = Sign.ABSTAIN


class BlockInfo:
    """A block as the tortoise sees it.  Compared by identity.

    Attributes:
        id: identifier of the block.
        layer: its layer.
        height: its tick height.
        hare: whether hare agreed on it; ABSTAIN while hare runs.
        validity: whether the tortoise takes it as valid; ABSTAIN while undecided.
        margin: weight of the votes for it less that against it, counted in full mode.
        data: whether we hold its content.
        entry: what it adds to the hash of an opinion that supports it.
    """

    __slots__ = ("data", "entry", "hare", "height", "id", "layer", "margin", "validity")

    def __init__(self, block_id: BlockID, layer: LayerID, height: int) -> None:
        self.id = block_id
        self.layer = layer
        self.height = height
        self.hare = ABSTAIN
        self.validity = ABSTAIN
        self.margin = 0
        self.data = False
        self.entry = support_entry(block_id, height)

    @classmethod
    def of(cls, vote: Vote) -> Self:
        """Return a block we know nothing of but that it was voted on."""
        return cls(vote.block, vote.layer, vote.height)

    def matches(self, vote: Vote) -> bool:
        """Tell whether a vote means this block."""
        return self.id == vote.block and self.layer == vote.layer and self.height == vote.height

    def vote(self) -> Vote:
        """Return the block as votes name it."""
        return Vote(block=self.id, layer=self.layer, height=self.height)


def block_order(block: BlockInfo) -> tuple[int, bytes]:
    """Return the key by which blocks of a layer are sorted."""
    return block.height, block.id


class VoteNode:
    """The votes on one layer, and those on all layers before it.

    Attributes:
        layer: the layer voted on.
        abstain: whether the layer is abstained on; it may then still list supports, which
            the opinion covers and counting skips.
        supported: supported blocks in their order.
        previous: votes on the layer before; None at the end of the chain.
        opinion: digest of all these votes.
    """

    __slots__ = ("abstain", "layer", "opinion", "previous", "supported")

    def __init__(
        self,
        layer: int,
        *,
        abstain: bool,
        supported: tuple[BlockInfo, ...],
        previous: "VoteNode | None",
    ) -> None:
        self.layer = layer
        self.abstain = abstain
        self.supported = supported
        self.previous = previous
        before = None if previous is None else previous.opinion
        entries = [block.entry for block in supported]
        if abstain and not entries:
            entries.append(ABSTAIN_BODY)
        self.opinion: bytes = opinion_hash(before, entries)


def opinion_of(tail: VoteNode | None) -> bytes:
    """Return the opinion that a chain amounts to."""
    return NO_OPINION if tail is None else tail.opinion


class Differences:
    """What a ballot changes of its base ballot's votes, by layer.

    Attributes:
        first_layer: lowest layer mentioned; the base ballot's layer if that is lower.
    """

    def __init__(self, base_layer: int, votes: Votes) -> None:
        """Sort the votes by layer.

        Raises:
            IgnoreError: a block is named twice in a layer, or a layer both abstained on and
                voted on.
        """
        self._by_layer: dict[int, dict[BlockID, tuple[Vote, Sign]]] = {}
        self._take(votes.against, AGAINST)
        self._take(votes.support, SUPPORT)
        for layer in votes.abstain:
            if layer in self._by_layer:
                raise IgnoreError(f"votes on layer {layer} conflict with abstain")
            self._by_layer[layer] = {}
        self.first_layer = min(base_layer, min(self._by_layer, default=base_layer))

    def _take(self, votes: Iterable[Vote], sign: Sign) -> None:
        for vote in votes:
            in_layer = self._by_layer.setdefault(vote.layer, {})
            if vote.block in in_layer:
                raise IgnoreError(
                    f"conflicting votes on the same id {vote.block} with different heights "
                    f"{in_layer[vote.block][0].height} conflict with {vote.height}"
                )
            in_layer[vote.block] = (vote, sign)

    def changed(self, node: VoteNode, previous: VoteNode | None) -> VoteNode:
        """Return a copy of a node of the base ballot's chain with the differences applied.

        Raises:
            IgnoreError: a supported block is voted against under another layer or height.
        """
        in_layer = self._by_layer.get(node.layer)
        if in_layer is None:
            return _copy(node, node.supported, previous)
        if not in_layer:
            return VoteNode(node.layer, abstain=True, supported=(), previous=previous)
        kept = []
        for block in node.supported:
            mentioned = in_layer.get(block.id)
            if mentioned is None:
                kept.append(block)
            elif mentioned[1] is AGAINST and not block.matches(mentioned[0]):
                wrong = mentioned[0]
                raise IgnoreError(
                    f"wrong target. last supported is ({block.id}/{block.height}), "
                    f"but is against ({wrong.block}/{wrong.height})"
                )
        return _copy(node, _sorted(kept + self._supported(node.layer)), previous)

    def added(self, layer: int, previous: VoteNode | None) -> VoteNode:
        """Return the node of a layer that the base ballot does not vote on."""
        return VoteNode(
            layer,
            abstain=self._by_layer.get(layer) == {},
            supported=_sorted(self._supported(layer)),
            previous=previous,
        )

    def _supported(self, layer: int) -> list[BlockInfo]:
        in_layer = self._by_layer.get(layer, {})
        return [BlockInfo.of(vote) for vote, sign in in_layer.values() if sign is SUPPORT]


def decode_votes(
    layer: int, base_layer: int, base: VoteNode | None, differences: Differences
) -> VoteNode | None:
    """Return the chain of a ballot: the votes on all layers below its own.

    Args:
        layer: layer of the ballot.
        base_layer: layer of its base ballot, below ``layer``.
        base: chain of its base ballot; ends one layer below it.
        differences: what the ballot changes.

    Raises:
        IgnoreError: a supported block is voted against under another layer or height.
    """
    copied = []
    tail = base
    while tail is not None and tail.layer >= differences.first_layer:
        copied.append(tail)
        tail = tail.previous
    for node in reversed(copied):
        tail = differences.changed(node, tail)
    for added in range(base_layer, layer):
        tail = differences.added(added, tail)
    return tail


def _copy(node: VoteNode, supported: tuple[BlockInfo, ...], previous: VoteNode | None) -> VoteNode:
    return VoteNode(node.layer, abstain=node.abstain, supported=supported, previous=previous)


def _sorted(blocks: list[BlockInfo]) -> tuple[BlockInfo, ...]:
    return tuple(sorted(blocks, key=block_order))
