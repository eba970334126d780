"""Sessions on the clock: one per layer, from the preround to the agreement and a bit beyond.

For every round our own seats are found out while the round before lasts; when the round is
due, the session's machine is asked what to send, and every smesher with seats sends it.
What is agreed on goes into a queue, the weak coin to its listener.

A node takes part from the layer after the one it was started in, so that it sends nothing
twice; a claim on the disk makes sure of it.

Source: go-spacemesh, hare3/hare.go; hare digest 3 and 7.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

import structlog

from node.base import scale
from node.base.errors import SpacemeshError, StoreError
from node.config.model.consensus import HareConfig
from node.consensus.hare.attendance import Attendance
from node.consensus.hare.handler import HareHandler
from node.consensus.hare.machine import (
    PREROUND,
    Agreed,
    CoinThrown,
    HareMachine,
    MessageDue,
    Terminated,
)
from node.consensus.hare.messages import Content, sign_message
from node.consensus.hare.ports import (
    HareOutput,
    LayerPatrol,
    PooledProposal,
    ProposalSource,
    WeakCoinListener,
)
from node.consensus.hare.rules import Candidate, select_proposals
from node.consensus.hare.schedule import check_schedule, round_offset_ns, seats_in
from node.consensus.hare.wire import HareEligibility, HareMessage, IterRound, MessageV4, Round
from node.consensus.malfeasance.guard import EquivocationGuard
from node.crypto.ed25519 import Signer
from node.layer_ticker import Clock
from node.net.ports import Gossip
from node.store.atxs import atx_ids_of_smesher_in_epoch
from node.store.db import Database
from node.store.layers import put_weak_coin
from node.store.local import Statement
from node.types.ids import Beacon, ProposalID
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime

MESSAGE_ROUNDS: Final = (Round.PREROUND, Round.PROPOSE, Round.COMMIT, Round.NOTIFY)
"""Rounds in which something is sent."""

log = structlog.get_logger("hare")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One layer's agreement, as this node takes part in it."""

    layer: LayerID
    beacon: Beacon

    signers: tuple[Signer, ...]
    """Those there were at the start: nobody joins later."""

    machine: HareMachine


@dataclass(frozen=True, slots=True)
class Seat:
    """A smesher of ours who may speak in a round."""

    signer: Signer
    eligibility: HareEligibility


@dataclass(kw_only=True)
class HareService:
    """The clock edge of one version of hare."""

    db: Database
    clock: Clock
    time: LayerTime
    handler: HareHandler
    network: Gossip
    proposals: ProposalSource
    patrol: LayerPatrol
    coin: WeakCoinListener
    signers: Callable[[], Sequence[Signer]]
    guard: EquivocationGuard
    is_synced: Callable[[], bool]

    outputs: asyncio.Queue[HareOutput]
    """Bounded; a session waits when it is full.  Both versions share one."""

    zdist: int
    """Layers that the tortoise waits for an output."""

    def __post_init__(self) -> None:
        """Refuse a schedule that cannot work.

        Raises:
            ConfigError: see ``check_schedule``.
        """
        if self.config.enable:
            section = self.handler.version.section
            check_schedule(self.config, self.time, self.zdist, section=section)

    @property
    def config(self) -> HareConfig:
        """The section of the version that is spoken."""
        return self.handler.config

    async def run(self) -> None:
        """Hold a session in every layer of this version, until cancelled.

        Returns when hare is not enabled, or when its last layer is over.
        """
        if not self.config.enable:
            return
        attendance = Attendance(
            db=self.db,
            clock=self.clock,
            time=self.time,
            patrol=self.patrol,
            is_synced=self.is_synced,
        )
        async with asyncio.TaskGroup() as tasks:
            async for layer in attendance.layers(self.config):
                session = self._open(layer, attendance)
                if session is not None:
                    tasks.create_task(self._run_session(session))

    def _open(self, layer: LayerID, attendance: Attendance) -> Session | None:
        """Return the session of a layer that has begun, or None if we do not take part."""
        if self.handler.exchange is not None:
            self.handler.exchange.on_layer(layer)
        beacon = attendance.begin(layer)
        if beacon is None:
            return None
        signers = tuple(self.signers())
        return Session(
            layer=layer, beacon=beacon, signers=signers, machine=self.handler.open(layer)
        )

    async def _run_session(self, session: Session) -> None:
        try:
            is_terminated = await self._agree(session)
        finally:
            self.handler.close(session.layer)
        if not is_terminated:
            limit = self.config.iterations_limit
            log.warning("hare_failed", layer=session.layer, iterations=limit)
            self.patrol.complete(session.layer)
        if self.config.log_stats:
            self._log_stats(session)

    async def _agree(self, session: Session) -> bool:
        """Execute rounds on the clock; return whether the session came to an end of its own.

        Rounds that are due already follow each other at once.
        """
        machine = session.machine
        seats = await self._win_seats(session, PREROUND)
        if seats:
            await self._wait_round(session, PREROUND)
            machine.on_initial(self._select_proposals(session))
        await self._execute_round(session, seats)
        while True:
            due = machine.position
            seats = await self._win_seats(session, due)
            await self._wait_round(session, due)
            if await self._execute_round(session, seats):
                return True
            if due.iteration == self.config.iterations_limit:
                return False

    async def _wait_round(self, session: Session, due: IterRound) -> None:
        start_ns = self.time.start_of(session.layer)
        await self.clock.sleep_until(start_ns + round_offset_ns(self.config, due))

    async def _win_seats(self, session: Session, due: IterRound) -> tuple[Seat, ...]:
        """Return who of ours may speak in a round; takes some milliseconds for each."""
        if due.round not in MESSAGE_ROUNDS:
            return ()
        seats = []
        for signer in session.signers:
            # Others get their turn in between: there may be hundreds of smeshers.
            await asyncio.sleep(0)
            seat = self._win_seat(session, due, signer)
            if seat is not None:
                seats.append(seat)
        return tuple(seats)

    def _win_seat(self, session: Session, due: IterRound, signer: Signer) -> Seat | None:
        layer = session.layer
        committee = seats_in(self.config, layer, due.round)
        try:
            proof = signer.vrf_sign(self.handler.oracle.vrf_input(layer, due.absolute))
            count = self.handler.oracle.seats(
                layer, due.absolute, committee, signer.smesher_id, proof
            )
        except StoreError:
            raise
        except SpacemeshError as error:
            log.debug(
                "hare_not_eligible", layer=layer, smesher=signer.smesher_id, reason=str(error)
            )
            return None
        return Seat(signer, HareEligibility(proof=proof, count=count)) if count else None

    def _select_proposals(self, session: Session) -> tuple[ProposalID, ...]:
        epoch = self.time.epoch_of(session.layer)
        pooled = self.proposals.for_hare(session.layer)
        candidates = [self._candidate(epoch, entry) for entry in pooled]
        return select_proposals(candidates, self._own_height(session, epoch), session.beacon)

    def _candidate(self, epoch: EpochID, pooled: PooledProposal) -> Candidate:
        proposal = pooled.proposal
        entry = self.handler.atxdata.get(epoch, proposal.ballot.atx_id)
        return Candidate(
            id=proposal.id,
            atx_id=proposal.ballot.atx_id,
            beacon=pooled.beacon,
            base_height=None if entry is None else entry.base_height,
            malicious=pooled.malicious
            or self.handler.atxdata.is_malicious(proposal.ballot.smesher),
        )

    def _own_height(self, session: Session, epoch: EpochID) -> int | None:
        """Return the lowest tick height of our ATXs for an epoch, None without any."""
        own = (
            self.handler.atxdata.get(epoch, atx_id)
            for signer in session.signers
            for atx_id in atx_ids_of_smesher_in_epoch(
                self.db, signer.smesher_id, EpochID(epoch - 1)
            )
        )
        return min((entry.height for entry in own if entry is not None), default=None)

    async def _execute_round(self, session: Session, seats: Sequence[Seat]) -> bool:
        """Execute the round that is due, and act on it; return whether it was the last."""
        is_terminated = False
        for output in session.machine.on_round():
            match output:
                case MessageDue():
                    for seat in seats:
                        await self._send(session.layer, output, seat)
                case CoinThrown(coin=coin):
                    self._commit_coin(session.layer, coin=coin)
                case Agreed(proposals=proposals):
                    log.info("hare_agreed", layer=session.layer, proposals=len(proposals))
                    await self.outputs.put(HareOutput(session.layer, proposals))
                case Terminated():
                    is_terminated = True
                case _:
                    assert_never(output)
        return is_terminated

    async def _send(self, layer: LayerID, due: MessageDue, seat: Seat) -> None:
        """Sign, claim and publish a message; that it cannot be sent is logged, not raised."""
        content = Content(
            layer=layer,
            iter_round=due.iter_round,
            proposals=due.proposals,
            reference=due.reference,
            eligibility=seat.eligibility,
        )
        message = sign_message(self.handler.version, content, seat.signer)
        absolute = due.iter_round.absolute
        try:
            data = scale.encode(self._on_the_wire(message))
            self.guard.claim(Statement.of_hare(message.sender, layer, absolute, message.hash))
            await self.network.publish(self.handler.topic, data)
        except StoreError:
            raise
        except SpacemeshError as error:
            log.info(
                "hare_message_not_sent",
                layer=layer,
                round=absolute,
                smesher=message.sender,
                reason=str(error),
            )

    def _on_the_wire(self, message: HareMessage) -> HareMessage:
        is_compact = message.body.iter_round.round == Round.PREROUND
        if self.handler.exchange is not None and isinstance(message, MessageV4) and is_compact:
            return self.handler.exchange.compact(message)
        return message

    def _commit_coin(self, layer: LayerID, *, coin: bool) -> None:
        with self.db.batch() as batch:
            put_weak_coin(batch, layer, coin=coin)
        self.coin.on_weak_coin(layer, coin=coin)

    def _log_stats(self, session: Session) -> None:
        for stats in session.machine.stats():
            log.info(
                "hare_round_stats",
                layer=session.layer,
                iteration=stats.iter_round.iteration,
                round=stats.iter_round.round,
                messages=stats.messages,
                seats=stats.seats,
                malicious=stats.malicious,
            )
