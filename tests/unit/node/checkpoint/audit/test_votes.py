"""Votes, counted again: decisions that they do not carry."""

import pytest

from node.checkpoint.audit.findings import ObjectKind
from node.checkpoint.audit.votes import VoteChecker
from node.types.layer import LayerID
from tests.support.audits import Recorded, surroundings, told_by

K = ObjectKind


@pytest.mark.parametrize("valid", [False, True])
def test_a_decision_against_the_votes_is_found(chain: Recorded, *, valid: bool) -> None:
    block = chain.value("SELECT hex(substr(id, 1, 20)) FROM blocks WHERE layer = 21").lower()
    with surroundings(chain, valid=valid) as context:
        VoteChecker(context).check()
        assert told_by(context) == ([] if valid else [(K.BLOCK, "votes", block)])
        assert context.ledger.tallies[K.BLOCK].checks["votes"] == 1


def test_votes_of_a_file_that_begins_with_a_checkpoint_are_not_counted(chain: Recorded) -> None:
    with surroundings(chain) as context:
        context.parameters = context.parameters.restored_at(LayerID(21))
        VoteChecker(context).check()
        told = context.ledger.tallies[K.BLOCK].unchecked
    assert dict(told) == {"votes: the file begins after genesis": 1}


def test_ballots_that_cannot_be_counted_are_told(chain: Recorded) -> None:
    chain.run("DELETE FROM ballots WHERE layer = 20")
    with surroundings(chain) as context:
        VoteChecker(context).check()
        told = context.ledger.tallies[K.BALLOT].unchecked
    assert dict(told) == {"votes: they cannot be counted": 2}
