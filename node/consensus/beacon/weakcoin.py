"""The weak coin of the beacon: the smallest VRF proof of a round decides the undecided.

States: closed; epoch open; round open.  Messages for what opens next are kept until then.

Inputs: start_epoch, finish_epoch, start_round, on_message, finish_round.
Invariant: only proofs smaller than the smallest so far are accepted, and so relayed.

Source: go-spacemesh, beacon/weakcoin; beacon digest 6.1.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from node.base.errors import IgnoreError
from node.consensus.beacon.rules import Miner, weak_coin_vrf_input
from node.consensus.beacon.wire import WeakCoinMessage
from node.crypto.vrf import VrfCheck, verify_vrf
from node.types.ids import SmesherID, VrfSignature
from node.types.layer import EpochID

BUFFERED_MESSAGES: Final = 10_000
"""Messages kept for the round that opens next; more are ignored."""


def _number(proof: VrfSignature) -> int:
    """Return a proof as the little-endian number by which proofs are compared here."""
    return int.from_bytes(proof, "little")


@dataclass
class WeakCoin:
    """The coin of all rounds of an epoch."""

    last_round: int
    """Number of rounds of the protocol."""

    find_miner: Callable[[EpochID, SmesherID], Miner | None]
    """A smesher's ATX in an epoch's agreement, if known."""

    check_vrf: VrfCheck = verify_vrf

    _epoch: EpochID = field(default_factory=lambda: EpochID(0))
    _round: int = 0
    _epoch_open: bool = False
    _round_open: bool = False
    _smallest: VrfSignature | None = None
    _buffer: list[WeakCoinMessage] = field(default_factory=list)

    def start_epoch(self, epoch: EpochID) -> None:
        """Open an epoch."""
        self._epoch, self._epoch_open = epoch, True

    def finish_epoch(self) -> None:
        """Close the epoch."""
        self._epoch_open = self._round_open = False
        self._round = 0

    def start_round(self, round_: int) -> None:
        """Open a round, and take the messages that came for it before."""
        self._round, self._round_open, self._smallest = round_, True, None
        buffered, self._buffer = self._buffer, []
        for message in buffered:
            if (message.epoch, message.round) == (self._epoch, round_):
                self._take_quietly(message)

    def on_message(self, message: WeakCoinMessage) -> None:
        """Take a throw, or keep it for the round that opens next.

        Raises:
            IgnoreError: not for now, not valid, or not the smallest so far.
        """
        is_current = (message.epoch, message.round) == (self._epoch, self._round)
        if self._epoch_open and self._round_open and is_current:
            self._take(message)
        elif self._opens_next(message) and len(self._buffer) < BUFFERED_MESSAGES:
            self._buffer.append(message)
        else:
            raise IgnoreError(f"weak coin of epoch {message.epoch}, round {message.round}")

    def is_smallest(self, proof: VrfSignature) -> bool:
        """Tell whether a proof would be the smallest so far."""
        return self._smallest is None or _number(proof) < _number(self._smallest)

    def finish_round(self) -> bool | None:
        """Close the round; return its coin, or None if nobody threw."""
        smallest, self._smallest = self._smallest, None
        self._round_open = False
        return None if smallest is None else bool(smallest[0] & 1)

    def _opens_next(self, message: WeakCoinMessage) -> bool:
        if message.epoch == self._epoch:
            follows = message.round == self._round + 1 and message.round <= self.last_round
            return follows or (self._epoch_open and not self._round_open)
        if message.epoch == self._epoch + 1:
            closed = not self._epoch_open and not self._round_open
            return closed or self._round == self.last_round
        return False

    def _take(self, message: WeakCoinMessage) -> None:
        miner = self.find_miner(message.epoch, message.smesher)
        # The reference accepts one unit more than senders use.
        if miner is None or miner.malicious or message.unit > miner.num_units:
            raise IgnoreError(f"weak coin unit {message.unit} of {message.smesher} not allowed")
        proof = message.vrf_signature
        vrf_input = weak_coin_vrf_input(miner.nonce, message.epoch, message.round, message.unit)
        if not self.check_vrf(message.smesher, vrf_input, proof):
            raise IgnoreError(f"weak coin of {message.smesher}: wrong VRF proof")
        if not self.is_smallest(proof):
            raise IgnoreError(f"weak coin of {message.smesher} is not the smallest")
        self._smallest = proof

    def _take_quietly(self, message: WeakCoinMessage) -> None:
        try:
            self._take(message)
        except IgnoreError:
            # It was accepted and relayed when it came; now it just does not count.
            return
