"""Keeps a node in step with the network: two loops, one that downloads and one that processes.

The first brings in ATXs, proofs of misbehaviour and the ballots of past layers, in this
order; the second hands layer after layer to the mesh, with the certificates that peers have
of those that hare has told us nothing of.

Source: go-spacemesh, syncer/syncer.go and state_syncer.go; sync digest section 3.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from node.base.errors import NotFoundError, PreconditionError, UnavailableError
from node.events import Bus, SyncChanged
from node.layer_ticker import NS_PER_SECOND, Clock
from node.net.fetch.choice import PeerChoice
from node.net.fetch.client import Fetcher, FetchError
from node.net.fetch.wire import Hint
from node.sync.downloads import Downloads
from node.sync.patrol import LayerPatrol
from node.sync.state import SyncMachine
from node.types.ids import BlockID
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime

log = structlog.get_logger("sync")


class MeshProcessor(Protocol):
    """What catching up does to the mesh."""

    @property
    def latest(self) -> LayerID:
        """Highest layer of which anything was seen."""

    @property
    def processed(self) -> LayerID:
        """Highest layer up to which all are processed."""

    @property
    def verified(self) -> LayerID:
        """Highest layer that is decided, with all layers before."""

    @property
    def applied(self) -> LayerID:
        """Last layer in the state."""

    def process_layer(self, layer: LayerID, *, first: LayerID | None = None) -> tuple[BlockID, ...]:
        """Process the layers from ``first``; return the blocks that are missing for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncParameters:
    """How a node keeps in step."""

    interval_ns: int
    """Time between runs of each loop."""

    epoch_end_fraction: float
    """Part of an epoch after which the download of its ATXs begins."""

    hdist: int
    """Layers back from now in which certificates are asked for."""

    zdist: int
    """Layers for which hare's word is waited for."""

    tally_layers: int
    """Every so many layers votes are counted while there is much to catch up with."""

    standalone: bool
    """The node is the whole network: there is nobody to ask."""

    disable_mesh_agreement: bool
    """Do not compare mesh hashes with peers."""


@dataclass(kw_only=True)
class SyncService:
    """The loops."""

    machine: SyncMachine
    mesh: MeshProcessor
    patrol: LayerPatrol
    peers: PeerChoice
    fetcher: Fetcher
    downloads: Downloads
    time: LayerTime
    clock: Clock
    bus: Bus
    parameters: SyncParameters

    on_synced: Callable[[], None]
    """Told when the node becomes synced: what was computed before may be wrong."""

    _last_synced: LayerID = field(init=False)
    _last_epoch: EpochID = field(init=False)
    _failed: bool = False
    _processing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: asyncio.TaskGroup = field(init=False)
    _background: asyncio.Task[None] | None = None
    _background_epoch: EpochID | None = None
    _follows_proofs: bool = False

    def __post_init__(self) -> None:
        """Begin with the last layer that the store knows anything of."""
        genesis = self.time.effective_genesis
        self._last_synced = max(self.mesh.latest, genesis)
        self._last_epoch = EpochID(self.time.epoch_of(genesis) - 1)

    async def run(self) -> None:
        """Run until cancelled."""
        self.machine.on_start(self._current())
        self._announce(was_synced=False)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._repeat(self._synchronise))
            tasks.create_task(self._repeat(self._process_layers))

    async def _repeat(self, once: Callable[[], Awaitable[None]]) -> None:
        while True:
            await once()
            await self.clock.sleep_until(self.clock.now_ns() + self.parameters.interval_ns)

    def _current(self) -> LayerID:
        return self.time.layer_at(self.clock.now_ns())

    # Downloading

    async def _synchronise(self) -> None:
        was_synced = self.machine.is_synced
        current = self._current()
        self.machine.on_run_start(current, self._last_synced)
        if current > 0:
            succeeded = await self._download()
            await self._revisit_layers()
            await self._process_for_a_while()
            # It may have taken long: what counts is how far it is from now.
            current = self._current()
            self.machine.on_run_end(
                current,
                self._last_synced,
                self.clock.now_ns(),
                succeeded=succeeded,
                state_synced=self._is_state_synced(current),
            )
        self._announce(was_synced=was_synced)

    def _is_state_synced(self, current: LayerID) -> bool:
        return current <= self.time.effective_genesis or (
            self.mesh.processed >= current - 1 and not self._failed
        )

    async def _download(self) -> bool:
        """Bring in everything up to the layer before this one; return whether that worked."""
        if self.parameters.standalone:
            self._last_synced = max(self._last_synced, LayerID(self._current() - 1))
            self.machine.on_atxs_synced()
            return True
        try:
            await self._download_atxs()
            await self._download_layers()
        except (UnavailableError, FetchError) as error:
            log.info("not_synchronised", last=self._last_synced, reason=str(error))
            return False
        return True

    async def _download_atxs(self) -> None:
        """Bring in the ATXs of past epochs, and let those of this one come in the background."""
        if not self.peers.best(1):
            raise UnavailableError("no peers to synchronise with")
        epoch = self.time.epoch_of(self._current())
        if not self.machine.atxs_synced:
            await self._download_until(epoch)
            start_ns = self.time.epoch_start(epoch)
            await self.downloads.proofs.ensure(start_ns, self.time.epoch_duration_ns)
            self.machine.on_atxs_synced()
        if not self._follows_proofs:
            self._follows_proofs = True
            self._tasks.create_task(self.downloads.proofs.run())
        await self._follow_epoch()

    async def _download_until(self, epoch: EpochID) -> None:
        """Complete the epochs before one, as far as they are not."""
        for number in range(self._last_epoch + 1, epoch):
            past = EpochID(number)
            await self.downloads.atxs.download(past, self.time.epoch_start(EpochID(past + 1)))
            self._last_epoch = past

    async def _follow_epoch(self) -> None:
        """Download the epoch that ATXs are published in, unless that is under way."""
        current = self._current()
        ordinal = current % self.time.layers_per_epoch
        publish = self.time.epoch_of(current)
        if ordinal <= self.time.layers_per_epoch * self.parameters.epoch_end_fraction:
            publish = EpochID(max(0, publish - 1))
        if publish == 0:
            return
        if self._background is not None and not self._background.done():
            if self._background_epoch == publish:
                return
            self._background.cancel()
            await asyncio.wait([self._background])
        self._background_epoch = publish
        self._background = self._tasks.create_task(self._download_epoch(publish))

    async def _download_epoch(self, publish: EpochID) -> None:
        try:
            # One that waits long for peers may have let whole epochs go by.
            await self._download_until(publish)
            await self.downloads.atxs.download(publish, self.time.epoch_start(EpochID(publish + 2)))
        except UnavailableError as error:
            log.info("epoch_not_downloaded", epoch=publish, reason=str(error))

    async def _download_layers(self) -> None:
        while self._last_synced + 1 < self._current() > self.time.effective_genesis:
            layer = LayerID(self._last_synced + 1)
            try:
                await self.downloads.layers.download(layer)
            except FetchError as error:
                if not error.is_ignorable:
                    raise
                log.info("ballots_refused", layer=layer, reason=str(error))
            self._last_synced = layer

    async def _revisit_layers(self) -> None:
        """Look for ballots that we lack where the tortoise should have decided, but did not."""
        hdist, verified = self.parameters.hdist, self.mesh.verified
        undecided = LayerID(max(verified, self.time.effective_genesis) + 1)
        is_processed = self.mesh.processed + hdist > self._last_synced
        if (
            is_processed
            and undecided + hdist <= self._last_synced
            and not self.parameters.standalone
        ):
            await self.downloads.revisits.revisit(undecided, self._last_synced)

    # Processing

    async def _process_for_a_while(self) -> None:
        """Process what has just come; else a layer that just ended would never count as done."""
        if self.mesh.processed >= self._last_synced:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self.parameters.interval_ns / NS_PER_SECOND):
                await self._process_layers()

    async def _process_layers(self) -> None:
        """Process what hare is not in charge of, layer by layer; one at a time does it."""
        async with self._processing:
            await self._process_all()

    async def _process_all(self) -> None:
        current = self._current()
        if current <= self.time.effective_genesis or not self.machine.atxs_synced:
            return
        start = min(self.mesh.applied, self.mesh.processed, self._last_synced)
        if start == self.time.effective_genesis:
            start = LayerID(start + 1)
        number = first = start
        while number <= self._last_synced:
            layer, current = number, self._current()
            in_charge = self.patrol.is_hare_in_charge(layer)
            if in_charge and current - layer < self.parameters.zdist:
                return
            if layer + self.parameters.hdist > current and not self.parameters.standalone:
                await self._take_opinions(layer, current)
            is_last = layer == self._last_synced
            if layer % self.parameters.tally_layers == 0 or is_last or self._failed:
                await self._process(first, layer)
                first = LayerID(layer + 1)
            # A long way to catch up must not keep others from running.
            await asyncio.sleep(0)
            number = LayerID(number + 1)

    async def _take_opinions(self, layer: LayerID, current: LayerID) -> None:
        """Ask what peers think of a layer; that they cannot be asked does not stop us."""
        opinions = await self.downloads.opinions.poll(layer)
        cutoff = max(self.time.effective_genesis, current - self.parameters.hdist)
        if layer > cutoff and self.downloads.opinions.needs_certificate(layer):
            await self.downloads.opinions.adopt(layer, opinions)
        if (
            self.machine.is_synced
            and not self.parameters.disable_mesh_agreement
            and self.downloads.agreement.differs(layer, opinions)
        ):
            await self.downloads.agreement.resolve(layer, self.mesh.latest, opinions)

    async def _process(self, first: LayerID, layer: LayerID) -> None:
        try:
            missing = self.mesh.process_layer(layer, first=first)
            if missing:
                await self.fetcher.fetch(Hint.BLOCK, missing)
                missing = self.mesh.process_layer(layer)
        except (FetchError, NotFoundError, PreconditionError) as error:
            log.warning("layer_not_processed", layer=layer, reason=str(error))
            self._failed = True
        else:
            self._failed = bool(missing)

    def _announce(self, *, was_synced: bool) -> None:
        if self.machine.is_synced == was_synced:
            return
        if self.machine.is_synced:
            self.on_synced()
        self.bus.publish(
            SyncChanged(
                is_synced=self.machine.is_synced,
                listens_to_gossip=self.machine.listens_to_gossip,
                atx_synced=self.machine.atxs_synced,
            )
        )
