"""The reference's trace format: every call of the tortoise with what came of it, a JSON line each.

``{"t": kind, "o": event}``; identifiers are base64, digests hex with ``0x``.  A trace of a Go
node replays here, ours replays there.  ``RecordedTortoise`` writes a trace of itself,
``node.consensus.tortoise.replay`` feeds one to a new tortoise and compares.

The structures are the format: field names are the reference's.

Source: go-spacemesh, tortoise/tracer; tortoise digest section 11.
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from node.base.errors import SpacemeshError
from node.consensus.atxdata import AtxData, AtxEntry
from node.consensus.tortoise.ballots import BallotData, ReferenceData
from node.consensus.tortoise.decoding import DecodedBallot
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import TortoiseParameters
from node.consensus.tortoise.state import RecoveredBlock
from node.types.address import Address
from node.types.ballot import Opinion, Vote, Votes
from node.types.ids import AtxID, BallotID, Beacon, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID
from node.types.opinion import BlockVote, LayerResult


class Header(msgspec.Struct, frozen=True):
    """A block as votes name it."""

    id: bytes
    lid: int
    height: int


class ConfigEvent(msgspec.Struct, frozen=True, rename="kebab"):
    """Kind 1: the parameters; the first line of a trace."""

    hdist: int
    zdist: int
    window: int
    exceptions: int
    delay: int
    layer_size: int
    epoch_size: int
    effective_genesis: int


class CoinEvent(msgspec.Struct, frozen=True):
    """Kind 2: a weak coin."""

    lid: int
    coin: bool


class BeaconEvent(msgspec.Struct, frozen=True):
    """Kind 3: a beacon."""

    epoch: int
    beacon: bytes


class AtxRecord(msgspec.Struct, frozen=True, rename="pascal"):
    """What the ATX cache holds of an ATX."""

    node: bytes
    coinbase: list[int]
    weight: int
    base_height: int
    height: int
    nonce: int


class AtxEvent(msgspec.Struct, frozen=True):
    """Kind 4: an ATX."""

    id: bytes
    target: int
    atx: AtxRecord = msgspec.field(name="Atx")


class OpinionRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """Votes with their digest; empty lists are left out."""

    hash: str
    base: bytes
    support: list[Header] = []
    against: list[Header] = []
    abstain: list[int] = []


class EpochRecord(msgspec.Struct, frozen=True):
    """Epoch data of a reference ballot."""

    beacon: bytes
    elig: int


class BallotRecord(msgspec.Struct, frozen=True):
    """A ballot."""

    id: bytes
    node: bytes
    lid: int
    elig: int
    atxid: bytes
    opinion: OpinionRecord
    epochdata: EpochRecord | None
    ref: bytes | None
    mal: bool


class BallotEvent(msgspec.Struct, frozen=True):
    """Kind 5: a ballot that is decoded and stored in one call, live or after a restart."""

    ballot: BallotRecord = msgspec.field(name="Ballot")


class DecodeEvent(msgspec.Struct, frozen=True):
    """Kind 6: a ballot is decoded; ``e`` is the error."""

    ballot: BallotRecord = msgspec.field(name="Ballot")
    e: str


class StoreEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Kind 7: a decoded ballot is stored; ``mal``: found malicious since."""

    id: bytes
    mal: bool
    e: str = ""


class EncodeEvent(msgspec.Struct, frozen=True):
    """Kind 8: our votes for a ballot in a layer."""

    lid: int
    opinion: OpinionRecord | None
    e: str


class TallyEvent(msgspec.Struct, frozen=True):
    """Kind 9: votes are tallied up to a layer."""

    lid: int


class BlockEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Kind 10: a block.  ``Valid`` is an addition of ours, for blocks known to be valid."""

    header: Header = msgspec.field(name="Header")
    valid: bool = msgspec.field(name="Valid", default=False)


class HareEvent(msgspec.Struct, frozen=True):
    """Kind 11: hare's output."""

    lid: int
    vote: bytes


class BlockRecord(msgspec.Struct, frozen=True):
    """A block in a result."""

    header: Header
    valid: bool = msgspec.field(name="v")
    local: bool = msgspec.field(name="l")
    invalid: bool = msgspec.field(name="i")
    hare: bool = msgspec.field(name="h")
    data: bool = msgspec.field(name="d")


class LayerRecord(msgspec.Struct, frozen=True):
    """A layer in a result."""

    lid: int
    verified: bool = msgspec.field(name="v")
    opinion: str
    blocks: list[BlockRecord] | None


class UpdatesEvent(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Kind 12: what the mesh is told."""

    first: int
    last: int
    e: str
    results: list[LayerRecord] | None


class AppliedEvent(msgspec.Struct, frozen=True):
    """Kind 13: the mesh applied a layer."""

    layer: int
    opinion: str
    rst: bool


class MalfeasanceEvent(msgspec.Struct, frozen=True):
    """Kind 14: an identity is malicious."""

    id: bytes


class RecoveredBlockRecord(msgspec.Struct, frozen=True):
    """A block from the store."""

    header: Header
    valid: bool


class RecoveredBlocksEvent(msgspec.Struct, frozen=True):
    """Kind 15: the blocks of a layer from the store."""

    layer: int
    blocks: list[RecoveredBlockRecord] | None
    hare: bytes | None


TraceEvent: TypeAlias = (
    ConfigEvent
    | CoinEvent
    | BeaconEvent
    | AtxEvent
    | BallotEvent
    | DecodeEvent
    | StoreEvent
    | EncodeEvent
    | TallyEvent
    | BlockEvent
    | HareEvent
    | UpdatesEvent
    | AppliedEvent
    | MalfeasanceEvent
    | RecoveredBlocksEvent
)

KINDS: Final[tuple[type[TraceEvent], ...]] = (
    ConfigEvent,
    CoinEvent,
    BeaconEvent,
    AtxEvent,
    BallotEvent,
    DecodeEvent,
    StoreEvent,
    EncodeEvent,
    TallyEvent,
    BlockEvent,
    HareEvent,
    UpdatesEvent,
    AppliedEvent,
    MalfeasanceEvent,
    RecoveredBlocksEvent,
)
"""The events by their number, which begins at 1."""


class _Line(msgspec.Struct):
    t: int
    o: msgspec.Raw


def encode_event(event: TraceEvent) -> bytes:
    """Return an event as a line without its end."""
    # The hook turns identifiers into plain bytes, which become base64.
    return msgspec.json.encode({"t": KINDS.index(type(event)) + 1, "o": event}, enc_hook=bytes)


def decode_event(line: bytes | str) -> TraceEvent:
    """Return the event of a line; other fields beside kind and event are of no concern.

    Raises:
        msgspec.DecodeError: it is not one.
    """
    parsed = msgspec.json.decode(line, type=_Line)
    if not 0 < parsed.t <= len(KINDS):
        raise msgspec.ValidationError(f"no event is of kind {parsed.t}")
    return msgspec.json.decode(parsed.o, type=KINDS[parsed.t - 1])


def digest_text(digest: bytes) -> str:
    """Return a digest as the format writes it."""
    return "0x" + digest.hex()


def parse_digest(text: str) -> Hash32:
    """Return the digest that the format writes as ``text``."""
    return Hash32(bytes.fromhex(text.removeprefix("0x")))


def header_of(vote: Vote) -> Header:
    """Return a block as the format writes it."""
    return Header(vote.block, vote.layer, vote.height)


def parse_header(header: Header) -> Vote:
    """Return the block that the format writes so."""
    return Vote(block=BlockID(header.id), layer=LayerID(header.lid), height=header.height)


def opinion_of(opinion: Opinion) -> OpinionRecord:
    """Return an opinion as the format writes it."""
    votes = opinion.votes
    return OpinionRecord(
        hash=digest_text(opinion.hash),
        base=votes.base,
        support=[header_of(vote) for vote in votes.support],
        against=[header_of(vote) for vote in votes.against],
        abstain=list(votes.abstain),
    )


def ballot_of(ballot: BallotData) -> BallotRecord:
    """Return a ballot as the format writes it."""
    data = ballot.epoch_data
    return BallotRecord(
        id=ballot.id,
        node=ballot.smesher,
        lid=ballot.layer,
        elig=ballot.eligibility_count,
        atxid=ballot.atx_id,
        opinion=opinion_of(ballot.opinion),
        epochdata=None if data is None else EpochRecord(data.beacon, data.eligibility_count),
        ref=ballot.ref_ballot,
        mal=ballot.malicious,
    )


def parse_ballot(record: BallotRecord) -> BallotData:
    """Return the ballot that the format writes so."""
    opinion = record.opinion
    data = record.epochdata
    votes = Votes(
        base=BallotID(opinion.base),
        support=tuple(map(parse_header, opinion.support)),
        against=tuple(map(parse_header, opinion.against)),
        abstain=tuple(map(LayerID, opinion.abstain)),
    )
    return BallotData(
        id=BallotID(record.id),
        smesher=SmesherID(record.node),
        layer=LayerID(record.lid),
        atx_id=AtxID(record.atxid),
        eligibility_count=record.elig,
        opinion=Opinion(hash=parse_digest(opinion.hash), votes=votes),
        epoch_data=None
        if data is None
        else ReferenceData(beacon=Beacon(data.beacon), eligibility_count=data.elig),
        ref_ballot=None if record.ref is None else BallotID(record.ref),
        malicious=record.mal,
    )


def atx_of(epoch: EpochID, atx_id: AtxID, entry: AtxEntry) -> AtxEvent:
    """Return an ATX as the format writes it."""
    record = AtxRecord(
        node=entry.smesher,
        coinbase=list(entry.coinbase),
        weight=entry.weight,
        base_height=entry.base_height,
        height=entry.height,
        nonce=entry.nonce,
    )
    return AtxEvent(id=atx_id, target=epoch, atx=record)


def parse_atx(record: AtxRecord) -> AtxEntry:
    """Return the ATX that the format writes so."""
    return AtxEntry(
        smesher=SmesherID(record.node),
        coinbase=Address(bytes(record.coinbase)),
        weight=record.weight,
        base_height=record.base_height,
        height=record.height,
        nonce=record.nonce,
    )


def layer_of(result: LayerResult) -> LayerRecord:
    """Return a result as the format writes it."""

    def block(vote: BlockVote) -> BlockRecord:
        return BlockRecord(
            header=header_of(vote.header),
            valid=vote.valid,
            local=vote.local,
            invalid=vote.invalid,
            hare=vote.hare,
            data=vote.data,
        )

    return LayerRecord(
        lid=result.layer,
        verified=result.verified,
        opinion=digest_text(result.opinion),
        blocks=list(map(block, result.blocks)),
    )


class RecordedTortoise(Tortoise):
    """A tortoise that tells each of its public calls as a trace event.

    Resuming after a restart is not part of the format.
    """

    def __init__(
        self,
        parameters: TortoiseParameters,
        atx_data: AtxData,
        record: Callable[[TraceEvent], None],
        *,
        layer_size: int,
    ) -> None:
        """Begin the trace.

        Args:
            parameters: the network's.
            atx_data: as for any tortoise.
            record: takes the events; it must not fail.
            layer_size: average number of ballots in a layer; only written to the trace.
        """
        super().__init__(parameters, atx_data)
        self._record = record
        record(
            ConfigEvent(
                hdist=parameters.hdist,
                zdist=parameters.zdist,
                window=parameters.window_layers,
                exceptions=parameters.max_exceptions,
                delay=parameters.bad_beacon_delay_layers,
                layer_size=layer_size,
                epoch_size=parameters.layers_per_epoch,
                effective_genesis=parameters.effective_genesis,
            )
        )

    def on_atx(self, epoch: EpochID, atx_id: AtxID, entry: AtxEntry) -> None:
        """Add the weight of an ATX to its target epoch."""
        self._record(atx_of(epoch, atx_id, entry))
        super().on_atx(epoch, atx_id, entry)

    def on_beacon(self, epoch: EpochID, beacon: Beacon) -> None:
        """Take our beacon of an epoch."""
        self._record(BeaconEvent(epoch, beacon))
        super().on_beacon(epoch, beacon)

    def on_malfeasance(self, smesher: SmesherID) -> None:
        """Mark an identity."""
        self._record(MalfeasanceEvent(smesher))
        super().on_malfeasance(smesher)

    def on_weak_coin(self, layer: LayerID, *, coin: bool) -> None:
        """Take the weak coin of a layer."""
        self._record(CoinEvent(layer, coin))
        super().on_weak_coin(layer, coin=coin)

    def on_block(self, header: Vote) -> None:
        """Take a block whose content we hold."""
        self._record(BlockEvent(header=header_of(header)))
        super().on_block(header)

    def on_valid_block(self, header: Vote) -> None:
        """Take a block whose content we hold and that is known to be valid."""
        self._record(BlockEvent(header=header_of(header), valid=True))
        super().on_valid_block(header)

    def on_hare_output(self, layer: LayerID, block_id: BlockID) -> None:
        """Take what hare says of a layer."""
        self._record(HareEvent(layer, block_id))
        super().on_hare_output(layer, block_id)

    def decode_ballot(self, ballot: BallotData) -> DecodedBallot:
        """Work out a ballot's votes."""
        try:
            decoded = super().decode_ballot(ballot)
        except SpacemeshError as error:
            self._record(DecodeEvent(ballot=ballot_of(ballot), e=str(error)))
            raise
        self._record(DecodeEvent(ballot=ballot_of(ballot), e=""))
        return decoded

    def store_ballot(self, decoded: DecodedBallot, *, malicious: bool = False) -> None:
        """Keep a decoded ballot."""
        try:
            super().store_ballot(decoded, malicious=malicious)
        except SpacemeshError as error:
            self._record(StoreEvent(decoded.data.id, malicious, str(error)))
            raise
        self._record(StoreEvent(decoded.data.id, malicious))

    def on_ballot(self, ballot: BallotData) -> None:
        """Decode a ballot and store it."""
        self._record(BallotEvent(ballot=ballot_of(ballot)))
        super().on_ballot(ballot)

    def on_recovered_ballot(self, ballot: BallotData) -> None:
        """Take a ballot from the store."""
        self._record(BallotEvent(ballot=ballot_of(ballot)))
        super().on_recovered_ballot(ballot)

    def on_recovered_blocks(
        self, layer: LayerID, blocks: Sequence[RecoveredBlock], hare: BlockID | None
    ) -> None:
        """Take the blocks of a layer from the store."""
        records = [RecoveredBlockRecord(header_of(block.header), block.valid) for block in blocks]
        self._record(RecoveredBlocksEvent(layer, records, hare))
        super().on_recovered_blocks(layer, blocks, hare)

    def tally_votes(self, last: LayerID) -> None:
        """Count ballots and decide."""
        self._record(TallyEvent(last))
        super().tally_votes(last)

    def encode_votes(self, current: LayerID | None = None) -> Opinion:
        """Return our votes for a ballot."""
        layer = self.describe().last + 1 if current is None else current
        try:
            opinion = super().encode_votes(current)
        except SpacemeshError as error:
            self._record(EncodeEvent(layer, None, str(error)))
            raise
        self._record(EncodeEvent(layer, opinion_of(opinion), ""))
        return opinion

    def updates(self) -> tuple[LayerResult, ...]:
        """Return what the mesh should act on."""
        results = super().updates()
        first = results[0].layer if results else 0
        last = results[-1].layer if results else 0
        self._record(UpdatesEvent(first, last, "", list(map(layer_of, results)) or None))
        return results

    def on_applied(self, layer: LayerID, opinion: Hash32) -> bool:
        """Hear that the mesh applied a layer."""
        same = super().on_applied(layer, opinion)
        self._record(AppliedEvent(layer, digest_text(opinion), same))
        return same
