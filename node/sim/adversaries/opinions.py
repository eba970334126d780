"""Votes of an adversary's own choice, with the digest that they need to be valid.

The opinion that a ballot signs continues that of its base ballot layer by layer, so whoever
has seen the base ballot can vote anything about the layers since.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from node.base import scale
from node.base.errors import DecodeError
from node.consensus.tortoise.opinion import ABSTAIN_BODY, opinion_hash, support_entry
from node.types.ballot import Ballot, Opinion, Vote, Votes
from node.types.ids import NO_BALLOT, BallotID, Hash32
from node.types.layer import LayerID
from node.types.layer_time import LayerTime
from node.types.proposal import Proposal


@dataclass
class OpinionBook:
    """The ballots that were seen, as far as one can vote on top of them."""

    time: LayerTime
    _seen: dict[BallotID, Ballot] = field(default_factory=dict)

    def note(self, data: bytes) -> None:
        """Take note of a proposal, if it is one."""
        try:
            ballot = scale.decode(Proposal, data).ballot
        except DecodeError:
            return
        self._seen.setdefault(ballot.id, ballot)

    def in_layer(self, layer: LayerID) -> tuple[Ballot, ...]:
        """Return the ballots of a layer that were seen."""
        return tuple(ballot for ballot in self._seen.values() if ballot.layer == layer)

    def contradict(self, ballot: Ballot) -> Opinion | None:
        """Return the votes of a ballot with the last layer's turned round.

        Returns:
            Another opinion; None if the base ballot was not seen.
        """
        last = LayerID(ballot.layer - 1)
        dropped = tuple(vote for vote in ballot.votes.support if vote.layer == last)
        kept = tuple(vote for vote in ballot.votes.support if vote.layer != last)
        abstain = tuple(layer for layer in ballot.votes.abstain if layer != last)
        if not dropped and len(abstain) == len(ballot.votes.abstain):
            abstain = (*abstain, last)
        return self.vote(ballot, replace(ballot.votes, support=kept, abstain=abstain))

    def vote(self, ballot: Ballot, votes: Votes) -> Opinion | None:
        """Return the opinion that other votes of a ballot amount to.

        Args:
            ballot: its layer and base ballot stay.
            votes: on layers that the base ballot has no opinion on.

        Returns:
            None if the base ballot was not seen, or if it has an opinion on them.
        """
        start, opinion = self.time.effective_genesis, None
        if votes.base != NO_BALLOT:
            base = self._seen.get(votes.base)
            if base is None:
                return None
            start, opinion = base.layer, bytes(base.inner.opinion_hash)
        mentioned = [*votes.abstain, *(vote.layer for vote in (*votes.support, *votes.against))]
        if min(mentioned, default=start) < start:
            return None
        supported = _by_layer(votes.support)
        for number in range(start, ballot.layer):
            entries = [support_entry(vote.block, vote.height) for vote in supported[number]]
            if number in votes.abstain:
                entries = [ABSTAIN_BODY]
            opinion = opinion_hash(opinion, entries)
        return None if opinion is None else Opinion(hash=Hash32(opinion), votes=votes)


def _by_layer(votes: Iterable[Vote]) -> defaultdict[int, list[Vote]]:
    found: defaultdict[int, list[Vote]] = defaultdict(list)
    for vote in sorted(votes, key=lambda vote: (vote.height, bytes(vote.block))):
        found[vote.layer].append(vote)
    return found
