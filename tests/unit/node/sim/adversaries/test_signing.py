"""What adversaries sign of a beacon."""

import pytest

from node.base import scale
from node.consensus.beacon.rules import decode_votes, encode_votes
from node.consensus.beacon.wire import (
    FirstVotesBody,
    FirstVotesMessage,
    FollowingVotesBody,
    FollowingVotesMessage,
)
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, Verifier, private_key_of
from node.sim.adversaries.signing import sign_first_votes_against, sign_opposite_votes
from node.types.ids import BeaconProposal, EdSignature, GenesisID
from node.types.layer import EpochID

GENESIS = GenesisID(bytes(GenesisID.SIZE))
SIGNER = Signer(private_key_of(bytes(32)), GENESIS)
ITEMS = tuple(BeaconProposal(number.to_bytes(4, "big")) for number in range(12))


def test_first_votes_are_turned_against_everything() -> None:
    honest = FirstVotesMessage(
        body=FirstVotesBody(epoch=EpochID(2), valid=ITEMS[:5], potentially_valid=ITEMS[5:]),
        smesher=SIGNER.smesher_id,
        signature=EdSignature.zero(),
    )
    doubting = sign_first_votes_against(honest, SIGNER)
    assert (doubting.body.valid, doubting.body.potentially_valid) == ((), ITEMS)
    assert Verifier(GENESIS).verify(
        Domain.BEACON_FIRST_MESSAGE,
        doubting.smesher,
        scale.encode(doubting.body),
        doubting.signature,
    )


@pytest.mark.parametrize("supported", [(), ITEMS[:3], ITEMS[9:], ITEMS])
def test_opposite_votes_are_so_on_every_item(supported: tuple[BeaconProposal, ...]) -> None:
    honest = FollowingVotesMessage(
        body=FollowingVotesBody(epoch=EpochID(2), round=1, votes=encode_votes(ITEMS, supported)),
        smesher=SIGNER.smesher_id,
        signature=EdSignature.zero(),
    )
    opposite = sign_opposite_votes(honest, len(ITEMS), SIGNER)
    support, against = decode_votes(ITEMS, opposite.body.votes)
    assert against == supported
    assert opposite.body.votes == encode_votes(ITEMS, support)
    assert Verifier(GENESIS).verify(
        Domain.BEACON_FOLLOWUP_MESSAGE,
        opposite.smesher,
        scale.encode(opposite.body),
        opposite.signature,
    )
