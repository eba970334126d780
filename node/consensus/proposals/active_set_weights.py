"""Active sets that reference ballots name: fetched, checked, weighed once.

Source: go-spacemesh, proposals/handler.go; proposals digest sections 6 and 8.
"""

from dataclasses import dataclass, field
from typing import Final

from node.base import scale
from node.base.errors import IgnoreError, RejectError
from node.base.lru import LruMap
from node.consensus.atxdata import AtxData
from node.consensus.proposals.rules import check_active_set
from node.consensus.proposals.slots import MAX_U64
from node.net.fetch.client import Fetcher
from node.net.fetch.wire import Hint
from node.net.ports import PeerID
from node.store.activesets import get_active_set, has_active_set, put_active_set
from node.store.db import Database
from node.types.active_set import EpochActiveSet
from node.types.ids import Hash32

CACHED_SETS: Final = 10_000
"""Active sets whose weight is kept."""


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
            known = self._weigh(digest)
            self._weights.put(digest, known)
        return known

    async def on_synced(self, expected: Hash32, peer: PeerID, data: bytes) -> None:
        """Take an active set that was asked for.

        Raises:
            DecodeError: malformed.
            RejectError: not sorted, or another one than was asked for.
            FetchError: an ATX of it cannot be had.
        """
        active_set = scale.decode(EpochActiveSet, data)
        check_active_set(active_set, expected)
        if has_active_set(self.db, expected):
            return
        missing = self.atxdata.missing(active_set.epoch, active_set.atx_ids)
        self.fetcher.register_holder(peer, missing)
        await self.fetcher.fetch(Hint.ATX, missing)
        with self.db.batch(sync=False) as batch:
            put_active_set(batch, expected, active_set)

    def _weigh(self, digest: Hash32) -> int:
        active_set = get_active_set(self.db, digest)
        if not active_set.atx_ids:
            raise RejectError(f"active set {digest} is empty")
        found = self.atxdata.weight_of(active_set.epoch, active_set.atx_ids)
        if found.missing:
            raise IgnoreError(
                f"atx {found.missing[0]} of active set {digest} is not known "
                f"in epoch {active_set.epoch}"
            )
        return found.weight & MAX_U64
