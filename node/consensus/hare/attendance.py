"""Which layers a node works on: those after its start, if it has what the work needs.

Source: go-spacemesh, hare3/hare.go; hare digest 7.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from node.config.model.consensus import HareConfig
from node.consensus.hare.ports import LayerPatrol
from node.layer_ticker import Clock, LayerTicker
from node.store.beacons import find_beacon
from node.store.db import Database
from node.types.ids import Beacon
from node.types.layer import LayerID
from node.types.layer_time import LayerTime

NO_BEACON: Final = Beacon.zero()

log = structlog.get_logger("hare")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """Begins layers, or leaves them out."""

    db: Database
    clock: Clock
    time: LayerTime
    patrol: LayerPatrol
    is_synced: Callable[[], bool]

    async def layers(self, config: HareConfig) -> AsyncIterator[LayerID]:
        """Yield the layers of a version as they start, from the one after now.

        Ends when the version's last layer is over.
        """
        ticker = LayerTicker(self.clock, self.time)
        first = max(
            ticker.current_layer() + 1,
            config.enable_layer,
            self.time.effective_genesis + 1,
        )
        async for layer in ticker.ticks(LayerID(first)):
            if layer >= config.disable_layer:
                return
            yield layer

    def begin(self, layer: LayerID) -> Beacon | None:
        """Take charge of a layer that has started and return its beacon.

        None, and nobody is told, if the node is not synced or has no beacon for the epoch.
        """
        if not self.is_synced():
            log.debug("hare_not_synced", layer=layer)
            return None
        epoch = self.time.epoch_of(layer)
        beacon = find_beacon(self.db, epoch)
        if beacon is None or beacon == NO_BEACON:
            log.warning("hare_without_beacon", layer=layer, epoch=epoch)
            return None
        self.patrol.start(layer)
        return beacon
