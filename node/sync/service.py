"""Keeps a node in step with the clock: sync state, and layers that hare said nothing of.

It downloads no past layers: a node on the in-memory network hears everything, and fetches
what something it hears refers to.

Source: go-spacemesh, syncer/syncer.go and state_syncer.go; sync digest section 3.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from node.base.errors import NotFoundError, PreconditionError
from node.events import Bus, SyncChanged
from node.layer_ticker import Clock
from node.net.fetch.client import Fetcher, FetchError
from node.net.fetch.wire import Hint
from node.sync.patrol import LayerPatrol
from node.sync.state import SyncMachine
from node.types.ids import BlockID
from node.types.layer import LayerID
from node.types.layer_time import LayerTime

log = structlog.get_logger("sync")


class MeshProcessor(Protocol):
    """What catching up does to the mesh."""

    @property
    def processed(self) -> LayerID:
        """Highest layer up to which all are processed."""

    @property
    def applied(self) -> LayerID:
        """Last layer in the state."""

    def process_layer(self, layer: LayerID) -> tuple[BlockID, ...]:
        """Process a layer; return the blocks that are missing for it."""


@dataclass(kw_only=True)
class SyncService:
    """The loop."""

    machine: SyncMachine
    mesh: MeshProcessor
    patrol: LayerPatrol
    fetcher: Fetcher
    time: LayerTime
    clock: Clock
    bus: Bus
    interval_ns: int

    zdist: int
    """Layers for which hare's word is waited for."""

    tally_layers: int
    """Every so many layers votes are counted while there is much to catch up with."""

    on_synced: Callable[[], None]
    """Told when the node becomes synced: what was computed before may be wrong."""

    _last_synced: LayerID = field(init=False)
    _failed: bool = False

    def __post_init__(self) -> None:
        """Nothing before the store's last layer has to be looked at."""
        self._last_synced = max(self.mesh.processed, self.time.effective_genesis)

    async def run(self) -> None:
        """Run until cancelled."""
        self.machine.on_start(self._current())
        self._announce(was_synced=False)
        while True:
            was_synced = self.machine.is_synced
            await self._synchronise()
            self._announce(was_synced=was_synced)
            await self.clock.sleep_until(self.clock.now_ns() + self.interval_ns)

    def _current(self) -> LayerID:
        return self.time.layer_at(self.clock.now_ns())

    async def _synchronise(self) -> None:
        current = self._current()
        self.machine.on_run_start(current, self._last_synced)
        if current > 0:
            self._last_synced = max(self._last_synced, LayerID(current - 1))
            self.machine.on_atxs_synced()
        if current > self.time.effective_genesis:
            await self._process_layers(current)
        state_synced = current <= self.time.effective_genesis or (
            self.mesh.processed >= current - 1 and not self._failed
        )
        self.machine.on_run_end(
            current,
            self._last_synced,
            self.clock.now_ns(),
            succeeded=True,
            state_synced=state_synced,
        )

    async def _process_layers(self, current: LayerID) -> None:
        """Process what hare is not in charge of, layer by layer."""
        start = min(self.mesh.applied, self.mesh.processed, self._last_synced)
        if start == self.time.effective_genesis:
            start = LayerID(start + 1)
        for number in range(start, self._last_synced + 1):
            layer = LayerID(number)
            if self.patrol.is_hare_in_charge(layer) and current - layer < self.zdist:
                return
            is_last = layer == self._last_synced
            if layer % self.tally_layers == 0 or is_last or self._failed:
                await self._process(layer)
            # A long way to catch up must not keep others from running.
            await asyncio.sleep(0)

    async def _process(self, layer: LayerID) -> None:
        try:
            missing = self.mesh.process_layer(layer)
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
