"""What ATXs of version 2 derive from their fields."""

from node.base.hashing import hash_node
from node.types.address import NO_ADDRESS
from node.types.atx_v2 import ActivationTxV2, InitialAtxPartsV2, NIPostChallengeV2
from node.types.ids import (
    NO_ATX,
    EdSignature,
    SmesherID,
)
from node.types.layer import EpochID
from node.types.post import Post


def test_an_atx_without_initial_parts_or_marriage_has_an_id() -> None:
    atx = ActivationTxV2(
        publish_epoch=EpochID(4),
        positioning_atx=NO_ATX,
        coinbase=NO_ADDRESS,
        initial=None,
        previous_atxs=(NO_ATX,),
        niposts=(),
        vrf_nonce=1,
        marriages=(),
        marriage_atx=None,
        smesher=SmesherID.zero(),
        signature=EdSignature.zero(),
    )
    assert atx.signed_bytes() == atx.id


def test_challenges_of_both_versions_differ_from_their_encodings_hash() -> None:
    challenge = NIPostChallengeV2(
        publish_epoch=EpochID(1), previous_atx=NO_ATX, positioning_atx=NO_ATX, initial_post=None
    )
    assert len(challenge.challenge_hash()) == 32


def test_the_initial_parts_have_one_root_of_commitment_and_post() -> None:
    post = Post(nonce=1, indices=b"\x01", pow=2)
    parts = InitialAtxPartsV2(commitment_atx=NO_ATX, post=post)
    assert parts.root() == hash_node(NO_ATX, post.root())
