"""The pool: what it keeps, and for how long."""

import pytest

from node.base.errors import IgnoreError
from node.consensus.proposals.pool import KnownProposalError, PooledProposal, ProposalPool
from node.types.ids import ProposalID
from node.types.layer import LayerID
from node.types.proposal import Proposal
from tests.support.chain import BEACON
from tests.support.hare import proposal

UNKNOWN = ProposalID(b"\xee" * 20)


def pooled(made: Proposal) -> PooledProposal:
    return PooledProposal(proposal=made, beacon=BEACON, malicious=False)


def pool_with(*layers: int, evicted: int = 7) -> tuple[ProposalPool, list[Proposal]]:
    pool = ProposalPool(capacity=3, evicted=LayerID(evicted))
    made = [proposal(place + 1, LayerID(layer)) for place, layer in enumerate(layers)]
    for one in made:
        pool.add(pooled(one))
    return pool, made


def test_proposals_are_found_by_layer_and_by_identifier() -> None:
    pool, (first, second, third) = pool_with(8, 8, 9)
    assert pool.has(first.id)
    assert not pool.has(UNKNOWN)
    assert pool.get(LayerID(8), first.id) == first
    assert pool.get(LayerID(9), first.id) is None
    assert pool.find(third.id) == third
    assert pool.find(UNKNOWN) is None
    assert pool.get_many(LayerID(8), (second.id, UNKNOWN, third.id, first.id)) == (second, first)
    assert [entry.proposal for entry in pool.for_hare(LayerID(8))] == [first, second]
    assert pool.for_hare(LayerID(20)) == ()
    assert (pool.count(LayerID(8)), pool.count(LayerID(20))) == (2, 0)


def test_a_proposal_is_taken_once() -> None:
    pool, (first,) = pool_with(8)
    with pytest.raises(KnownProposalError):
        pool.add(pooled(first))


def test_layers_at_or_below_the_start_are_not_taken() -> None:
    pool, _ = pool_with()
    with pytest.raises(IgnoreError, match="begins after layer 7"):
        pool.add(pooled(proposal(1, LayerID(7))))


def test_old_layers_are_forgotten_once_there_are_too_many() -> None:
    pool, (first, second, third) = pool_with(8, 9, 10)
    pool.on_layer(LayerID(9))
    assert (pool.evicted, pool.has(first.id)) == (7, True)
    pool.on_layer(LayerID(10))
    assert (pool.evicted, pool.has(first.id)) == (7, True)
    pool.on_layer(LayerID(12))
    assert pool.evicted == 9
    assert [pool.has(one.id) for one in (first, second, third)] == [False, False, True]
    with pytest.raises(IgnoreError):
        pool.add(pooled(second))
