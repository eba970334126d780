"""Ballots that are withheld, that keep the sides equal, that speak for another beacon.

Nothing here can be proven against anybody: it has to be outweighed.
"""

from dataclasses import replace
from typing import Final

from node.base import scale
from node.consensus.beacon.handler import FIRST_VOTES, FOLLOWING_VOTES, WEAK_COIN
from node.consensus.beacon.wire import FirstVotesMessage, FollowingVotesMessage
from node.consensus.proposals.ports import TOPIC
from node.environment import Environment
from node.net.fetch.wire import LAYER_DATA, LayerBallots
from node.net.ports import PeerID, RequestHandler
from node.sim.adversaries.end import AdversarialEnd, Stage, Tactic, tampered
from node.sim.adversaries.opinions import OpinionBook
from node.sim.adversaries.signing import (
    sign_ballot,
    sign_first_votes_against,
    sign_opposite_votes,
    sign_proposal,
)
from node.sim.links import Randomness
from node.store.beacons import put_beacon
from node.types.ballot import Ballot, Opinion, Vote
from node.types.ids import Beacon
from node.types.layer import EpochID, LayerID
from node.types.proposal import Proposal

LAYERS_WITHHELD: Final = 4
"""Layers whose proposals come out together with a later one."""
FALSE_BEACONS: Final = 64
"""Epochs for which an adversary has a beacon of its own."""


class WithheldBallots(Tactic):
    """Keeps its ballots for itself, whoever asks, and sends those of some layers at once."""

    def __init__(self, stage: Stage) -> None:
        """Begin with nothing withheld."""
        super().__init__(stage)
        self._kept: list[tuple[Ballot, bytes]] = []

    async def publish(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        if topic != TOPIC:
            await end.publish_honestly(topic, data)
            return
        await end.take(topic, data)
        ballot = scale.decode(Proposal, data).ballot
        self._kept.append((ballot, data))
        if ballot.layer >= self._kept[0][0].layer + LAYERS_WITHHELD:
            for _, kept in self._kept:
                end.send(end.everybody(), topic, kept)
            self._kept.clear()

    async def answer(
        self, protocol: str, peer: PeerID, data: bytes, honest: RequestHandler
    ) -> bytes:
        """See Tactic."""
        answer = await honest(peer, data)
        if protocol != LAYER_DATA:
            return answer
        kept = {ballot.id for ballot, _ in self._kept}
        listed = scale.decode(LayerBallots, answer).ballots
        return scale.encode(LayerBallots(ballots=tuple(one for one in listed if one not in kept)))


class BalancingBallots(Tactic):
    """Waits for the ballots of a layer, then votes for the weaker side of the last one."""

    def __init__(self, stage: Stage) -> None:
        """Begin without knowledge of anybody's votes."""
        super().__init__(stage)
        self.book = OpinionBook(stage.time)

    def hear(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        if topic == TOPIC:
            self.book.note(data)

    async def publish(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        if topic != TOPIC:
            await end.publish_honestly(topic, data)
            return
        clock = self.stage.environment.clock
        delay_ns = self.stage.environment.config.hare3.preround_delay // 2
        await clock.sleep_until(clock.now_ns() + delay_ns)
        proposal = scale.decode(Proposal, data)
        ballot = proposal.ballot
        opinion = self.weaker_side(ballot)
        if opinion is not None:
            signer = self.stage.signer_of(ballot.smesher)
            inner = replace(ballot.inner, opinion_hash=opinion.hash)
            voted = sign_ballot(ballot, inner, opinion.votes, signer)
            data = scale.encode(sign_proposal(proposal, voted, signer))
        self.book.note(data)
        await end.publish_honestly(topic, data)

    def weaker_side(self, ballot: Ballot) -> Opinion | None:
        """Return what the fewest of the layer's ballots say of the layer before."""
        last = LayerID(ballot.layer - 1)
        others = self.book.in_layer(ballot.layer)
        blocks = {
            vote.block: vote
            for other in (*others, ballot)
            for vote in (*other.votes.support, *other.votes.against)
            if vote.layer == last
        }
        older = tuple(vote for vote in ballot.votes.support if vote.layer != last)
        weak = tuple(
            vote
            for _, vote in sorted(blocks.items())
            if 2 * sum(_supports(other, vote) for other in others) < len(others)
        )
        abstain = tuple(layer for layer in ballot.votes.abstain if layer != last)
        votes = replace(ballot.votes, support=(*older, *weak), against=(), abstain=abstain)
        return self.book.vote(ballot, votes)


class SplitBeacons(Tactic):
    """Tells each half of the network something else about the beacon.

    Its votes are opposite in the halves, and its throws of the coin are sent to one of them.
    None of this can be proven against it.

    Its proposal comes in time for everybody.  One that comes just after the first votes
    would be in nobody's votes but its own; as margins add up over the rounds, its votes alone
    would then decide, and split any beacon: the protocol has no means against that.
    """

    def __init__(self, stage: Stage) -> None:
        """Begin without votes."""
        super().__init__(stage)
        self._votes: dict[EpochID, int] = {}

    async def publish(self, end: AdversarialEnd, topic: str, data: bytes) -> None:
        """See Tactic."""
        if topic not in {FIRST_VOTES, FOLLOWING_VOTES, WEAK_COIN}:
            await end.publish_honestly(topic, data)
            return
        await end.take(topic, data)
        some, rest = end.halves()
        end.send(some, topic, data)
        if topic == FIRST_VOTES:
            end.send(rest, topic, self._other_first(data))
        elif topic == FOLLOWING_VOTES:
            end.send(rest, topic, self._other_following(data))

    def _other_first(self, data: bytes) -> bytes:
        message = scale.decode(FirstVotesMessage, data)
        body = message.body
        self._votes[body.epoch] = len(body.valid) + len(body.potentially_valid)
        signer = self.stage.signer_of(message.smesher)
        return scale.encode(sign_first_votes_against(message, signer))

    def _other_following(self, data: bytes) -> bytes:
        message = scale.decode(FollowingVotesMessage, data)
        count = self._votes.get(message.body.epoch, 0)
        signer = self.stage.signer_of(message.smesher)
        return scale.encode(sign_opposite_votes(message, count, signer))


def with_false_beacons(environment: Environment, random: Randomness) -> Environment:
    """Return what a node stands on that believes in beacons nobody agreed on.

    They are fixed before the network's are known, from the third epoch on.
    """
    with environment.db.batch() as batch:
        for epoch in range(3, FALSE_BEACONS):
            put_beacon(batch, EpochID(epoch), Beacon(random(Beacon.SIZE)))
    return tampered(environment, random, Tactic)


def _supports(ballot: Ballot, vote: Vote) -> bool:
    return any(one.block == vote.block for one in ballot.votes.support)
