"""From a ballot's differences to votes: what is checked before a ballot is stored.

Nothing here changes the state.  Messages are the reference's own.

Source: go-spacemesh, tortoise; tortoise digest section 7.
"""

from dataclasses import dataclass
from typing import NamedTuple

from node.base.errors import IgnoreError, RejectError
from node.consensus.atxdata import AtxData
from node.consensus.tortoise.ballots import (
    MALICIOUS,
    WEIGHTLESS,
    BallotData,
    BallotReference,
    weight_of_eligibility,
)
from node.consensus.tortoise.state import TortoiseState
from node.consensus.tortoise.votes import Differences, VoteNode, decode_votes, opinion_of
from node.types.ids import NO_BALLOT


class OutsideWindowError(IgnoreError):
    """The votes rest on a ballot, or are for layers, that are not in memory."""

    default_code = "smesh.ignore.outside_window"


class BallotExistsError(IgnoreError):
    """The ballot is stored already."""

    default_code = "smesh.ignore.ballot_exists"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DecodedBallot:
    """A ballot whose votes are worked out; made by decoding, used by storing."""

    data: BallotData
    reference: BallotReference

    tail: VoteNode | None
    """All votes; None in a stored ballot that lost them."""

    first_new: int
    """Lowest layer whose node is not shared with another ballot."""

    marks: int
    """As in a ballot group."""

    @property
    def opinion(self) -> bytes:
        """What its votes amount to."""
        return opinion_of(self.tail)


class _Base(NamedTuple):
    layer: int
    tail: VoteNode | None
    dangling: str


def decode_ballot(
    state: TortoiseState, atx_data: AtxData, ballot: BallotData, *, tolerant: bool = False
) -> DecodedBallot | None:
    """Work out the votes of a ballot.

    Args:
        state: is not changed.
        atx_data: gives weight and height of reference ballots.
        ballot: the ballot.
        tolerant: accept what ``OutsideWindowError`` stands for; only after a restart, when
            the signed digest replaces the one computed.

    Returns:
        None if the ballot's layer left memory or its reference ballot is not known; a known
        ballot as it is.

    Raises:
        RejectError: no eligibilities in the epoch data.
        OutsideWindowError: the base ballot is unknown, or votes concern layers that left.
        IgnoreError: the votes contradict each other or the base ballot's, or the ATX is
            not known.
    """
    if ballot.layer <= state.evicted:
        return None
    known = state.ballots.find(ballot.id)
    if known is not None:
        group, row = known
        return DecodedBallot(
            data=ballot,
            reference=group.references[row],
            tail=group.votes_of(row),
            first_new=0,
            marks=group.marks[row],
        )
    base = _base(state, ballot)
    reference = _reference(state, atx_data, ballot)
    if reference is None:
        return None
    malicious = ballot.malicious or ballot.smesher in state.malicious
    tail, first_new = _votes(state, ballot, base, tolerant=tolerant)
    return DecodedBallot(
        data=ballot,
        reference=reference,
        tail=tail,
        first_new=first_new,
        marks=MALICIOUS | WEIGHTLESS if malicious else 0,
    )


def _base(state: TortoiseState, ballot: BallotData) -> _Base:
    base = ballot.opinion.votes.base
    if base == NO_BALLOT:
        return _below(ballot, _Base(state.parameters.effective_genesis, None, ""))
    known = state.ballots.find(base)
    if known is None:
        return _Base(state.evicted, None, f"base ballot not in state: {base}")
    group, row = known
    return _below(ballot, _Base(group.layer, group.votes_of(row), ""))


def _below(ballot: BallotData, base: _Base) -> _Base:
    if base.layer >= ballot.layer:
        raise IgnoreError(
            f"votes for ballot ({ballot.layer}/{ballot.id}) should be encoded with base ballot "
            f"({base.layer}/{ballot.opinion.votes.base}) from previous layers"
        )
    return base


def _reference(
    state: TortoiseState, atx_data: AtxData, ballot: BallotData
) -> BallotReference | None:
    if ballot.epoch_data is not None:
        epoch = state.epoch_of(ballot.layer)
        atx = atx_data.get(epoch, ballot.atx_id)
        if atx is None:
            raise IgnoreError(f"atx {ballot.atx_id}/{epoch} not in state")
        count = ballot.epoch_data.eligibility_count
        if not count:
            raise RejectError(f"ballot {ballot.id} has 0 eligibilities in its epoch data")
        return BallotReference(
            smesher=ballot.smesher,
            atx_id=ballot.atx_id,
            beacon=ballot.epoch_data.beacon,
            eligibility_count=count,
            height=atx.height,
            weight=weight_of_eligibility(atx.weight, count),
        )
    if ballot.ref_ballot is None:
        raise IgnoreError(f"epoch data and pointer are nil for ballot {ballot.id}")
    known = state.ballots.find(ballot.ref_ballot)
    return None if known is None else known[0].references[known[1]]


def _votes(
    state: TortoiseState, ballot: BallotData, base: _Base, *, tolerant: bool
) -> tuple[VoteNode | None, int]:
    """Return the votes of a ballot, and the lowest layer whose node is new."""
    problems = [base.dangling] if base.dangling else []
    info = state.layers.get(ballot.layer)
    alike = info.groups.get(ballot.opinion.hash) if info else None
    if alike is not None:
        if problems and not tolerant:
            raise OutsideWindowError(problems[0])
        return alike.tail, 0
    differences = Differences(base.layer, ballot.opinion.votes)
    if differences.first_layer <= state.evicted:
        problems.append(
            f"voted blocks were evicted: layer ({differences.first_layer}) "
            f"outside the window (evicted {state.evicted})"
        )
    if base.dangling and not tolerant:
        # Spares a chain over the whole window: without a base nothing else can be wrong.
        raise OutsideWindowError("\n".join(problems))
    tail = decode_votes(ballot.layer, base.layer, base.tail, differences)
    if problems and not tolerant:
        raise OutsideWindowError("\n".join(problems))
    return tail, differences.first_layer
