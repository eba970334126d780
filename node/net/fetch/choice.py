"""Asks peers, measures how they answer, and chooses whom to ask next.

Source: go-spacemesh, fetch/peers and fetch/fetch.go; sync digest section 2.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from node.base.errors import UnavailableError
from node.net.fetch.scores import PeerScores
from node.net.ports import AskedPeers, PeerID

TIMEOUT_S: Final = 300.0
"""Longest exchange, by default."""
ALL_PEERS: Final = 10_000
"""More peers than any node is connected to."""


@dataclass(kw_only=True)
class PeerChoice:
    """The network with peers ordered by what they did for us; an ``AskedPeers`` too."""

    network: AskedPeers
    entropy: Callable[[int], bytes]
    """Random bytes: in which order the best peers are asked."""

    timeout_s: float = TIMEOUT_S
    """Longest exchange with a peer."""

    scores: PeerScores = field(default_factory=PeerScores)

    @property
    def local(self) -> PeerID:
        """See Peers."""
        return self.network.local

    def best(self, count: int) -> tuple[PeerID, ...]:
        """See Peers."""
        connected = self.network.best(ALL_PEERS)
        self.scores.keep_only(connected)
        return tuple(map(PeerID, self.scores.ranked(connected)[:count]))

    def best_shuffled(self, count: int) -> tuple[PeerID, ...]:
        """Return the ``count`` best peers in random order, so that not always one comes first."""
        chosen = list(self.best(count))
        for place in range(len(chosen) - 1, 0, -1):
            other = int.from_bytes(self.entropy(4), "little") % (place + 1)
            chosen[place], chosen[other] = chosen[other], chosen[place]
        return tuple(chosen)

    def drop(self, peer: PeerID, reason: str) -> None:
        """See Peers."""
        self.network.drop(peer, reason)

    async def request(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        """See Requests."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(self.timeout_s):
                answer = await self.network.request(peer, protocol, data)
        except UnavailableError:
            self.scores.on_failure(peer, loop.time() - started)
            raise
        except TimeoutError as error:
            self.scores.on_failure(peer, loop.time() - started)
            text = f"peer {peer} did not answer within {self.timeout_s:g} s"
            raise UnavailableError(text) from error
        self.scores.on_success(peer, loop.time() - started, len(answer))
        return answer
