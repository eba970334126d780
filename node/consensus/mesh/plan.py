"""Which layers to apply, revert and fetch: the decisions of the mesh, without its effects.

How the mesh service processes a layer, in one go and one layer at a time:

1. ``tortoise.tally_votes(layer)``; ``ProcessedLayers.add(layer)``, whose result is stored.
2. ``plan = make_plan(tortoise.updates(), in_state, applied)``, where ``in_state`` is the last
   layer in the state and ``applied`` maps layers to the blocks stored as applied
   (``NO_BLOCK`` for an empty layer, no entry for a layer that never was).
3. If ``plan.revert_to`` is set: revert state and caches to that layer, and clear applied block,
   state hash and mesh hash of all layers after it; it is the new ``in_state``.
4. For each of ``plan.steps`` in order: if ``execute``, apply the block (or an empty layer); then
   in one batch write applied block, mesh hash and validities; if ``verified``, call
   ``tortoise.on_applied(layer, opinion)`` and announce the layer; ``in_state`` becomes the
   layer if that is higher.
5. If ``plan.missing`` is not empty: request those blocks, and process again when they are here.

Source: go-spacemesh, mesh; tortoise digest section 13.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from node.types.ids import NO_BLOCK, BlockID, Hash32
from node.types.layer import LayerID
from node.types.opinion import BlockVote, LayerResult


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStep:
    """What to do with one layer."""

    layer: LayerID

    block: BlockID
    """The block that is the layer's content; ``NO_BLOCK`` for an empty layer."""

    execute: bool
    """Whether it has to be executed; else the state has it already."""

    opinion: Hash32
    """The layer's mesh hash."""

    verified: bool
    """Whether the tortoise decided the layer, so that it is told and the event announced."""

    valid: tuple[BlockID, ...]
    """Blocks to store as valid."""

    invalid: tuple[BlockID, ...]
    """Blocks to store as invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshPlan:
    """What follows from the tortoise's results."""

    revert_to: LayerID | None = None
    """Last layer that stays in the state; None: nothing is to be reverted."""

    steps: tuple[LayerStep, ...] = ()
    """Layers without a gap, ascending."""

    missing: tuple[BlockID, ...] = ()
    """Blocks that matter and whose content we lack."""


def valid_block(result: LayerResult) -> BlockID:
    """Return the block that is a layer's content by now.

    The first valid one, else the first that hare agreed on and that is not invalid, else
    ``NO_BLOCK``.
    """
    for block in result.blocks:
        if block.valid:
            return block.header.block
    for block in result.blocks:
        if block.hare and not block.invalid:
            return block.header.block
    return NO_BLOCK


def make_plan(
    results: Sequence[LayerResult], in_state: LayerID, applied: Mapping[LayerID, BlockID]
) -> MeshPlan:
    """Return what to do about the tortoise's results.

    Layers from the first with a missing block on have to wait for it.  If that is the next one
    to apply, or below, nothing is applied: an earlier layer may have to be reverted as well.

    Args:
        results: consecutive layers, ascending.
        in_state: last layer in the state.
        applied: for each of these layers that is stored as applied, its block.
    """
    missing = tuple(
        block.header.block for result in results for block in result.blocks if _is_missing(block)
    )
    applicable = results
    if missing:
        first = next(n for n, result in enumerate(results) if any(map(_is_missing, result.blocks)))
        applicable = results[:first] if results[first].layer > in_state + 1 else ()
    revert_to = _revert_to(applicable, applied)
    kept = {
        layer: block for layer, block in applied.items() if revert_to is None or layer <= revert_to
    }
    return MeshPlan(revert_to=revert_to, steps=_steps(applicable, kept), missing=missing)


def _is_missing(block: BlockVote) -> bool:
    return (block.valid or block.hare or block.local) and not block.data


def _revert_to(
    results: Sequence[LayerResult], applied: Mapping[LayerID, BlockID]
) -> LayerID | None:
    """Return the layer before the first that is applied with another block than it should."""
    for result in results:
        if applied.get(result.layer, valid_block(result)) != valid_block(result):
            return LayerID(result.layer - 1)
    return None


def _steps(
    results: Sequence[LayerResult], applied: Mapping[LayerID, BlockID]
) -> tuple[LayerStep, ...]:
    """Return the layers to apply, up to the first that is empty but not verified."""
    steps = []
    for result in results:
        block = valid_block(result)
        if block == NO_BLOCK and not result.verified:
            break
        held = [vote for vote in result.blocks if vote.data]
        steps.append(
            LayerStep(
                layer=result.layer,
                block=block,
                execute=applied.get(result.layer) != block,
                opinion=result.opinion,
                verified=result.verified,
                valid=tuple(vote.header.block for vote in held if vote.valid),
                invalid=tuple(vote.header.block for vote in held if vote.invalid),
            )
        )
    return tuple(steps)


@dataclass(slots=True)
class ProcessedLayers:
    """Counts processed layers without a gap.

    Layers may be processed out of order; one that is ahead is parked until the gap closes.
    """

    processed: LayerID
    """Highest layer up to which all are processed; stored, so a restart begins here."""

    _parked: set[LayerID] = field(default_factory=set)

    def add(self, layer: LayerID) -> LayerID | None:
        """Note that a layer was processed; return the new ``processed`` if it moved."""
        if layer <= self.processed:
            return None
        self._parked.add(layer)
        before = self.processed
        while LayerID(self.processed + 1) in self._parked:
            self.processed = LayerID(self.processed + 1)
            self._parked.remove(self.processed)
        return None if self.processed == before else self.processed


@dataclass(frozen=True, slots=True, kw_only=True)
class HareOutputPlan:
    """What to do with hare's output of a layer."""

    store_as_valid: bool | None
    """Validity of the certificate row to insert; None: there is one already."""

    tell_tortoise: bool
    """False when several rows contradict each other: worth a warning."""


def plan_hare_output(block: BlockID, rows: Mapping[BlockID, bool]) -> HareOutputPlan:
    """Return what to do with hare's output, in view of what certificates said before.

    Args:
        block: hare's output; ``NO_BLOCK`` for an empty layer.
        rows: the layer's certificate rows: whether each block's is valid.
    """
    return HareOutputPlan(
        store_as_valid=None if block in rows else not any(rows.values()),
        tell_tortoise=len(rows) <= 1,
    )


def hare_output_of(rows: Mapping[BlockID, bool]) -> BlockID | None:
    """Return hare's output by the certificate rows of a layer.

    The single valid one; ``NO_BLOCK`` if several are valid; None if none is.
    """
    valid = [block for block, is_valid in rows.items() if is_valid]
    if not valid:
        return None
    return valid[0] if len(valid) == 1 else NO_BLOCK
