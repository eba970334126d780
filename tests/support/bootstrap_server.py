"""Bootstrap files for simulated networks, made when they are asked for, as the reference's
test server makes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from node.checkpoint.bootstrap import BootstrapFiles
from node.checkpoint.bootstrap_file import EpochUpdate, UpdateKind, encode_update
from node.environment import Environment
from node.sim.world import World
from node.store.atxs import atx_ids_in_epoch
from node.types.ids import AtxID, Beacon
from node.types.layer import EpochID


def epoch_beacon(epoch: int) -> Beacon:
    """Return the beacon that stands for an epoch."""
    return Beacon(epoch.to_bytes(Beacon.SIZE, "little"))


@dataclass
class BootstrapServer:
    """Tells beacons and active sets, the latter from what the first node has."""

    world: World
    kinds: tuple[UpdateKind, ...] = ()
    """Files there are."""

    choose: Callable[[Sequence[AtxID]], Sequence[AtxID]] = field(default=lambda atx_ids: atx_ids)
    """Chooses the active set from an epoch's ATXs."""

    ready_layers: int = 1
    """How many layers before its epoch an active set is known."""

    told: dict[str, EpochUpdate] = field(default_factory=dict)

    def give(self, number: int, environment: Environment, folder: Path) -> Environment:
        """Let a node ask this server; see ``World.adjust``."""
        files = BootstrapFiles(source=self, folder=folder / f"node{number}" / "bootstrap")
        return replace(environment, bootstrap=files)

    async def fetch(self, url: str) -> bytes | None:
        """See UpdateSource."""
        name = url.rpartition("/")[2]
        if name not in self.told:
            _, number, _, suffix = name.split("-")
            epoch, kind = EpochID(int(number)), UpdateKind(suffix)
            made = self._make(epoch, kind) if kind in self.kinds else None
            if made is None:
                return None
            self.told[name] = made
        return encode_update(self.told[name])

    def active_set(self, epoch: int) -> tuple[AtxID, ...]:
        """Return the set that was told for an epoch."""
        return next(
            update.atx_ids
            for update in self.told.values()
            if update.epoch == epoch and update.atx_ids
        )

    def _make(self, epoch: EpochID, kind: UpdateKind) -> EpochUpdate | None:
        atx_ids: Sequence[AtxID] = ()
        if kind is not UpdateKind.BEACON:
            node = self.world.nodes["node0"].node
            current = node.time.layer_at(node.clock.now_ns())
            if current < node.time.first_layer(epoch) - self.ready_layers:
                return None
            known = sorted(atx_ids_in_epoch(node.db, EpochID(epoch - 1)))
            atx_ids = self.choose(known)
        beacon = None if kind is UpdateKind.ACTIVE_SET else epoch_beacon(epoch)
        return EpochUpdate(epoch=epoch, beacon=beacon, atx_ids=tuple(atx_ids))
