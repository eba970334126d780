"""The edge of proposals: outcomes, what is stored, who is told, what convicts."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.base import fixed, scale
from node.base.errors import ConfigError, DecodeError, IgnoreError, NotFoundError, RejectError
from node.config.model.consensus import EpochWeight
from node.consensus.malfeasance.wire import MalfeasanceGossip, MultipleBallots
from node.consensus.proposals.handler import MaliciousProposalError
from node.consensus.proposals.pool import KnownProposalError
from node.consensus.tortoise.ballots import BallotData
from node.consensus.tortoise.decoding import decode_ballot
from node.events import BallotStored, ProposalReceived, SmesherMalicious
from node.net.fetch.client import FetchError
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.sim.virtual_time import simulate
from node.store.ballots import find_ballot, has_ballot
from node.store.identities import is_malicious
from node.types.ballot import Ballot, Opinion, Vote, Votes
from node.types.ids import (
    NO_ATX,
    AtxID,
    BallotID,
    Beacon,
    BlockID,
    EdSignature,
    Hash32,
    TransactionID,
    padded,
)
from node.types.layer import LayerID
from node.types.proposal import Proposal
from tests.support.chain import BEACON, atx, signer
from tests.support.proposals import (
    EPOCH,
    LAYER,
    MEMBERS,
    SLOTS,
    ProposalWorld,
    changed,
    propose,
    transaction,
)

PEER = PeerID("peer")
NEXT = LayerID(LAYER + 1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProposalWorld]:
    world = ProposalWorld(tmp_path)
    yield world
    world.close()


def with_other_votes(ballot: Ballot, votes: Votes) -> Ballot:
    """The same signed part with other votes: they are not signed themselves."""
    return replace(ballot, votes=votes)


# --- what goes well ---


async def test_a_valid_proposal_is_stored_told_and_announced(world: ProposalWorld) -> None:
    tx_id = world.add_transaction(transaction(1))
    ballot = world.ballot()
    proposal = propose(ballot, tx_id)
    with world.bus.subscribe(BallotStored, ProposalReceived) as heard:
        await world.gossip(proposal)
        events = [heard.take(), heard.take()]

    assert events == [
        BallotStored(layer=LAYER, ballot=ballot.id, smesher=signer(1).smesher_id),
        ProposalReceived(proposal=proposal),
    ]
    assert find_ballot(world.db, ballot.id) == ballot
    assert world.tortoise.has_ballot(ballot.id)
    (pooled,) = world.pool.for_hare(LAYER)
    assert (pooled.proposal, pooled.beacon, pooled.malicious) == (proposal, BEACON, False)
    assert world.offered.proposals == [(LAYER, proposal.id, (tx_id,))]
    assert world.mesh.seen == [LAYER, LAYER]
    units = len(ballot.eligibilities)
    weight = fixed.from_ratio(100, SLOTS)
    assert world.beacons.reports == [(EPOCH, ballot.id, BEACON, weight, units)]
    assert world.accusations == []


async def test_a_later_ballot_goes_on_with_what_its_reference_fixed(world: ProposalWorld) -> None:
    first = world.ballot()
    await world.gossip(propose(first))
    world.start_layer(NEXT)
    second = world.ballot(1, NEXT, reference=first)
    await world.gossip(propose(second))
    (pooled,) = world.pool.for_hare(NEXT)
    assert pooled.beacon == BEACON
    assert world.tortoise.has_ballot(second.id)


async def test_one_ballot_may_come_in_several_proposals(world: ProposalWorld) -> None:
    ballot = world.ballot()
    tx_id = world.add_transaction(transaction(1))
    await world.gossip(propose(ballot))
    await world.gossip(propose(ballot, tx_id))
    assert world.pool.count(LAYER) == 2
    assert len(world.beacons.reports) == 1


async def test_a_legacy_active_set_is_dropped_before_storing(world: ProposalWorld) -> None:
    ballot = replace(world.ballot(), active_set=(AtxID(b"\1" * 32),))
    await world.sync(ballot)
    stored = find_ballot(world.db, ballot.id)
    assert stored is not None
    assert stored.active_set == ()


async def test_of_concurrent_copies_one_is_stored(world: ProposalWorld) -> None:
    ballot = world.ballot()
    with world.bus.subscribe(BallotStored) as heard:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(world.sync(ballot))
        heard.take()
        assert heard.dropped == 0
    assert len(world.beacons.reports) == 1


async def test_many_proofs_let_others_have_their_turn(
    world: ProposalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.consensus.proposals.ballots.PROOFS_AT_ONCE", 1)
    ballot = world.ballot()
    assert len(ballot.eligibilities) > 1
    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(world.sync(ballot))
    assert has_ballot(world.db, ballot.id)
    assert len(world.beacons.reports) == 1


# --- proposals that are not taken ---


async def test_malformed_proposals_condemn(world: ProposalWorld) -> None:
    data = scale.encode(propose(world.ballot()))
    with pytest.raises(DecodeError):
        await world.handler.on_gossip(PEER, data[:-1])


async def test_proposals_that_are_too_early_or_too_late_are_ignored(world: ProposalWorld) -> None:
    proposal = propose(world.ballot())
    world.mesh.processed = LAYER
    with pytest.raises(IgnoreError, match="too late"):
        await world.gossip(proposal)
    world.mesh.processed = LayerID(7)
    world.stepped.now -= 1
    with pytest.raises(IgnoreError, match="future"):
        await world.gossip(proposal)


async def test_even_a_wrong_signature_is_only_ignored(world: ProposalWorld) -> None:
    ballot = world.ballot()
    with pytest.raises(IgnoreError, match=r"proposal .* wrong signature"):
        await world.gossip(propose(ballot, number=2))
    unsigned = replace(ballot, signature=EdSignature.zero())
    with pytest.raises(IgnoreError, match=r"ballot .* wrong signature"):
        await world.gossip(propose(unsigned))


@pytest.mark.parametrize("atx_id", [NO_ATX, AtxID(b"golden atx of the test network!!")])
async def test_a_proposal_without_an_atx_condemns(world: ProposalWorld, atx_id: AtxID) -> None:
    with pytest.raises(RejectError, match="names atx"):
        await world.gossip(propose(changed(world.ballot(), 1, atx_id=atx_id)))


async def test_a_known_proposal_is_ignored(world: ProposalWorld) -> None:
    proposal = propose(world.ballot())
    await world.gossip(proposal)
    with pytest.raises(KnownProposalError):
        await world.gossip(proposal)


async def test_a_transaction_that_is_offered_twice_condemns(world: ProposalWorld) -> None:
    ballot = world.ballot()
    tx_id = TransactionID(b"\1" * 32)
    with pytest.raises(RejectError, match="duplicate"):
        await world.gossip(propose(ballot, tx_id, tx_id))
    # The ballot inside is a valid one all the same.
    assert has_ballot(world.db, ballot.id)
    assert world.pool.count(LAYER) == 0


async def test_a_proposal_whose_reference_ballot_lost_its_data_is_ignored(
    world: ProposalWorld,
) -> None:
    first = world.ballot()
    await world.gossip(propose(first))
    world.start_layer(NEXT)
    second = world.ballot(1, NEXT, reference=first)
    await world.gossip(propose(second))
    world.start_layer(NEXT + 1)
    third = world.ballot(1, NEXT + 1, reference=second)
    with pytest.raises(NotFoundError, match="epoch data"):
        await world.gossip(propose(third))


# --- proposals and ballots that were asked for ---


async def test_a_fetched_proposal_is_taken_and_a_known_one_is_fine(world: ProposalWorld) -> None:
    proposal = propose(world.ballot())
    expected = Hash32(padded(proposal.id))
    for _ in range(2):
        await world.handler.on_synced(expected, PEER, scale.encode(proposal))
    assert world.pool.count(LAYER) == 1


async def test_another_proposal_than_was_asked_for_condemns(world: ProposalWorld) -> None:
    with pytest.raises(RejectError, match="was sent for"):
        await world.handler.on_synced(
            Hash32(b"\1" * 32), PEER, scale.encode(propose(world.ballot()))
        )


async def test_a_fetched_ballot_is_taken_and_a_known_one_is_fine(world: ProposalWorld) -> None:
    ballot = world.ballot()
    for _ in range(2):
        await world.sync(ballot)
    assert has_ballot(world.db, ballot.id)
    assert world.pool.count(LAYER) == 0


async def test_fetched_ballots_that_are_wrong_condemn(world: ProposalWorld) -> None:
    ballot = world.ballot()
    with pytest.raises(DecodeError):
        await world.handler.on_synced_ballot(Hash32.zero(), PEER, scale.encode(ballot)[:-1])
    with pytest.raises(RejectError, match="before effective genesis"):
        await world.sync(changed(ballot, 1, layer=LayerID(7)))
    with pytest.raises(RejectError, match="wrong signature"):
        await world.sync(replace(ballot, signature=EdSignature.zero()))
    with pytest.raises(RejectError, match="was sent for"):
        await world.handler.on_synced_ballot(Hash32.zero(), PEER, scale.encode(ballot))
    with pytest.raises(RejectError, match="names atx"):
        await world.sync(changed(ballot, 1, atx_id=NO_ATX))


async def test_fetched_ballots_may_be_of_layers_long_counted(world: ProposalWorld) -> None:
    world.start_layer(20, counted=19)
    ballot = world.ballot()
    await world.sync(changed(ballot, 1, epoch_data=replace_count(ballot, 19)))
    (report,) = world.beacons.reports
    assert report[3] == fixed.from_ratio(100, 19)


def replace_count(ballot: Ballot, count: int) -> object:
    data = ballot.inner.epoch_data
    assert data is not None
    return replace(data, eligibility_count=count)


# --- the order of a ballot's checks ---


async def test_integrity_comes_before_anything_is_fetched(world: ProposalWorld) -> None:
    ballot = world.ballot()
    data = ballot.inner.epoch_data
    assert data is not None
    with pytest.raises(RejectError, match="no beacon"):
        await world.sync(changed(ballot, 1, epoch_data=replace(data, beacon=Beacon.zero())))
    empty = world.add_active_set(())
    with pytest.raises(RejectError, match="is empty"):
        await world.sync(changed(ballot, 1, epoch_data=replace(data, active_set_hash=empty)))
    with pytest.raises(RejectError, match="0 eligibilities"):
        await world.sync(changed(ballot, 1, epoch_data=replace(data, eligibility_count=0)))


async def test_votes_that_are_not_those_signed_are_ignored_before_they_are_judged(
    world: ProposalWorld,
) -> None:
    block = Vote(block=BlockID(b"\1" * 20), layer=LayerID(7), height=1)
    ballot = world.ballot()
    contradictory = with_other_votes(ballot, replace(ballot.votes, abstain=(LayerID(7),)))
    with pytest.raises(IgnoreError, match="opinion hash"):
        await world.sync(contradictory)
    inconsistent = replace(ballot.votes, support=(block,), against=(block,))
    with pytest.raises(IgnoreError):
        await world.sync(with_other_votes(ballot, inconsistent))


async def test_votes_that_contradict_each_other_condemn(world: ProposalWorld) -> None:
    first = world.ballot()
    await world.sync(first)
    world.start_layer(NEXT)
    # The tortoise can follow votes for two blocks of a layer; only the check refuses them.
    blocks = tuple(Vote(block=BlockID(bytes([n]) * 20), layer=LAYER, height=1) for n in (1, 2))
    votes = Votes(base=first.id, support=blocks, against=(), abstain=())
    unsigned = Opinion(hash=Hash32.zero(), votes=votes)
    probe = world.ballot(2, NEXT, opinion=unsigned)
    decoded = decode_ballot(world.tortoise._state, world.atxdata, BallotData.of(probe))
    assert decoded is not None
    signed = Opinion(hash=Hash32(decoded.opinion), votes=votes)
    with pytest.raises(RejectError, match="supports two blocks"):
        await world.sync(world.ballot(2, NEXT, opinion=signed))


async def test_a_ballot_of_an_unknown_atx_cannot_be_judged(tmp_path: Path) -> None:
    world = ProposalWorld(tmp_path, members=(1,))
    foreign = changed(world.ballot(1, members=MEMBERS[:1]), 1, atx_id=MEMBERS[1])
    async with fetching(world), asyncio.timeout(5):
        with pytest.raises(FetchError):
            await world.sync(foreign)
    world.close()


async def test_the_least_weight_of_active_sets_is_the_networks(tmp_path: Path) -> None:
    world = ProposalWorld(tmp_path, weights=(EpochWeight(epoch=0, weight=400),))
    with pytest.raises(RejectError, match="expected 10"):
        await world.sync(world.ballot())
    world.close()


def test_least_weights_out_of_order_are_refused_at_the_start(tmp_path: Path) -> None:
    weights = (EpochWeight(epoch=3, weight=1), EpochWeight(epoch=2, weight=1))
    with pytest.raises(ConfigError):
        ProposalWorld(tmp_path, weights=weights)


# --- two ballots of one smesher ---


async def test_a_second_ballot_convicts_and_is_kept_but_not_passed_on(
    world: ProposalWorld,
) -> None:
    await world.gossip(propose(world.ballot()))
    other = changed(world.ballot(members=MEMBERS[:1]), 1, epoch_data=other_data(world))
    with world.bus.subscribe(SmesherMalicious) as heard:
        with pytest.raises(MaliciousProposalError, match="two ballots"):
            await world.gossip(propose(other))
        event = heard.take()
    assert event is not None
    assert event.smesher == signer(1).smesher_id
    assert is_malicious(world.db, signer(1).smesher_id)
    assert world.told.malicious == [signer(1).smesher_id]
    (accusation,) = world.accusations
    proof = scale.decode(MalfeasanceGossip, accusation).proof
    assert isinstance(proof.data, MultipleBallots)
    assert has_ballot(world.db, other.id)
    info = world.tortoise.find_ballot(other.id)
    assert info is not None
    assert info.malicious
    assert [pooled.malicious for pooled in world.pool.for_hare(LAYER)] == [False, True]


def other_data(world: ProposalWorld) -> object:
    """Epoch data with another beacon, which does not matter to the count."""
    data = world.ballot().inner.epoch_data
    assert data is not None
    # One ATX more, weightless, makes another set of the same weight.
    third = world.add_atx(atx(3, weight=0))
    digest = world.add_active_set((*MEMBERS, third.id))
    return replace(data, active_set_hash=digest)


async def test_ballots_of_the_convicted_are_marked_and_convict_no_more(
    world: ProposalWorld,
) -> None:
    first = world.ballot()
    await world.sync(first)
    await world.sync(changed(first, 1, epoch_data=other_data(world)))
    fourth = world.add_atx(atx(4, weight=0))
    digest = world.add_active_set((*MEMBERS, fourth.id))
    data = first.inner.epoch_data
    assert data is not None
    third = changed(first, 1, epoch_data=replace(data, active_set_hash=digest))
    await world.gossip(propose(third))
    assert world.told.malicious == [signer(1).smesher_id]
    assert world.accusations == []
    assert [pooled.malicious for pooled in world.pool.for_hare(LAYER)] == [True]


# --- fetching ---


def fetching(world: ProposalWorld) -> AbstractAsyncContextManager[None]:
    """Let fetcher and network of a world run for the length of a block."""

    @asynccontextmanager
    async def running() -> Any:
        async with asyncio.TaskGroup() as tasks:
            started = [
                tasks.create_task(task) for task in (world.network.run(), world.fetcher.run())
            ]
            await asyncio.sleep(0)
            try:
                yield
            finally:
                for task in started:
                    task.cancel()

    return running()


class Pair:
    """Two nodes: one that has everything, one that has nothing."""

    def __init__(self, folder: Path) -> None:
        network = MemoryNetwork()
        self.there = ProposalWorld(folder, name="there", network=network)
        self.here = ProposalWorld(folder, name="here", network=network, members=())
        self.here.elsewhere = {Hash32(atx(number).id): atx(number) for number in (1, 2)}

    def close(self) -> None:
        self.there.close()
        self.here.close()


def test_all_that_a_proposal_rests_on_is_fetched(tmp_path: Path) -> None:
    async def main() -> None:
        pair = Pair(tmp_path)
        there, here = pair.there, pair.here
        first, other = there.ballot(1), there.ballot(2)
        await there.sync(first)
        await there.sync(other)
        for world in (there, here):
            world.start_layer(NEXT)
        tx_id = there.add_transaction(transaction(1))
        second = there.ballot(1, NEXT, reference=first)
        assert second.votes.base in (first.id, other.id)
        async with fetching(here):
            await here.gossip(propose(second, tx_id), peer="there")
        for ballot in (first, second):
            assert has_ballot(here.db, ballot.id)
            assert here.tortoise.has_ballot(ballot.id)
        assert here.offered.proposals == [(NEXT, propose(second, tx_id).id, (tx_id,))]
        pair.close()

    simulate(main())


def test_a_proposal_whose_transactions_cannot_be_had_is_not_pooled(tmp_path: Path) -> None:
    async def main() -> None:
        pair = Pair(tmp_path)
        ballot = pair.there.ballot()
        async with fetching(pair.here):
            with pytest.raises(FetchError):
                await pair.here.gossip(propose(ballot, TransactionID(b"\1" * 32)), peer="there")
        assert has_ballot(pair.here.db, ballot.id)
        assert pair.here.pool.count(LAYER) == 0
        pair.close()

    simulate(main())


def test_ballots_that_rest_on_each_other_are_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        pair = Pair(tmp_path)
        there, here = pair.there, pair.here
        base = Votes(base=BallotID(b"\1" * 20), support=(), against=(), abstain=())
        one, other = there.ballot(1), there.ballot(2)
        one = with_other_votes(one, replace(base, base=other.id))
        other = with_other_votes(other, replace(base, base=one.id))
        there.add_ballot(one)
        there.add_ballot(other)
        async with fetching(here):
            with pytest.raises(FetchError, match="rests on itself") as failed:
                await here.sync(one, peer="there")
        assert failed.value.is_ignorable
        assert not has_ballot(here.db, one.id)
        pair.close()

    simulate(main())


def test_many_may_wait_for_the_same_ballot(tmp_path: Path) -> None:
    async def main() -> None:
        pair = Pair(tmp_path)
        there, here = pair.there, pair.here
        first = there.ballot(1)
        await there.sync(first)
        await there.sync(there.ballot(2))
        for world in (there, here):
            world.start_layer(NEXT)
        second = there.ballot(1, NEXT, reference=first)
        third = there.ballot(2, NEXT, reference=there.ballot(2, LAYER, opinion=voted(first)))
        async with fetching(here), asyncio.TaskGroup() as tasks:
            for ballot in (second, third):
                tasks.create_task(here.sync(ballot, peer="there"))
        for ballot in (first, second, third):
            assert has_ballot(here.db, ballot.id)
        pair.close()

    simulate(main())


def voted(ballot: Ballot) -> Opinion:
    return Opinion(hash=ballot.inner.opinion_hash, votes=ballot.votes)


def test_proposals_are_gossiped_on(tmp_path: Path) -> None:
    async def main() -> None:
        network = MemoryNetwork()
        names = ("one", "two", "three")
        worlds = [ProposalWorld(tmp_path, name=name, network=network) for name in names]
        proposal: Proposal = propose(worlds[0].ballot())
        for world in worlds[1:]:
            world.add_active_set()
        async with fetching(worlds[1]):
            await worlds[0].end.publish("pp1", scale.encode(proposal))
            await asyncio.sleep(1)
        assert [world.pool.has(proposal.id) for world in worlds] == [True, True, True]
        for world in worlds:
            world.close()

    simulate(main())
