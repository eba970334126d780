"""Votes of an adversary's own choice, and the digest that makes them valid."""

from dataclasses import replace

import pytest

from node.base import scale
from node.consensus.tortoise.opinion import ABSTAIN_BODY, opinion_hash, support_entry
from node.sim.adversaries.opinions import OpinionBook
from node.types.ballot import Ballot, Vote, Votes
from node.types.ids import NO_BALLOT, BlockID, EdSignature, Hash32
from node.types.layer import LayerID
from node.types.proposal import InnerProposal, Proposal
from tests.support.chain import TIME, ballot

GENESIS = TIME.effective_genesis
FIRST = LayerID(GENESIS + 1)
BLOCK = Vote(block=BlockID(b"b" * 20), layer=FIRST, height=7)
HIGHER = Vote(block=BlockID(b"a" * 20), layer=FIRST, height=8)


def noted(*ballots: Ballot) -> OpinionBook:
    book = OpinionBook(TIME)
    for one in ballots:
        inner = InnerProposal(ballot=one, tx_ids=(), mesh_hash=Hash32.zero())
        book.note(scale.encode(Proposal(inner=inner, signature=EdSignature.zero())))
    return book


def voting(layer: int, base: Ballot | None, *support: Vote) -> Ballot:
    votes = Votes(
        base=NO_BALLOT if base is None else base.id, support=support, against=(), abstain=()
    )
    return replace(ballot(1, layer), votes=votes)


BASE = replace(
    voting(FIRST, None),
    inner=replace(voting(FIRST, None).inner, opinion_hash=Hash32(b"o" * 32)),
)


def test_blocks_are_covered_by_height() -> None:
    made = voting(FIRST + 2, BASE, HIGHER, BLOCK)
    opinion = noted(BASE).vote(made, made.votes)
    assert opinion is not None
    entries = [support_entry(vote.block, vote.height) for vote in (BLOCK, HIGHER)]
    first = opinion_hash(b"o" * 32, entries)
    assert opinion.hash == opinion_hash(first, [])


def test_without_a_base_the_votes_begin_at_genesis() -> None:
    made = voting(FIRST, None)
    opinion = noted().vote(made, made.votes)
    assert opinion is not None
    assert opinion.hash == opinion_hash(None, [])


def test_the_last_layer_is_turned_round() -> None:
    made = voting(FIRST + 1, BASE, BLOCK)
    against = noted(BASE).contradict(made)
    assert against is not None
    assert against.votes.support == ()
    assert against.hash == opinion_hash(b"o" * 32, [])
    abstaining = noted(BASE).contradict(replace(made, votes=against.votes))
    assert abstaining is not None
    assert abstaining.votes.abstain == (FIRST,)
    assert abstaining.hash == opinion_hash(b"o" * 32, [ABSTAIN_BODY])
    again = noted(BASE).contradict(replace(made, votes=abstaining.votes))
    assert again == against


def test_what_cannot_be_known_is_not_voted_on() -> None:
    made = voting(FIRST + 1, BASE, BLOCK)
    assert noted().contradict(made) is None
    early = replace(BLOCK, layer=GENESIS)
    assert noted(BASE).vote(made, replace(made.votes, support=(early,))) is None


def test_what_is_no_proposal_is_passed_over() -> None:
    book = noted(BASE)
    book.note(b"\xff" * 20)
    assert book.in_layer(FIRST) == (BASE,)
    assert book.in_layer(LayerID(FIRST + 1)) == ()


@pytest.mark.parametrize("layer", [FIRST, FIRST + 1])
def test_ballots_are_found_by_layer(layer: int) -> None:
    made = voting(layer, None)
    assert noted(made, made).in_layer(LayerID(layer)) == (made,)
