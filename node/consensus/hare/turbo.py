"""Hare without messages, for large simulations and networks of one node.

What a node knows of a layer's proposals when the preround would begin is the layer's result,
and the weak coin is always the same.  Nodes come to the same result only if the same
proposals have reached them by then; where they have not, certificates, votes and sync have to
bridge the difference as they do where hare fails.  Nobody who breaks the protocol is sorted
out.

Source: hare digest 9.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from node.config.model.consensus import HareConfig
from node.consensus.hare.attendance import Attendance
from node.consensus.hare.machine import PREROUND
from node.consensus.hare.messages import Version
from node.consensus.hare.ports import (
    HareOutput,
    LayerPatrol,
    ProposalSource,
    WeakCoinListener,
)
from node.consensus.hare.schedule import check_schedule, round_offset_ns
from node.layer_ticker import Clock
from node.store.db import Database
from node.store.layers import put_weak_coin
from node.types.layer import LayerID
from node.types.layer_time import LayerTime

COIN: Final = True
"""Blocks that are not decided are voted for."""

log = structlog.get_logger("hare")


@dataclass(kw_only=True)
class TurboHareService:
    """Ends every layer of one version of hare by itself, on that version's clock."""

    db: Database
    clock: Clock
    time: LayerTime

    version: Version
    """In whose place this works."""

    config: HareConfig
    """The section of that version."""

    proposals: ProposalSource
    patrol: LayerPatrol
    coin: WeakCoinListener
    is_synced: Callable[[], bool]

    outputs: asyncio.Queue[HareOutput]
    """Bounded; a layer waits when it is full.  All versions share one."""

    zdist: int
    """Layers that the tortoise waits for an output."""

    def __post_init__(self) -> None:
        """Refuse what could not work with messages either.

        Raises:
            ConfigError: see ``check_schedule``.
        """
        check_schedule(self.config, self.time, self.zdist, section=self.version.section)

    async def run(self) -> None:
        """End every layer of this version that we can, until cancelled.

        Returns when its last layer is over.
        """
        attendance = Attendance(
            db=self.db,
            clock=self.clock,
            time=self.time,
            patrol=self.patrol,
            is_synced=self.is_synced,
        )
        async with asyncio.TaskGroup() as tasks:
            async for layer in attendance.layers(self.config):
                if attendance.begin(layer) is not None:
                    # The delay may be longer than a layer.
                    tasks.create_task(self._end(layer))

    async def _end(self, layer: LayerID) -> None:
        await self.clock.sleep_until(
            self.time.start_of(layer) + round_offset_ns(self.config, PREROUND)
        )
        known = sorted(pooled.proposal.id for pooled in self.proposals.for_hare(layer))
        with self.db.batch() as batch:
            put_weak_coin(batch, layer, coin=COIN)
        self.coin.on_weak_coin(layer, coin=COIN)
        log.info("hare_agreed", layer=layer, proposals=len(known))
        await self.outputs.put(HareOutput(layer, tuple(known)))
