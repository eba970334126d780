"""Downloads the proofs of misbehaviour that peers know of.

Source: go-spacemesh, syncer/malsync; sync digest section 4.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from node.base.errors import DecodeError, RejectError, SpacemeshError, UnavailableError
from node.config.model.sync import MalfeasanceSyncConfig
from node.layer_ticker import Clock
from node.net.fetch.choice import ALL_PEERS, PeerChoice
from node.net.fetch.client import Fetcher, FetchError
from node.net.fetch.mesh_client import MeshClient
from node.net.fetch.wire import Hint
from node.net.ports import PeerID
from node.store.db import Database, Reader
from node.store.identities import is_malicious
from node.store.sync_progress import find_malfeasance_sync, put_malfeasance_sync
from node.sync.proofs import Fetched, ProofDownload
from node.types.ids import SmesherID

log = structlog.get_logger("malsync")


@dataclass(kw_only=True)
class MalfeasanceDownload:
    """Asks peers for identities, and for the proofs against those that are not known."""

    db: Reader
    local: Database
    clock: Clock
    peers: PeerChoice
    client: MeshClient
    fetcher: Fetcher
    config: MalfeasanceSyncConfig

    min_peers: int
    """Peers that the node needs at all; no more than these have to list theirs."""

    async def ensure(self, epoch_start_ns: int, epoch_duration_ns: int) -> None:
        """Return when all proofs are here that enough peers know of; at once if they were.

        Raises:
            UnavailableError: there are no peers to ask.
        """
        last_ns = find_malfeasance_sync(self.local)
        longest_ns = int(epoch_duration_ns * self.config.max_epoch_fraction)
        if (
            last_ns is not None
            and last_ns >= epoch_start_ns
            and self.clock.now_ns() - last_ns <= longest_ns
        ):
            return
        needed = min(self.config.min_sync_peers, max(1, self.min_peers))
        progress = ProofDownload(requests_limit=self.config.requests_limit)
        asked: set[PeerID] = set()
        while progress.complete_peers < needed:
            peers = self.peers.best(ALL_PEERS)
            if not peers:
                raise UnavailableError("no peers to ask for malicious identities")
            # Others first: the best peers may be those that never tell.
            turn = [peer for peer in peers if peer not in asked]
            if turn:
                chosen = turn[: self.config.malfeasance_id_peers]
                asked.update(chosen)
                await self._round(progress, chosen)
            else:
                asked.clear()
                await self.clock.sleep_until(self.clock.now_ns() + self.config.retry_interval)
        self._save()

    async def run(self) -> None:
        """Ask from time to time until cancelled."""
        progress = ProofDownload(requests_limit=self.config.requests_limit)
        while True:
            await self.clock.sleep_until(self.clock.now_ns() + self.config.id_request_interval)
            peers = self.peers.best(self.config.malfeasance_id_peers)
            if await self._round(progress, peers):
                self._save()

    def _save(self) -> None:
        with self.local.batch(sync=False) as batch:
            put_malfeasance_sync(batch, self.clock.now_ns())

    async def _round(self, progress: ProofDownload, peers: Sequence[PeerID]) -> bool:
        """Ask these peers, and fetch all that is new; return whether anybody answered."""
        lists: dict[PeerID, tuple[SmesherID, ...]] = {}
        async with asyncio.TaskGroup() as tasks:
            for peer in peers:
                tasks.create_task(self._ask(peer, lists))
        for peer, listed in sorted(lists.items()):
            self.fetcher.register_holder(peer, listed)
            missing = [one for one in listed if not is_malicious(self.db, one)]
            progress.on_list(peer, missing)
        while not progress.is_idle:
            await self._fetch(progress.next_batch(self.config.max_batch_size), progress)
        return bool(lists)

    async def _ask(self, peer: PeerID, lists: dict[PeerID, tuple[SmesherID, ...]]) -> None:
        try:
            lists[peer] = await self.client.malicious_ids(peer)
        except UnavailableError as error:
            log.info("malicious_smeshers_not_listed", peer=peer, reason=str(error))

    async def _fetch(self, batch: tuple[SmesherID, ...], progress: ProofDownload) -> None:
        failures: dict[SmesherID, SpacemeshError] = {}
        wanted = [one for one in batch if not is_malicious(self.db, one)]
        try:
            await self.fetcher.fetch(Hint.MALFEASANCE, wanted, from_holders=True)
        except FetchError as error:
            failures = {SmesherID(key): reason for key, reason in error.failures.items()}
            log.info("malfeasance_proofs_not_fetched", reason=str(error))
        progress.on_fetched({one: _result(failures.get(one)) for one in batch})


def _result(error: SpacemeshError | None) -> Fetched:
    if error is None:
        return Fetched.STORED
    return Fetched.INVALID if isinstance(error, DecodeError | RejectError) else Fetched.FAILED
