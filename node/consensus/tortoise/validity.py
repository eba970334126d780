"""Which blocks of a layer are valid, and how far from the window's start that is decided.

Source: go-spacemesh, tortoise; tortoise digest sections 8 and 9.
"""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import NamedTuple

from node.consensus.tortoise.state import TortoiseState
from node.consensus.tortoise.votes import ABSTAIN, AGAINST, SUPPORT, BlockInfo, Sign


class Verdict(Enum):
    """What came of judging a layer."""

    UNDECIDED = auto()
    """At least one block cannot be decided yet; nothing was written."""

    SAME = auto()
    """Decided, as it was before; also a layer without blocks."""

    CHANGED = auto()
    """Decided, and at least one block otherwise than before."""


class Progress(NamedTuple):
    """How far a mode decides."""

    verified: int
    """Last layer of those decided without a gap."""

    changed: int | None
    """Lowest layer of these in which a block changed."""


def decide_layer(blocks: Sequence[BlockInfo], decisions: Sequence[Sign]) -> Verdict:
    """Decide the blocks of a layer, all or none.

    A block that cannot be decided counts as invalid if it is higher than a valid one:
    honest smeshers vote on the lowest they know.

    Args:
        blocks: in ascending order of (height, id).
        decisions: for each whether it is valid; ABSTAIN if that is open.
    """
    if ABSTAIN in decisions:
        settled = _settled(blocks, decisions)
        if settled is None:
            return Verdict.UNDECIDED
        decisions = settled
    verdict = Verdict.SAME
    for block, decision in zip(blocks, decisions, strict=True):
        if block.validity is not decision:
            block.validity = decision
            verdict = Verdict.CHANGED
    return verdict


def _settled(blocks: Sequence[BlockInfo], decisions: Sequence[Sign]) -> list[Sign] | None:
    """Return the decisions with those that were open, or None if one stays open."""
    settled: list[Sign] = []
    supported_height: int | None = None
    for block, decision in zip(blocks, decisions, strict=True):
        if decision is SUPPORT:
            supported_height = block.height
        elif decision is ABSTAIN and (supported_height is None or block.height <= supported_height):
            return None
        settled.append(AGAINST if decision is ABSTAIN else decision)
    return settled


def local_vote(state: TortoiseState, block: BlockInfo, last: int) -> tuple[Sign, bool]:
    """Return our vote on a block, and whether it is hare's.

    Args:
        state: says what is verified.
        block: the block.
        last: layer from which hdist is measured.
    """
    if state.parameters.within_hdist(block.layer, last):
        return block.hare, True
    return (ABSTAIN if block.layer > state.verified else block.validity), False


def run_layers(state: TortoiseState, judge: Callable[[int], Verdict]) -> Progress:
    """Judge the layers of the window in turn, until one cannot be decided."""
    verified, changed = state.evicted, None
    for layer in range(state.evicted + 1, state.processed):
        verdict = judge(layer)
        if verdict is Verdict.UNDECIDED:
            break
        if verdict is Verdict.CHANGED and changed is None:
            changed = layer
        verified = layer
    return Progress(verified, changed)
