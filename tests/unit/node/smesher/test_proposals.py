"""Own proposals: what they say, when none is made, and what a restart finds again."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from node.base.errors import ConfigError, PreconditionError, StoreError
from node.config.durations import Nanoseconds
from node.config.model.consensus import (
    ActiveSetPreparationConfig,
    EpochWeight,
    TortoiseConfig,
)
from node.consensus.malfeasance.guard import EquivocationGuard
from node.consensus.transactions.pool import TransactionPool
from node.crypto.ed25519 import Signer
from node.events import Bus, EligibilitiesKnown, Event, ProposalPublished, SlotMissed
from node.layer_ticker import LoopClock
from node.sim.virtual_time import simulate
from node.smesher.active_set import ActiveSetBuilder
from node.smesher.proposals import ProposalBuilder
from node.store.activesets import get_active_set
from node.store.ballots import get_ballot, put_ballot
from node.store.beacons import put_beacon
from node.store.certificates import put_hare_output
from node.store.db import LevelDB
from node.store.layers import put_mesh_hash
from node.store.local import PreparedActiveSet, Statement, claim
from node.types.ids import NO_BALLOT, NO_BLOCK, BallotID, Beacon, Hash32, TransactionID
from node.types.layer import EpochID, LayerID
from node.types.proposal import Proposal
from node.types.transaction import RawTransaction
from tests.support.chain import BEACON, NS, TIME, ballot, signer
from tests.support.proposals import (
    CONFIG,
    EPOCH,
    LAYER,
    LAYER_SIZE,
    MEMBERS,
    SLOTS,
    ProposalWorld,
    slots_of,
)

E = TypeVar("E", bound=Event)
NEXT = LayerID(LAYER + 1)
OWN = (1, 2)
SMESHER = signer(1).smesher_id
PREPARATION = ActiveSetPreparationConfig(
    window=Nanoseconds(5 * NS), retry_interval=Nanoseconds(NS), tries=3
)


class Chosen(TransactionPool):
    """Offers what a test says, and keeps how many were wanted."""

    def __post_init__(self) -> None:
        self.offered: tuple[TransactionID, ...] = ()
        self.wanted: list[int] = []

    def select(self, wanted: int) -> tuple[TransactionID, ...]:
        """See TransactionPool."""
        self.wanted.append(wanted)
        return self.offered[:wanted]


@dataclass(kw_only=True)
class FailingSets(ActiveSetBuilder):
    """Fails to read, or else as told, before it answers."""

    errors: list[StoreError | PreconditionError] = field(default_factory=list)

    async def generate(self, current: LayerID, epoch: EpochID) -> PreparedActiveSet:
        """See ActiveSetBuilder."""
        if self.errors:
            raise self.errors.pop(0)
        return await super().generate(current, epoch)


class Smeshing(ProposalWorld):
    """A node with own smeshers."""

    def __init__(self, folder: Path, *, own: Sequence[int] = OWN, virtual: bool = False) -> None:
        clock = LoopClock(TIME.start_of(LayerID(LAYER - 1))) if virtual else None
        super().__init__(folder, clock=clock)
        self.local = LevelDB(folder / "local")
        self.keys: list[Signer] = [signer(number) for number in own]
        self.synced = True
        self.transactions = Chosen(db=self.db, gas_limit=10**6, entropy=bytes)
        self.sets = FailingSets(
            db=self.db,
            local=self.local,
            time=TIME,
            atxdata=self.atxdata,
            grade_delay_ns=NS,
            good_percent=0,
        )

    def builder(
        self,
        *,
        layer_size: int = LAYER_SIZE,
        config: TortoiseConfig = CONFIG,
        preparation: ActiveSetPreparationConfig = PREPARATION,
    ) -> ProposalBuilder:
        return ProposalBuilder(
            db=self.db,
            clock=self.clock,
            time=TIME,
            bus=self.bus,
            network=self.end,
            config=config,
            preparation=preparation,
            signers=lambda: tuple(self.keys),
            guard=EquivocationGuard(db=self.db, local=self.local, bus=self.bus),
            is_synced=lambda: self.synced,
            atxdata=self.atxdata,
            tortoise=self.tortoise,
            transactions=self.transactions,
            active_sets=self.sets,
            layer_size=layer_size,
            transactions_per_slot=2,
        )

    def in_layer(self, layer: int) -> None:
        """Move the clock only; the builder counts for itself."""
        self.stepped.now = TIME.start_of(LayerID(layer))

    def proposals(self, layer: int = LAYER) -> dict[int, Proposal]:
        """Return the proposals of a layer by the number of their smesher."""
        numbers = {signer(number).smesher_id: number for number in (1, 2, 3)}
        found = (entry.proposal for entry in self.pool.for_hare(LayerID(layer)))
        return {numbers[proposal.ballot.smesher]: proposal for proposal in found}

    def close(self) -> None:
        super().close()
        self.local.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Smeshing]:
    world = Smeshing(tmp_path)
    yield world
    world.close()


class Heard:
    """Collects events of some kinds."""

    def __init__(self, bus: Bus, *kinds: type[Event]) -> None:
        self._subscribed = bus.subscribe(*kinds)
        self._events = self._subscribed.__enter__()

    def all(self) -> list[Event]:
        found: list[Event] = []
        while (event := self._events.take()) is not None:
            found.append(event)
        return found

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.all() if isinstance(event, kind)]


# --- what proposals say ---


async def test_the_first_ballot_of_an_epoch_fixes_its_data(world: Smeshing) -> None:
    published = Heard(world.bus, ProposalPublished)
    await world.builder().on_layer(LAYER)
    proposals = world.proposals()
    assert set(proposals) == {1, 2}
    for number, proposal in proposals.items():
        data = proposal.ballot.inner.epoch_data
        assert data is not None
        assert proposal.ballot.inner.ref_ballot == NO_BALLOT
        assert (data.beacon, data.eligibility_count) == (BEACON, SLOTS)
        assert get_active_set(world.db, data.active_set_hash).atx_ids == MEMBERS
        assert proposal.ballot.eligibilities == slots_of(number)[LAYER]
        assert get_ballot(world.db, proposal.ballot.id) == proposal.ballot
    assert {
        event.proposal for event in published.all() if isinstance(event, ProposalPublished)
    } == {proposal.id for proposal in proposals.values()}


async def test_later_ballots_name_the_first_one(world: Smeshing) -> None:
    builder = world.builder()
    await builder.on_layer(LAYER)
    world.in_layer(NEXT)
    await builder.on_layer(NEXT)
    first, second = world.proposals()[1].ballot, world.proposals(NEXT)[1].ballot
    assert second.inner.ref_ballot == first.id
    assert second.inner.epoch_data is None
    assert second.votes.base in {proposal.ballot.id for proposal in world.proposals().values()}


async def test_a_restart_goes_on_with_what_the_first_ballot_fixed(world: Smeshing) -> None:
    await world.builder().on_layer(LAYER)
    with world.db.batch(sync=False) as batch:
        put_beacon(batch, EPOCH, Beacon(b"late"))
    world.in_layer(NEXT)
    # Another size of a layer would give other slots; the reference ballot decides.
    await world.builder(layer_size=30).on_layer(NEXT)
    ballots = [proposal.ballot for proposal in world.proposals(NEXT).values()]
    assert len(ballots) == 2
    assert all(made.inner.epoch_data is None for made in ballots)
    assert ballots[0].eligibilities in (slots_of(1)[NEXT], slots_of(2)[NEXT])


async def test_eligibilities_are_proven_once_and_announced(world: Smeshing) -> None:
    heard = Heard(world.bus, EligibilitiesKnown)
    builder = world.builder()
    await builder.on_layer(LAYER)
    world.in_layer(NEXT)
    await builder.on_layer(NEXT)
    events = {
        event.smesher: event for event in heard.all() if isinstance(event, EligibilitiesKnown)
    }
    assert len(events) == 2
    event = events[SMESHER]
    assert (event.epoch, event.beacon, event.atx) == (EPOCH, BEACON, MEMBERS[0])
    assert event.active_set_size == 2
    expected = [(layer, len(proofs)) for layer, proofs in slots_of(1).items()]
    assert [(slots.layer, slots.count) for slots in event.layers] == expected


async def test_transactions_are_offered_for_every_slot(world: Smeshing) -> None:
    world.keys = [signer(1)]
    raw = [RawTransaction.of(bytes([n])) for n in range(100)]
    world.transactions.offered = tuple(world.add_transaction(one) for one in raw)
    await world.builder().on_layer(LAYER)
    wanted = 2 * len(slots_of(1)[LAYER])
    assert world.transactions.wanted == [wanted]
    assert world.proposals()[1].inner.tx_ids == world.transactions.offered[:wanted]


async def test_the_tortoise_counts_once_for_all_smeshers(
    world: Smeshing, monkeypatch: pytest.MonkeyPatch
) -> None:
    tallied: list[LayerID] = []
    tally = world.tortoise.tally_votes

    def counting(last: LayerID) -> None:
        tallied.append(last)
        tally(last)

    monkeypatch.setattr(world.tortoise, "tally_votes", counting)
    await world.builder().on_layer(LAYER)
    assert tallied == [LAYER]
    assert len(world.proposals()) == 2


# --- the mesh hash ---


def hash_of(layer: int) -> Hash32:
    return Hash32(bytes([layer]) * 32)


async def mesh_hash_at(
    world: Smeshing, layer: int, *, hare: Sequence[int], verified: int, hashed: bool = True
) -> Hash32:
    with world.db.batch(sync=False) as batch:
        for known in hare:
            put_hare_output(batch, LayerID(known), NO_BLOCK, valid=True)
        if hashed:
            put_mesh_hash(batch, LayerID(layer - 1), hash_of(layer - 1))
    world.tortoise._state.verified = verified
    return world.builder()._mesh_hash(LayerID(layer))


async def test_the_mesh_hash_is_that_of_the_layer_before(world: Smeshing) -> None:
    assert await mesh_hash_at(world, 20, hare=range(17, 20), verified=16) == hash_of(19)


async def test_early_layers_look_back_to_genesis_only(world: Smeshing) -> None:
    assert await mesh_hash_at(world, 9, hare=(8,), verified=7) == hash_of(8)
    assert await mesh_hash_at(world, 8, hare=(), verified=7) == hash_of(7)


async def test_without_a_decision_there_is_no_mesh_hash(world: Smeshing) -> None:
    assert await mesh_hash_at(world, 20, hare=range(17, 20), verified=15) == Hash32.zero()


@pytest.mark.parametrize("missing", [17, 18, 19])
async def test_without_a_hare_output_there_is_no_mesh_hash(world: Smeshing, missing: int) -> None:
    hare = [layer for layer in range(17, 20) if layer != missing]
    assert await mesh_hash_at(world, 20, hare=hare, verified=16) == Hash32.zero()


async def test_a_layer_that_is_not_hashed_gives_no_mesh_hash(world: Smeshing) -> None:
    zero = await mesh_hash_at(world, 20, hare=range(17, 20), verified=16, hashed=False)
    assert zero == Hash32.zero()


# --- when none is made ---


async def test_nothing_is_proposed_in_genesis(world: Smeshing) -> None:
    await world.builder().on_layer(LayerID(LAYER - 1))
    assert world.proposals(LAYER - 1) == {}


async def test_a_node_that_is_not_synced_misses_the_slots_it_knows(world: Smeshing) -> None:
    missed = Heard(world.bus, SlotMissed)
    world.synced = False
    await world.builder().on_layer(LAYER)
    assert missed.all() == []
    world.synced = True
    builder = world.builder()
    await builder.on_layer(LAYER)
    world.synced = False
    await builder.on_layer(NEXT)
    assert set(missed.all()) == {
        SlotMissed(smesher=key.smesher_id, layer=NEXT, reason="the node is not synced")
        for key in world.keys
    }
    assert world.proposals(NEXT) == {}


async def test_a_layer_without_slots_is_not_missed(world: Smeshing) -> None:
    world.keys = [signer(1)]
    builder = world.builder(layer_size=1)
    await builder.on_layer(LAYER)
    world.synced = False
    missed = Heard(world.bus, SlotMissed)
    for layer in range(LAYER, LAYER + 4):
        await builder.on_layer(LayerID(layer))
    layers = [event.layer for event in missed.of(SlotMissed)]
    assert layers == list(builder._slots[EPOCH][SMESHER].layers)
    assert len(layers) < 4


@pytest.mark.parametrize("beacon", [None, Beacon.zero()])
async def test_without_a_beacon_nothing_is_proposed(world: Smeshing, beacon: Beacon | None) -> None:
    layer = LayerID(12)
    if beacon is not None:
        with world.db.batch(sync=False) as batch:
            put_beacon(batch, EpochID(3), beacon)
    await world.builder().on_layer(layer)
    assert world.proposals(layer) == {}


async def test_an_epoch_that_has_no_active_set_is_tried_again(world: Smeshing) -> None:
    world.sets.errors = [PreconditionError("too few good ones")]
    builder = world.builder()
    await builder.on_layer(LAYER)
    assert world.proposals() == {}
    await builder.on_layer(LAYER)
    assert len(world.proposals()) == 2


async def test_a_smesher_without_an_atx_does_not_hold_up_others(world: Smeshing) -> None:
    world.keys = [signer(3), signer(1)]
    await world.builder().on_layer(LAYER)
    assert set(world.proposals()) == {1}


async def test_a_layer_without_slots_passes(world: Smeshing) -> None:
    # One slot in a layer for both together is two slots for each in the epoch.
    builder = world.builder(layer_size=1, config=CONFIG)
    world.keys = [signer(1)]
    published = Heard(world.bus, EligibilitiesKnown, SlotMissed)
    for layer in range(LAYER, LAYER + 4):
        world.in_layer(layer)
        await builder.on_layer(LayerID(layer))
    known, *missed = published.all()
    assert isinstance(known, EligibilitiesKnown)
    eligible = {slots.layer for slots in known.layers}
    assert len(eligible) < 4
    # Our own handler does not accept what another layer size gives.
    assert {event.layer for event in missed if isinstance(event, SlotMissed)} == eligible


async def test_a_layer_is_built_once(world: Smeshing) -> None:
    await world.builder().on_layer(LAYER)
    first = world.proposals()
    missed = Heard(world.bus, SlotMissed)
    await world.builder().on_layer(LAYER)
    assert world.proposals() == first
    assert missed.all() == []


async def test_a_second_ballot_of_a_layer_is_never_signed_over_a_claim(world: Smeshing) -> None:
    claim(world.local, Statement.of_ballot(SMESHER, LAYER, BallotID(b"\1" * 20)))
    missed = Heard(world.bus, SlotMissed)
    await world.builder().on_layer(LAYER)
    assert set(world.proposals()) == {2}
    (event,) = missed.all()
    assert isinstance(event, SlotMissed)
    assert (event.smesher, event.layer) == (SMESHER, LAYER)
    assert "must not sign" in event.reason


async def test_what_our_own_handler_refuses_is_a_missed_slot(world: Smeshing) -> None:
    missed = Heard(world.bus, SlotMissed)
    world.mesh.processed = LAYER
    await world.builder().on_layer(LAYER)
    reasons = [event.reason for event in missed.of(SlotMissed)]
    assert len(reasons) == 2
    assert all("too late" in reason for reason in reasons)


async def test_a_first_ballot_without_data_stops_its_smesher(world: Smeshing) -> None:
    with world.db.batch(sync=False) as batch:
        put_ballot(batch, ballot(1, LAYER, reference=BallotID(b"\1" * 20)))
    missed = Heard(world.bus, SlotMissed)
    world.in_layer(NEXT)
    await world.builder().on_layer(NEXT)
    assert set(world.proposals(NEXT)) == {2}
    (event,) = missed.all()
    assert isinstance(event, SlotMissed)
    assert "no epoch data" in event.reason


async def test_a_store_that_fails_stops_the_node(world: Smeshing) -> None:
    world.sets.errors = [StoreError("the disk is gone")]
    with pytest.raises(StoreError):
        await world.builder().on_layer(LAYER)


async def test_a_store_that_fails_for_one_smesher_stops_the_node(
    world: Smeshing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr("node.consensus.malfeasance.guard.claim", fail)
    with pytest.raises(ExceptionGroup) as failed:
        await world.builder().on_layer(LAYER)
    assert failed.group_contains(StoreError)


def test_least_weights_out_of_order_are_refused(tmp_path: Path) -> None:
    world = Smeshing(tmp_path)
    weights = (EpochWeight(epoch=3, weight=1), EpochWeight(epoch=2, weight=1))
    with pytest.raises(ConfigError):
        world.builder(config=TortoiseConfig(minimal_active_set_weight=weights))
    world.close()


# --- ahead of an epoch ---


def run_for(world: Smeshing, seconds: float, **settings: ActiveSetPreparationConfig) -> None:
    """Let a builder run in virtual time; it starts ten seconds before epoch 2."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.builder(**settings).run())  # type: ignore[arg-type]
            await asyncio.sleep(seconds)
            running.cancel()

    simulate(main())


def test_an_epoch_is_prepared_before_it_begins(tmp_path: Path) -> None:
    world = Smeshing(tmp_path, virtual=True)
    known = Heard(world.bus, EligibilitiesKnown)
    run_for(world, 9)
    assert len(known.all()) == 2
    assert world.proposals() == {}
    world.close()


def test_layers_are_built_from_the_one_after_the_start_on(tmp_path: Path) -> None:
    world = Smeshing(tmp_path, virtual=True)
    run_for(world, 21)
    assert set(world.proposals(LAYER)) == {1, 2}
    assert set(world.proposals(NEXT)) == {1, 2}
    world.close()


def test_preparation_is_tried_again_and_given_up(tmp_path: Path) -> None:
    world = Smeshing(tmp_path, virtual=True)
    world.sets.errors = [PreconditionError("no good ones")] * 2
    known = Heard(world.bus, EligibilitiesKnown)
    run_for(world, 6.5)
    assert known.all() == []
    run_for(world, 7.5)
    assert len(known.all()) == 2
    world.close()


def test_a_node_that_is_not_synced_prepares_nothing(tmp_path: Path) -> None:
    world = Smeshing(tmp_path, virtual=True)
    world.synced = False
    known = Heard(world.bus, EligibilitiesKnown)
    run_for(world, 9)
    assert known.all() == []
    world.close()


def test_preparation_can_be_left_out(tmp_path: Path) -> None:
    world = Smeshing(tmp_path, virtual=True)
    known = Heard(world.bus, EligibilitiesKnown)
    run_for(world, 9, preparation=ActiveSetPreparationConfig(tries=0))
    assert known.all() == []
    world.close()


def test_smeshers_without_an_atx_are_prepared_for_nothing(tmp_path: Path) -> None:
    world = Smeshing(tmp_path, own=(3,), virtual=True)
    known = Heard(world.bus, EligibilitiesKnown)
    run_for(world, 9)
    assert known.all() == []
    world.close()


def test_epochs_of_genesis_are_not_prepared(tmp_path: Path) -> None:
    world = Smeshing(tmp_path, virtual=True)
    world.clock = LoopClock(TIME.genesis_ns)
    world.sets.errors = [PreconditionError("asked for epoch 1")]
    run_for(world, 45)
    assert len(world.sets.errors) == 1
    world.close()


def test_a_store_that_fails_while_preparing_stops_the_node(tmp_path: Path) -> None:
    world = Smeshing(tmp_path, virtual=True)
    world.sets.errors = [StoreError("the disk is gone")]
    with pytest.raises(ExceptionGroup) as failed:
        run_for(world, 9)
    assert failed.group_contains(StoreError)
    world.close()


async def test_preparation_and_the_first_layer_make_the_proofs_once(world: Smeshing) -> None:
    builder = world.builder()
    facts = await builder._epoch_facts(LAYER, EPOCH)
    standing = builder._find_standing(SMESHER, facts)
    assert standing is not None
    known = Heard(world.bus, EligibilitiesKnown)
    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(builder._slots_of(signer(1), standing, facts)) for _ in range(2)]
    assert made[0].result() is made[1].result()
    assert len(known.all()) == 1


async def test_past_epochs_are_forgotten(world: Smeshing) -> None:
    builder = world.builder()
    await builder.on_layer(LAYER)
    assert list(builder._slots) == [EPOCH]
    await builder.on_layer(LayerID(12))
    assert builder._slots == {}
    assert builder._epochs == {}
