"""Asks again for layers that the tortoise cannot decide: peers may have ballots that we lack.

One list completes a layer in the ordinary download.  After a split of the network that list
came from our own side, and the mesh hashes that would tell the difference do not exist: a
layer that is neither decided nor has a block of hare's is never applied.  Without the other
side's ballots each side counts only itself, and votes against the other for ever.  So every
peer is asked for its list of each undecided layer, and again when its answer is old, since
it may have learned of ballots itself.

Source: ours; go-spacemesh finds such ballots only where mesh hashes differ (sync digest 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from node.layer_ticker import Clock
from node.net.fetch.choice import ALL_PEERS, PeerChoice
from node.net.fetch.client import FetchError
from node.net.ports import PeerID
from node.sync.layers import ASKED_PEERS, LayerDownload
from node.types.layer import LayerID

REVISITED_LAYERS: Final = 100
"""Layers that are asked for in one round: as many as a server answers in a second."""

log = structlog.get_logger("sync")


@dataclass(kw_only=True)
class LayerRevisits:
    """Who told its ballots of which undecided layer, and when."""

    clock: Clock
    peers: PeerChoice
    layers: LayerDownload

    max_stale_ns: int
    """Age at which an answer is forgotten."""

    _told: dict[LayerID, dict[PeerID, int]] = field(default_factory=dict)

    async def revisit(self, first: LayerID, last: LayerID) -> None:
        """Download layers once more, from peers that have not been asked for them lately.

        Failures are left to the next round.

        Args:
            first: lowest layer that is not decided; what was told of layers before is
                forgotten.
            last: highest layer to ask for.
        """
        self._told = {layer: told for layer, told in self._told.items() if layer >= first}
        asked = 0
        silent: set[PeerID] = set()
        for number in range(first, last + 1):
            layer = LayerID(number)
            peers = self._to_ask(layer, silent)
            if not peers:
                continue
            silent |= await self._ask(layer, peers)
            asked += 1
            if asked == REVISITED_LAYERS:
                return

    def _to_ask(self, layer: LayerID, silent: set[PeerID]) -> tuple[PeerID, ...]:
        """Return some peers without a fresh answer; those that are silent are left out."""
        told = self._told.get(layer, {})
        stale_ns = self.clock.now_ns() - self.max_stale_ns
        waiting = [
            peer
            for peer in self.peers.best(ALL_PEERS)
            if peer not in silent and (peer not in told or told[peer] < stale_ns)
        ]
        return tuple(waiting[:ASKED_PEERS])

    async def _ask(self, layer: LayerID, peers: Sequence[PeerID]) -> set[PeerID]:
        """Download a layer from some peers; return those that did not answer."""
        lists, _ = await self.layers.ask(layer, peers)
        try:
            await self.layers.complete(layer, lists)
        except FetchError as error:
            log.info("layer_not_revisited", layer=layer, reason=str(error))
            if not error.is_ignorable:
                # What is refused now would be refused again; what failed may come soon.
                return set(peers) - set(lists)
        told = dict.fromkeys(lists, self.clock.now_ns())
        self._told.setdefault(layer, {}).update(told)
        return set(peers) - set(lists)
