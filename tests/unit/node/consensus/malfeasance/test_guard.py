"""The guard: what our own identities may not say, why, and who is told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import PreconditionError
from node.consensus.malfeasance.guard import EquivocationGuard
from node.events import Bus, PublicationRefused, Subscription
from node.store.ballots import put_ballot
from node.store.identities import Malfeasance, put_malfeasance
from node.store.local import Statement, find_claim
from node.types.ids import AtxID, BallotID, BlockID, Hash32
from node.types.layer import EpochID, LayerID
from tests.support.chain import Chain, atx, ballot, signer

OWN = signer(1).smesher_id
LAYER = LayerID(9)
HARE = Statement.of_hare(OWN, LAYER, 3, Hash32(b"h" * 32))
CERTIFY = Statement.of_certify(OWN, LAYER, BlockID(b"b" * 20))


class Guarded:
    """A guard, its databases (in one), and who listens."""

    def __init__(self, chain: Chain, heard: Subscription[PublicationRefused], bus: Bus) -> None:
        self.chain = chain
        self.heard = heard
        self.guard = EquivocationGuard(db=chain.db, local=chain.db, bus=bus)

    def convict(self) -> None:
        with self.chain.db.batch() as batch:
            put_malfeasance(batch, Malfeasance(smesher=OWN, proof=b"proof", received_ns=1))

    def told(self) -> list[PublicationRefused]:
        found = []
        while (event := self.heard.take()) is not None:
            found.append(event)
        return found


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    bus = Bus()
    chain = Chain(tmp_path)
    with bus.subscribe(PublicationRefused) as heard:
        yield Guarded(chain, heard, bus)
    chain.db.close()


def test_a_first_statement_passes_and_is_on_the_disk(guarded: Guarded) -> None:
    guarded.guard.check_identity(OWN)
    for _ in range(2):
        guarded.guard.claim(HARE)
    assert find_claim(guarded.chain.db, HARE) == HARE.digest
    assert guarded.told() == []


def test_a_second_statement_is_refused_and_observers_learn_why_once(guarded: Guarded) -> None:
    guarded.guard.claim(HARE)
    with pytest.raises(PreconditionError):
        guarded.guard.claim(replace(HARE, digest=b"y" * 32))
    with pytest.raises(PreconditionError, match="must not sign") as caught:
        guarded.guard.claim(replace(HARE, digest=b"x" * 32))
    assert caught.value.code == "smesh.precondition.claimed"
    (event,) = guarded.told()
    assert event.smesher == OWN
    assert event.what == "hare 7979797979 of layer 9, round 3"
    assert (event.code, event.reason, event.hint) == (
        "smesh.precondition.claimed",
        str(caught.value).replace("7878787878", "7979797979"),
        caught.value.hint,
    )
    guarded.guard.claim(CERTIFY)
    with pytest.raises(PreconditionError):
        guarded.guard.claim(replace(CERTIFY, digest=b"x" * 20))
    assert [event.what for event in guarded.told()] == ["certify 7878787878 of layer 9"]


def test_a_convicted_identity_says_nothing_more(guarded: Guarded) -> None:
    guarded.guard.claim(HARE)
    guarded.convict()
    for statement in (HARE, CERTIFY):
        with pytest.raises(PreconditionError, match="convicted"):
            guarded.guard.claim(statement)
    with pytest.raises(PreconditionError, match="publish anything: it is convicted") as caught:
        guarded.guard.check_identity(OWN)
    assert caught.value.code == "smesh.precondition.convicted"
    assert caught.value.hint
    assert len(guarded.told()) == 1
    guarded.guard.check_identity(signer(2).smesher_id)


def test_an_atx_that_was_published_elsewhere_is_the_only_one_of_its_epoch(
    guarded: Guarded,
) -> None:
    guarded.chain.add_atx(atx(1))
    known = Statement.of_atx(OWN, EpochID(1), atx(1).id)
    guarded.guard.claim(known)
    other = replace(known, digest=AtxID(b"x" * 32))
    with pytest.raises(
        PreconditionError, match="of epoch 1: 0101010101 was, by another node"
    ) as caught:
        guarded.guard.claim(other)
    assert caught.value.code == "smesh.precondition.key_in_use"
    guarded.guard.claim(replace(other, slot=2))


def test_a_ballot_that_was_published_elsewhere_is_the_only_one_of_its_layer(
    guarded: Guarded,
) -> None:
    made = ballot(1, LAYER)
    with guarded.chain.db.batch() as batch:
        put_ballot(batch, made)
    guarded.guard.claim(Statement.of_ballot(OWN, LAYER, made.id))
    with pytest.raises(PreconditionError, match=r"of layer 9: .* by another node"):
        guarded.guard.claim(Statement.of_ballot(OWN, LAYER, BallotID(b"x" * 20)))


def test_what_we_said_ourselves_may_come_back(guarded: Guarded) -> None:
    guarded.guard.claim(HARE)
    assert not guarded.guard.hear(HARE)
    guarded.guard.claim(CERTIFY)


@pytest.mark.parametrize("claimed_before", [True, False])
def test_an_identity_that_speaks_elsewhere_falls_silent(
    guarded: Guarded, *, claimed_before: bool
) -> None:
    if claimed_before:
        guarded.guard.claim(HARE)
    foreign = replace(HARE, digest=b"f" * 32)
    assert guarded.guard.hear(foreign)
    assert guarded.guard.hear(replace(foreign, slot=foreign.slot + 1))
    for statement in (HARE, CERTIFY):
        with pytest.raises(PreconditionError, match="another node said hare 6666666666") as caught:
            guarded.guard.claim(statement)
        assert caught.value.code == "smesh.precondition.key_in_use"
    assert [event.code for event in guarded.told()] == ["smesh.precondition.key_in_use"]
    again = EquivocationGuard(db=guarded.chain.db, local=guarded.chain.db, bus=Bus())
    again.claim(CERTIFY)
    if not claimed_before:
        with pytest.raises(PreconditionError, match="must not sign"):
            again.claim(HARE)
