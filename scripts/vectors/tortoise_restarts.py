"""Family ``tortoise/restarts``: the recorded traces, with the tortoise dropped on the way.

While a trace is replayed, what a node stores is kept beside it.  At every so many events,
whatever they are, the tortoise is thrown away, made anew from that store, and goes on.
Compared are the digest of the votes we encode, which ballots are accepted, whether an applied
layer still stands, and opinion and blocks of every layer that is decided here and there.

Not compared is what a restart changes in the reference, too: the order in which ballots came
in and with it the base ballot, the wording of a refusal, from which layer on updates are
reported, what is reported of layers before they are decided, and hare's output below hdist.
No restart is made after a proof of malfeasance or a ballot that had to wait for its beacon:
from then on the reference counts something that it would not count again after a restart
(tortoise digest section 11).  The traces that begin with a restart are left out, since their
store reaches no further back.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from node.consensus.atxdata import AtxData, AtxEntry
from node.consensus.tortoise.ballots import BallotData
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.recover import recover
from node.consensus.tortoise.replay import Comparison, Replay
from node.consensus.tortoise.state import RecoveredBlock
from node.consensus.tortoise.trace import (
    AppliedEvent,
    AtxEvent,
    BallotEvent,
    BeaconEvent,
    BlockEvent,
    CoinEvent,
    ConfigEvent,
    HareEvent,
    LayerRecord,
    MalfeasanceEvent,
    StoreEvent,
    TallyEvent,
    TraceEvent,
    UpdatesEvent,
    parse_atx,
    parse_ballot,
    parse_digest,
    parse_header,
)
from node.types.ballot import Vote
from node.types.ids import AtxID, BallotID, Beacon, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID
from node.types.opinion import LayerResult
from scripts.vectors.family import Case, Family, compare, read_lines
from scripts.vectors.tortoise import traces

EVENTS_BETWEEN = 61
"""A prime, so that restarts fall on all kinds of events."""


class KeptStore:
    """What a node has on its disk of the things the tortoise is made from."""

    def __init__(self) -> None:
        self.atxs: dict[EpochID, dict[AtxID, AtxEntry]] = {}
        self.beacons: dict[int, Beacon] = {}
        self.coins: dict[int, bool] = {}
        self.headers: dict[int, dict[BlockID, Vote]] = {}
        self.validities: dict[BlockID, bool] = {}
        self.outputs: dict[int, BlockID] = {}
        self.kept_ballots: dict[int, list[BallotData]] = {}
        self.bad_ballots: set[BallotID] = set()
        self.bad_smeshers: list[SmesherID] = []
        self.hashes: dict[int, Hash32] = {}

    def atx_data(self) -> AtxData:
        """Return the ATXs as they are loaded when a node starts."""
        data = AtxData()
        for epoch, entries in self.atxs.items():
            for atx_id, entry in entries.items():
                data.add(epoch, atx_id, entry)
        for smesher in self.bad_smeshers:
            data.mark_malicious(smesher)
        return data

    # A RecoverySource

    def last_ballot_layer(self) -> LayerID | None:
        """See RecoverySource."""
        return LayerID(max(self.kept_ballots)) if self.kept_ballots else None

    def last_applied_layer(self) -> LayerID:
        """See RecoverySource."""
        return LayerID(max(self.hashes))

    def last_valid_layer(self) -> LayerID | None:
        """See RecoverySource."""
        valid = [
            layer
            for layer, headers in self.headers.items()
            if any(self.validities.get(block) for block in headers)
        ]
        return LayerID(max(valid)) if valid else None

    def mesh_hash(self, layer: LayerID) -> Hash32 | None:
        """See RecoverySource."""
        return self.hashes.get(layer)

    def malicious(self) -> tuple[SmesherID, ...]:
        """See RecoverySource."""
        return tuple(self.bad_smeshers)

    def beacon(self, epoch: EpochID) -> Beacon | None:
        """See RecoverySource."""
        return self.beacons.get(epoch)

    def latest_publish_epoch(self) -> EpochID:
        """See RecoverySource."""
        return EpochID(max(self.atxs, default=1) - 1)

    def blocks(self, layer: LayerID) -> Iterator[RecoveredBlock]:
        """See RecoverySource."""
        for header in self.headers.get(layer, {}).values():
            yield RecoveredBlock(header=header, valid=self.validities.get(header.block, False))

    def hare_output(self, layer: LayerID) -> BlockID | None:
        """See RecoverySource."""
        return self.outputs.get(layer)

    def ballots(self, layer: LayerID) -> Iterator[BallotData]:
        """See RecoverySource."""
        for ballot in self.kept_ballots.get(layer, ()):
            is_bad = ballot.smesher in self.bad_smeshers or ballot.id in self.bad_ballots
            yield replace(ballot, malicious=is_bad)

    def weak_coin(self, layer: LayerID) -> bool | None:
        """See RecoverySource."""
        return self.coins.get(layer)


class RestartedReplay(Replay):
    """A replay in which the tortoise does not live long.

    Attributes:
        restarts: how often it was made anew.
    """

    def __init__(self, events_between: int) -> None:
        """Restart at every so many events."""
        super().__init__()
        self.restarts = 0
        self._kept = KeptStore()
        self._between = events_between
        self._events = 0
        self._clock = LayerID(0)
        self._is_lossy = False
        self._updates: dict[LayerID, LayerResult] = {}

    def feed(self, event: TraceEvent) -> tuple[object, object] | None:
        """Feed one event, after a restart if it is time for one."""
        self._events += 1
        if self._events % self._between == 0:
            self._start_anew()
        outcome = super().feed(event)
        self._keep(event)
        return outcome

    def _start_anew(self) -> None:
        self._is_lossy |= self.tortoise.describe().waiting_ballots > 0
        if self._is_lossy:
            return
        self.restarts += 1
        self.atx_data = self._kept.atx_data()
        self._tortoise = Tortoise(self.tortoise.parameters, self.atx_data)
        recover(self._tortoise, self.atx_data, self._kept, clock_layer=self._clock)
        # The running layer may have no ballots yet; a node counts it before it votes.
        self._tortoise.tally_votes(self._clock)

    def _keep(self, event: TraceEvent) -> None:
        """Store what a node would store."""
        store = self._kept
        match event:
            case ConfigEvent():
                (first,) = self.tortoise.updates()
                store.hashes[first.layer] = first.opinion
            case AtxEvent():
                atxs = store.atxs.setdefault(EpochID(event.target), {})
                atxs[AtxID(event.id)] = parse_atx(event.atx)
            case BeaconEvent():
                store.beacons[event.epoch] = Beacon(event.beacon)
            case CoinEvent():
                store.coins[event.lid] = event.coin
            case BlockEvent():
                self._keep_block(parse_header(event.header))
            case HareEvent():
                store.outputs[event.lid] = BlockID(event.vote)
            case TallyEvent():
                self._clock = max(self._clock, LayerID(event.lid))
                self._is_lossy |= self.tortoise.describe().waiting_ballots > 0
            case MalfeasanceEvent():
                store.bad_smeshers.append(SmesherID(event.id))
                self._is_lossy = True
            case StoreEvent() | BallotEvent():
                self._keep_ballot(event)
            case UpdatesEvent():
                self._updates = {result.layer: result for result in self.tortoise.updates()}
            case AppliedEvent():
                self._keep_applied(LayerID(event.layer), parse_digest(event.opinion))
            case _:
                return

    def _keep_block(self, header: Vote) -> None:
        self._kept.headers.setdefault(header.layer, {}).setdefault(header.block, header)

    def _keep_ballot(self, event: StoreEvent | BallotEvent) -> None:
        if isinstance(event, BallotEvent):
            ballot = parse_ballot(event.ballot)
        elif not event.e:
            ballot = self._decoded[event.id].data
            if event.mal:
                self._kept.bad_ballots.add(ballot.id)
        else:
            return
        self._kept.kept_ballots.setdefault(ballot.layer, []).append(ballot)

    def _keep_applied(self, layer: LayerID, opinion: Hash32) -> None:
        result = self._updates.get(layer)
        if result is None or result.opinion != opinion:
            return
        self._kept.hashes[layer] = opinion
        for vote in result.blocks:
            if vote.data and (vote.valid or vote.invalid):
                self._kept.validities[vote.header.block] = vote.valid


def outcome_of(comparison: Comparison) -> tuple[object, object]:
    """Return our output and the recorded one without what a restart may change."""
    ours, recorded = comparison.ours, comparison.recorded
    match ours, recorded:
        case (opinion, str(error)), (other, str(other_error)):
            # Votes against another base ballot amount to the same digest.
            return (_digest(opinion), error), (_digest(other), other_error)
        case list(), list():
            return _decided_in_both(ours, recorded)
        case str(), str() if comparison.event == "DecodeEvent":
            return not ours, not recorded
        case _:
            return ours, recorded


def _digest(opinion: object) -> object:
    return getattr(opinion, "hash", None)


def _decided_in_both(ours: list[LayerRecord], recorded: list[LayerRecord]) -> tuple[object, object]:
    decided, other = _decided(ours), _decided(recorded)
    common = sorted(decided.keys() & other.keys())
    return [decided[layer] for layer in common], [other[layer] for layer in common]


def _decided(records: list[LayerRecord]) -> dict[int, object]:
    return {
        record.lid: (
            record.lid,
            record.opinion,
            [(one.header, one.valid, one.invalid, one.data) for one in record.blocks or ()],
        )
        for record in records
        if record.verified
    }


def check(folder: Path, events_between: int = EVENTS_BETWEEN) -> Iterator[Case]:
    """Replay every trace from genesis with restarts and compare, event by event."""
    for path, begins_restarted in traces(folder):
        if begins_restarted is not None:
            continue
        replay = RestartedReplay(events_between)
        for comparison in replay.run(read_lines(path)):
            name = f"{path.name} line {comparison.line}, {comparison.event}"
            yield compare(f"{name} after {replay.restarts} restarts", *outcome_of(comparison))


FAMILIES = (Family("tortoise/restarts", ("tortoise/*.jsonl*", "tortoise/*.inj"), check),)
