"""From hare's output to the mesh: plain, optimistic, empty, and what goes wrong."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import (
    IgnoreError,
    RejectError,
    SpacemeshError,
    StoreError,
    UnavailableError,
)
from node.consensus.blocks.make_block import BlockPlan
from node.consensus.blocks.service import BlockService
from node.consensus.hare.ports import HareOutput
from node.net.fetch.client import FetchError, GivenUpError
from node.net.fetch.planner import FetchPlanner
from node.net.fetch.wire import Hint
from node.sim.virtual_time import simulate
from node.store.blocks import blocks_in_layer
from node.store.layers import find_mesh_hash, put_mesh_hash
from node.store.transactions import put_transaction
from node.types.block import Block
from node.types.ids import (
    NO_BLOCK,
    BallotID,
    EdSignature,
    Hash32,
    ProposalID,
    TransactionID,
    padded,
)
from node.types.layer import LayerID
from node.types.proposal import InnerProposal, Proposal
from node.types.transaction import RawTransaction, Transaction
from tests.support.block_sources import NO_SEAT, Patrol, Proposals, RecordedFetcher, Vouching
from tests.support.chain import TIME, atx, ballot
from tests.support.meshes import MeshWorld

FIRST = LayerID(TIME.effective_genesis + 1)


class World(MeshWorld):
    """Block generation over a real mesh; one smesher has a reference ballot."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for number in (1, 2):
            self.add_atx(atx(number))
        self.proposals, self.certifier, self.patrol = Proposals(), Vouching(), Patrol()
        self.asked = RecordedFetcher(
            network=self.end, planner=FetchPlanner(entropy=bytes), has=lambda hint, key: False
        )
        self.references = {
            number: self.add_reference(number, FIRST, [atx(1), atx(2)]) for number in (1, 2)
        }
        self.service = BlockService(
            db=self.db,
            time=TIME,
            atxdata=self.atxdata,
            fetcher=self.asked,
            mesh=self.mesh,
            proposals=self.proposals,
            certifier=self.certifier,
            patrol=self.patrol,
            gas_limit=10**9,
            threshold_percent=60,
            outputs=asyncio.Queue(8),
        )

    def propose(
        self,
        number: int,
        layer: int = FIRST,
        *,
        mesh_hash: Hash32 | None = None,
        tx_ids: tuple[TransactionID, ...] = (),
        reference: BallotID | None = None,
    ) -> ProposalID:
        """Offer a proposal with a secondary ballot; return its id."""
        inner = ballot(number, layer, reference=reference or self.references[number].id)
        return self.proposals.add(
            Proposal(
                inner=InnerProposal(
                    ballot=inner, tx_ids=tx_ids, mesh_hash=mesh_hash or Hash32.zero()
                ),
                signature=EdSignature.zero(),
            )
        )

    def settle(self, *outputs: HareOutput) -> None:
        """Let the service take these outputs."""

        async def main() -> None:
            async with asyncio.timeout(2 + len(outputs)):
                for output in outputs:
                    await self.service.outputs.put(output)
                await self.service.run()

        with pytest.raises(TimeoutError):
            simulate(main())

    def blocks(self, layer: int = FIRST) -> list[Block]:
        return list(blocks_in_layer(self.db, LayerID(layer)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.db.close()


def output(*proposals: ProposalID, layer: int = FIRST) -> HareOutput:
    return HareOutput(layer=LayerID(layer), proposals=tuple(sorted(proposals)))


def test_agreed_proposals_become_a_block_that_is_certified_and_handed_on(world: World) -> None:
    spawn = world.add_spawn()
    ids = world.propose(1, tx_ids=(spawn,)), world.propose(2, tx_ids=(spawn,))
    world.settle(output(*ids))
    (made,) = world.blocks()
    assert made.tx_ids == (spawn,)
    assert [reward.atx_id for reward in made.rewards] == sorted([atx(1).id, atx(2).id])
    assert world.certifier.vouched == [(FIRST, made.id)]
    assert world.patrol.completed == [FIRST]
    assert world.asked.asked == [(Hint.PROPOSAL, tuple(map(padded, sorted(ids))))]


def test_the_first_ballot_of_an_epoch_tells_its_eligibilities_itself(world: World) -> None:
    first = world.references[1]
    world.proposals.add(
        offered := Proposal(
            inner=InnerProposal(ballot=first, tx_ids=(), mesh_hash=Hash32.zero()),
            signature=EdSignature.zero(),
        )
    )
    world.settle(output(offered.id))
    assert len(world.blocks()) == 1


def test_an_empty_output_means_no_block(world: World) -> None:
    world.settle(output())
    assert world.blocks() == []
    assert world.certifier.vouched == [(FIRST, NO_BLOCK)]
    assert world.patrol.completed == [FIRST]


@pytest.mark.parametrize("refusal", [NO_SEAT, IgnoreError("no beacon")])
def test_the_mesh_goes_on_where_nothing_could_be_certified(
    world: World, refusal: IgnoreError
) -> None:
    world.certifier.refusal = refusal
    world.settle(output())
    assert world.patrol.completed == [FIRST]


def test_a_majority_for_the_mesh_makes_an_optimistic_block(world: World) -> None:
    spawn = world.add_spawn()
    own = find_mesh_hash(world.db, TIME.effective_genesis)
    assert own is not None
    world.settle(output(world.propose(1, mesh_hash=own, tx_ids=(spawn, spawn))))
    (made,) = world.blocks()
    assert made.tx_ids == (spawn,)
    assert world.mesh.applied == FIRST
    assert world.certifier.vouched == [(FIRST, made.id)]


def test_an_optimistic_layer_waits_for_the_one_before_it(world: World) -> None:
    second = LayerID(FIRST + 1)
    hashed = Hash32(b"\x07" * 32)
    with world.db.batch() as batch:
        put_mesh_hash(batch, FIRST, hashed)
    own = find_mesh_hash(world.db, TIME.effective_genesis)
    world.settle(
        output(world.propose(1, second, mesh_hash=hashed), layer=second),
        output(world.propose(1, mesh_hash=own)),
    )
    assert [layer for layer, _ in world.certifier.vouched] == [FIRST, second]
    assert len(world.blocks()) == len(world.blocks(second)) == 1
    assert world.mesh.applied == second


def test_a_planned_layer_that_was_applied_otherwise_is_forgotten(world: World) -> None:
    own = find_mesh_hash(world.db, TIME.effective_genesis)
    world.mesh.applied = FIRST
    world.settle(output(world.propose(1, mesh_hash=own)))
    assert world.blocks() == []
    assert world.service._optimistic == {}


def test_an_optimistic_block_without_its_transactions_is_not_made(world: World) -> None:
    world.service._optimistic[FIRST] = BlockPlan(
        layer=FIRST,
        tick_height=1,
        rewards=(),
        tx_ids=(TransactionID(b"?" * 32),),
        is_optimistic=True,
    )
    world.settle()
    assert world.blocks() == []
    assert world.mesh.applied == FIRST - 1


def refused(world: World, made: HareOutput) -> bool:
    world.settle(made)
    return world.blocks() == [] and world.patrol.completed == [FIRST]


def test_another_mesh_than_the_majoritys_makes_no_block(world: World) -> None:
    assert refused(world, output(world.propose(1, mesh_hash=Hash32(b"\x09" * 32))))


@pytest.mark.parametrize(
    ("reason", "silent", "attempts"),
    [
        (UnavailableError("silent"), 4, 5),
        (UnavailableError("silent"), 5, 5),
        (GivenUpError("nobody has it"), 1, 1),
        (RejectError("invalid"), 1, 1),
    ],
)
def test_proposals_are_asked_of_others_where_peers_are_silent(
    world: World, reason: SpacemeshError, silent: int, attempts: int
) -> None:
    missing = world.propose(1)
    world.asked.failures = [FetchError({Hash32(padded(missing)): reason})] * silent
    world.settle(output(missing))
    assert len(world.blocks()) == (silent < attempts)
    assert world.asked.asked == [(Hint.PROPOSAL, (padded(missing),))] * attempts


def test_proposals_that_are_gone_make_no_block(world: World) -> None:
    assert refused(world, output(ProposalID(b"gone" * 5)))


def test_an_unknown_atx_makes_no_block(world: World) -> None:
    world.references[3] = world.references[1]
    assert refused(world, output(world.propose(3)))


def test_an_unknown_reference_ballot_makes_no_block(world: World) -> None:
    assert refused(world, output(world.propose(1, reference=BallotID(b"?" * 20))))


def test_an_unknown_transaction_makes_no_block(world: World) -> None:
    assert refused(world, output(world.propose(1, tx_ids=(TransactionID(b"?" * 32),))))


def test_a_transaction_without_header_makes_no_block(world: World) -> None:
    raw = RawTransaction.of(b"raw")
    with world.db.batch() as batch:
        put_transaction(batch, Transaction(raw=raw, header=None), 1)
    assert refused(world, output(world.propose(1, tx_ids=(raw.id,))))


def test_a_failed_write_is_not_survived(world: World) -> None:
    class Broken(Patrol):
        def complete(self, layer: LayerID) -> None:
            raise StoreError("disk full")

    service = replace(world.service, patrol=Broken())

    async def main() -> None:
        await service.outputs.put(output())
        await service.run()

    with pytest.raises(StoreError):
        simulate(main())
