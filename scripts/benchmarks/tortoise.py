"""Figures of the tortoise: a long stretch of layers in verifying mode, and one in full mode.

A network of equal smeshers votes as our own tortoise does.  In the short form the ATXs are as
many as the ballots; in full mode only half of the weight votes, which verifying mode cannot
decide with but full mode can.
"""

import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final, TypeAlias

from node.base.hashing import hash32
from node.consensus.atxdata import AtxData, AtxEntry
from node.consensus.tortoise.ballots import BallotData, ReferenceData
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import TortoiseParameters
from node.types.address import NO_ADDRESS
from node.types.ballot import Opinion, Vote
from node.types.ids import AtxID, BallotID, Beacon, BlockID, SmesherID
from node.types.layer import EpochID, LayerID
from scripts.benchmarks.measurement import Measurement
from tests.support.plain_tortoise import plain_tortoise

BEACON: Final = Beacon(b"beac")
HEIGHT: Final = 10_000
WEIGHT: Final = 1_000_000
MICROSECONDS: Final = 1e6
MILLISECONDS: Final = 1e3
KIBIBYTES_PER_MEBIBYTE: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What is simulated."""

    layers: int
    layers_per_epoch: int
    ballots_per_layer: int

    atxs_per_epoch: int
    """Those that do not vote weigh next to nothing."""

    eligibility_count: int
    """Each smesher votes with one of so many eligibilities: 1, or 2 for half of the weight."""


SHORT: Final = Size(
    layers=400, layers_per_epoch=100, ballots_per_layer=50, atxs_per_epoch=5000, eligibility_count=1
)
LONG: Final = Size(
    layers=2000,
    layers_per_epoch=500,
    ballots_per_layer=50,
    atxs_per_epoch=100_000,
    eligibility_count=2,
)


HALF: Final = replace(SHORT, eligibility_count=2)

MakeTortoise: TypeAlias = Callable[[TortoiseParameters, AtxData], Tortoise]


@dataclass(slots=True)
class Spent:
    """Seconds spent in each call."""

    decode: float = 0.0
    store: float = 0.0
    tally: float = 0.0
    encode: float = 0.0
    atxs: float = 0.0


class Network:
    """Smeshers that all vote as one tortoise does."""

    def __init__(
        self, size: Size, make: MakeTortoise = Tortoise, window_layers: int = 4032
    ) -> None:
        self.size = size
        self.spent = Spent()
        self.atx_data = AtxData()
        genesis = LayerID(2 * size.layers_per_epoch - 1)
        self.tortoise = make(
            TortoiseParameters(
                hdist=10,
                zdist=2,
                window_layers=window_layers,
                max_exceptions=1000,
                bad_beacon_delay_layers=size.layers_per_epoch,
                layers_per_epoch=size.layers_per_epoch,
                effective_genesis=genesis,
            ),
            self.atx_data,
        )
        self._first = LayerID(genesis + 1)

    def run(self) -> None:
        """Live through all layers."""
        for number in range(self._first, self._first + self.size.layers):
            layer = LayerID(number)
            if layer % self.size.layers_per_epoch == 0:
                self._start_epoch(EpochID(layer // self.size.layers_per_epoch))
            self._tally(layer)
            begin = perf_counter()
            opinion = self.tortoise.encode_votes(layer)
            self.spent.encode += perf_counter() - begin
            for index in range(self.size.ballots_per_layer):
                self._vote(layer, index, opinion)
            block = BlockID(hash32(b"block%d" % layer)[: BlockID.SIZE])
            self.tortoise.on_block(Vote(block=block, layer=layer, height=HEIGHT))
            self.tortoise.on_hare_output(layer, block)
            self._tally(layer)
            for result in self.tortoise.updates():
                if result.verified:
                    self.tortoise.on_applied(result.layer, result.opinion)

    def _start_epoch(self, epoch: EpochID) -> None:
        begin = perf_counter()
        voters = self.size.layers_per_epoch * self.size.ballots_per_layer
        for index in range(self.size.atxs_per_epoch):
            atx_id = _atx(epoch, index)
            entry = AtxEntry(
                smesher=SmesherID(atx_id),
                coinbase=NO_ADDRESS,
                weight=WEIGHT if index < voters else 1,
                base_height=0,
                height=HEIGHT,
                nonce=0,
            )
            self.atx_data.add(epoch, atx_id, entry)
            self.tortoise.on_atx(epoch, atx_id, entry)
        self.tortoise.on_beacon(epoch, BEACON)
        self.spent.atxs += perf_counter() - begin

    def _tally(self, layer: LayerID) -> None:
        begin = perf_counter()
        self.tortoise.tally_votes(layer)
        self.spent.tally += perf_counter() - begin

    def _vote(self, layer: LayerID, index: int, opinion: Opinion) -> None:
        size = self.size
        epoch = EpochID(layer // size.layers_per_epoch)
        atx_id = _atx(epoch, layer % size.layers_per_epoch * size.ballots_per_layer + index)
        ballot = BallotData(
            id=BallotID(hash32(b"%d.%d" % (layer, index))[: BallotID.SIZE]),
            smesher=SmesherID(atx_id),
            layer=layer,
            atx_id=atx_id,
            eligibility_count=1,
            opinion=opinion,
            epoch_data=ReferenceData(beacon=BEACON, eligibility_count=size.eligibility_count),
            ref_ballot=None,
        )
        begin = perf_counter()
        decoded = self.tortoise.decode_ballot(ballot)
        middle = perf_counter()
        self.tortoise.store_ballot(decoded)
        self.spent.store += perf_counter() - middle
        self.spent.decode += middle - begin


def _atx(epoch: EpochID, index: int) -> AtxID:
    return AtxID(hash32(b"%d/%d" % (epoch, index)))


def figures(name: str, size: Size, make: MakeTortoise = Tortoise) -> Iterator[Measurement]:
    """Yield the figures of one run."""
    network = Network(size, make)
    begin = perf_counter()
    network.run()
    total = perf_counter() - begin
    spent = network.spent
    ballots = size.layers * size.ballots_per_layer
    calls = spent.decode + spent.store + spent.tally + spent.encode + spent.atxs
    yield Measurement(f"{name}: {size.layers} layers, whole run", total, "s")
    yield Measurement(f"{name}: inside the tortoise", calls, "s")
    yield Measurement(f"{name}: decode a ballot", spent.decode / ballots * MICROSECONDS, "us")
    yield Measurement(f"{name}: store a ballot", spent.store / ballots * MICROSECONDS, "us")
    yield Measurement(f"{name}: tally, each", spent.tally / size.layers / 2 * MILLISECONDS, "ms")
    yield Measurement(f"{name}: encode, each", spent.encode / size.layers * MILLISECONDS, "ms")
    state = network.tortoise.describe()
    yield Measurement(f"{name}: layers not verified", state.last - state.verified, "layers")


def measure() -> Iterator[Measurement]:
    """Yield the figures of both modes, of one that counts ballot by ballot, and of a long run."""
    yield from figures("verifying", SHORT)
    yield from figures("verifying, clear", SHORT, plain_tortoise)
    yield from figures("full, short", HALF)
    yield from figures("full, short, clear", HALF, plain_tortoise)
    yield from figures("full", LONG)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_PER_MEBIBYTE
    yield Measurement("memory, peak of the process", peak, "MiB")
