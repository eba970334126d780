"""Compares mesh hashes with peers, and downloads what a peer has behind a fork.

Source: go-spacemesh, syncer/state_syncer.go and find_fork.go; sync digest sections 3 and 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from node.base.errors import NotFoundError, SpacemeshError, StoreError
from node.consensus.atxdata import AtxData
from node.layer_ticker import Clock
from node.net.fetch.choice import PeerChoice
from node.net.fetch.client import Fetcher, FetchError
from node.net.fetch.mesh_client import MeshClient
from node.net.fetch.wire import Hint, LayerOpinion
from node.net.ports import PeerID
from node.store.db import Reader
from node.store.layers import NO_HASH, find_mesh_hash, mesh_hashes
from node.sync.forks import (
    ForkFinder,
    LayerHash,
    OwnMeshChangedError,
    PeerMeshChangedError,
)
from node.sync.layers import ASKED_PEERS, LayerDownload
from node.types.ids import Hash32
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime

log = structlog.get_logger("sync")


@dataclass(kw_only=True)
class MeshAgreement:
    """Works towards one opinion of the past."""

    db: Reader
    time: LayerTime
    clock: Clock
    atxdata: AtxData
    peers: PeerChoice
    client: MeshClient
    fetcher: Fetcher
    layers: LayerDownload
    finder: ForkFinder

    max_stale_ns: int
    """Age at which agreements and downloads are forgotten."""

    def differs(self, layer: LayerID, opinions: Mapping[PeerID, LayerOpinion]) -> bool:
        """Tell whether a peer thinks otherwise of the layer before."""
        own = self._own(LayerID(layer - 1))
        hashes = [opinion.previous_mesh_hash for opinion in opinions.values()]
        return any(one not in (NO_HASH, own) for one in hashes)

    async def resolve(
        self, layer: LayerID, latest: LayerID, opinions: Mapping[PeerID, LayerOpinion]
    ) -> None:
        """Download what peers that think otherwise have behind the fork.

        Args:
            layer: the layer of which they told their opinion; it includes the layers before.
            latest: last layer to download.
            opinions: what they told.
        """
        now_ns = self.clock.now_ns()
        self.finder.purge_stale(now_ns - self.max_stale_ns, self.peers.best_shuffled(ASKED_PEERS))
        before = LayerID(layer - 1)
        for peer, opinion in opinions.items():
            theirs = LayerHash(layer=before, hash=opinion.previous_mesh_hash)
            if theirs.hash == NO_HASH:
                continue
            if theirs.hash == self._own(before):
                self.finder.agree(peer, theirs, now_ns)
            elif not self.finder.is_resynced(theirs):
                try:
                    await self._resync(peer, theirs, latest)
                except StoreError:
                    raise
                except SpacemeshError as error:
                    log.info("mesh_not_resolved", layer=layer, peer=peer, reason=str(error))

    async def _resync(self, peer: PeerID, theirs: LayerHash, latest: LayerID) -> None:
        await self._fetch_atxs(peer, self.time.epoch_of(LayerID(theirs.layer + 1)))
        fork = await self._find_fork(peer, theirs)
        log.warning("mesh_fork_found", layer=theirs.layer, fork=fork, peer=peer)
        for number in range(fork + 1, latest + 1):
            try:
                await self.layers.download(LayerID(number), (peer,))
            except FetchError as error:
                if not error.is_ignorable:
                    raise
        self.finder.on_resynced(theirs, self.clock.now_ns())

    async def _fetch_atxs(self, peer: PeerID, epoch: EpochID) -> None:
        """Fetch the ATXs that the peer's votes in an epoch may be weighed with."""
        listed = await self.client.epoch_atxs(peer, EpochID(epoch - 1))
        missing = self.atxdata.missing(epoch, listed)
        self.fetcher.register_holder(peer, missing)
        await self.fetcher.fetch(Hint.ATX, missing, limited=True)

    async def _find_fork(self, peer: PeerID, theirs: LayerHash) -> LayerID:
        search = self.finder.start(peer, theirs, self._own)
        while (fork := search.fork) is None:
            request = search.request()
            answer = await self.client.mesh_hashes(peer, request)
            try:
                own = mesh_hashes(self.db, request.first, request.last, request.step)
                search.on_hashes(answer, own)
            except PeerMeshChangedError:
                self.finder.forget(peer)
                raise
            except (OwnMeshChangedError, NotFoundError):
                self.finder.purge_all()
                raise
        return fork

    def _own(self, layer: LayerID) -> Hash32 | None:
        return find_mesh_hash(self.db, layer)
