"""Feeds a recorded trace to a new tortoise and compares what comes out.

Source: go-spacemesh, tortoise/replay; tortoise digest section 11.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from node.base.errors import IgnoreError, RejectError, SpacemeshError
from node.consensus.atxdata import AtxData
from node.consensus.tortoise.decoding import DecodedBallot
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.parameters import TortoiseParameters
from node.consensus.tortoise.state import RecoveredBlock
from node.consensus.tortoise.trace import (
    AppliedEvent,
    AtxEvent,
    BallotEvent,
    BeaconEvent,
    BlockEvent,
    CoinEvent,
    ConfigEvent,
    DecodeEvent,
    EncodeEvent,
    HareEvent,
    MalfeasanceEvent,
    RecoveredBlocksEvent,
    StoreEvent,
    TallyEvent,
    TraceEvent,
    UpdatesEvent,
    decode_event,
    layer_of,
    opinion_of,
    parse_atx,
    parse_ballot,
    parse_digest,
    parse_header,
)
from node.types.ids import AtxID, Beacon, BlockID, Hash32, SmesherID
from node.types.layer import EpochID, LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """What a trace that begins with a restart does not tell."""

    last: LayerID
    """Last layer of the store."""

    verified: LayerID | None
    """Highest layer with a valid block, if there is one."""

    window: tuple[LayerID, Hash32, Hash32] | None
    """First layer in memory, with its opinion and that of the layer before; None: genesis."""

    @classmethod
    def parse(cls, text: str) -> "Restart":
        """Return what an ``.inj`` file says.

        Layout: optionally a line ``window-start opinion previous-opinion``, then
        ``verified last``, where -1 means that nothing is verified.
        """
        lines = [line.split() for line in text.splitlines() if line.strip()]
        *windows, (verified, last) = lines
        window = None
        for start, opinion, previous in windows:
            window = (LayerID(int(start)), parse_digest(opinion), parse_digest(previous))
        return cls(
            last=LayerID(int(last)),
            verified=LayerID(int(verified)) if int(verified) >= 0 else None,
            window=window,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An output of the tortoise beside the recorded one."""

    line: int
    event: str
    ours: object
    recorded: object

    @property
    def equal(self) -> bool:
        """Whether they are equal."""
        return self.ours == self.recorded


class Replay:
    """A tortoise driven by trace events.

    Attributes:
        atx_data: the ATXs of the trace.
    """

    def __init__(
        self,
        restart: Restart | None = None,
        make_tortoise: Callable[[TortoiseParameters, AtxData], Tortoise] = Tortoise,
    ) -> None:
        """Wait for the first event, which gives the parameters.

        Args:
            restart: what to do right after it; ballots before the first tally then come
                from the store.
            make_tortoise: makes the tortoise under test.
        """
        self.atx_data = AtxData()
        self._make_tortoise = make_tortoise
        self._restart = restart
        self._recovering = restart is not None
        self._tortoise: Tortoise | None = None
        self._decoded: dict[bytes, DecodedBallot] = {}

    @property
    def tortoise(self) -> Tortoise:
        """The tortoise under test.

        Raises:
            RejectError: the trace does not begin with its parameters.
        """
        if self._tortoise is None:
            raise RejectError("the trace does not begin with the parameters")
        return self._tortoise

    def run(self, lines: Iterable[bytes | str]) -> Iterator[Comparison]:
        """Feed the lines of a trace; yield the outputs that the trace records."""
        for number, line in enumerate(lines, 1):
            event = decode_event(line)
            compared = self.feed(event)
            if compared is not None:
                ours, recorded = compared
                yield Comparison(
                    line=number, event=type(event).__name__, ours=ours, recorded=recorded
                )

    def feed(self, event: TraceEvent) -> tuple[object, object] | None:
        """Feed one event; return our output and the recorded one, if it has one."""
        match event:
            case ConfigEvent():
                self._begin(event)
            case DecodeEvent():
                return self._decode(event), event.e
            case StoreEvent():
                return self._store(event), event.e
            case EncodeEvent():
                return self._encode(event), (event.opinion, event.e)
            case UpdatesEvent():
                results = list(map(layer_of, self.tortoise.updates()))
                return results, event.results or []
            case AppliedEvent():
                opinion = parse_digest(event.opinion)
                return self.tortoise.on_applied(LayerID(event.layer), opinion), event.rst
            case _:
                self._take(event)
        return None

    def _begin(self, event: ConfigEvent) -> None:
        parameters = TortoiseParameters(
            hdist=event.hdist,
            zdist=event.zdist,
            window_layers=event.window,
            max_exceptions=event.exceptions,
            bad_beacon_delay_layers=event.delay,
            layers_per_epoch=event.epoch_size,
            effective_genesis=LayerID(event.effective_genesis),
        )
        self._tortoise = self._make_tortoise(parameters, self.atx_data)
        if self._restart is not None:
            if self._restart.window is not None:
                self._tortoise.resume_window(*self._restart.window)
            self._tortoise.resume_progress(verified=self._restart.verified, last=self._restart.last)

    def _take(
        self,
        event: CoinEvent
        | BeaconEvent
        | AtxEvent
        | BallotEvent
        | TallyEvent
        | BlockEvent
        | HareEvent
        | MalfeasanceEvent
        | RecoveredBlocksEvent,
    ) -> None:
        """Feed an event without output."""
        tortoise = self.tortoise
        match event:
            case CoinEvent():
                tortoise.on_weak_coin(LayerID(event.lid), coin=event.coin)
            case BeaconEvent():
                tortoise.on_beacon(EpochID(event.epoch), Beacon(event.beacon))
            case AtxEvent():
                epoch, atx_id, entry = EpochID(event.target), AtxID(event.id), parse_atx(event.atx)
                self.atx_data.add(epoch, atx_id, entry)
                tortoise.on_atx(epoch, atx_id, entry)
            case BallotEvent():
                self._ballot(event)
            case TallyEvent():
                self._recovering = False
                tortoise.tally_votes(LayerID(event.lid))
            case BlockEvent():
                take = tortoise.on_valid_block if event.valid else tortoise.on_block
                take(parse_header(event.header))
            case HareEvent():
                tortoise.on_hare_output(LayerID(event.lid), BlockID(event.vote))
            case MalfeasanceEvent():
                smesher = SmesherID(event.id)
                self.atx_data.mark_malicious(smesher)
                tortoise.on_malfeasance(smesher)
            case RecoveredBlocksEvent():
                self._recovered_blocks(event)
            case _:
                assert_never(event)

    def _ballot(self, event: BallotEvent) -> None:
        """Feed a ballot; the trace does not tell whether it was accepted."""
        ballot = parse_ballot(event.ballot)
        take = self.tortoise.on_recovered_ballot if self._recovering else self.tortoise.on_ballot
        try:
            take(ballot)
        except (IgnoreError, RejectError):
            return

    def _recovered_blocks(self, event: RecoveredBlocksEvent) -> None:
        blocks = [
            RecoveredBlock(header=parse_header(block.header), valid=block.valid)
            for block in event.blocks or ()
        ]
        hare = None if event.hare is None else BlockID(event.hare)
        self.tortoise.on_recovered_blocks(LayerID(event.layer), blocks, hare)

    def _decode(self, event: DecodeEvent) -> str:
        ballot = parse_ballot(event.ballot)
        try:
            self._decoded[ballot.id] = self.tortoise.decode_ballot(ballot)
        except SpacemeshError as error:
            return str(error)
        return ""

    def _store(self, event: StoreEvent) -> str:
        decoded = self._decoded.get(event.id)
        if decoded is None:
            return f"ballot {event.id.hex()[:10]} was not decoded"
        try:
            self.tortoise.store_ballot(decoded, malicious=event.mal)
        except SpacemeshError as error:
            return str(error)
        return ""

    def _encode(self, event: EncodeEvent) -> tuple[object, str]:
        try:
            return opinion_of(self.tortoise.encode_votes(LayerID(event.lid))), ""
        except SpacemeshError as error:
            return None, str(error)
