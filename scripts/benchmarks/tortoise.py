"""Figures of the tortoise: a long stretch of layers in verifying mode, and one in full mode.

A network of equal smeshers votes as our own tortoise does.  In the short form the ATXs are as
many as the ballots; in full mode only half of the weight votes, which verifying mode cannot
decide with but full mode can.
"""

import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter, process_time
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
from scripts.benchmarks.measurement import PER_SECOND, Measurement
from tests.support.plain_tortoise import plain_tortoise

BEACON: Final = Beacon(b"beac")
HEIGHT: Final = 10_000
WEIGHT: Final = 1_000_000
RUN_BAR_S: Final = 60.0
MEMORY_BAR_MIB: Final = 1536.0
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


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took, by what was measured: seconds of the wall and of the processor."""

    wall: dict[str, float]
    cpu_s: float
    layers_not_verified: int


def live(size: Size, make: MakeTortoise = Tortoise) -> Run:
    """Let a network live, and return what it took."""
    network = Network(size, make)
    cpu, begin = process_time(), perf_counter()
    network.run()
    total = perf_counter() - begin
    spent = network.spent
    state = network.tortoise.describe()
    return Run(
        {
            "whole run": total,
            "inside the tortoise": (
                spent.decode + spent.store + spent.tally + spent.encode + spent.atxs
            ),
            "decode a ballot": spent.decode / (size.layers * size.ballots_per_layer),
            "store a ballot": spent.store / (size.layers * size.ballots_per_layer),
            "tally, each": spent.tally / size.layers / 2,
            "encode, each": spent.encode / size.layers,
        },
        process_time() - cpu,
        state.last - state.verified,
    )


UNITS: Final = {
    "whole run": "s",
    "inside the tortoise": "s",
    "decode a ballot": "us",
    "store a ballot": "us",
    "tally, each": "ms",
    "encode, each": "ms",
}


def figures(
    name: str, size: Size, clear: MakeTortoise | None = None, *, bar_s: float | None = None
) -> Iterator[Measurement]:
    """Yield the figures of one run, beside those of a clear tortoise if there is one."""
    run = live(size)
    plain = None if clear is None else live(size, clear)
    for what, unit in UNITS.items():
        is_whole = what == "whole run"
        scale = PER_SECOND[unit]
        yield Measurement(
            f"{name}, {size.layers} layers: {what}",
            run.wall[what] * scale,
            unit,
            cpu=run.cpu_s if is_whole else None,
            clear=None if plain is None else plain.wall[what] * scale,
            bar=bar_s if is_whole else None,
        )
    yield Measurement(
        f"{name}, {size.layers} layers: not verified", run.layers_not_verified, "layers"
    )


def measure() -> Iterator[Measurement]:
    """Yield the figures of both modes beside one that counts ballot by ballot, and a long run."""
    yield from figures("verifying", SHORT, plain_tortoise)
    yield from figures("full", HALF, plain_tortoise)
    yield from figures("full", LONG, bar_s=RUN_BAR_S)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_PER_MEBIBYTE
    yield Measurement("memory, peak of the process", peak, "MiB", bar=MEMORY_BAR_MIB)
