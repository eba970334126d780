"""Hare's promises, with any order of arrival and less than half of the seats dishonest.

The machines of the honest smeshers are driven over a network that takes less than a round:
what one honest node relays, all have within a round.  Dishonest smeshers say anything, to
anybody, at any time, but not so late that grades wrap.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from node.base.hashing import hash32
from node.consensus.hare.gradecast import RoundMessage
from node.consensus.hare.machine import (
    PREROUND,
    Agreed,
    HareMachine,
    MessageDue,
    Terminated,
    following,
)
from node.consensus.hare.wire import IterRound, Round, compute_reference
from node.types.ids import EdSignature, Hash32, ProposalID, SmesherID, VrfSignature

ROUND = 1000
"""Ticks of a round."""
LAST = IterRound(iteration=4, round=Round.HARDLOCK)
LATEST = 4
"""Rounds that a dishonest message may come late."""


@dataclass
class World:
    """Honest machines, and everything that is under way."""

    seed: int
    seats: list[int]
    """Of the honest smeshers, then of the dishonest ones."""

    views: list[tuple[ProposalID, ...]]
    """The initial sets of the honest ones."""

    proposals: list[ProposalID]
    generator: np.random.Generator = field(init=False)
    machines: list[HareMachine] = field(init=False)
    agreed: dict[int, tuple[ProposalID, ...]] = field(default_factory=dict)
    terminated: set[int] = field(default_factory=set)
    _events: list[tuple[int, int, int, RoundMessage]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)
        threshold = sum(self.seats) // 2 + 1
        self.machines = [HareMachine(threshold) for _ in self.views]
        for machine, view in zip(self.machines, self.views, strict=True):
            machine.on_initial(view)

    def run(self) -> None:
        """Execute all rounds."""
        due, now = PREROUND, 0
        self._misbehave(due, now)
        while due != LAST:
            upcoming = following(due)
            # They know what comes, and may be early.
            self._misbehave(upcoming, now + ROUND)
            for node in range(len(self.machines)):
                self._execute(node, due, now)
            self._deliver_until(now + ROUND)
            due, now = upcoming, now + ROUND
        for node in range(len(self.machines)):
            self._execute(node, due, now)

    def _execute(self, node: int, due: IterRound, now: int) -> None:
        if node in self.terminated:
            return
        for output in self.machines[node].on_round():
            match output:
                case MessageDue():
                    said = self._message(node, due, output.proposals, output.reference)
                    self._receive(node, now, said)
                case Agreed(proposals=proposals):
                    assert node not in self.agreed
                    self.agreed[node] = proposals
                case Terminated():
                    self.terminated.add(node)

    def _receive(self, node: int, now: int, message: RoundMessage) -> None:
        if self.machines[node].on_message(message).relay:
            for other in range(len(self.machines)):
                if other != node:
                    self._schedule(now + int(self.generator.integers(1, ROUND)), other, message)

    def _schedule(self, instant: int, node: int, message: RoundMessage) -> None:
        self._count += 1
        heappush(self._events, (instant, self._count, node, message))

    def _deliver_until(self, end: int) -> None:
        while self._events and self._events[0][0] < end:
            instant, _, node, message = heappop(self._events)
            self._receive(node, instant, message)

    def _misbehave(self, due: IterRound, now: int) -> None:
        generator = self.generator
        if due.round not in {Round.PREROUND, Round.PROPOSE, Round.COMMIT, Round.NOTIFY}:
            return
        for sender in range(len(self.views), len(self.seats)):
            for _ in range(int(generator.integers(0, 3))):
                chosen = tuple(p for p in self.proposals if generator.integers(0, 2))
                if due.round in {Round.PREROUND, Round.PROPOSE}:
                    message = self._message(sender, due, chosen, None)
                else:
                    known = [*self.agreed.values(), *self.views, chosen]
                    target = known[int(generator.integers(0, len(known)))]
                    message = self._message(sender, due, (), compute_reference(target))
                for node in range(len(self.machines)):
                    if generator.integers(0, 2):
                        late = int(generator.integers(-ROUND, LATEST * ROUND))
                        self._schedule(max(0, now + late), node, message)

    def _message(
        self,
        sender: int,
        due: IterRound,
        proposals: tuple[ProposalID, ...],
        reference: Hash32 | None,
    ) -> RoundMessage:
        content = repr((sender, due, proposals, reference)).encode()
        # One smesher has one proof for a round, whatever is said.
        proof = hash32(repr((self.seed, sender, due)).encode())
        return RoundMessage(
            sender=SmesherID(bytes([sender + 1]) * 32),
            iter_round=due,
            proposals=proposals,
            reference=reference,
            proof=VrfSignature(proof.ljust(80, b"\0")),
            seats=self.seats[sender],
            digest=Hash32(hash32(content)),
            signature=EdSignature.zero(),
            malicious=False,
        )


@st.composite
def worlds(draw: st.DrawFn, *, dishonest: bool) -> World:
    """Draw who takes part with how many seats, who knows what, and the order of everything."""
    honest = draw(st.lists(st.integers(1, 4), min_size=2, max_size=5))
    others: list[int] = []
    if dishonest:
        others = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
        while sum(others) >= sum(honest):
            others.pop()
    proposals = [ProposalID(bytes([number]) * 20) for number in range(draw(st.integers(1, 4)))]
    views = [
        tuple(p for p in proposals if draw(st.booleans() if p != proposals[0] else st.just(True)))
        for _ in honest
    ]
    return World(
        seed=draw(st.integers(0, 1 << 32)),
        seats=honest + others,
        views=views,
        proposals=proposals,
    )


def check_outputs(world: World) -> None:
    """Check that all who agreed agreed on the same, and that it is what honest ones have."""
    assert len(set(world.agreed.values())) <= 1
    for agreed in world.agreed.values():
        everybody = set.intersection(*map(set, world.views))
        anybody = set.union(*map(set, world.views))
        assert everybody <= set(agreed) <= anybody


@given(world=worlds(dishonest=True))
def test_nobody_agrees_on_something_else_and_only_on_what_honest_smeshers_offered(
    world: World,
) -> None:
    world.run()
    check_outputs(world)


@given(world=worlds(dishonest=False))
def test_honest_smeshers_agree_in_the_first_iteration(world: World) -> None:
    world.run()
    check_outputs(world)
    assert set(world.agreed) == world.terminated == set(range(len(world.machines)))
