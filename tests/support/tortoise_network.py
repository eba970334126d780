"""Small tortoises for tests: short identifiers, three smeshers, four layers an epoch.

Epochs 2 to 6 have the ATXs of smeshers 1, 2 and 3 with weights 100, 60 and 40 and heights
10 times the epoch plus 0, 1 and 2, and a beacon that begins with the epoch's number.
"""

from collections.abc import Iterable
from typing import Any

from node.consensus.atxdata import AtxData, AtxEntry
from node.consensus.tortoise.ballots import BallotData, ReferenceData
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import TortoiseParameters
from node.types.address import NO_ADDRESS
from node.types.ballot import Opinion, Vote, Votes
from node.types.ids import NO_BALLOT, AtxID, BallotID, Beacon, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID

GENESIS = LayerID(7)
WEIGHTS = {1: 100, 2: 60, 3: 40}
UNSIGNED = Hash32.zero()


def parameters(**changes: Any) -> TortoiseParameters:
    values: dict[str, Any] = {
        "hdist": 3,
        "zdist": 2,
        "window_layers": 100,
        "max_exceptions": 10,
        "bad_beacon_delay_layers": 4,
        "layers_per_epoch": 4,
        "effective_genesis": GENESIS,
    }
    return TortoiseParameters(**{**values, **changes})


def atx_id(epoch: int, smesher: int) -> AtxID:
    return AtxID(bytes([epoch, smesher]).ljust(AtxID.SIZE, b"\0"))


def smesher_id(smesher: int) -> SmesherID:
    return SmesherID(bytes([smesher]).ljust(SmesherID.SIZE, b"\0"))


def ballot_id(layer: int, smesher: int) -> BallotID:
    return BallotID(bytes([layer, smesher]).ljust(BallotID.SIZE, b"\0"))


def block_id(layer: int, number: int = 0xBB) -> BlockID:
    return BlockID(bytes([layer, number]).ljust(BlockID.SIZE, b"\0"))


def beacon(epoch: int) -> Beacon:
    return Beacon(bytes([epoch, 0, 0, 0]))


def header(layer: int, height: int, number: int = 0xBB) -> Vote:
    return Vote(block=block_id(layer, number), layer=LayerID(layer), height=height)


def entry(smesher: int, weight: int, height: int) -> AtxEntry:
    return AtxEntry(
        smesher=smesher_id(smesher),
        coinbase=NO_ADDRESS,
        weight=weight,
        base_height=height,
        height=height,
        nonce=0,
    )


def votes(
    base: BallotID = NO_BALLOT,
    *,
    support: Iterable[Vote] = (),
    against: Iterable[Vote] = (),
    abstain: Iterable[int] = (),
) -> Votes:
    return Votes(
        base=base,
        support=tuple(support),
        against=tuple(against),
        abstain=tuple(map(LayerID, abstain)),
    )


class Network:
    """A tortoise with its ATX cache."""

    def __init__(self, epochs: Iterable[int] = range(2, 7), **changes: Any) -> None:
        self.atx_data = AtxData()
        self.parameters = parameters(**changes)
        self.tortoise = self.make_tortoise()
        for epoch in epochs:
            self.add_epoch(epoch)

    def make_tortoise(self) -> Tortoise:
        return Tortoise(self.parameters, self.atx_data)

    def add_epoch(self, epoch: int, *, with_beacon: bool = True) -> None:
        for smesher, weight in WEIGHTS.items():
            self.add_atx(epoch, smesher, weight, 10 * epoch + smesher - 1)
        if with_beacon:
            self.tortoise.on_beacon(EpochID(epoch), beacon(epoch))

    def add_atx(self, epoch: int, smesher: int, weight: int, height: int) -> None:
        values = entry(smesher, weight, height)
        self.atx_data.add(EpochID(epoch), atx_id(epoch, smesher), values)
        self.tortoise.on_atx(EpochID(epoch), atx_id(epoch, smesher), values)

    def ballot(
        self,
        layer: int,
        smesher: int,
        opinion: Opinion | Votes,
        *,
        eligibilities: int = 1,
        count: int = 3,
        epoch_beacon: Beacon | None = None,
        ref_ballot: BallotID | None = None,
        malicious: bool = False,
        number: int | None = None,
    ) -> BallotData:
        """Return a ballot; a reference ballot unless it names one."""
        epoch = layer // self.parameters.layers_per_epoch
        if isinstance(opinion, Votes):
            opinion = Opinion(hash=UNSIGNED, votes=opinion)
        data = ReferenceData(beacon=epoch_beacon or beacon(epoch), eligibility_count=count)
        return BallotData(
            id=ballot_id(layer, smesher if number is None else number),
            smesher=smesher_id(smesher),
            layer=LayerID(layer),
            atx_id=atx_id(epoch, smesher),
            eligibility_count=eligibilities,
            opinion=opinion,
            epoch_data=data if ref_ballot is None else None,
            ref_ballot=ref_ballot,
            malicious=malicious,
        )

    def vote(self, layer: int, smeshers: Iterable[int] = (1, 2, 3), **changes: Any) -> Opinion:
        """Let smeshers vote in a layer as our tortoise does."""
        opinion = self.tortoise.encode_votes(LayerID(layer))
        for smesher in smeshers:
            decoded = self.tortoise.decode_ballot(self.ballot(layer, smesher, opinion, **changes))
            self.tortoise.store_ballot(decoded)
        return opinion

    def block(self, layer: int, height: int | None = None, number: int = 0xBB) -> BlockID:
        """Add a block."""
        epoch = layer // self.parameters.layers_per_epoch
        voted = header(layer, 10 * epoch if height is None else height, number)
        self.tortoise.on_block(voted)
        return voted.block

    def tally(self, layer: int) -> None:
        self.tortoise.tally_votes(LayerID(layer))

    def live(self, layer: int, smeshers: Iterable[int] = (1, 2, 3), *, hare: bool = True) -> None:
        """Live through an ordinary layer: votes, a block, hare's output, tally."""
        self.tally(layer)
        self.vote(layer, smeshers)
        made = self.block(layer)
        if hare:
            self.tortoise.on_hare_output(LayerID(layer), made)
        self.tally(layer)

    def apply(self) -> None:
        """Apply all verified layers, as the mesh does."""
        for result in self.tortoise.updates():
            if result.verified:
                self.tortoise.on_applied(result.layer, result.opinion)
