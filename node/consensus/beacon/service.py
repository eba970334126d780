"""Runs the beacon protocol: phases and rounds of every epoch, on the clock.

Each phase is measured from the end of the one before, as in the reference.

Source: go-spacemesh, beacon/beacon.go; beacon digest 2 and 6.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from node.base import scale
from node.base.errors import IgnoreError, SpacemeshError, StoreError
from node.base.hashing import hash32
from node.consensus.beacon.handler import (
    FIRST_VOTES,
    FOLLOWING_VOTES,
    PROPOSALS,
    WEAK_COIN,
    BeaconHandler,
)
from node.consensus.beacon.machine import BeaconMachine, Tally
from node.consensus.beacon.rules import (
    Category,
    Miner,
    proposal_vrf_input,
    weak_coin_vrf_input,
)
from node.consensus.beacon.wire import (
    BeaconProposalMessage,
    FirstVotesBody,
    FirstVotesMessage,
    FollowingVotesBody,
    FollowingVotesMessage,
    WeakCoinMessage,
)
from node.consensus.malfeasance.guard import EquivocationGuard
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer
from node.net.ports import Gossip
from node.store.local import Statement
from node.types.ids import Hash32, SmesherID
from node.types.layer import EpochID

log = structlog.get_logger("beacon")


@dataclass(kw_only=True)
class BeaconService:
    """The clock edge of the beacon protocol."""

    handler: BeaconHandler
    network: Gossip
    signers: Callable[[], Sequence[Signer]]
    guard: EquivocationGuard
    is_synced: Callable[[], bool]

    async def run(self) -> None:
        """Run the protocol at the start of every epoch, until cancelled.

        A node that starts in the middle of an epoch waits for the next one.
        """
        handler = self.handler
        if handler.config.rounds_number == 0:
            return
        clock, time = handler.clock, handler.time
        while True:
            current = time.epoch_of(time.layer_at(clock.now_ns()))
            epoch = EpochID(current + 1)
            await clock.sleep_until(time.epoch_start(epoch))
            if time.first_layer(epoch) > time.effective_genesis and self.is_synced():
                await self._run_epoch(epoch)
            handler.end_epoch(epoch)

    async def _run_epoch(self, epoch: EpochID) -> None:
        handler = self.handler
        handler.running = epoch
        try:
            beacon = (await self._agree(epoch)).beacon()
            if beacon is None:
                log.warning("beacon_failed", epoch=epoch, reason="no proposal has support")
                return
            handler.set_beacon(EpochID(epoch + 1), beacon)
        except IgnoreError as error:
            log.warning("beacon_failed", epoch=epoch, reason=str(error))
        finally:
            handler.running = None
            handler.coin.finish_epoch()

    async def _agree(self, epoch: EpochID) -> Tally:
        """Run all phases; return the last tally.

        Raises:
            IgnoreError: there is no weight, or a coin was not thrown by anyone.
        """
        handler, config = self.handler, self.handler.config
        machine = handler.machine(epoch)
        handler.coin.start_epoch(epoch)
        await self._propose(machine)
        await self._wait(config.proposal_duration)
        machine.finish_proposals(handler.clock.now_ns())
        machine.start_round(0, handler.clock.now_ns())
        await self._vote_first(machine)
        await self._wait(config.first_voting_round_duration)
        tally = machine.tally()
        for round_ in range(1, config.rounds_number):
            machine.start_round(round_, handler.clock.now_ns())
            await self._vote(machine, round_, tally)
            await self._wait(config.voting_round_duration)
            tally = machine.tally()
            handler.coin.start_round(round_)
            await self._throw(machine, round_)
            await self._wait(config.weak_coin_round_duration)
            coin = handler.coin.finish_round()
            if coin is None:
                raise IgnoreError(f"no weak coin in round {round_} of epoch {epoch}")
            tally = tally.with_coin(coin=coin)
        return tally

    async def _wait(self, duration_ns: int) -> None:
        clock = self.handler.clock
        await clock.sleep_until(clock.now_ns() + duration_ns)

    def _participants(self, machine: BeaconMachine) -> list[tuple[Signer, Miner]]:
        found = ((signer, machine.find_miner(signer.smesher_id)) for signer in self.signers())
        return [(signer, miner) for signer, miner in found if miner and not miner.malicious]

    async def _propose(self, machine: BeaconMachine) -> None:
        epoch = machine.facts.epoch
        for signer, miner in self._participants(machine):
            proof = signer.vrf_sign(proposal_vrf_input(miner.nonce, epoch))
            now_ns = self.handler.clock.now_ns()
            # The reference also sends what is only potentially valid, and then all vote against
            # it.  A node that has just heard of the ATXs is the only one to take it for that:
            # as nobody else votes on it, its own coin would decide, for another beacon.
            if machine.classify(proof, miner.received_ns, now_ns) is not Category.VALID:
                continue
            message = BeaconProposalMessage(
                epoch=epoch, smesher=signer.smesher_id, vrf_signature=proof
            )
            await self._publish(PROPOSALS, scale.encode(message), signer.smesher_id)

    async def _vote_first(self, machine: BeaconMachine) -> None:
        valid, potentially_valid = machine.first_votes()
        body = FirstVotesBody(
            epoch=machine.facts.epoch, valid=valid, potentially_valid=potentially_valid
        )
        for signer, _ in self._participants(machine):
            signature = signer.sign(Domain.BEACON_FIRST_MESSAGE, scale.encode(body))
            message = FirstVotesMessage(body=body, smesher=signer.smesher_id, signature=signature)
            statement = Statement.of_first_votes(
                signer.smesher_id, body.epoch, Hash32(hash32(scale.encode(body)))
            )
            await self._publish(FIRST_VOTES, scale.encode(message), signer.smesher_id, statement)

    async def _vote(self, machine: BeaconMachine, round_: int, tally: Tally) -> None:
        for signer, _ in self._participants(machine):
            votes = machine.following_votes(signer.smesher_id, tally)
            if votes is None:
                continue
            body = FollowingVotesBody(epoch=machine.facts.epoch, round=round_, votes=votes)
            signature = signer.sign(Domain.BEACON_FOLLOWUP_MESSAGE, scale.encode(body))
            message = FollowingVotesMessage(
                body=body, smesher=signer.smesher_id, signature=signature
            )
            statement = Statement.of_following_votes(
                signer.smesher_id, body.epoch, round_, Hash32(hash32(scale.encode(body)))
            )
            await self._publish(
                FOLLOWING_VOTES, scale.encode(message), signer.smesher_id, statement
            )

    async def _throw(self, machine: BeaconMachine, round_: int) -> None:
        epoch = machine.facts.epoch
        for signer, miner in self._participants(machine):
            proofs = (
                (signer.vrf_sign(weak_coin_vrf_input(miner.nonce, epoch, round_, unit)), unit)
                for unit in range(miner.num_units)
            )
            proof, unit = min(proofs, key=lambda item: int.from_bytes(item[0], "little"))
            if not self.handler.coin.is_smallest(proof):
                continue
            message = WeakCoinMessage(
                epoch=epoch,
                round=round_,
                unit=unit,
                smesher=signer.smesher_id,
                vrf_signature=proof,
            )
            await self._publish(WEAK_COIN, scale.encode(message), signer.smesher_id)

    async def _publish(
        self, topic: str, data: bytes, smesher: SmesherID, statement: Statement | None = None
    ) -> None:
        """Publish what the guard lets pass; what a VRF determines cannot contradict itself."""
        try:
            if statement is None:
                self.guard.check_identity(smesher)
            else:
                self.guard.claim(statement)
            await self.network.publish(topic, data)
        except StoreError:
            raise
        except SpacemeshError as error:
            log.info("beacon_message_not_sent", topic=topic, reason=str(error))
