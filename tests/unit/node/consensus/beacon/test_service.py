"""Whole epochs of the beacon protocol among nodes, in virtual time."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from node.base import scale
from node.base.errors import DecodeError, IgnoreError, StoreError
from node.config.durations import Nanoseconds
from node.config.model.consensus import BeaconConfig
from node.consensus.beacon.handler import (
    FIRST_VOTES,
    FOLLOWING_VOTES,
    PROPOSALS,
    WEAK_COIN,
    BeaconHandler,
)
from node.consensus.beacon.rules import passes, proposal_vrf_input
from node.consensus.beacon.service import BeaconService
from node.consensus.beacon.thresholds import proposal_threshold
from node.consensus.beacon.wire import (
    BeaconProposalMessage,
    FirstVotesBody,
    FirstVotesMessage,
    FollowingVotesBody,
    FollowingVotesMessage,
)
from node.consensus.malfeasance.guard import EquivocationGuard
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, Verifier
from node.events import Bus
from node.layer_ticker import LoopClock
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.sim.virtual_time import simulate
from node.store.beacons import find_beacon
from node.store.local import Statement
from node.types.ids import (
    BallotID,
    Beacon,
    BeaconProposal,
    EdSignature,
    Hash32,
    VrfSignature,
)
from node.types.layer import EpochID
from tests.support.chain import BEACON, GENESIS, NS, TIME, Chain, atx, signer

CONFIG = BeaconConfig(
    rounds_number=4,
    grace_period_duration=Nanoseconds(NS),
    proposal_duration=Nanoseconds(NS),
    first_voting_round_duration=Nanoseconds(2 * NS),
    voting_round_duration=Nanoseconds(NS),
    weak_coin_round_duration=Nanoseconds(NS),
    sync_weight_units=2,
)
EPOCH = EpochID(2)
PEER = PeerID("peer")


class Told:
    """What a listener was told."""

    def __init__(self) -> None:
        self.beacons: list[tuple[EpochID, Beacon]] = []

    def on_beacon(self, epoch: EpochID, beacon: Beacon) -> None:
        self.beacons.append((epoch, beacon))


class Node:
    """One node that runs the protocol alone or with others."""

    def __init__(
        self,
        folder: Path,
        network: MemoryNetwork,
        own: list[Signer],
        members: int,
        config: BeaconConfig = CONFIG,
    ) -> None:
        self.chain = Chain(folder)
        for number in range(1, members + 1):
            self.chain.add_atx(atx(number))
        self.told = Told()
        self.end = network.join(folder.name)
        self.handler = BeaconHandler(
            db=self.chain.db,
            time=TIME,
            clock=LoopClock(TIME.epoch_start(EPOCH) - 5 * NS),
            bus=Bus(),
            config=config,
            verifier=Verifier(GENESIS),
            listeners=[self.told],
        )
        self.synced = True
        self.guard = EquivocationGuard(db=self.chain.db, local=self.chain.db, bus=Bus())
        self.service = BeaconService(
            handler=self.handler,
            network=self.end,
            signers=lambda: own,
            guard=self.guard,
            is_synced=lambda: self.synced,
        )
        self.end.register(PROPOSALS, self.handler.on_proposal)
        self.end.register(FIRST_VOTES, self.handler.on_first_votes)
        self.end.register(FOLLOWING_VOTES, self.handler.on_following_votes)
        self.end.register(WEAK_COIN, self.handler.on_weak_coin)


async def run_for(network: MemoryNetwork, nodes: list[Node], seconds: float) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(network.run())]
        await asyncio.sleep(0)
        running += [tasks.create_task(node.service.run()) for node in nodes]
        await asyncio.sleep(seconds)
        for task in running:
            task.cancel()
    for node in nodes:
        node.chain.db.close()


def test_three_nodes_agree_on_the_next_beacon(tmp_path: Path) -> None:
    async def main() -> list[Node]:
        network = MemoryNetwork()
        nodes = [Node(tmp_path / str(number), network, [signer(number)], 3) for number in (1, 2, 3)]
        await run_for(network, nodes, 30)
        return nodes

    nodes = simulate(main())
    assert [len(node.told.beacons) for node in nodes] == [1, 1, 1]
    assert {tuple(node.told.beacons) for node in nodes} == {tuple(nodes[0].told.beacons)}
    assert nodes[0].told.beacons[0][0] == EPOCH + 1


@pytest.mark.parametrize("reason", ["nobody proposes", "no weight", "not synced", "switched off"])
def test_without_agreement_there_is_no_beacon(tmp_path: Path, reason: str) -> None:
    own = [] if reason == "nobody proposes" else [signer(1)]
    config = CONFIG
    if reason == "switched off":
        config = BeaconConfig(rounds_number=0)

    async def main() -> Node:
        network = MemoryNetwork()
        node = Node(tmp_path / "1", network, own, 0 if reason == "no weight" else 1, config)
        node.synced = reason != "not synced"
        await run_for(network, [node], 60)
        return node

    assert simulate(main()).told.beacons == []


def test_what_only_a_node_that_was_away_would_accept_is_not_proposed(tmp_path: Path) -> None:
    own = [signer(number) for number in range(1, 13)]
    proofs = [one.vrf_sign(proposal_vrf_input(7, EPOCH)) for one in own]
    config = msgspec.structs.replace(CONFIG, kappa=1)
    # One ATX came before the grace period: that bound is a wide one, by which more would pass.
    wide, strict = (proposal_threshold(count, config.kappa, config.q) for count in (1, 12))
    wanted = {proof for proof in proofs if passes(proof, strict)}
    assert wanted < {proof for proof in proofs if passes(proof, wide)}
    proposed: list[VrfSignature] = []

    async def hear(_: PeerID, data: bytes) -> None:
        proposed.append(scale.decode(BeaconProposalMessage, data).vrf_signature)

    async def main() -> None:
        network = MemoryNetwork()
        node = Node(tmp_path / "1", network, own, 1, config)
        for number in range(2, 13):
            node.chain.add_atx(atx(number, received_ns=TIME.epoch_start(EPOCH) - NS // 2))
        network.join("other").register(PROPOSALS, hear)
        await run_for(network, [node], 30)

    simulate(main())
    assert set(proposed) == wanted


def test_a_support_of_nothing_is_no_beacon(tmp_path: Path) -> None:
    config = BeaconConfig(
        rounds_number=1,
        grace_period_duration=Nanoseconds(NS),
        proposal_duration=Nanoseconds(NS),
        first_voting_round_duration=Nanoseconds(NS),
    )

    async def main() -> Node:
        network = MemoryNetwork()
        node = Node(tmp_path / "1", network, [], 1, config)
        await run_for(network, [node], 60)
        return node

    assert simulate(main()).told.beacons == []


def test_an_identity_that_speaks_elsewhere_takes_no_part(tmp_path: Path) -> None:
    async def main() -> Node:
        network = MemoryNetwork()
        node = Node(tmp_path / "1", network, [signer(1)], 1)
        smesher = signer(1).smesher_id
        node.guard.hear(Statement.of_first_votes(smesher, EPOCH, Hash32(b"v" * 32)))
        await run_for(network, [node], 60)
        return node

    assert simulate(main()).told.beacons == []


def test_a_store_that_fails_stops_the_node(tmp_path: Path) -> None:
    async def fail(peer: PeerID, data: bytes) -> None:
        raise StoreError("the disk is gone")

    async def main() -> None:
        network = MemoryNetwork()
        node = Node(tmp_path / "1", network, [signer(1)], 1)
        node.end.register(PROPOSALS, fail)
        await run_for(network, [node], 60)

    with pytest.raises(ExceptionGroup) as failed:
        simulate(main())
    assert failed.group_contains(StoreError)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "1", MemoryNetwork(), [signer(1)], 2)


def proposal(number: int) -> bytes:
    own = signer(number)
    proof = own.vrf_sign(proposal_vrf_input(7, EPOCH))
    message = BeaconProposalMessage(epoch=EPOCH, smesher=own.smesher_id, vrf_signature=proof)
    return scale.encode(message)


def first_votes(epoch: int = EPOCH, *, signed: bool = True) -> bytes:
    body = FirstVotesBody(
        epoch=EpochID(epoch), valid=(BeaconProposal(b"abcd"),), potentially_valid=()
    )
    signature = signer(1).sign(Domain.BEACON_FIRST_MESSAGE, scale.encode(body))
    return scale.encode(
        FirstVotesMessage(
            body=body,
            smesher=signer(1).smesher_id,
            signature=signature if signed else EdSignature.zero(),
        )
    )


def test_messages_outside_the_protocol_are_ignored_and_malformed_ones_rejected(node: Node) -> None:
    async def main() -> None:
        handler = node.handler
        node.handler.clock = LoopClock(TIME.epoch_start(EPOCH))
        with pytest.raises(DecodeError):
            await handler.on_proposal(PEER, b"x")
        for on_message in (
            handler.on_first_votes,
            handler.on_following_votes,
            handler.on_weak_coin,
        ):
            with pytest.raises(IgnoreError, match="not running"):
                await on_message(PEER, b"x")
        await handler.on_proposal(PEER, proposal(1))
        handler.running = EPOCH
        for on_message in (
            handler.on_first_votes,
            handler.on_following_votes,
            handler.on_weak_coin,
        ):
            with pytest.raises(DecodeError):
                await on_message(PEER, b"x")
        with pytest.raises(IgnoreError, match="votes for epoch 3"):
            await handler.on_first_votes(PEER, first_votes(3))
        with pytest.raises(IgnoreError, match="wrong signature"):
            await handler.on_first_votes(PEER, first_votes(signed=False))
        await handler.on_first_votes(PEER, first_votes())
        handler.machine(EPOCH).start_round(1, 0)
        with pytest.raises(IgnoreError, match="in round 1"):
            await handler.on_first_votes(PEER, first_votes())
        body = FollowingVotesBody(epoch=EPOCH, round=1, votes=b"\x01")
        message = FollowingVotesMessage(
            body=body,
            smesher=signer(1).smesher_id,
            signature=signer(1).sign(Domain.BEACON_FOLLOWUP_MESSAGE, scale.encode(body)),
        )
        await handler.on_following_votes(PEER, scale.encode(message))

    simulate(main())
    node.chain.db.close()


def test_invalid_proposals_are_relayed_but_not_counted(node: Node) -> None:
    async def main() -> None:
        node.handler.clock = LoopClock(TIME.epoch_start(EPOCH))
        node.handler.machine(EPOCH).finish_proposals(TIME.epoch_start(EPOCH) - 10 * NS)
        await node.handler.on_proposal(PEER, proposal(1))
        assert node.handler.machine(EPOCH).first_votes() == ((), ())

    simulate(main())
    node.chain.db.close()


def test_a_known_beacon_stays_until_a_trusted_source_names_another(node: Node) -> None:
    handler = node.handler
    handler.set_beacon(EPOCH, BEACON)
    handler.set_beacon(EPOCH, BEACON)
    other = Beacon(b"else")
    with pytest.raises(IgnoreError, match="has beacon"):
        handler.set_beacon(EPOCH, other)
    handler.on_fallback(EPOCH, other)
    handler.on_fallback(EPOCH, other)
    assert find_beacon(node.chain.db, EPOCH) == other == handler.find_beacon(EPOCH)
    assert node.told.beacons == [(EPOCH, BEACON), (EPOCH, other), (EPOCH, other)]
    handler.end_epoch(EpochID(5))
    assert handler.find_beacon(EPOCH) == other
    node.chain.db.close()


def test_ballots_name_a_beacon_where_the_protocol_did_not(node: Node) -> None:
    handler = node.handler
    handler.on_ballot(EPOCH, BallotID(b"a" * 20), BEACON, 1, 1)
    assert handler.find_beacon(EPOCH) is None
    handler.on_ballot(EPOCH, BallotID(b"b" * 20), BEACON, 1, 1)
    assert handler.find_beacon(EPOCH) == BEACON
    handler.on_ballot(EPOCH, BallotID(b"c" * 20), Beacon(b"else"), 9, 9)
    assert handler.find_beacon(EPOCH) == BEACON
    node.chain.db.close()


def test_atxs_that_come_late_join(node: Node) -> None:
    handler = node.handler
    late = atx(5)
    handler.on_atx(late, malicious=False)
    assert handler.find_miner(EPOCH, late.smesher) is None
    handler.machine(EPOCH)
    handler.on_atx(late, malicious=True)
    found = handler.find_miner(EPOCH, late.smesher)
    assert found is not None
    assert found.vote_weight == 0
    with pytest.raises(IgnoreError, match="zero epoch weight"):
        handler.machine(EpochID(0))
    node.chain.db.close()
