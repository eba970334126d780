"""The tortoise: grouped counting equals counting ballot by ballot, and more."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from node.base import fixed
from node.base.errors import IgnoreError, PreconditionError
from node.base.hashing import hash32
from node.consensus.atxdata import AtxData, AtxEntry
from node.consensus.tortoise.machine import Tortoise
from node.consensus.tortoise.threshold import third_of
from node.types.address import NO_ADDRESS
from node.types.ballot import Opinion, Vote, Votes
from node.types.ids import NO_BALLOT, NO_BLOCK, AtxID, BallotID, SmesherID
from node.types.layer import EpochID, LayerID
from tests.support.plain_tortoise import plain_tortoise
from tests.support.tortoise_network import (
    GENESIS,
    UNSIGNED,
    Network,
    beacon,
    header,
    smesher_id,
    votes,
)

CHOICES = st.binary(min_size=120, max_size=700)
LAYERS = 18


class PlainNetwork(Network):
    """A network whose tortoise counts ballot by ballot."""

    def make_tortoise(self) -> Tortoise:
        return plain_tortoise(self.parameters, self.atx_data)


class Story:
    """A troubled network, told by a string of choices; without any left, all is well."""

    def __init__(self, network: Network, choices: bytes) -> None:
        self.network = network
        self.tortoise = network.tortoise
        self._choices = iter(choices)
        self._ballots: list[BallotID] = [NO_BALLOT]
        self._blocks: list[Vote] = []
        self._count = 0

    def pick(self, options: int) -> int:
        return next(self._choices, 0) % options

    def tell(self) -> Iterator[object]:
        """Live through it; yield everything one can see."""
        for number in range(GENESIS + 1, GENESIS + 1 + LAYERS):
            layer = LayerID(number)
            if number % 4 == 0:
                self.network.add_epoch(number // 4, with_beacon=self.pick(4) != 3)
            if self.pick(3) != 2:
                self.network.tally(layer)
            yield self._encode(layer)
            self._vote(layer)
            self._agree(layer)
            self._surprise(layer)
            self.network.tally(layer)
            yield self.tortoise.describe()
            yield from self._apply()

    def _encode(self, layer: LayerID) -> object:
        self._opinion: Opinion | None = None
        try:
            self._opinion = self.tortoise.encode_votes(layer)
        except PreconditionError as error:
            return str(error)
        return self._opinion

    def _vote(self, layer: LayerID) -> None:
        for smesher in (1, 2, 3):
            how = self.pick(5)
            if how == 1:
                continue
            opinion = self._opinion
            if opinion is None or how >= 2:
                opinion = Opinion(hash=UNSIGNED, votes=self._votes(layer))
            self._count += 1
            ballot = self.network.ballot(
                max(layer - self.pick(8) // 6, GENESIS + 1),
                smesher,
                opinion,
                eligibilities=1 + self.pick(2),
                epoch_beacon=beacon(99) if self.pick(8) == 7 else None,
                malicious=self.pick(10) == 9,
                number=self._count,
            )
            try:
                decoded = self.tortoise.decode_ballot(ballot) if how == 0 else None
                if decoded is None:
                    self.tortoise.on_ballot(ballot)
                else:
                    self.tortoise.store_ballot(decoded, malicious=self.pick(12) == 11)
            except IgnoreError:
                continue
            self._ballots.append(ballot.id)

    def _votes(self, layer: LayerID) -> Votes:
        recent = self._ballots[-6:]
        known = self._blocks[-5:]
        support = [vote for vote in known if self.pick(2)]
        if self.pick(6) == 5:
            below = max(layer - 1 - self.pick(4), GENESIS)
            support.append(header(below, self._height(below), 100 + self.pick(3)))
        return votes(
            recent[self.pick(len(recent))],
            support=support,
            against=[vote for vote in known if vote not in support and self.pick(2)],
            abstain=[layer - 1] if self.pick(7) == 6 else (),
        )

    def _height(self, layer: int) -> int:
        return layer // 4 * 10 + (0, 0, 1, 2, -5, 50)[self.pick(6)]

    def _agree(self, layer: LayerID) -> None:
        """Make blocks and let hare agree on one, or not, or late."""
        made = [header(layer, self._height(layer), number) for number in range(1 + self.pick(2))]
        for vote in made:
            self._blocks.append(vote)
            if self.pick(6) != 5:
                self.tortoise.on_block(vote)
        how = self.pick(6)
        if how < 4:
            self.tortoise.on_hare_output(layer, made[0].block)
        elif how == 4:
            self.tortoise.on_hare_output(layer, NO_BLOCK)
        if self.pick(8) != 7:
            self.tortoise.on_weak_coin(layer, coin=bool(self.pick(2)))

    def _surprise(self, layer: LayerID) -> None:
        what = self.pick(12)
        if what == 8 and self._blocks:
            self.tortoise.on_block(self._blocks[self.pick(len(self._blocks))])
        elif what == 9:
            self.tortoise.on_beacon(EpochID(layer // 4), beacon(layer // 4))
        elif what == 10:
            late = max(layer - 1 - self.pick(6), GENESIS + 1)
            self.tortoise.on_hare_output(LayerID(late), header(late, 0, 0).block)
        elif what == 11:
            self.tortoise.on_block(header(max(layer - 2, GENESIS + 1), self._height(layer), 77))

    def _apply(self) -> Iterator[object]:
        updates = self.tortoise.updates()
        yield updates
        if self.pick(4) != 3:
            for result in updates:
                if result.verified:
                    yield self.tortoise.on_applied(result.layer, result.opinion)


@given(choices=CHOICES, window=st.sampled_from([6, 100]))
def test_counting_in_groups_is_counting_ballot_by_ballot(choices: bytes, window: int) -> None:
    fast = Story(Network(epochs=(), window_layers=window), choices)
    plain = Story(PlainNetwork(epochs=(), window_layers=window), choices)
    for ours, clear in zip(fast.tell(), plain.tell(), strict=True):
        assert ours == clear


@given(choices=CHOICES)
def test_when_votes_are_added_up_does_not_show(choices: bytes) -> None:
    lazy = Story(Network(epochs=()), choices)
    eager = Story(Network(epochs=()), choices)
    for ours, other in zip(lazy.tell(), eager.tell(), strict=True):
        assert ours == other
        state = eager.tortoise.describe()
        eager.tortoise.results(state.processed, state.processed)


@given(choices=CHOICES)
def test_what_one_sees_stays_in_order(choices: bytes) -> None:
    story = Story(Network(epochs=(), window_layers=6), choices)
    for _ in story.tell():
        state = story.tortoise._state
        assert state.evicted < state.processed <= state.last
        assert state.verified <= max(state.processed - 1, GENESIS, state.evicted)
        assert state.pending == 0 or state.evicted < state.pending
        goods = [state.layer(n).good_uncounted for n in range(state.evicted + 1, state.processed)]
        assert goods == sorted(goods)
        assert story.tortoise._verifying.total_good >= max(goods, default=0)


@given(weight=st.integers(min_value=0, max_value=(1 << 126) - 1))
def test_a_third_is_the_quotient_of_the_reference(weight: int) -> None:
    assert third_of(weight) == fixed.divide(weight, fixed.from_int(3))


@given(
    held=st.sets(st.integers(0, 300)),
    wanted=st.lists(st.integers(0, 300), min_size=64, max_size=200),
)
def test_a_set_weighs_the_same_at_once_as_one_by_one(held: set[int], wanted: list[int]) -> None:
    epoch = EpochID(1)
    ids = {number: AtxID(bytes(7) + hash32(b"%d" % number)[:25]) for number in range(301)}
    data = AtxData()
    for number in sorted(held):
        entry = AtxEntry(
            smesher=SmesherID(smesher_id(1)),
            coinbase=NO_ADDRESS,
            weight=number << 50,
            base_height=0,
            height=0,
            nonce=0,
        )
        data.add(epoch, ids[number], entry)
    at_once = data.weight_of(epoch, [ids[number] for number in wanted])
    assert at_once.weight == sum(number << 50 for number in wanted if number in held)
    assert at_once.missing == tuple(ids[number] for number in wanted if number not in held)
