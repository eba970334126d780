"""The tortoise made anew, pruned, or told in another order: it comes to the same.

Every world here is a trace that a tortoise wrote while it lived through a troubled network;
it is replayed with restarts, by the code that compares the reference's own traces.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from node.consensus.tortoise.ballots import BallotData
from node.consensus.tortoise.decoding import decode_ballot
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.replay import Comparison
from node.consensus.tortoise.trace import RecordedTortoise, TraceEvent
from node.types.ballot import Opinion, Vote
from node.types.ids import NO_BALLOT, NO_BLOCK, BallotID, Hash32
from node.types.layer import LayerID
from node.types.opinion import LayerResult
from scripts.vectors.tortoise_restarts import RestartedReplay, outcome_of
from tests.support.tortoise_network import GENESIS, UNSIGNED, Network, header, votes

CHOICES = st.binary(min_size=60, max_size=400)
LAYERS = 18
DISSENTERS = (2, 3)
"""Smeshers that may vote otherwise than they think: half of the weight."""


class RecordedNetwork(Network):
    """A network whose tortoise writes a trace."""

    def make_tortoise(self) -> Tortoise:
        self.events: list[TraceEvent] = []
        return RecordedTortoise(self.parameters, self.atx_data, self.events.append, layer_size=3)


class World:
    """Layers with ballots of three smeshers and a block or two, told by a string of choices.

    Hare ends with a block, with none, or not at all; up to two smeshers vote as they like on
    blocks that everybody has.
    """

    def __init__(self, network: Network, choices: bytes, dissenters: tuple[int, ...]) -> None:
        self.network = network
        self.tortoise = network.tortoise
        self._choices = iter(choices)
        self._dissenters = dissenters
        self._ballots: list[BallotID] = [NO_BALLOT]
        self._blocks: list[Vote] = []
        self._numbers = count(1)

    def pick(self, options: int) -> int:
        return next(self._choices, 0) % options

    def live(self, *, turned: bool = False) -> Iterator[tuple[Opinion, tuple[LayerResult, ...]]]:
        """Live through all layers; yield our votes in each and what is thought at its end.

        Args:
            turned: blocks, coins and hare's word come in before the ballots of a layer, and
                the ballots of the others in another order.
        """
        for number in range(GENESIS + 1, GENESIS + 1 + LAYERS):
            layer = LayerID(number)
            if number % 4 == 0:
                self.network.add_epoch(number // 4)
            self.network.tally(layer)
            opinion = self.tortoise.encode_votes(layer)
            ballots = list(self._make_ballots(layer, opinion))
            first, *others = ballots
            if turned:
                self._agree(layer)
                ballots = [first, *reversed(others)]
            for ballot in ballots:
                self.tortoise.on_ballot(ballot)
            if not turned:
                self._agree(layer)
            self.network.tally(layer)
            results = self.tortoise.updates()
            yield opinion, results
            for result in results:
                if result.verified:
                    self.tortoise.on_applied(result.layer, result.opinion)

    def _make_ballots(self, layer: LayerID, opinion: Opinion) -> Iterator[BallotData]:
        made = []
        for smesher in (1, 2, 3):
            how = self.pick(5)
            if smesher > 1 and how == 1:
                continue
            cast = opinion
            if smesher in self._dissenters and how >= 3:
                cast = self._dissent(layer)
            ballot = self.network.ballot(
                layer, smesher, cast, eligibilities=1 + self.pick(2), number=next(self._numbers)
            )
            made.append(ballot.id)
            yield self._signed(ballot)
        self._ballots += made

    def _dissent(self, layer: LayerID) -> Opinion:
        known, bases = self._blocks[-5:], self._ballots[-6:]
        support = [vote for vote in known if self.pick(2)]
        against = [vote for vote in known if vote not in support and self.pick(2)]
        abstain = [layer - 1] if self.pick(7) == 6 else []
        kept = [vote for vote in (*support, *against) if vote.layer not in abstain]
        cast = votes(
            bases[self.pick(len(bases))],
            support=[vote for vote in support if vote in kept],
            against=[vote for vote in against if vote in kept],
            abstain=abstain,
        )
        return Opinion(hash=UNSIGNED, votes=cast)

    def _signed(self, ballot: BallotData) -> BallotData:
        """Return the ballot with the digest that its votes amount to."""
        decoded = decode_ballot(self.tortoise._state, self.network.atx_data, ballot)
        assert decoded is not None
        opinion = replace(ballot.opinion, hash=Hash32(decoded.opinion))
        return replace(ballot, opinion=opinion)

    def _agree(self, layer: LayerID) -> None:
        height = layer // 4 * 10 + (0, 0, 1, 2, -5, 50)[self.pick(6)]
        made = [header(layer, height, number) for number in range(1 + self.pick(2))]
        for vote in made:
            self._blocks.append(vote)
            self.tortoise.on_block(vote)
        how = self.pick(6)
        if how < 4:
            self.tortoise.on_hare_output(layer, made[0].block)
        elif how == 4:
            self.tortoise.on_hare_output(layer, NO_BLOCK)
        self.tortoise.on_weak_coin(layer, coin=bool(self.pick(2)))


def decided(results: tuple[LayerResult, ...]) -> dict[LayerID, object]:
    """Return opinion and valid blocks of the layers that are decided.

    The window bounds the weight that is expected to vote on a layer, so that with a small one
    a layer may be decided at another time; but not otherwise.
    """
    return {
        result.layer: (
            result.opinion,
            [(vote.header, vote.valid, vote.invalid) for vote in result.blocks],
        )
        for result in results
        if result.verified
    }


@given(choices=CHOICES, between=st.integers(min_value=2, max_value=40))
def test_a_tortoise_made_anew_anywhere_thinks_and_votes_the_same(
    choices: bytes, between: int
) -> None:
    network = RecordedNetwork(epochs=())
    for _ in World(network, choices, DISSENTERS).live():
        continue
    replay = RestartedReplay(between)
    for number, event in enumerate(network.events):
        outputs = replay.feed(event)
        if outputs is not None:
            ours, recorded = outputs
            compared = Comparison(
                line=number, event=type(event).__name__, ours=ours, recorded=recorded
            )
            here, there = outcome_of(compared)
            assert here == there
    assert replay.restarts >= len(network.events) // between - 1


@given(choices=CHOICES)
def test_what_leaves_memory_is_not_missed(choices: bytes) -> None:
    # Nobody dissents: a window of six layers does not reach back to a vote against older ones.
    small = World(Network(epochs=(), window_layers=6), choices, ())
    large = World(Network(epochs=(), window_layers=100), choices, ())
    for (ours, results), (theirs, others) in zip(small.live(), large.live(), strict=True):
        assert ours == theirs
        here, there = decided(results), decided(others)
        common = here.keys() & there.keys()
        assert {layer: here[layer] for layer in common} == {layer: there[layer] for layer in common}
    assert small.tortoise.describe().layers < large.tortoise.describe().layers


@given(choices=CHOICES)
def test_the_order_of_a_layers_messages_does_not_matter(choices: bytes) -> None:
    usual = World(Network(epochs=()), choices, ())
    turned = World(Network(epochs=()), choices, ())
    for (ours, results), (theirs, others) in zip(
        usual.live(), turned.live(turned=True), strict=True
    ):
        assert ours.hash == theirs.hash
        assert results == others
