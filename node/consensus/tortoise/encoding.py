"""The votes of our next ballot, as differences to a ballot we nearly agree with.

Source: go-spacemesh, tortoise; tortoise digest section 9.
"""

from collections.abc import Iterator
from typing import NamedTuple

from node.base.errors import IgnoreError, PreconditionError
from node.consensus.tortoise.ballots import MALICIOUS
from node.consensus.tortoise.state import LayerInfo, TortoiseState
from node.consensus.tortoise.threshold import sign_over
from node.consensus.tortoise.validity import local_vote
from node.consensus.tortoise.votes import (
    ABSTAIN,
    AGAINST,
    SUPPORT,
    BlockInfo,
    Differences,
    Sign,
    VoteNode,
    decode_votes,
    opinion_of,
)
from node.types.ballot import Opinion, Vote, Votes
from node.types.ids import NO_BALLOT, BallotID, Hash32
from node.types.layer import LayerID


class BaseBallot(NamedTuple):
    """A ballot that ours may be based on."""

    id: BallotID
    layer: int
    tail: VoteNode | None


class UnfitBaseError(PreconditionError):
    """A ballot abstains on a layer in which hare has ended since."""


class VoteEncoder:
    """Encodes our votes for a ballot in one layer."""

    def __init__(self, state: TortoiseState, local_threshold: int, current: int) -> None:
        """Take the state as it is now.

        Args:
            state: with all margins up to date.
            local_threshold: fixed point.
            current: layer of the ballot.
        """
        self._state = state
        self._local_threshold = local_threshold
        self._current = current

    def encode(self) -> Opinion:
        """Return our votes against the first ballot that serves as a base.

        Ballots are tried from the newest layer down, in the order of their arrival.

        Raises:
            PreconditionError: none serves; with the reason of the last one.
        """
        failure: PreconditionError | None = None
        for layer in range(self._current - 1, self._state.evicted, -1):
            failures: dict[tuple[int, bool], PreconditionError] = {}
            for base, key in self._bases(layer):
                known = failures.get(key)
                if known is not None:
                    failure = _unfit(base.id) if isinstance(known, UnfitBaseError) else known
                    continue
                try:
                    return self._against(base)
                except PreconditionError as error:
                    failure = failures[key] = error
        if failure is not None:
            raise PreconditionError(f"failed to encode votes: {failure}")
        raise PreconditionError("no ballots within a sliding window")

    def _bases(self, layer: int) -> Iterator[tuple[BaseBallot, tuple[int, bool]]]:
        """Yield a layer's ballots, with what those that fail alike have in common."""
        if layer == self._state.parameters.effective_genesis:
            yield BaseBallot(NO_BALLOT, layer, None), (-1, True)
            return
        info = self._state.layers.get(layer)
        for group, row in info.rows() if info else ():
            if not group.marks[row] & MALICIOUS:
                tail = group.votes_of(row)
                yield BaseBallot(group.ids[row], layer, tail), (group.number, tail is None)

    def _against(self, base: BaseBallot) -> Opinion:
        """Return our votes as differences to those of ``base``, in the order of the wire."""
        support: list[Vote] = []
        against: list[Vote] = []
        abstain: list[LayerID] = []
        node = base.tail
        while node is not None and node.layer > self._state.evicted:
            info = self._state.layer(node.layer)
            if node.abstain and info.hare_terminated:
                raise _unfit(base.id)
            if not info.hare_terminated:
                if not node.abstain:
                    abstain.append(LayerID(node.layer))
            else:
                self._compare(info, node, support, against)
            node = node.previous
        for layer in range(base.layer, self._current):
            info = self._state.layer(layer)
            if info.hare_terminated:
                support += [b.vote() for b in info.blocks if self.vote(b) is SUPPORT]
            else:
                abstain.append(LayerID(layer))
        exceptions = len(support) + len(against)
        if exceptions > self._state.parameters.max_exceptions:
            raise PreconditionError(f"too many exceptions ({exceptions})")
        votes = Votes(
            base=base.id, support=tuple(support), against=tuple(against), abstain=tuple(abstain)
        )
        return Opinion(hash=self._opinion(base, votes), votes=votes)

    def _opinion(self, base: BaseBallot, votes: Votes) -> Hash32:
        try:
            differences = Differences(base.layer, votes)
            tail = decode_votes(self._current, base.layer, base.tail, differences)
        except IgnoreError as error:
            raise PreconditionError(str(error)) from error
        return Hash32(opinion_of(tail))

    def _compare(
        self, info: LayerInfo, node: VoteNode, support: list[Vote], against: list[Vote]
    ) -> None:
        for block in info.blocks:
            vote = self.vote(block)
            if vote is (SUPPORT if block in node.supported else AGAINST):
                continue
            if vote is SUPPORT:
                support.append(block.vote())
            elif vote is AGAINST:
                against.append(block.vote())

    def vote(self, block: BlockInfo) -> Sign:
        """Return our vote on a block: local, else by its margin, else by the weak coin.

        Raises:
            PreconditionError: the coin of the layer before the ballot's is not known.
        """
        if not block.data:
            return AGAINST
        vote, by_hare = local_vote(self._state, block, self._current)
        if vote is not ABSTAIN or by_hare:
            return vote
        vote = sign_over(block.margin, self._local_threshold)
        if vote is not ABSTAIN:
            return vote
        coin = self._state.layer(self._current - 1).coin
        if coin is ABSTAIN:
            raise PreconditionError(
                f"coinflip is not recorded in {self._current - 1}. "
                f"required for vote on {block.id} / {block.layer}"
            )
        return coin


def _unfit(base: BallotID) -> UnfitBaseError:
    return UnfitBaseError(f"ballot {base} can't be used as a base ballot")
