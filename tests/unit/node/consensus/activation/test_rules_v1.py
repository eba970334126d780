"""Every rule of version 1, with what it says of an ATX that breaks it."""

from dataclasses import replace
from typing import Any

import pytest

from node.base.errors import RejectError
from node.consensus.activation.rules import MAX_U64
from node.consensus.activation.rules_v1 import (
    AtxFactsV1,
    NonceClaim,
    check_facts,
    check_labels_per_unit,
    check_poet,
    check_shape,
    check_signature,
    commitment_of,
    dependencies,
    initial_claims,
    make_atx,
    nonce_of,
    nonce_to_check,
    post_claim,
    proven_space,
)
from node.crypto.ed25519 import Verifier
from node.types.atx import Atx
from node.types.atx_v1 import ActivationTxV1
from node.types.ids import NO_ATX, AtxID
from node.types.layer import EpochID
from node.types.post import Post, PostMetadata
from tests.support.activation import (
    GOLDEN,
    LABELS_PER_UNIT,
    PARAMETERS,
    POET_LEAVES,
    TICK_SIZE,
    TICKS,
    initial_atx,
    next_atx,
    signed,
)
from tests.support.chain import GENESIS, signer
from tests.support.chain import atx as stored_atx

OTHER = AtxID(b"o" * 32)
COMMITMENT = AtxID(b"c" * 32)
FIRST = initial_atx(1, num_units=2)
SECOND = next_atx(FIRST, num_units=3, positioning=OTHER)
PREVIOUS = stored_atx(1, id=FIRST.atx.id, num_units=2, vrf_nonce=9)
FIRST_FACTS = AtxFactsV1(
    stored_commitment=None, commitment=None, previous=None, previous_units=None, positioning=None
)
SECOND_FACTS = AtxFactsV1(
    stored_commitment=GOLDEN,
    commitment=None,
    previous=PREVIOUS,
    previous_units=2,
    positioning=stored_atx(2, id=OTHER, base_tick_height=100, tick_count=11),
)


def changed(atx: ActivationTxV1, **fields: Any) -> ActivationTxV1:
    """Change fields of the inner ATX or of its challenge, whichever has them."""
    challenge = {k: v for k, v in fields.items() if hasattr(atx.inner.challenge, k)}
    inner = {k: v for k, v in fields.items() if k not in challenge}
    part = replace(atx.inner.challenge, **challenge)
    return signed(1, replace(atx.inner, challenge=part, **inner))


def with_space(atx: ActivationTxV1, **fields: Any) -> ActivationTxV1:
    """Change fields of the NIPoST."""
    nipost = atx.inner.nipost
    assert nipost is not None
    return changed(atx, nipost=replace(nipost, **fields))


def atx_of(
    atx: ActivationTxV1, facts: AtxFactsV1, *, leaves: int = POET_LEAVES, received: int = 5
) -> Atx:
    return make_atx(atx, facts, leaf_count=leaves, tick_size=TICK_SIZE, received_ns=received)


def test_only_the_smesher_signs() -> None:
    verifier = Verifier(GENESIS)
    check_signature(FIRST.atx, verifier)
    with pytest.raises(RejectError, match="invalid signature"):
        check_signature(replace(FIRST.atx, smesher=signer(2).smesher_id), verifier)


def test_well_formed_atxs_pass() -> None:
    check_shape(FIRST.atx, EpochID(0))
    check_shape(SECOND.atx, EpochID(1))


@pytest.mark.parametrize(
    ("atx", "epoch", "problem"),
    [
        (changed(FIRST.atx, nipost=None), 1, "nil nipst"),
        (with_space(FIRST.atx, post=None), 1, "nil nipst"),
        (with_space(FIRST.atx, post_metadata=None), 1, "nil nipst"),
        (
            with_space(
                FIRST.atx, post_metadata=PostMetadata(challenge=b"short", labels_per_unit=1)
            ),
            1,
            "challenge of 5 bytes",
        ),
        (changed(FIRST.atx, publish_epoch=EpochID(4)), 2, "epoch 4 is too far"),
        (changed(FIRST.atx, positioning_atx=NO_ATX), 1, "empty positioning"),
        (changed(FIRST.atx, initial_post=None), 1, "no initial post"),
        (changed(FIRST.atx, initial_smesher=None), 1, "no node id"),
        (changed(FIRST.atx, vrf_nonce=None), 1, "no vrf nonce"),
        (changed(FIRST.atx, commitment_atx=None), 1, "no commitment"),
        (changed(FIRST.atx, commitment_atx=NO_ATX), 1, "empty commitment"),
        (changed(FIRST.atx, sequence=1), 1, "sequence 1"),
        (changed(SECOND.atx, initial_smesher=signer(1).smesher_id), 1, "a node id"),
        (
            changed(SECOND.atx, initial_post=Post(nonce=0, indices=b"", pow=0)),
            1,
            "an initial post",
        ),
        (changed(SECOND.atx, commitment_atx=GOLDEN), 1, "a commitment atx"),
    ],
)
def test_a_malformed_atx_is_rejected(atx: ActivationTxV1, epoch: int, problem: str) -> None:
    with pytest.raises(RejectError, match=problem):
        check_shape(atx, EpochID(epoch))


def test_any_owner_may_stand_in_an_initial_atx() -> None:
    check_shape(changed(FIRST.atx, initial_smesher=signer(2).smesher_id), EpochID(1))


def test_an_initial_atx_claims_a_nonce_and_its_first_post() -> None:
    claims = initial_claims(FIRST.atx)
    assert claims is not None
    nonce, post, claim = claims
    assert nonce == NonceClaim(
        commitment_atx=GOLDEN,
        num_labels=2 * LABELS_PER_UNIT,
        nonce=FIRST.atx.inner.vrf_nonce or 0,
    )
    assert post == FIRST.atx.inner.challenge.initial_post
    assert (claim.challenge, claim.num_units) == (bytes(32), 2)
    assert initial_claims(SECOND.atx) is None


def test_labels_of_a_nonce_are_counted_in_64_bits() -> None:
    metadata = PostMetadata(challenge=bytes(32), labels_per_unit=1 << 63)
    claims = initial_claims(with_space(FIRST.atx, post_metadata=metadata))
    assert claims is not None
    assert claims[0].num_labels == 0


def test_what_an_atx_names_is_fetched_once_and_the_golden_one_never() -> None:
    assert dependencies(FIRST.atx, GOLDEN) == ()
    assert dependencies(SECOND.atx, GOLDEN) == (FIRST.atx.id, OTHER)
    same = changed(FIRST.atx, positioning_atx=OTHER, commitment_atx=OTHER)
    assert dependencies(same, GOLDEN) == (OTHER,)


def test_good_references_pass() -> None:
    check_facts(FIRST.atx, FIRST_FACTS, PARAMETERS)
    check_facts(SECOND.atx, SECOND_FACTS, PARAMETERS)
    with_commitment = changed(FIRST.atx, commitment_atx=COMMITMENT)
    facts = replace(FIRST_FACTS, commitment=stored_atx(3, publish_epoch=0))
    check_facts(with_commitment, facts, PARAMETERS)


@pytest.mark.parametrize(
    ("atx", "facts", "problem"),
    [
        (SECOND.atx, replace(SECOND_FACTS, stored_commitment=None), "commitment atx of smesher"),
        (changed(FIRST.atx, commitment_atx=COMMITMENT), FIRST_FACTS, "commitment atx is not known"),
        (
            changed(FIRST.atx, commitment_atx=COMMITMENT),
            replace(FIRST_FACTS, commitment=stored_atx(3)),
            "commitment atx is of epoch 1, not before 1",
        ),
        (SECOND.atx, replace(SECOND_FACTS, previous=None), "previous atx is not known"),
        (SECOND.atx, replace(SECOND_FACTS, previous_units=None), "proves no space"),
        (
            SECOND.atx,
            replace(SECOND_FACTS, previous=replace(PREVIOUS, smesher=signer(2).smesher_id)),
            "is of smesher",
        ),
        (
            SECOND.atx,
            replace(SECOND_FACTS, previous=replace(PREVIOUS, publish_epoch=EpochID(2))),
            "previous atx is of epoch 2, not before 2",
        ),
        (
            SECOND.atx,
            replace(SECOND_FACTS, previous=replace(PREVIOUS, sequence=1)),
            "sequence 1 is not one more than 1",
        ),
        (SECOND.atx, replace(SECOND_FACTS, positioning=None), "positioning atx is not known"),
        (
            SECOND.atx,
            replace(SECOND_FACTS, positioning=stored_atx(2, publish_epoch=2)),
            "positioning atx is of epoch 2",
        ),
        (changed(FIRST.atx, num_units=0), FIRST_FACTS, "0 units, want 1 to 4"),
        (changed(FIRST.atx, num_units=5), FIRST_FACTS, "5 units, want 1 to 4"),
        (
            with_space(
                FIRST.atx,
                post_metadata=PostMetadata(challenge=bytes(32), labels_per_unit=63),
            ),
            FIRST_FACTS,
            "63 labels per unit",
        ),
    ],
)
def test_a_bad_reference_is_rejected(atx: ActivationTxV1, facts: AtxFactsV1, problem: str) -> None:
    with pytest.raises(RejectError, match=problem):
        check_facts(atx, facts, PARAMETERS)


def test_units_may_be_larger_than_the_networks() -> None:
    metadata = PostMetadata(challenge=bytes(32), labels_per_unit=LABELS_PER_UNIT + 1)
    check_labels_per_unit(with_space(FIRST.atx, post_metadata=metadata), PARAMETERS)


def test_a_nonce_is_checked_again_when_it_changes_or_the_space_grew() -> None:
    assert nonce_to_check(FIRST.atx, FIRST_FACTS) is None
    assert nonce_to_check(SECOND.atx, SECOND_FACTS) == NonceClaim(
        commitment_atx=GOLDEN, num_labels=3 * LABELS_PER_UNIT, nonce=9
    )
    same_size = changed(SECOND.atx, num_units=2)
    assert nonce_to_check(same_size, SECOND_FACTS) is None
    claim = nonce_to_check(changed(same_size, vrf_nonce=0), SECOND_FACTS)
    assert claim == NonceClaim(commitment_atx=GOLDEN, num_labels=2 * LABELS_PER_UNIT, nonce=0)


def test_a_nonce_is_inherited() -> None:
    assert nonce_of(SECOND.atx, SECOND_FACTS) == 9
    assert nonce_of(changed(SECOND.atx, vrf_nonce=0), SECOND_FACTS) == 0
    with pytest.raises(RejectError, match="no vrf nonce"):
        nonce_of(SECOND.atx, FIRST_FACTS)


def test_the_post_is_made_for_the_poet_proof_and_all_declared_units() -> None:
    claim = post_claim(SECOND.atx, SECOND_FACTS)
    assert claim.challenge == SECOND.poet.proof.ref == proven_space(SECOND.atx).poet_ref
    assert (claim.smesher, claim.commitment_atx, claim.num_units) == (
        signer(1).smesher_id,
        GOLDEN,
        3,
    )
    assert commitment_of(FIRST.atx, SECOND_FACTS) == GOLDEN


def test_the_challenge_was_a_member_of_the_poet_round() -> None:
    check_poet(FIRST.atx, FIRST.poet.statement)
    with pytest.raises(RejectError, match="not proven"):
        check_poet(changed(FIRST.atx, publish_epoch=EpochID(2)), FIRST.poet.statement)


def test_an_initial_atx_counts_in_full() -> None:
    made = atx_of(FIRST.atx, FIRST_FACTS)
    assert (made.id, made.smesher, made.version) == (FIRST.atx.id, FIRST.atx.smesher, 1)
    assert (made.num_units, made.tick_count, made.weight) == (2, TICKS, 2 * TICKS)
    assert (made.base_tick_height, made.received_ns, made.commitment_atx) == (0, 5, GOLDEN)
    assert (made.previous_atx, made.sequence) == (NO_ATX, 0)


def test_a_later_atx_counts_with_what_both_proved() -> None:
    made = atx_of(SECOND.atx, SECOND_FACTS)
    assert (made.num_units, made.weight, made.vrf_nonce) == (2, 2 * TICKS, 9)
    assert (made.base_tick_height, made.tick_height) == (111, 111 + TICKS)
    # What counts is what the previous one declared, whatever it counted with itself.
    assert atx_of(SECOND.atx, replace(SECOND_FACTS, previous_units=4)).num_units == 3


def test_too_much_weight_is_rejected() -> None:
    with pytest.raises(RejectError, match="overflows"):
        atx_of(FIRST.atx, FIRST_FACTS, leaves=MAX_U64 * TICK_SIZE)
