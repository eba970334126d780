"""Ballots and beacons that are well formed, signed, and break a rule all the same."""

from dataclasses import replace
from typing import Any

import pytest

from node.base import scale
from node.checkpoint.audit.findings import ObjectKind
from node.crypto.domains import Domain
from node.types.ballot import Ballot, Vote
from node.types.ids import (
    PADDED_SIZE,
    AtxID,
    BallotID,
    BlockID,
    Hash32,
)
from node.types.layer import LayerID
from tests.support.audits import Recorded, chain_signer, unchecked

K = ObjectKind
UNKNOWN = AtxID(b"u" * 32)


def ballot_of(chain: Recorded, layer: int) -> Ballot:
    """Return the recorded ballot of a layer."""
    return scale.decode(Ballot, chain.value("SELECT ballot FROM ballots WHERE layer = ?", layer))


def sign_ballot(ballot: Ballot, **changes: Any) -> Ballot:
    """Return a ballot with another signed part, signed anew."""
    changed = replace(ballot, inner=replace(ballot.inner, **changes))
    return replace(changed, signature=chain_signer().sign(Domain.BALLOT, changed.signed_bytes()))


def test_a_second_ballot_in_a_layer_needs_a_proof(chain: Recorded) -> None:
    double = sign_ballot(ballot_of(chain, 22), opinion_hash=Hash32(b"o" * 32))
    chain.run(
        "INSERT INTO ballots SELECT ?, atx, layer, pubkey, ? FROM ballots WHERE layer = 22",
        double.id.ljust(PADDED_SIZE, b"\0"),
        scale.encode(double),
    )
    assert sorted(chain.differences()) == [
        (K.BALLOT, "one ballot in a layer"),
        (K.BALLOT, "opinion"),
    ]


@pytest.mark.parametrize(
    ("changes", "kind", "rule"),
    [
        ({"atx_id": UNKNOWN}, K.ATX, "in the file"),
        ({"ref_ballot": BallotID(b"r" * 20)}, K.BALLOT, "in the file"),
        ({"opinion_hash": Hash32(b"o" * 32)}, K.BALLOT, "opinion"),
        ({"ref_ballot": BallotID.zero()}, K.BALLOT, "epoch data"),
    ],
)
def test_a_signed_ballot_that_breaks_a_rule_is_found(
    chain: Recorded, changes: dict[str, Any], kind: ObjectKind, rule: str
) -> None:
    chain.put_ballot(22, sign_ballot(ballot_of(chain, 22), **changes))
    assert (kind, rule) in chain.differences()


def test_votes_that_contradict_each_other_are_found(chain: Recorded) -> None:
    ballot = ballot_of(chain, 22)
    vote = Vote(block=BlockID(b"b" * 20), layer=LayerID(21), height=5)
    wrong = replace(ballot.votes, support=(vote,), against=(vote,))
    chain.put_ballot(22, replace(ballot, votes=wrong))
    assert chain.differences() == [(K.BALLOT, "votes")] * 2


def test_a_base_ballot_of_the_same_layer_is_found(chain: Recorded) -> None:
    ballot = ballot_of(chain, 22)
    double = sign_ballot(ballot, opinion_hash=Hash32(b"o" * 32))
    chain.put_ballot(22, replace(ballot, votes=replace(ballot.votes, base=double.id)))
    assert (K.BALLOT, "votes") in chain.differences()
    late = sign_ballot(ballot_of(chain, 20), layer=LayerID(19))
    chain.put_ballot(20, late)
    assert (K.BALLOT, "layer") in chain.differences()


def test_a_ballot_without_proofs_is_found(chain: Recorded) -> None:
    chain.put_ballot(22, replace(ballot_of(chain, 22), eligibilities=()))
    assert (K.BALLOT, "eligibility") in chain.differences()


def test_another_count_of_slots_is_found(chain: Recorded) -> None:
    ballot = ballot_of(chain, 20)
    assert ballot.inner.epoch_data is not None
    data = replace(ballot.inner.epoch_data, eligibility_count=7)
    chain.put_ballot(20, sign_ballot(ballot, epoch_data=data))
    assert (K.BALLOT, "eligibility") in chain.differences()


def test_a_base_ballot_that_is_not_in_the_file_is_missed(chain: Recorded) -> None:
    base = ballot_of(chain, 21)
    chain.run("DELETE FROM ballots WHERE layer = 21")
    found = [f for f in chain.audit().findings if f.kind is K.BALLOT]
    assert (found[0].rule, found[0].id) == ("in the file", base.id.hex())


def test_a_ballot_that_names_another_base_than_its_own_is_found(chain: Recorded) -> None:
    ballot, unknown = ballot_of(chain, 22), BallotID(b"u" * 20)
    chain.put_ballot(22, replace(ballot, votes=replace(ballot.votes, base=unknown)))
    found = [f for f in chain.audit().findings if f.kind is K.BALLOT]
    assert [(one.rule, one.id) for one in found] == [
        ("in the file", unknown.hex()),
        ("votes", ballot.id.hex()),
    ]


def test_a_first_ballot_that_names_a_base_is_found(chain: Recorded) -> None:
    ballot, unknown = ballot_of(chain, 20), BallotID(b"u" * 20)
    chain.put_ballot(20, replace(ballot, votes=replace(ballot.votes, base=unknown)))
    assert (K.BALLOT, "votes", ballot.id.hex()) in [
        (one.kind, one.rule, one.id) for one in chain.audit().findings
    ]


def test_beacons_of_epochs_without_ballots_are_counted(chain: Recorded) -> None:
    chain.run("INSERT INTO beacons VALUES (3, x'01020304')")
    report = chain.audit()
    assert report.findings == ()
    assert unchecked(report, K.BEACON) == {"no ballot of its epoch is in the file": 1}
    chain.run("UPDATE beacons SET epoch = 7 WHERE epoch = 3")
    assert chain.differences() == [(K.BEACON, "epoch")]


def test_the_first_beacon_of_a_single_node_follows_from_its_genesis(chain: Recorded) -> None:
    chain.run("UPDATE beacons SET beacon = x'01020304' WHERE epoch = 2")
    assert (K.BEACON, "beacon of the first epoch") in chain.differences()
    chain.run("UPDATE beacons SET epoch = 1")
    assert (K.BEACON, "epoch") in chain.differences()
