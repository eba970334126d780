"""Bytes and digests of hare messages, as the digest's golden figures have them."""

from dataclasses import replace

import pytest

from node.base import scale
from node.base.hashing import hash32
from node.consensus.hare.gradecast import RoundMessage
from node.consensus.hare.messages import compacted, completed
from node.consensus.hare.rules import make_equivocation_proof
from node.consensus.hare.wire import (
    BodyV3,
    BodyV4,
    HareEligibility,
    IterRound,
    MessageV3,
    MessageV4,
    ValueV3,
    ValueV4,
    compute_reference,
)
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, private_key_of
from node.types.ids import (
    CompactProposalID,
    EdSignature,
    GenesisID,
    Hash32,
    ProposalID,
    SmesherID,
    VrfSignature,
)
from node.types.layer import LayerID

P1, P2 = ProposalID(bytes(range(0x10, 0x24))), ProposalID(bytes(range(0x40, 0x54)))
REFERENCE = Hash32(bytes(range(0x80, 0xA0)))
VRF = VrfSignature(bytes(range(0x01, 0x51)))
SENDER = SmesherID(bytes(range(0xA0, 0xC0)))
SIGNATURE = EdSignature(bytes(range(0x20, 0x60)))
NAMES = tuple(map(CompactProposalID.fromhex, ("01020304", "05060708")))


def body(round_: int, *proposals: ProposalID, reference: Hash32 | None = None) -> BodyV3:
    return BodyV3(
        layer=LayerID(105720),
        iter_round=IterRound(iteration=1, round=round_),
        value=ValueV3(proposals=proposals, reference=reference),
        eligibility=HareEligibility(proof=VRF, count=2 if proposals else 70),
    )


PROPOSE = MessageV3(body=body(3, P1, P2), sender=SENDER, signature=SIGNATURE)
PREROUND = MessageV4(
    body=BodyV4(
        layer=LayerID(20),
        iter_round=IterRound(iteration=0, round=0),
        value=ValueV4(proposals=(), reference=None, compact_proposals=NAMES),
        eligibility=HareEligibility(proof=VRF, count=2),
    ),
    sender=SENDER,
    signature=SIGNATURE,
)


def test_a_propose_message_has_the_golden_bytes_and_digest() -> None:
    golden = "e2730600040c08" + P1.hex() + P2.hex() + "00" + VRF.hex() + "08"
    assert scale.encode(PROPOSE.body).hex() == golden
    assert PROPOSE.hash.hex() == (
        "d473428ed19ba47b71d55c9a1750de579cd4abc1282dc6c90ae41877703a522b"
    )
    assert PROPOSE.signed_bytes().hex() == "e273060028" + PROPOSE.hash.hex()
    assert scale.decode(MessageV3, scale.encode(PROPOSE)) == PROPOSE


def test_a_commit_message_has_the_golden_bytes_and_digest() -> None:
    commit = body(6, reference=REFERENCE)
    golden = "e273060004180001" + REFERENCE.hex() + VRF.hex() + "1901"
    assert scale.encode(commit).hex() == golden
    assert hash32(scale.encode(commit)).hex() == (
        "937b34ff7ac88bded3aec802218d035f2e9848981925025c64691dbdae9e4f30"
    )


def test_a_compact_preround_is_signed_in_its_full_form() -> None:
    golden = "500000000008" + "0102030405060708" + VRF.hex() + "08"
    assert scale.encode(PREROUND.body).hex() == golden
    assert PREROUND.hash.hex() == (
        "8b0b2652c6c19ed4e24451fea938c40f82e9f5af523988afe1199d962b7fb0c3"
    )
    full = completed(PREROUND, [P1, P2])
    assert scale.encode(full.body).hex() == (
        "50000008" + P1.hex() + P2.hex() + "0000" + VRF.hex() + "08"
    )
    assert full.hash.hex() == "6da79cbccfce3a374e727116030504a605e212c7815b33b864b59cd8d599f885"
    assert full.signed_bytes().hex() == "5000" + full.hash.hex()
    assert compacted(full, NAMES) == PREROUND


@pytest.mark.parametrize(
    ("proposals", "reference"),
    [
        ((P1, P2), "2cad2f1a3e55140616cc4d3fe40b6f3383117d91734e68bdcd8227c9aa8f124c"),
        ((), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    ],
)
def test_references_are_those_of_padded_identifiers(
    proposals: tuple[ProposalID, ...], reference: str
) -> None:
    assert compute_reference(proposals).hex() == reference


def test_a_signature_is_the_golden_one() -> None:
    signer = Signer(private_key_of(bytes(range(32))), GenesisID(b"\x11" * 20))
    assert signer.sign(Domain.HARE, PROPOSE.signed_bytes()).hex() == (
        "bbc0b8133e822daaca733d689ad8f6b711539b17ebbdf799bf0c8a91657472795302156a01feefb8"
        "1c32f16a215d6f849cb9008b477882b75a39195e56bae108"
    )


def test_a_proof_of_two_messages_has_the_golden_length() -> None:
    first = RoundMessage.of(PROPOSE, malicious=False)
    second = replace(first, digest=Hash32.zero())
    proof = scale.encode(make_equivocation_proof(LayerID(105720), first, second))
    assert len(proof) == 271
    assert proof[:5].hex() == "e273060003"
    assert proof[5:138] == PROPOSE.signed_bytes() + SENDER + SIGNATURE
    assert proof[138:].hex() == "e273060028" + "00" * 32 + SENDER.hex() + SIGNATURE.hex()
