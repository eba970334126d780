"""The active set of our own ballots: prepared before the epoch, from ATXs that were in time.

An ATX that arrived early enough for everybody to have it is good.  Where nearly all are,
the good ones make the set, and all smeshers come to nearly the same one.  Where they are
not, the node was away when they came, and takes the set of others from the first block.

Source: go-spacemesh, miner (active set generator); proposals digest section 3.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from node.base.errors import PreconditionError
from node.base.lru import LruMap
from node.consensus.activesets import first_block_set
from node.consensus.atxdata import AtxData
from node.store.atxs import atxs_in_epoch
from node.store.db import Database
from node.store.identities import find_malfeasance
from node.store.local import (
    ActiveSetKind,
    PreparedActiveSet,
    find_prepared_active_set,
    put_prepared_active_set,
)
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime

DEFAULT_GOOD_PERCENT: Final = 90
"""Share of good ATXs that is asked for where the configuration says 0."""
GOOD_DELAYS: Final = 4
ACCEPTABLE_DELAYS: Final = 3
ATXS_AT_ONCE: Final = 1000
"""ATXs graded before others have their turn; some 20 ms."""

RECENT_EPOCHS: Final = 2
"""Epochs whose set stays in memory: a large one takes long to read."""


class Grade(IntEnum):
    """How certain it is that the others have an ATX too."""

    EVIL = 0
    ACCEPTABLE = 1
    GOOD = 2


def grade_atx(
    received_ns: int, malfeasance_ns: int | None, epoch_start_ns: int, delay_ns: int
) -> Grade:
    """Return the grade of an ATX.

    Args:
        received_ns: when it was received; 0 for one out of a checkpoint.
        malfeasance_ns: when its smesher was convicted, if it was.
        epoch_start_ns: start of the epoch it targets.
        delay_ns: longest time a message takes to reach everybody.
    """
    malfeasance = epoch_start_ns if malfeasance_ns is None else malfeasance_ns
    if received_ns < epoch_start_ns - GOOD_DELAYS * delay_ns and malfeasance >= epoch_start_ns:
        return Grade.GOOD
    if (
        received_ns < epoch_start_ns - ACCEPTABLE_DELAYS * delay_ns
        and malfeasance >= epoch_start_ns - delay_ns
    ):
        return Grade.ACCEPTABLE
    return Grade.EVIL


@dataclass(slots=True)
class _Graded:
    """The ATXs of an epoch, graded."""

    good: list[AtxID] = field(default_factory=list)
    good_weight: int = 0

    total: int = 0
    """All of them; those of a convicted smesher count once.

    The reference counts each, so that anybody whose identity is lost already can publish so
    many that the good ones are too small a share, and nobody has an active set.
    """

    convicted: set[SmesherID] = field(default_factory=set)


@dataclass(kw_only=True)
class ActiveSetBuilder:
    """Makes the active set of an epoch once, and keeps it over restarts."""

    db: Database
    local: Database
    time: LayerTime
    atxdata: AtxData

    grade_delay_ns: int
    """Longest time an ATX takes to reach everybody; ``atx-grade-delay``."""

    good_percent: int
    """More than so many of a hundred ATXs must be good; ``miner-good-atxs-percent``."""

    _fallback: dict[EpochID, tuple[AtxID, ...]] = field(default_factory=dict)
    _recent: LruMap[EpochID, PreparedActiveSet] = field(
        default_factory=lambda: LruMap(RECENT_EPOCHS)
    )

    def on_fallback(self, active_set: EpochActiveSet) -> None:
        """Take a trusted set for an epoch; the first one stays."""
        self._fallback.setdefault(active_set.epoch, active_set.atx_ids)

    async def generate(self, current: LayerID, epoch: EpochID) -> PreparedActiveSet:
        """Return the active set of an epoch; the same one ever after.

        Args:
            current: the layer that runs.
            epoch: the epoch the set is for.

        Raises:
            PreconditionError: there are no ATXs, too few good ones and no block to look
                at, an ATX is not cached, or the set weighs nothing.
            NotFoundError: something that the first block refers to is not stored.
        """
        known = self._find(epoch)
        if known is not None:
            return known
        members, weight = await self._choose(current, epoch)
        # Grading takes turns with others, and the set may have been made meanwhile.
        known = self._find(epoch)
        if known is not None:
            return known
        if not weight:
            raise PreconditionError(f"the active set of epoch {epoch} weighs nothing")
        ids = tuple(sorted(members))
        made = PreparedActiveSet(digest=active_set_hash(ids), weight=weight, atx_ids=ids)
        with self.local.batch() as batch:
            put_prepared_active_set(batch, ActiveSetKind.TORTOISE, epoch, made)
        self._recent.put(epoch, made)
        return made

    def _find(self, epoch: EpochID) -> PreparedActiveSet | None:
        """Return the set of an epoch if it was made before, in this run or another."""
        known = self._recent.get(epoch)
        if known is None:
            known = find_prepared_active_set(self.local, ActiveSetKind.TORTOISE, epoch)
            if known is not None:
                self._recent.put(epoch, known)
        return known

    async def _choose(self, current: LayerID, epoch: EpochID) -> tuple[Sequence[AtxID], int]:
        """Return members and weight of a set."""
        fallback = self._fallback.get(epoch)
        if fallback is not None:
            return fallback, self._weigh(epoch, fallback)
        graded = await self._grade(epoch)
        if not graded.total:
            raise PreconditionError(f"empty active set: no atx targets epoch {epoch}")
        wanted = self.good_percent or DEFAULT_GOOD_PERCENT
        if len(graded.good) * 100 // graded.total > wanted:
            return graded.good, graded.good_weight
        if current > self.time.first_layer(epoch):
            members = first_block_set(self.db, self.time, epoch)
            if members:
                return members, self._weigh(epoch, members)
        raise PreconditionError(
            f"no active set for epoch {epoch}: of {graded.total} ATXs only {len(graded.good)} "
            f"came in time, and no block of the epoch is applied",
            hint="the node was offline when the ATXs were published; it waits for a block",
        )

    async def _grade(self, epoch: EpochID) -> _Graded:
        graded = _Graded()
        start_ns = self.time.epoch_start(epoch)
        published = atxs_in_epoch(self.db, EpochID(epoch - 1)) if epoch else ()
        for number, atx in enumerate(published, start=1):
            if not number % ATXS_AT_ONCE:
                await asyncio.sleep(0)
            conviction = find_malfeasance(self.db, atx.smesher)
            convicted_ns = None if conviction is None else conviction.received_ns
            graded.total += atx.smesher not in graded.convicted
            if conviction is not None:
                graded.convicted.add(atx.smesher)
            grade = grade_atx(atx.received_ns, convicted_ns, start_ns, self.grade_delay_ns)
            if grade is Grade.GOOD:
                graded.good.append(atx.id)
                graded.good_weight += atx.num_units * atx.tick_count
        return graded

    def _weigh(self, epoch: EpochID, members: Sequence[AtxID]) -> int:
        found = self.atxdata.weight_of(epoch, members)
        if found.missing:
            raise PreconditionError(
                f"atx {found.missing[0]} of the active set of epoch {epoch} is not known"
            )
        return found.weight
