"""Topics ``bp1``, ``bf1``, ``bo1``, ``bw1``, and the beacons that ballots report.

Holds the machines of the epochs under way; the service drives them.  Malformed messages
are rejected, everything else that is refused is ignored.

Source: go-spacemesh, beacon/handlers.go and beacon/beacon.go; beacon digest 4 to 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from node.base import scale
from node.base.errors import IgnoreError
from node.config.model.consensus import BeaconConfig
from node.consensus.beacon.machine import BeaconMachine, EpochFacts
from node.consensus.beacon.majority import BeaconMajority
from node.consensus.beacon.ports import BeaconListener
from node.consensus.beacon.rules import Category, Miner, check_timely
from node.consensus.beacon.weakcoin import WeakCoin
from node.consensus.beacon.wire import (
    BeaconProposalMessage,
    FirstVotesMessage,
    FollowingVotesMessage,
    WeakCoinMessage,
)
from node.crypto.domains import Domain
from node.crypto.ed25519 import Verifier
from node.events import BeaconDecided, Bus
from node.layer_ticker import Clock
from node.net.ports import PeerID
from node.store.atxs import atxs_in_epoch
from node.store.beacons import find_beacon, put_beacon
from node.store.db import Database
from node.store.identities import is_malicious
from node.types.atx import Atx
from node.types.ids import BallotID, Beacon, SmesherID
from node.types.layer import EpochID
from node.types.layer_time import LayerTime

PROPOSALS: Final = "bp1"
FIRST_VOTES: Final = "bf1"
FOLLOWING_VOTES: Final = "bo1"
WEAK_COIN: Final = "bw1"
KEPT_EPOCHS: Final = 3
"""Epochs for which the ballots' reports are kept."""

log = structlog.get_logger("beacon")


def _miner(atx: Atx, *, malicious: bool) -> Miner:
    return Miner(
        atx_id=atx.id,
        weight=atx.weight,
        num_units=atx.num_units,
        received_ns=atx.received_ns,
        nonce=atx.vrf_nonce,
        malicious=malicious,
    )


@dataclass(kw_only=True)
class BeaconHandler:
    """Checks and counts what comes in; keeps the beacons."""

    db: Database
    time: LayerTime
    clock: Clock
    bus: Bus
    config: BeaconConfig
    verifier: Verifier
    listeners: Sequence[BeaconListener]
    coin: WeakCoin = field(init=False)
    majority: BeaconMajority = field(init=False)

    running: EpochID | None = None
    """Epoch whose protocol we run, if any."""

    _machines: dict[EpochID, BeaconMachine] = field(default_factory=dict)
    _beacons: dict[EpochID, Beacon] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start with nothing under way."""
        self.coin = WeakCoin(
            last_round=self.config.rounds_number,
            find_miner=self.find_miner,
            check_vrf=self.verifier.verify_vrf,
        )
        self.majority = BeaconMajority(self.config.sync_weight_units)

    def find_beacon(self, epoch: EpochID) -> Beacon | None:
        """Return the beacon of an epoch, or None while it is not known."""
        return self._beacons.get(epoch) or find_beacon(self.db, epoch)

    def set_beacon(self, epoch: EpochID, beacon: Beacon) -> None:
        """Store the beacon of an epoch and tell who waits for it.

        Raises:
            IgnoreError: another beacon is known for the epoch.
        """
        known = self.find_beacon(epoch)
        if known == beacon:
            self._beacons[epoch] = beacon
            return
        if known is not None:
            raise IgnoreError(f"epoch {epoch} has beacon {known}, not {beacon}")
        self._store_beacon(epoch, beacon)

    def on_fallback(self, epoch: EpochID, beacon: Beacon) -> None:
        """Take a trusted beacon for an epoch, whatever was known before.

        Who waits for it is told in any case: after a start nobody may know it yet.
        """
        log.info("beacon_fallback", epoch=epoch, beacon=beacon, before=self.find_beacon(epoch))
        self._store_beacon(epoch, beacon)

    def _store_beacon(self, epoch: EpochID, beacon: Beacon) -> None:
        with self.db.batch() as batch:
            put_beacon(batch, epoch, beacon)
        self._beacons[epoch] = beacon
        for listener in self.listeners:
            listener.on_beacon(epoch, beacon)
        self.bus.publish(BeaconDecided(epoch=epoch, beacon=beacon))

    def machine(self, epoch: EpochID) -> BeaconMachine:
        """Return the epoch's machine; its weights are frozen when it is first asked for.

        Raises:
            IgnoreError: no weight is known for the epoch.
        """
        known = self._machines.get(epoch)
        if known is None:
            known = self._machines[epoch] = BeaconMachine(
                self._facts(epoch), self.config, self.verifier.verify_vrf
            )
        return known

    def find_miner(self, epoch: EpochID, smesher: SmesherID) -> Miner | None:
        """Return a smesher's ATX in an epoch's agreement, if it has one."""
        known = self._machines.get(epoch)
        return None if known is None else known.find_miner(smesher)

    def end_epoch(self, epoch: EpochID) -> None:
        """Forget the machines of this and older epochs, and old reports of ballots."""
        for old in [known for known in self._machines if known <= epoch]:
            del self._machines[old]
        self.majority.prune(EpochID(max(0, epoch - KEPT_EPOCHS + 1)))
        for old in [known for known in self._beacons if known <= epoch - KEPT_EPOCHS]:
            del self._beacons[old]

    def on_atx(self, atx: Atx, *, malicious: bool) -> None:
        """An ATX was stored: its smesher takes part from now on."""
        known = self._machines.get(atx.target_epoch)
        if known is not None:
            known.on_atx(atx.smesher, _miner(atx, malicious=malicious))

    def on_ballot(
        self, epoch: EpochID, ballot: BallotID, beacon: Beacon, weight_per: int, units: int
    ) -> None:
        """A ballot with verified eligibility names a beacon; see ``BeaconMajority``."""
        self.majority.on_ballot(epoch, ballot, beacon, weight_per, units)
        if self.find_beacon(epoch) is None:
            decided = self.majority.decide(epoch)
            if decided is not None:
                self.set_beacon(epoch, decided)

    async def on_proposal(self, peer: PeerID, data: bytes) -> None:
        """Handle a message of ``bp1``.

        Raises:
            DecodeError: malformed.
            IgnoreError: late, repeated, or its smesher may not propose.
        """
        message = scale.decode(BeaconProposalMessage, data)
        now_ns = self.clock.now_ns()
        current = self.time.epoch_of(self.time.layer_at(now_ns))
        opens_ns = self.time.epoch_start(EpochID(current + 1)) - self.config.grace_period_duration
        check_timely(message.epoch, current, now_ns, opens_ns)
        category = self.machine(message.epoch).on_proposal(message, now_ns)
        if category is Category.INVALID:
            log.debug("beacon_proposal_invalid", epoch=message.epoch, smesher=message.smesher)

    async def on_first_votes(self, peer: PeerID, data: bytes) -> None:
        """Handle a message of ``bf1``.

        Raises:
            DecodeError: malformed.
            IgnoreError: the protocol is not running, or the votes do not count.
        """
        machine = self._running_machine()
        message = scale.decode(FirstVotesMessage, data)
        self._check_epoch(message.body.epoch)
        if machine.round != 0:
            raise IgnoreError(f"first beacon votes in round {machine.round}")
        self._check_signature(message, Domain.BEACON_FIRST_MESSAGE)
        machine.on_first_votes(message)

    async def on_following_votes(self, peer: PeerID, data: bytes) -> None:
        """Handle a message of ``bo1``.

        Raises:
            DecodeError: malformed.
            IgnoreError: the protocol is not running, or the votes do not count.
        """
        machine = self._running_machine()
        message = scale.decode(FollowingVotesMessage, data)
        self._check_epoch(message.body.epoch)
        machine.check_round(message.body.round, self.clock.now_ns())
        self._check_signature(message, Domain.BEACON_FOLLOWUP_MESSAGE)
        machine.on_following_votes(message)

    async def on_weak_coin(self, peer: PeerID, data: bytes) -> None:
        """Handle a message of ``bw1``.

        Raises:
            DecodeError: malformed.
            IgnoreError: the protocol is not running, or the throw does not count.
        """
        self._running_machine()
        self.coin.on_message(scale.decode(WeakCoinMessage, data))

    def _facts(self, epoch: EpochID) -> EpochFacts:
        miners: dict[SmesherID, Miner] = {}
        weight = 0
        for atx in atxs_in_epoch(self.db, EpochID(epoch - 1)) if epoch > 0 else ():
            malicious = is_malicious(self.db, atx.smesher)
            # A second ATX of a smesher counts in the weight, as in the reference.
            weight += 0 if malicious else atx.weight
            miners.setdefault(atx.smesher, _miner(atx, malicious=malicious))
        if weight == 0:
            raise IgnoreError(f"zero epoch weight in epoch {epoch}")
        return EpochFacts(
            epoch=epoch, start_ns=self.time.epoch_start(epoch), weight=weight, miners=miners
        )

    def _running_machine(self) -> BeaconMachine:
        machine = None if self.running is None else self._machines.get(self.running)
        if machine is None:
            raise IgnoreError("the beacon protocol is not running")
        return machine

    def _check_epoch(self, epoch: EpochID) -> None:
        current = self.time.epoch_of(self.time.layer_at(self.clock.now_ns()))
        if epoch != current or epoch != self.running:
            raise IgnoreError(f"beacon votes for epoch {epoch} in epoch {current}")

    def _check_signature(
        self, message: FirstVotesMessage | FollowingVotesMessage, domain: Domain
    ) -> None:
        if not self.verifier.verify(
            domain, message.smesher, message.signed_bytes(), message.signature
        ):
            raise IgnoreError(f"beacon votes of {message.smesher}: wrong signature")
