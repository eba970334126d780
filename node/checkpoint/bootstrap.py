"""Fetches bootstrap files and hands out what they say: beacons and active sets to fall back on.

For every epoch that is near, ``<url>/epoch-N-update-bs`` is asked for, and where there is
none ``...-bc`` and ``...-as``.  What came once is kept in the data folder and not asked for
again.  An active set's ATXs are fetched as soon as the node has the ATXs of past epochs.

Source: go-spacemesh, bootstrap/updater.go and node/node.go (listenToUpdates); beacon digest
8, node digest 9.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import structlog

from node.base.errors import DecodeError, PreconditionError, SpacemeshError, UnavailableError
from node.checkpoint.bootstrap_file import (
    EpochUpdate,
    UpdateKind,
    file_name,
    parse_update,
    required_epochs,
)
from node.config.model.node import BootstrapConfig
from node.layer_ticker import Clock
from node.net.fetch.client import FetchError
from node.net.fetch.wire import Hint
from node.runtime.files import make_folder, write_atomic
from node.runtime.http import HttpClient
from node.runtime.workers import Workers
from node.store.activesets import has_active_set, put_active_set
from node.store.atxs import has_atx
from node.store.db import Database
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.ids import AtxID, Beacon
from node.types.layer import EpochID
from node.types.layer_time import LayerTime

FOLDER: Final = "bootstrap"
"""In the data folder; each epoch has a folder in it."""
READ_ONLY: Final = 0o400
POLLS_PER_LAYER: Final = 5
MAX_FILE_BYTES: Final = 1 << 29
"""Room for an active set of the greatest size there is."""
NOT_FOUND: Final = 404
RETRY_NS: Final = 10 * 10**9
"""Wait before ATXs are asked for again; up to as much is added at random."""
CHECKED_AT_ONCE: Final = 1000
"""Identifiers looked up before others have their turn; some 5 ms."""

log = structlog.get_logger("bootstrap")


class UpdateSource(Protocol):
    """Where the files lie."""

    async def fetch(self, url: str) -> bytes | None:
        """Return a file, or None if there is none.

        Raises:
            UnavailableError: nobody can tell.
        """


@dataclass(frozen=True, slots=True)
class HttpUpdates:
    """Files on a web server."""

    client: HttpClient

    async def fetch(self, url: str) -> bytes | None:
        """See UpdateSource; an empty file is none."""
        answer = await self.client.get(url, max_bytes=MAX_FILE_BYTES)
        return None if answer.status == NOT_FOUND else answer.body or None


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapFiles:
    """Where files come from, and where they are kept."""

    source: UpdateSource
    folder: Path


class FallbackBeacons(Protocol):
    """Takes beacons from a trusted source."""

    def on_fallback(self, epoch: EpochID, beacon: Beacon) -> None:
        """The beacon of ``epoch`` is this one, whatever was known before."""


class FallbackActiveSets(Protocol):
    """Takes active sets from a trusted source."""

    def on_fallback(self, active_set: EpochActiveSet) -> None:
        """Take a trusted set for an epoch; the first one stays."""


class AtxFetcher(Protocol):
    """Brings in ATXs."""

    async def fetch(self, hint: Hint, hashes: Iterable[bytes], *, limited: bool = False) -> None:
        """Return when all are in the store.

        Raises:
            FetchError: at least one is not.
        """


@dataclass(kw_only=True)
class BootstrapUpdater:
    """Keeps the fallback data of the epochs around the present one."""

    files: BootstrapFiles
    config: BootstrapConfig
    db: Database
    time: LayerTime
    clock: Clock
    workers: Workers
    """Deals with files: a large one takes seconds."""

    fetcher: AtxFetcher
    beacons: FallbackBeacons
    active_sets: Sequence[FallbackActiveSets]
    atxs_synced: Callable[[], bool]
    entropy: Callable[[int], bytes]
    _here: set[tuple[EpochID, UpdateKind]] = field(default_factory=set)
    _trouble: str = ""
    """What the last pass failed at; empty: at nothing."""

    _wanted: asyncio.Queue[tuple[AtxID, ...]] = field(default_factory=asyncio.Queue)

    async def run(self) -> None:
        """Load what is kept, then ask for what is not here, until cancelled."""
        await self._load()
        log.info("bootstrap_started", url=self.config.bootstrap_url, interval_ns=self._interval_ns)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll())
            while True:
                tasks.create_task(self._download(await self._wanted.get()))

    @property
    def _interval_ns(self) -> int:
        return self.time.layer_duration_ns // POLLS_PER_LAYER

    def _required(self) -> tuple[EpochID, ...]:
        current = self.time.epoch_of(self.time.layer_at(self.clock.now_ns()))
        return required_epochs(current, self.time.epoch_of(self.time.effective_genesis))

    # Files that are here

    async def _load(self) -> None:
        for epoch in self._required():
            for kind in UpdateKind:
                path = self._path(epoch, kind)
                try:
                    update = await self._parse(await self.workers.run(path.read_bytes))
                except FileNotFoundError:
                    continue
                except (OSError, DecodeError) as error:
                    log.warning("bootstrap_file_damaged", path=str(path), reason=str(error))
                    continue
                self._here.add((epoch, kind))
                self._apply(update, path)

    def _path(self, epoch: EpochID, kind: UpdateKind) -> Path:
        return self.files.folder / str(epoch) / file_name(epoch, kind)

    def _prune(self, required: Iterable[EpochID]) -> None:
        """Remove the folders of all other epochs; what refuses is left for the next pass."""
        kept = {str(epoch) for epoch in required}
        with contextlib.suppress(OSError):
            for folder in sorted(self.files.folder.glob("*")):
                if folder.name not in kept:
                    shutil.rmtree(folder, ignore_errors=True)

    # Files that are elsewhere

    async def _poll(self) -> None:
        while True:
            required = self._required()
            try:
                for epoch in required:
                    await self._ask_for_epoch(epoch)
            except (UnavailableError, DecodeError, PreconditionError) as error:
                self._tell(error)
            else:
                self._trouble = ""
            self._prune(required)
            await self.clock.sleep_until(self.clock.now_ns() + self._interval_ns)

    def _tell(self, error: SpacemeshError) -> None:
        """Log what a pass failed at; the same again only for who looks closely.

        That nobody answers is no alarm: the network lives without these files, and one that
        runs in one process has nobody to serve them.
        """
        reason = str(error)
        if reason == self._trouble:
            tell = log.debug
        else:
            tell = log.info if isinstance(error, UnavailableError) else log.warning
        self._trouble = reason
        tell("bootstrap_not_updated", code=error.code, reason=reason, hint=error.hint)

    async def _ask_for_epoch(self, epoch: EpochID) -> None:
        if await self._has(epoch, UpdateKind.BOTH):
            return
        for kind in (UpdateKind.BEACON, UpdateKind.ACTIVE_SET):
            await self._has(epoch, kind)

    async def _has(self, epoch: EpochID, kind: UpdateKind) -> bool:
        """Ask for a file that is not here; tell whether it is now.

        Raises:
            UnavailableError: nobody can tell.
            DecodeError: there is one, and it is not valid.
            PreconditionError: there is one, and it cannot be kept.
        """
        if (epoch, kind) in self._here:
            return True
        data = await self.files.source.fetch(
            f"{self.config.bootstrap_url}/{file_name(epoch, kind)}"
        )
        if data is None:
            return False
        update = await self._parse(data)
        path = self._path(epoch, kind)
        await self.workers.run(_keep, path, data)
        self._here.add((epoch, kind))
        self._apply(update, path)
        return True

    async def _parse(self, data: bytes) -> EpochUpdate:
        return await self.workers.run(parse_update, data, self.config.bootstrap_version)

    # What they say

    def _apply(self, update: EpochUpdate, path: Path) -> None:
        log.info(
            "bootstrap_file",
            path=str(path),
            epoch=update.epoch,
            beacon=update.beacon,
            active_set_size=len(update.atx_ids),
        )
        if update.beacon is not None:
            self.beacons.on_fallback(update.epoch, update.beacon)
        if not update.atx_ids:
            return
        active_set = EpochActiveSet(epoch=update.epoch, atx_ids=update.atx_ids)
        digest = active_set_hash(update.atx_ids)
        if not has_active_set(self.db, digest):
            with self.db.batch() as batch:
                put_active_set(batch, digest, active_set)
        for listener in self.active_sets:
            listener.on_fallback(active_set)
        self._wanted.put_nowait(update.atx_ids)

    async def _download(self, atx_ids: tuple[AtxID, ...]) -> None:
        """Fetch the ATXs of a set, however often that takes."""
        while not self.atxs_synced():
            await self.clock.sleep_until(self.clock.now_ns() + self._interval_ns)
        missing = await self._missing(atx_ids)
        while missing:
            log.info("bootstrap_atxs", total=len(atx_ids), missing=len(missing))
            try:
                await self.fetcher.fetch(Hint.ATX, missing, limited=True)
            except FetchError as error:
                log.debug("bootstrap_atxs_not_fetched", reason=str(error))
                await self._pause()
            missing = await self._missing(missing)

    async def _pause(self) -> None:
        spread_ns = int.from_bytes(self.entropy(8), "little") % RETRY_NS
        await self.clock.sleep_until(self.clock.now_ns() + RETRY_NS + spread_ns)

    async def _missing(self, atx_ids: Sequence[AtxID]) -> list[AtxID]:
        missing: list[AtxID] = []
        for first in range(0, len(atx_ids), CHECKED_AT_ONCE):
            part = atx_ids[first : first + CHECKED_AT_ONCE]
            missing += (atx_id for atx_id in part if not has_atx(self.db, atx_id))
            await asyncio.sleep(0)
        return missing


def _keep(path: Path, data: bytes) -> None:
    """Write a file into the data folder.

    Raises:
        PreconditionError: the disk refuses it.
    """
    try:
        make_folder(path.parent)
        write_atomic(path, data, mode=READ_ONLY)
    except OSError as error:
        raise PreconditionError(
            f"bootstrap file {path} cannot be written: {error.strerror}",
            code="smesh.precondition.bootstrap_folder",
            hint="see who may write there and how much space is left; it is tried again",
        ) from error
