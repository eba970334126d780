"""Rebuilding the tortoise from the store: as the reference does, event by event."""

import dataclasses
import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from node.base.errors import PreconditionError
from node.consensus.atxdata import AtxData
from node.consensus.tortoise.ballots import BallotData
from node.consensus.tortoise.recover import first_of_window, recover
from node.consensus.tortoise.replay import Restart
from node.consensus.tortoise.state import RecoveredBlock
from node.consensus.tortoise.trace import (
    AppliedEvent,
    AtxEvent,
    BallotEvent,
    BeaconEvent,
    CoinEvent,
    ConfigEvent,
    RecordedTortoise,
    RecoveredBlocksEvent,
    TallyEvent,
    TraceEvent,
    decode_event,
    parse_atx,
    parse_ballot,
    parse_digest,
    parse_header,
)
from node.types.ids import AtxID, Beacon, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID
from node.types.opinion import LayerResult
from tests.support.tortoise_network import (
    Network,
    ballot_id,
    beacon,
    block_id,
    header,
    parameters,
    smesher_id,
    votes,
)

DATA = Path(__file__).parents[4] / "data/vectors/tortoise"


@dataclasses.dataclass
class FakeStore:
    """A store in memory; a ``RecoverySource``."""

    applied: int = 7
    valid: int | None = None
    published: int = 0
    hashes: dict[int, Hash32] = dataclasses.field(default_factory=dict)
    bad: tuple[SmesherID, ...] = ()
    beacons: dict[int, Beacon] = dataclasses.field(default_factory=dict)
    kept_blocks: dict[int, list[RecoveredBlock]] = dataclasses.field(default_factory=dict)
    outputs: dict[int, BlockID] = dataclasses.field(default_factory=dict)
    kept_ballots: dict[int, list[BallotData]] = dataclasses.field(default_factory=dict)
    coins: dict[int, bool] = dataclasses.field(default_factory=dict)
    read: list[int] = dataclasses.field(default_factory=list)

    def last_ballot_layer(self) -> LayerID | None:
        return LayerID(max(self.kept_ballots)) if self.kept_ballots else None

    def last_applied_layer(self) -> LayerID:
        return LayerID(self.applied)

    def last_valid_layer(self) -> LayerID | None:
        return None if self.valid is None else LayerID(self.valid)

    def mesh_hash(self, layer: LayerID) -> Hash32 | None:
        return self.hashes.get(layer)

    def malicious(self) -> Iterable[SmesherID]:
        return self.bad

    def beacon(self, epoch: EpochID) -> Beacon | None:
        return self.beacons.get(epoch)

    def latest_publish_epoch(self) -> EpochID:
        return EpochID(self.published)

    def blocks(self, layer: LayerID) -> Iterator[RecoveredBlock]:
        self.read.append(layer)
        yield from self.kept_blocks.get(layer, ())

    def hare_output(self, layer: LayerID) -> BlockID | None:
        return self.outputs.get(layer)

    def ballots(self, layer: LayerID) -> Iterator[BallotData]:
        yield from self.kept_ballots.get(layer, ())

    def weak_coin(self, layer: LayerID) -> bool | None:
        return self.coins.get(layer)


def store_of(events: list[TraceEvent], restart: Restart) -> tuple[FakeStore, AtxData]:
    """Return the store that a recorded restart was made from."""
    store, atx_data = FakeStore(), AtxData()
    for event in events:
        match event:
            case AtxEvent():
                atx_data.add(EpochID(event.target), AtxID(event.id), parse_atx(event.atx))
                store.published = event.target - 1
            case BeaconEvent():
                store.beacons[event.epoch] = Beacon(event.beacon)
            case RecoveredBlocksEvent():
                store.kept_blocks[event.layer] = [
                    RecoveredBlock(header=parse_header(block.header), valid=block.valid)
                    for block in event.blocks or ()
                ]
                if event.hare is not None:
                    store.outputs[event.layer] = BlockID(event.hare)
            case BallotEvent():
                ballot = parse_ballot(event.ballot)
                store.kept_ballots.setdefault(ballot.layer, []).append(ballot)
            case CoinEvent():
                store.coins[event.lid] = event.coin
            case AppliedEvent():
                store.hashes[event.layer] = parse_digest(event.opinion)
            case _:
                pass
    assert restart.window is not None
    start, opinion, previous = restart.window
    store.hashes |= {start: opinion, start - 1: previous}
    store.valid = restart.verified
    return store, atx_data


def test_a_recorded_restart_is_made_in_the_same_steps() -> None:
    restart = Restart.parse((DATA / "restart1.inj").read_text())
    with lzma.open(DATA / "restart1.jsonl.xz", "rt") as file:
        recorded = [decode_event(line) for line in file.read().splitlines()]
    tally = next(n for n, event in enumerate(recorded) if isinstance(event, TallyEvent))
    recorded = recorded[: tally + 2]
    config = recorded[0]
    assert isinstance(config, ConfigEvent)
    store, atx_data = store_of(recorded, restart)
    store.applied = 32 + config.window
    events: list[TraceEvent] = []
    tortoise = RecordedTortoise(
        parameters(
            hdist=config.hdist,
            zdist=config.zdist,
            window_layers=config.window,
            max_exceptions=config.exceptions,
            bad_beacon_delay_layers=config.delay,
        ),
        atx_data,
        events.append,
        layer_size=config.layer_size,
    )
    recover(tortoise, atx_data, store, clock_layer=LayerID(100))
    assert events == recorded


def live(network: Network, store: FakeStore, layers: Iterable[int]) -> None:
    """Live through ordinary layers and keep in the store what a node keeps."""
    for number in layers:
        layer = LayerID(number)
        network.tally(layer)
        opinion = network.tortoise.encode_votes(layer)
        ballots = [network.ballot(layer, smesher, opinion) for smesher in (1, 2, 3)]
        for ballot in ballots:
            network.tortoise.on_ballot(ballot)
        store.kept_ballots[number] = ballots
        block = network.block(layer)
        network.tortoise.on_hare_output(layer, block)
        store.outputs[number] = block
        network.tortoise.on_weak_coin(layer, coin=True)
        store.coins[number] = True
        network.tally(layer)
        for result in network.tortoise.updates():
            store.kept_blocks[result.layer] = [
                RecoveredBlock(header=vote.header, valid=vote.valid) for vote in result.blocks
            ]
            if result.verified:
                store.hashes[result.layer] = result.opinion
                store.applied = store.valid = result.layer
                network.tortoise.on_applied(result.layer, result.opinion)
    store.published = 6
    store.beacons = {epoch: beacon(epoch) for epoch in range(2, 8)}


def restarted(network: Network, store: FakeStore, clock_layer: int) -> Network:
    """Return the network with a tortoise recovered from the store."""
    after = Network(epochs=range(2, 8), **dataclasses.asdict(network.parameters))
    after.tortoise = after.make_tortoise()
    recover(after.tortoise, after.atx_data, store, clock_layer=LayerID(clock_layer))
    return after


def opinions(network: Network, first: int, last: int) -> list[LayerResult]:
    return [
        dataclasses.replace(result, first_layer=False)
        for result in network.tortoise.results(LayerID(first), LayerID(last))
    ]


@pytest.mark.parametrize("window", [100, 6])
def test_a_restarted_tortoise_thinks_as_before(window: int) -> None:
    network, store = Network(epochs=range(2, 8), window_layers=window), FakeStore()
    live(network, store, range(8, 23))
    after = restarted(network, store, clock_layer=22)
    assert opinions(after, 20, 22) == opinions(network, 20, 22)
    assert after.tortoise.latest_complete == network.tortoise.latest_complete
    assert after.tortoise.encode_votes() == network.tortoise.encode_votes()
    assert store.read == list(range(12 if window == 6 else 8, 23))
    assert after.tortoise.describe().evicted == network.tortoise.describe().evicted
    assert after.tortoise.updates()[0].layer == 22


def test_a_new_node_recovers_to_the_beginning() -> None:
    network, store = Network(epochs=()), FakeStore()
    before = network.tortoise.describe()
    recover(network.tortoise, network.atx_data, store, clock_layer=LayerID(9))
    assert network.tortoise.describe() == before


def test_nothing_is_tallied_while_memory_begins_in_the_future() -> None:
    network, store = Network(epochs=range(2, 8)), FakeStore()
    live(network, store, range(8, 12))
    assert restarted(network, store, clock_layer=8).tortoise.describe().processed == 11
    assert restarted(network, store, clock_layer=7).tortoise.describe().processed == 7


def test_an_opinion_that_changed_since_it_was_applied_is_reported() -> None:
    network, store = Network(epochs=range(2, 8)), FakeStore()
    live(network, store, range(8, 14))
    for layer in (11, 12):
        store.hashes[layer] = Hash32(b"\x01" * 32)
    store.hashes[10] = Hash32.zero()
    after = restarted(network, store, clock_layer=13)
    assert after.tortoise.updates()[0].layer == 10


def test_a_window_whose_opinion_is_unknown_is_not_used() -> None:
    network, store = Network(epochs=range(2, 8), window_layers=6), FakeStore()
    live(network, store, range(8, 23))
    del store.hashes[11]
    restarted(network, store, clock_layer=22)
    assert store.read == list(range(8, 23))


def test_malicious_identities_are_known_first() -> None:
    network, store = Network(epochs=range(2, 8)), FakeStore()
    live(network, store, range(8, 10))
    store.bad = (smesher_id(1),)
    after = restarted(network, store, clock_layer=9)
    info = after.tortoise.find_ballot(ballot_id(8, 1))
    assert info is not None
    assert info.malicious
    with pytest.raises(PreconditionError):
        after.tortoise.results(LayerID(6), LayerID(6))


def test_ballots_that_do_not_decode_are_passed_over() -> None:
    network, store = Network(epochs=range(2, 8)), FakeStore()
    live(network, store, range(8, 10))
    broken = network.ballot(9, 1, votes(ballot_id(9, 9), abstain=[8, 8]), number=4)
    follower = network.ballot(9, 2, votes(ballot_id(8, 1)), ref_ballot=broken.id, number=5)
    store.kept_ballots[9] += [follower, broken]
    after = restarted(network, store, clock_layer=9)
    assert not after.tortoise.has_ballot(broken.id)
    assert after.tortoise.has_ballot(ballot_id(9, 1))


def test_reference_ballots_come_before_those_that_need_them() -> None:
    network, store = Network(epochs=range(2, 8)), FakeStore()
    live(network, store, range(8, 10))
    reference = store.kept_ballots[9][0]
    opinion = reference.opinion
    follower = network.ballot(9, 1, opinion, ref_ballot=reference.id, number=4)
    store.kept_ballots[9].insert(0, follower)
    after = restarted(network, store, clock_layer=9)
    assert after.tortoise.has_ballot(follower.id)


def test_after_a_checkpoint_the_first_epoch_is_loaded_once() -> None:
    network = Network(epochs=(), effective_genesis=LayerID(15))
    store = FakeStore(published=3, beacons={4: beacon(4)})
    fresh = Network(epochs=(), effective_genesis=LayerID(15))
    network.add_epoch(4, with_beacon=False)
    store.kept_ballots[16] = [network.ballot(16, 1, votes())]
    store.kept_blocks[16] = [RecoveredBlock(header=header(16, 40), valid=False)]
    store.outputs[16] = block_id(16)
    recover(fresh.tortoise, network.atx_data, store, clock_layer=LayerID(16))
    weight = network.tortoise._state.epoch(4).weight
    assert fresh.tortoise._state.epoch(4).weight == weight
    assert fresh.tortoise._state.epoch(4).beacon == beacon(4)


def test_a_beacon_decided_before_the_first_atx_of_its_epoch_is_known() -> None:
    network, store = Network(epochs=range(2, 8)), FakeStore()
    live(network, store, range(8, 10))
    store.published = 1
    after = Network(epochs=(), **dataclasses.asdict(network.parameters))
    for atx_id, entry in network.atx_data.atxs(EpochID(2)):
        after.atx_data.add(EpochID(2), atx_id, entry)
    after.tortoise = after.make_tortoise()
    recover(after.tortoise, after.atx_data, store, clock_layer=LayerID(11))
    # Of epoch 3, layers 12 to 15, everything but the beacon arrives after the restart.
    after.add_epoch(3, with_beacon=False)
    after.tortoise.on_weak_coin(LayerID(11), coin=True)
    after.tortoise.on_weak_coin(LayerID(12), coin=True)
    after.tally(LayerID(12))
    after.vote(LayerID(12))
    assert after.tortoise.encode_votes(LayerID(13)).votes.base in {
        ballot_id(12, smesher) for smesher in (1, 2, 3)
    }
    assert after.tortoise._state.epoch(4).beacon is None


@pytest.mark.parametrize(
    ("applied", "first"), [(7, None), (100, None), (110, 8), (112, 12), (115, 12), (116, 16)]
)
def test_memory_begins_at_the_epoch_in_which_the_window_does(
    applied: int, first: int | None
) -> None:
    if first == 8:
        first = None
    assert first_of_window(parameters(), LayerID(applied)) == first
