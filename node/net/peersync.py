"""Stream protocol ``/peersync/1.0/``: how far our clock is from those of our peers.

All connected peers are asked what time it is; the median of the differences is our offset.
One that is too large is a warning.  After several in a row the node stops: its messages come
when nobody listens for them, and it would not know why it earns nothing.

Source: go-spacemesh, timesync/peersync; p2p digest A8.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from node.base import scale
from node.base.errors import DecodeError, PreconditionError, UnavailableError
from node.base.scale import U64
from node.config.model.node import PeersyncConfig
from node.events import Bus, WarningRaised
from node.layer_ticker import Clock
from node.net.ports import AskedPeers, PeerID, Requests

PROTOCOL: Final = "/peersync/1.0/"
ALL_PEERS: Final = 10_000
"""More peers than any node is connected to."""
NS_PER_S: Final = 10**9
DRIFT: Final = "smesh.time.drift"
"""Code of the warning, and of the error that stops the node."""
HINT: Final = "set the system's clock right, and let it follow a time server"

log = structlog.get_logger("timesync")


class Network(AskedPeers, Requests, Protocol):
    """Peers that can be asked, and asked by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRequest:
    """Asks for the time."""

    id: U64
    """Number of the round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeResponse:
    """Tells the time."""

    id: U64
    """As asked."""

    timestamp: U64
    """Nanoseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One peer's answer."""

    peer_ns: int
    """What time it was there."""

    received_ns: int
    """What time it was here when the answer came."""


def median_offset_ns(asked_ns: int, samples: Sequence[Sample]) -> int:
    """Return how far the peers are ahead of us, in nanoseconds; negative if we are.

    Args:
        asked_ns: our time when all of them were asked.
        samples: at least one.
    """
    offsets = sorted(
        sample.peer_ns - asked_ns - (sample.received_ns - asked_ns) // 2 for sample in samples
    )
    middle = len(offsets) // 2
    if len(offsets) % 2:
        return offsets[middle]
    total = offsets[middle - 1] + offsets[middle]
    return total // 2 if total >= 0 else -(-total // 2)


@dataclass(kw_only=True)
class PeerSync:
    """Compares the clock with those of the peers, and tells them ours."""

    network: Network
    clock: Clock
    bus: Bus
    config: PeersyncConfig

    offset_ns: int | None = None
    """Of the last complete round: how far the peers are ahead of us."""

    errors: int = 0
    """Rounds in a row whose offset was too large."""

    _round: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Answer peers from now on, whether or not we ask them ourselves."""
        self.network.serve(PROTOCOL, self.on_request)

    async def on_request(self, peer: PeerID, data: bytes) -> bytes:
        """Answer a peer's request.

        Raises:
            DecodeError: it is malformed.
        """
        asked = scale.decode(TimeRequest, data)
        return scale.encode(TimeResponse(id=asked.id, timestamp=self.clock.now_ns()))

    async def run(self) -> None:
        """Compare until cancelled; return at once where that is disabled.

        Raises:
            PreconditionError: our clock was off for too many rounds in a row.
        """
        if self.config.disable:
            return
        while True:
            is_complete = await self._hold_round()
            config = self.config
            wait_ns = config.round_interval if is_complete else config.round_retry_interval
            # The loop's time, not the clock's: a clock that is set back must not stop us.
            await asyncio.sleep(wait_ns / NS_PER_S)

    async def _hold_round(self) -> bool:
        """Ask everybody; return whether enough answered."""
        peers = self.network.best(ALL_PEERS)
        if len(peers) < self.config.required_responses:
            return False
        number = self._round
        self._round += 1
        asked_ns = self.clock.now_ns()
        samples: list[Sample] = []
        try:
            async with (
                asyncio.timeout(self.config.round_timeout / NS_PER_S),
                asyncio.TaskGroup() as tasks,
            ):
                for peer in peers:
                    tasks.create_task(self._ask(peer, number, samples))
        except TimeoutError:
            log.debug("peers_slow_to_tell_time", answers=len(samples), asked=len(peers))
        if len(samples) < self.config.required_responses:
            return False
        self._judge(median_offset_ns(asked_ns, samples))
        return True

    async def _ask(self, peer: PeerID, number: int, samples: list[Sample]) -> None:
        request = scale.encode(TimeRequest(id=number))
        try:
            data = await self.network.request(peer, PROTOCOL, request)
            answer = scale.decode(TimeResponse, data)
        except (DecodeError, UnavailableError) as error:
            log.debug("peer_did_not_tell_time", peer=peer, reason=str(error))
            return
        if answer.id == number:
            samples.append(Sample(answer.timestamp, self.clock.now_ns()))

    def _judge(self, offset_ns: int) -> None:
        self.offset_ns = offset_ns
        allowed_ns = self.config.max_clock_offset
        if abs(offset_ns) <= allowed_ns:
            self.errors = 0
            return
        self.errors += 1
        side = "behind" if offset_ns > 0 else "ahead of"
        message = (
            f"the clock is {abs(offset_ns) / NS_PER_S:.3f} s {side} those of the peers, "
            f"{allowed_ns / NS_PER_S:g} s are allowed"
        )
        log.warning("clock_drift", offset_ns=offset_ns, allowed_ns=allowed_ns, errors=self.errors)
        self.bus.publish(WarningRaised(code=DRIFT, message=message, hint=HINT))
        if self.errors >= self.config.max_offset_errors:
            text = f"timesync: peers are not time synced: {message}"
            raise PreconditionError(text, code=DRIFT, hint=HINT)
