"""Progress of own smeshers, and the claims that keep them from equivocating."""

from dataclasses import replace

import pytest

from node.base.errors import NotFoundError, PreconditionError
from node.store import local
from node.store.db import LevelDB
from node.store.local import Duty, Statement
from node.types.challenge import PendingChallenge
from node.types.ids import NO_ATX, BallotID, BlockID, PoetRef
from node.types.layer import EpochID, LayerID
from node.types.post import MembershipProof, Post
from tests.support.store_records import atx_id, digest, smesher

POST = Post(nonce=1, indices=b"\x01\x02", pow=3)
MEMBERSHIP = MembershipProof(nodes=(digest(1),), leaf_index=4)
OWN, OTHER = smesher(1), smesher(2)


def challenge(epoch: int) -> PendingChallenge:
    return PendingChallenge(
        publish_epoch=EpochID(epoch),
        sequence=2,
        previous_atx=NO_ATX,
        positioning_atx=atx_id(1),
        commitment_atx=atx_id(2),
        initial_post=POST,
        poet_ref=None,
        membership=None,
    )


def registration(address: str) -> local.PoetRegistration:
    return local.PoetRegistration(
        address=address, challenge_hash=digest(3), round_id="7", round_end_ns=10**18
    )


NIPOST = local.FinishedNIPost(
    post=POST,
    num_units=4,
    vrf_nonce=9,
    membership=MEMBERSHIP,
    poet_ref=PoetRef(bytes(32)),
    labels_per_unit=64,
)
INITIAL = local.InitialPost(
    post=POST, num_units=4, commitment_atx=atx_id(2), vrf_nonce=9, challenge=digest(0)
)


def test_the_initial_post_is_kept_until_it_is_deleted(db: LevelDB) -> None:
    assert local.find_initial_post(db, OWN) is None
    with db.batch(sync=False) as batch:
        local.put_initial_post(batch, OWN, INITIAL)
    assert local.find_initial_post(db, OWN) == INITIAL
    with db.batch(sync=False) as batch:
        local.delete_initial_post(batch, OWN)
    assert local.find_initial_post(db, OWN) is None


def test_a_reset_forgets_the_progress_of_one_smesher(db: LevelDB) -> None:
    with db.batch(sync=False) as batch:
        for of in (OWN, OTHER):
            local.put_challenge(batch, of, challenge(3))
            local.put_registration(batch, of, registration("http://b"))
            local.put_registration(batch, of, registration("http://a"))
            local.put_nipost(batch, of, NIPOST)
            local.put_initial_post(batch, of, INITIAL)
    assert local.get_challenge(db, OWN) == challenge(3)
    assert [found.address for found in local.registrations(db, OWN)] == ["http://a", "http://b"]
    assert local.find_nipost(db, OWN) == NIPOST
    assert list(local.smeshers_in_progress(db)) == [OWN, OTHER]
    with db.batch(sync=False) as batch:
        local.reset_progress(batch, db, OWN)
    assert local.find_challenge(db, OWN) is None
    assert local.registrations(db, OWN) == ()
    assert local.find_nipost(db, OWN) is None
    assert local.find_initial_post(db, OWN) == INITIAL
    assert local.find_challenge(db, OTHER) == challenge(3)
    assert len(local.registrations(db, OTHER)) == 2
    with pytest.raises(NotFoundError, match="challenge of smesher"):
        local.get_challenge(db, OWN)


def test_certificates_are_kept_by_certifier(db: LevelDB) -> None:
    certificate = local.PoetCertificate(certificate=b"c", signature=b"s")
    with db.batch(sync=False) as batch:
        local.put_poet_certificate(batch, OWN, b"key", certificate)
    assert local.find_poet_certificate(db, OWN, b"key") == certificate
    assert local.find_poet_certificate(db, OWN, b"other") is None
    with db.batch(sync=False) as batch:
        local.delete_poet_certificate(batch, OWN, b"key")
    assert local.find_poet_certificate(db, OWN, b"key") is None


def test_a_built_atx_is_kept_for_its_epoch(db: LevelDB) -> None:
    with db.batch(sync=False) as batch:
        local.put_built_atx(batch, OWN, EpochID(3), b"three")
        local.put_built_atx(batch, OWN, EpochID(4), b"four")
    with db.batch(sync=False) as batch:
        local.delete_built_atxs(batch, db, OWN, EpochID(4))
    assert local.find_built_atx(db, OWN, EpochID(3)) is None
    assert local.find_built_atx(db, OWN, EpochID(4)) == b"four"


def test_prepared_active_sets_are_kept_by_kind_and_epoch(db: LevelDB) -> None:
    prepared = local.PreparedActiveSet(digest=digest(1), weight=2**63, atx_ids=(atx_id(1),))
    with db.batch(sync=False) as batch:
        for epoch in (3, 4):
            local.put_prepared_active_set(
                batch, local.ActiveSetKind.TORTOISE, EpochID(epoch), prepared
            )
    kind = local.ActiveSetKind.TORTOISE
    assert local.find_prepared_active_set(db, kind, EpochID(3)) == prepared
    assert local.find_prepared_active_set(db, local.ActiveSetKind.HARE, EpochID(3)) is None
    with db.batch(sync=False) as batch:
        local.prune_prepared_active_sets(batch, db, EpochID(4))
    assert local.find_prepared_active_set(db, kind, EpochID(3)) is None
    assert local.find_prepared_active_set(db, kind, EpochID(4)) == prepared


EPOCH, LAYER = EpochID(3), LayerID(3)
BALLOT = BallotID(b"b" * 20)
STATEMENTS = (
    Statement.of_atx(OWN, EPOCH, atx_id(1)),
    Statement.of_ballot(OWN, LAYER, BALLOT),
    Statement.of_hare(OWN, LAYER, 8, digest(1)),
    Statement.of_certify(OWN, LAYER, BlockID(b"c" * 20)),
    Statement.of_first_votes(OWN, EPOCH, digest(2)),
    Statement.of_following_votes(OWN, EPOCH, 5, digest(3)),
)
"""One for each duty."""


def test_the_same_thing_may_be_claimed_again(db: LevelDB) -> None:
    for _ in range(2):
        for statement in STATEMENTS:
            local.claim(db, statement)
    assert [local.find_claim(db, statement) for statement in STATEMENTS] == [
        statement.digest for statement in STATEMENTS
    ]
    assert {statement.duty for statement in STATEMENTS} == set(Duty)


@pytest.mark.parametrize(
    ("statement", "said"),
    zip(
        STATEMENTS,
        (
            "atx 0000000000 of epoch 3",
            "ballot 6262626262 of layer 3",
            "hare 0000000000 of layer 3, round 8",
            "certify 6363636363 of layer 3",
            "first votes 0000000000 of epoch 3",
            "following votes 0000000000 of epoch 3, round 5",
        ),
        strict=True,
    ),
)
def test_a_second_thing_is_refused_and_the_first_stays(
    db: LevelDB, statement: Statement, said: str
) -> None:
    local.claim(db, statement)
    other = replace(statement, digest=b"x" * len(statement.digest))
    with pytest.raises(
        PreconditionError, match=f"has signed {said} and must not sign 7878787878"
    ) as caught:
        local.claim(db, other)
    assert caught.value.code == "smesh.precondition.claimed"
    assert local.find_claim(db, other) == statement.digest


def test_claims_of_others_and_of_other_slots_do_not_matter(db: LevelDB) -> None:
    local.claim(db, Statement.of_hare(OWN, LAYER, 8, digest(1)))
    local.claim(db, Statement.of_hare(OTHER, LAYER, 8, digest(2)))
    local.claim(db, Statement.of_hare(OWN, LAYER, 9, digest(3)))
    assert [slot for slot, _ in local.claims_of(db, Duty.HARE, OWN)] == [
        (3 << 32) + 8,
        (3 << 32) + 9,
    ]


def test_old_claims_are_pruned(db: LevelDB) -> None:
    for number in (1, 2, 3):
        epoch, layer = EpochID(number), LayerID(number * 10)
        local.claim(db, Statement.of_atx(OWN, epoch, atx_id(number)))
        local.claim(db, Statement.of_ballot(OWN, layer, BALLOT))
        local.claim(db, Statement.of_hare(OWN, layer, 70, digest(number)))
        local.claim(db, Statement.of_certify(OWN, layer, BlockID(b"c" * 20)))
        local.claim(db, Statement.of_first_votes(OWN, epoch, digest(number)))
        local.claim(db, Statement.of_following_votes(OWN, epoch, 3, digest(number)))
    with db.batch(sync=False) as batch:
        local.prune_claims(batch, db, OWN, EpochID(2), LayerID(20))
    for duty in Duty:
        assert len(list(local.claims_of(db, duty, OWN))) == 2
    assert local.find_claim(db, Statement.of_ballot(OWN, LayerID(10), BALLOT)) is None
