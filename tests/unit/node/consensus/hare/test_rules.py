"""Shapes of messages, compact names, and the choice of the initial set."""

from dataclasses import replace

import pytest

from node.base.errors import DecodeError, IgnoreError, RejectError
from node.consensus.hare.messages import (
    Content,
    Version,
    decode_answer,
    encode_answer,
    is_signed,
    sign_message,
)
from node.consensus.hare.rules import (
    Candidate,
    check_shape,
    compact_id,
    match_compact,
    select_proposals,
)
from node.consensus.hare.wire import HareEligibility, IterRound, Round
from node.crypto.ed25519 import Verifier
from node.types.ids import AtxID, Beacon, CompactProposalID, Hash32, ProposalID, VrfSignature
from tests.support.chain import BEACON, GENESIS, signer
from tests.support.hare import LAYER, A, B, C, proposal

NAME, OTHER = CompactProposalID(b"name"), CompactProposalID(b"othr")
REFERENCE = Hash32(b"r" * 32)


def content(round_: int, reference: Hash32 | None) -> Content:
    return Content(
        layer=LAYER,
        iter_round=IterRound(iteration=0, round=round_),
        reference=reference,
        eligibility=HareEligibility(proof=VrfSignature.zero(), count=1),
    )


@pytest.mark.parametrize("version", list(Version))
@pytest.mark.parametrize(
    ("round_", "reference"),
    [(Round.COMMIT, None), (Round.NOTIFY, None), (Round.PREROUND, REFERENCE), (3, REFERENCE)],
)
def test_a_reference_in_the_wrong_place_is_rejected(
    version: Version, round_: int, reference: Hash32 | None
) -> None:
    with pytest.raises(RejectError, match="reference"):
        check_shape(sign_message(version, content(round_, reference), signer(1)))


@pytest.mark.parametrize(
    ("round_", "reference"),
    [(0, None), (3, None), (6, REFERENCE), (7, REFERENCE), (1, None), (4, REFERENCE)],
)
def test_other_shapes_pass(round_: int, reference: Hash32 | None) -> None:
    check_shape(sign_message(Version.HARE3, content(round_, reference), signer(1)))


def test_rounds_that_do_not_exist_are_ignored() -> None:
    with pytest.raises(IgnoreError, match="round 8"):
        check_shape(sign_message(Version.HARE3, content(8, None), signer(1)))


@pytest.mark.parametrize("version", list(Version))
def test_signed_messages_verify_and_changed_ones_do_not(version: Version) -> None:
    message = sign_message(version, content(3, None), signer(1))
    assert is_signed(Verifier(GENESIS), message)
    assert not is_signed(Verifier(GENESIS), replace(message, sender=signer(2).smesher_id))


def test_a_proposal_is_named_by_its_first_eligibility() -> None:
    named = proposal(1, name=b"name")
    assert compact_id(named) == NAME
    bare = replace(
        named, inner=replace(named.inner, ballot=replace(named.ballot, eligibilities=()))
    )
    assert compact_id(bare) is None


@pytest.mark.parametrize(
    ("compact", "known", "matched"),
    [
        ([], [(A, NAME)], ()),
        ([NAME, OTHER], [(A, OTHER), (B, NAME), (C, NAME)], (A, B)),
        pytest.param([NAME, NAME], [(C, NAME), (B, NAME), (A, NAME)], (A, B), id="lowest first"),
        pytest.param([NAME, NAME], [(A, NAME)], None, id="each once"),
        pytest.param([NAME, OTHER], [(A, NAME)], None, id="unknown"),
    ],
)
def test_compact_names_are_matched(
    compact: list[CompactProposalID],
    known: list[tuple[ProposalID, CompactProposalID]],
    matched: tuple[ProposalID, ...] | None,
) -> None:
    assert match_compact(compact, known) == matched


def candidate(identifier: ProposalID, **changed: object) -> Candidate:
    plain = Candidate(
        id=identifier,
        atx_id=AtxID(identifier.ljust(32, b"\0")),
        beacon=BEACON,
        base_height=9,
        malicious=False,
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def test_all_proposals_that_nothing_speaks_against_are_selected_in_order() -> None:
    assert select_proposals([candidate(B), candidate(A)], 10, BEACON) == (A, B)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"malicious": True}, id="malicious"),
        pytest.param({"atx_id": AtxID(A.ljust(32, b"\0"))}, id="same ATX as the malicious one"),
        pytest.param({"base_height": 10}, id="too high"),
        pytest.param({"beacon": Beacon(b"else")}, id="other beacon"),
    ],
)
def test_doubtful_proposals_are_left_out(changed: dict[str, object]) -> None:
    candidates = [candidate(B, **changed), candidate(C), candidate(A, malicious=True)]
    assert select_proposals(candidates, 10, BEACON) == (C,)


def test_nothing_is_selected_while_an_atx_is_unknown() -> None:
    candidates = [candidate(A), candidate(B, base_height=None)]
    assert select_proposals(candidates, 10, BEACON) == ()
    unknown = candidate(B, base_height=None, malicious=True)
    assert select_proposals([candidate(A), unknown], 10, BEACON) == (A,)


def test_nothing_is_selected_without_an_atx_of_our_own() -> None:
    assert select_proposals([candidate(A)], None, BEACON) == ()


def test_answers_of_the_exchange_are_framed_by_their_length() -> None:
    assert encode_answer([A]) == b"\x54\x04" + A
    assert decode_answer(encode_answer([A, B])) == (A, B)


@pytest.mark.parametrize("data", [b"", b"\x54\x04" + A[1:], b"\x58\x04" + A + b"\0"])
def test_malformed_answers_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_answer(data)


def test_more_than_an_answer_holds_is_not_served() -> None:
    with pytest.raises(IgnoreError, match="2051 proposals"):
        encode_answer([A] * 2051)
