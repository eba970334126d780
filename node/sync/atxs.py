"""Downloads the ATXs of an epoch, and remembers on the disk how far it is.

Source: go-spacemesh, syncer/atxsync; sync digest section 4.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

import structlog

from node.base.errors import DecodeError, RejectError, SpacemeshError, UnavailableError
from node.config.model.sync import AtxSyncConfig
from node.layer_ticker import Clock
from node.net.fetch.choice import PeerChoice
from node.net.fetch.client import Fetcher, FetchError, GivenUpError
from node.net.fetch.mesh_client import MeshClient
from node.net.fetch.wire import Hint
from node.net.ports import PeerID
from node.store.atxs import has_atx
from node.store.db import Database, Reader
from node.store.sync_progress import (
    EpochSync,
    delete_wanted_atx,
    find_epoch_sync,
    put_epoch_sync,
    put_wanted_atx,
    wanted_atxs,
)
from node.sync.epochs import EpochDownload, Fetched
from node.types.ids import AtxID
from node.types.layer import EpochID

IMMEDIATELY_NS: Final = 10**9
"""Wait before peers are asked for a list that is needed now, and between attempts."""
MILLION: Final = 1_000_000
CHECKED_AT_ONCE: Final = 1000
"""Identifiers looked up before others have their turn; some 5 ms."""

log = structlog.get_logger("atxsync")


class _Asked(Enum):
    """How asking went, between the lists."""

    ALL = auto()
    """Everybody whose turn it was."""
    NOBODY = auto()
    """There are no peers."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a peer has told."""

    peer: PeerID
    atxs: tuple[AtxID, ...]


_Lists: TypeAlias = asyncio.Queue[_Listed | _Asked]


def outcome_of(error: SpacemeshError | None) -> Fetched | None:
    """Return what became of an ATX; None if it was never really asked for."""
    match error:
        case None:
            return Fetched.STORED
        case DecodeError() | RejectError():
            return Fetched.INVALID
        case GivenUpError():
            return Fetched.FAILED
        case UnavailableError():
            # The peer is at fault, or the connection: that says nothing of the ATX.
            return None
        case _:
            return Fetched.FAILED


@dataclass(frozen=True, slots=True)
class _Told:
    """What the log says of an epoch."""

    downloaded: int
    at_ns: int


@dataclass(kw_only=True)
class AtxDownload:
    """Downloads one epoch at a time."""

    db: Reader
    local: Database
    clock: Clock
    peers: PeerChoice
    client: MeshClient
    fetcher: Fetcher
    config: AtxSyncConfig
    entropy: Callable[[int], bytes]
    """Random bytes: not all nodes ask at the same instant."""

    async def download(self, epoch: EpochID, until_ns: int) -> None:
        """Return when all ATXs published in an epoch are here, as of ``until_ns`` or later.

        Raises:
            UnavailableError: there are no peers to ask.
        """
        progress = self._load(epoch, until_ns)
        is_immediate = not progress.is_listed
        if not is_immediate and progress.total == progress.downloaded:
            return
        lists: _Lists = asyncio.Queue(1)
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(self._ask(epoch, lists, is_immediate=is_immediate))
            has_peers = await self._complete(epoch, progress, lists)
            asking.cancel()
        if not has_peers:
            raise UnavailableError(f"no peers to ask for the atxs of epoch {epoch}")
        log.info("atxs_downloaded", epoch=epoch, total=progress.total, here=progress.downloaded)

    def _load(self, epoch: EpochID, until_ns: int) -> EpochDownload:
        stored = find_epoch_sync(self.local, epoch)
        return EpochDownload(
            until_ns=until_ns,
            requests_limit=self.config.requests_limit,
            wanted=wanted_atxs(self.local, epoch),
            listed_ns=None if stored is None else stored.listed_ns,
            total=0 if stored is None else stored.total,
            downloaded=0 if stored is None else stored.downloaded,
        )

    async def _ask(self, epoch: EpochID, lists: _Lists, *, is_immediate: bool) -> None:
        """Ask peers for lists, one after the other, until cancelled."""
        pause_ns = IMMEDIATELY_NS if is_immediate else self.config.epoch_info_request_interval
        while True:
            await self._sleep(pause_ns)
            peers = self.peers.best_shuffled(self.config.epoch_info_peers)
            for peer in peers:
                try:
                    listed = await self.client.epoch_atxs(peer, epoch)
                except UnavailableError as error:
                    log.info("epoch_not_listed", epoch=epoch, peer=peer, reason=str(error))
                    continue
                await lists.put(_Listed(peer, listed))
                pause_ns = self.config.epoch_info_request_interval
            await lists.put(_Asked.ALL if peers else _Asked.NOBODY)

    async def _sleep(self, pause_ns: int) -> None:
        """Sleep a tenth more or less than told."""
        random = int.from_bytes(self.entropy(4), "little") % MILLION
        factor = 900_000 + random // 5
        await self.clock.sleep_until(self.clock.now_ns() + pause_ns * factor // MILLION)

    async def _complete(self, epoch: EpochID, progress: EpochDownload, lists: _Lists) -> bool:
        """Fetch what is listed until the epoch is complete; False: there are no peers."""
        told = _Told(progress.downloaded, self.clock.now_ns())
        while not progress.is_complete:
            if lists.qsize() or not progress.wanted:
                match await lists.get():
                    case _Asked.NOBODY:
                        return False
                    case _Asked.ALL:
                        progress.on_all_asked()
                    case _Listed(peer, listed):
                        missing = await self._missing(listed)
                        progress.on_list(peer, len(listed), missing, self.clock.now_ns())
            else:
                await self._fetch(progress)
            self._save(epoch, progress)
            told = self._tell(epoch, progress, told)
        return True

    def _tell(self, epoch: EpochID, progress: EpochDownload, told: _Told) -> _Told:
        """Log how far an epoch is, from time to time."""
        now_ns = self.clock.now_ns()
        more = progress.downloaded - told.downloaded
        is_far = more > 0 and more >= progress.total * self.config.progress_every_fraction
        if not is_far and now_ns - told.at_ns < self.config.progress_on_time:
            return told
        log.info("atxs_coming", epoch=epoch, total=progress.total, here=progress.downloaded)
        return _Told(progress.downloaded, now_ns)

    async def _missing(self, atxs: Sequence[AtxID]) -> list[AtxID]:
        missing: list[AtxID] = []
        for first in range(0, len(atxs), CHECKED_AT_ONCE):
            part = atxs[first : first + CHECKED_AT_ONCE]
            missing += (atx for atx in part if not has_atx(self.db, atx))
            await asyncio.sleep(0)
        return missing

    async def _fetch(self, progress: EpochDownload) -> None:
        batch = progress.next_batch(self.config.atxs_batch)
        failures: dict[AtxID, SpacemeshError] = {}
        wanted = [atx for atx in batch if not has_atx(self.db, atx)]
        for peer, listed in progress.listed_by(wanted).items():
            self.fetcher.register_holder(PeerID(peer), listed)
        try:
            # One who lists what does not exist must not keep everybody busy with it.
            await self.fetcher.fetch(Hint.ATX, wanted, limited=True, from_holders=True)
        except FetchError as error:
            failures = {AtxID(key): reason for key, reason in error.failures.items()}
        outcomes = {atx: outcome_of(failures.get(atx)) for atx in batch}
        results = {atx: result for atx, result in outcomes.items() if result is not None}
        progress.on_fetched(results)
        if failures:
            log.info(
                "atxs_not_fetched", count=len(failures), reason=str(next(iter(failures.values())))
            )
        if not results:
            await self._sleep(IMMEDIATELY_NS)

    def _save(self, epoch: EpochID, progress: EpochDownload) -> None:
        with self.local.batch(sync=False) as batch:
            # Kept only then: after a restart what was listed is taken as all there is.
            if progress.listed_ns is not None and not progress.is_asking:
                state = EpochSync(
                    listed_ns=progress.listed_ns,
                    total=progress.total,
                    downloaded=progress.downloaded,
                )
                put_epoch_sync(batch, epoch, state)
            for atx, failures in progress.take_changes().items():
                if failures is None:
                    delete_wanted_atx(batch, epoch, atx)
                else:
                    put_wanted_atx(batch, epoch, atx, failures)
