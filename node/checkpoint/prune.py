"""Removes old data that nobody asks for any more, at the start and every so often.

Certificates and which transactions proposals offered are of use as long as hare's word counts:
within the safe distance of the present, which is hdist.  Which block hare or a certificate was
for stays.  An active set is of use in its epoch and in the one after.  Ballots, blocks and ATXs
stay for ever.

Two steps more than in the reference.  Where less than a safe distance has passed since layer 0,
nothing is removed; there the number wraps around and everything is.  And where epochs are so
short that layers within the safe distance draw their committees from an older epoch than the
last one, its active sets stay: a certificate could not be checked without them.

Source: go-spacemesh, prune/prune.go and node/node.go; tortoise digest section 15.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import structlog

from node.layer_ticker import Clock
from node.store.activesets import prune_active_sets
from node.store.certificates import prune_certificates
from node.store.db import Database
from node.store.pruning import Portion
from node.store.schema import key_u32
from node.store.transactions import prune_proposal_links
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime

ROWS_AT_ONCE: Final = 1000
"""Rows deleted before others have their turn; some 5 ms."""

log = structlog.get_logger("prune")


def oldest_kept_layer(current: LayerID, safe_distance: int) -> LayerID:
    """Return the lowest layer that keeps its certificates and links."""
    return LayerID(max(0, current - safe_distance))


def oldest_kept_epoch(current: EpochID, active_sets_from: EpochID, committee: EpochID) -> EpochID:
    """Return the lowest epoch that keeps its active sets.

    Args:
        current: the epoch that runs.
        active_sets_from: last epoch in which none are removed.
        committee: lowest epoch whose set a committee may still be drawn from.
    """
    if current <= active_sets_from:
        return EpochID(0)
    return EpochID(min(current - 1, committee))


class Step(Protocol):
    """Deletes a portion of what lies below some layer or epoch."""

    def __call__(self, *, start: bytes, limit: int) -> Portion:
        """Go on at ``start``, for at most ``limit`` rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How many rows a run removed."""

    certificates: int
    proposal_links: int
    active_sets: int


@dataclass(kw_only=True)
class Pruner:
    """Keeps the store from growing with what is of no use any more."""

    db: Database
    clock: Clock
    time: LayerTime

    interval_ns: int
    """From the end of a run to the next one; ``db-prune-interval``, above 0."""

    safe_distance: int
    """Layers back from the present that are left alone; ``tortoise-hdist``."""

    active_sets_from: EpochID
    """Last epoch in which no active set is removed; ``prune-activesets-from``."""

    committee_epoch: Callable[[LayerID], EpochID]
    """Returns the epoch whose active set a layer's committees are drawn from."""

    _clean_below: LayerID = field(default=LayerID(0), init=False)
    """Lower layers were pruned since the start; nothing is written there any more."""

    async def run(self) -> None:
        """Prune at once and whenever the interval has passed, until cancelled.

        Raises:
            StoreError: the store cannot be read or written.
        """
        log.info(
            "pruning_started",
            safe_distance=self.safe_distance,
            active_sets_from=self.active_sets_from,
            interval_ns=self.interval_ns,
        )
        while True:
            await self.prune()
            await self.clock.sleep_until(self.clock.now_ns() + self.interval_ns)

    async def prune(self) -> Removed:
        """Remove what is old now; others have their turn after every portion.

        Raises:
            StoreError: the store cannot be read or written.
        """
        started_ns = self.clock.now_ns()
        current = self.time.layer_at(started_ns)
        layer = oldest_kept_layer(current, self.safe_distance)
        epoch = oldest_kept_epoch(
            self.time.epoch_of(current), self.active_sets_from, self.committee_epoch(layer)
        )
        start = key_u32(self._clean_below)
        removed = Removed(
            certificates=await _repeat(partial(prune_certificates, self.db, layer), start),
            proposal_links=await _repeat(partial(prune_proposal_links, self.db, layer), start),
            active_sets=await _repeat(partial(prune_active_sets, self.db, epoch), b""),
        )
        self._clean_below = max(self._clean_below, layer)
        log.debug(
            "pruned",
            layer=layer,
            epoch=epoch,
            certificates=removed.certificates,
            proposal_links=removed.proposal_links,
            active_sets=removed.active_sets,
            took_ns=self.clock.now_ns() - started_ns,
        )
        return removed


async def _repeat(step: Step, start: bytes) -> int:
    """Take a step until nothing is left; return how many rows it removed."""
    rest: bytes | None = start
    rows = 0
    while rest is not None:
        portion = step(start=rest, limit=ROWS_AT_ONCE)
        rows += portion.rows
        rest = portion.rest
        await asyncio.sleep(0)
    return rows
