"""Active sets that reference ballots name: fetched, checked, weighed once.

Source: go-spacemesh, proposals/handler.go; proposals digest sections 6 and 8.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from node.base.errors import IgnoreError, NotFoundError, RejectError
from node.base.lru import LruMap
from node.consensus.atxdata import AtxData
from node.consensus.packed_sets import PackedActiveSet
from node.consensus.proposals.slots import MAX_U64
from node.net.fetch.client import Fetcher
from node.net.fetch.wire import Hint
from node.net.ports import PeerID
from node.store.activesets import (
    find_active_set_blob,
    has_active_set,
    put_active_set_blob,
)
from node.store.db import Database
from node.types.ids import AtxID, Hash32

CACHED_SETS: Final = 10_000
"""Active sets whose weight is kept."""
MEMBERS_AT_ONCE: Final = 50_000
"""Members looked up before others have their turn."""


@dataclass(kw_only=True)
class ActiveSetWeights:
    """Weights of active sets by digest."""

    db: Database
    atxdata: AtxData
    fetcher: Fetcher

    _weights: LruMap[Hash32, int] = field(default_factory=lambda: LruMap(CACHED_SETS))

    async def weight(self, digest: Hash32) -> int:
        """Return the weight of an active set; it is fetched if it is not here.

        Raises:
            FetchError: it cannot be had.
            RejectError: it is empty.
            IgnoreError: an ATX of it is not known in the set's epoch.
        """
        known = self._weights.get(digest)
        if known is not None:
            return known
        await self.fetcher.fetch(Hint.ACTIVE_SET, (digest,))
        # Whoever asked for it meanwhile waited for the same fetch; one of us weighs it.
        known = self._weights.get(digest)
        if known is None:
            known = await self._weigh(digest)
            self._weights.put(digest, known)
        return known

    async def on_synced(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Take an active set that was asked for.

        Raises:
            DecodeError: malformed.
            RejectError: not sorted, or another one than was asked for.
            FetchError: an ATX of it cannot be had.
        """
        active_set = PackedActiveSet.decode(data)
        active_set.check(expected)
        if has_active_set(self.db, expected):
            return
        _, missing = await self._look_up(active_set)
        self.fetcher.register_holder(peer, missing)
        await self.fetcher.fetch(Hint.ATX, missing)
        with self.db.batch(sync=False) as batch:
            put_active_set_blob(batch, expected, active_set.epoch, data)

    async def _weigh(self, digest: Hash32) -> int:
        data = find_active_set_blob(self.db, digest)
        if data is None:
            raise NotFoundError("active set", digest)
        active_set = PackedActiveSet.decode(data)
        if not len(active_set):
            raise RejectError(f"active set {digest} is empty")
        weight, missing = await self._look_up(active_set)
        if missing:
            raise IgnoreError(
                f"atx {missing[0]} of active set {digest} is not known in epoch {active_set.epoch}"
            )
        return weight & MAX_U64

    async def _look_up(self, active_set: PackedActiveSet) -> tuple[int, tuple[AtxID, ...]]:
        """Return the weight of the members that are known, and the others."""
        weight = 0
        missing: list[AtxID] = []
        for number, ids in enumerate(active_set.parts(MEMBERS_AT_ONCE)):
            if number:
                await asyncio.sleep(0)
            found = self.atxdata.weight_of_packed(active_set.epoch, ids)
            weight += found.weight
            missing += found.missing
        return weight, tuple(missing)
