"""The reference's trace format: written as it is read."""

import json
import lzma
from pathlib import Path

import msgspec
import pytest

from node.base.errors import IgnoreError, PreconditionError
from node.consensus.atxdata import AtxData
from node.consensus.tortoise.decoding import BallotExistsError
from node.consensus.tortoise.parameters import TortoiseParameters
from node.consensus.tortoise.replay import Replay
from node.consensus.tortoise.state import RecoveredBlock
from node.consensus.tortoise.trace import (
    BlockEvent,
    RecordedTortoise,
    TraceEvent,
    decode_event,
    encode_event,
    header_of,
)
from node.types.ids import NO_BLOCK
from node.types.layer import LayerID
from tests.support.tortoise_network import Network, ballot_id, header, smesher_id, votes

MINI = Path(__file__).parents[4] / "data/vectors/tortoise/mini.jsonl.xz"


def recorded_lines() -> list[str]:
    with lzma.open(MINI, "rt") as file:
        return file.read().splitlines()


class RecordedNetwork(Network):
    """A network whose tortoise keeps its trace."""

    def make_tortoise(self) -> RecordedTortoise:
        self.events: list[TraceEvent] = []
        return RecordedTortoise(self.parameters, self.atx_data, self.events.append, layer_size=50)

    def lines(self) -> list[str]:
        return [encode_event(event).decode() for event in self.events]


def test_events_are_written_as_the_reference_writes_them() -> None:
    for line in recorded_lines():
        original = json.loads(line)
        ours = encode_event(decode_event(line))
        assert json.loads(ours) == {"t": original["t"], "o": original["o"]}


def test_a_recorded_tortoise_writes_the_trace_that_is_replayed_on_it() -> None:
    events: list[TraceEvent] = []

    def make(parameters: TortoiseParameters, atx_data: AtxData) -> RecordedTortoise:
        return RecordedTortoise(parameters, atx_data, events.append, layer_size=10)

    lines = recorded_lines()
    assert all(outcome.equal for outcome in Replay(make_tortoise=make).run(lines))
    assert events == [decode_event(line) for line in lines]


def test_what_went_wrong_is_recorded_and_replays_alike() -> None:
    network = RecordedNetwork(epochs=())
    network.add_epoch(2, with_beacon=False)
    tortoise = network.tortoise
    tortoise.on_malfeasance(smesher_id(9))
    network.tally(8)
    opinion = network.vote(8, smeshers=[1])
    with pytest.raises(PreconditionError):
        tortoise.encode_votes()
    decoded = tortoise.decode_ballot(network.ballot(8, 2, opinion))
    tortoise.store_ballot(decoded, malicious=True)
    with pytest.raises(BallotExistsError):
        tortoise.store_ballot(decoded)
    with pytest.raises(IgnoreError):
        tortoise.decode_ballot(network.ballot(8, 3, votes()))
    tortoise.on_ballot(network.ballot(8, 3, votes(), number=7))
    tortoise.on_valid_block(header(8, 20))
    tortoise.on_weak_coin(LayerID(8), coin=True)
    tortoise.on_hare_output(LayerID(8), NO_BLOCK)
    assert tortoise.on_applied(LayerID(7), tortoise.results(LayerID(7), LayerID(7))[0].opinion)
    tortoise.updates()
    outcomes = list(Replay().run(network.lines()))
    assert len(outcomes) == 10
    assert all(outcome.equal for outcome in outcomes)


def test_an_update_without_layers_is_recorded_as_null() -> None:
    network = RecordedNetwork(epochs=())
    network.tortoise._state.pending = 0
    assert network.tortoise.updates() == ()
    assert network.lines()[-1] == '{"t":12,"o":{"from":0,"to":0,"e":"","results":null}}'


def test_a_recovered_ballot_and_blocks_are_recorded() -> None:
    network = RecordedNetwork(epochs=(2,))
    network.tortoise.on_recovered_blocks(
        LayerID(8), [RecoveredBlock(header=header(8, 20), valid=True)], None
    )
    network.tortoise.on_recovered_ballot(network.ballot(8, 1, votes(ballot_id(3, 3))))
    kinds = [json.loads(line)["t"] for line in network.lines()]
    assert kinds[-2:] == [15, 5]


def test_only_a_block_known_to_be_valid_says_so() -> None:
    header_record = header_of(header(8, 20))
    assert b"Valid" not in encode_event(BlockEvent(header=header_record))
    event = BlockEvent(header=header_record, valid=True)
    assert decode_event(encode_event(event)) == event


@pytest.mark.parametrize("line", ['{"t":16,"o":{}}', '{"t":0,"o":{}}', '{"t":2,"o":{}}', "no"])
def test_lines_that_are_no_events_are_refused(line: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(line)
