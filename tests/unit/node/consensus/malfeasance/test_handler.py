"""The edge of proofs: who sent them decides what is left to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import DecodeError, RejectError, StoreError, UnavailableError
from node.consensus.malfeasance.wire import (
    EligibilityGossip,
    InvalidPostIndex,
    MalfeasanceData,
    MalfeasanceGossip,
    MalfeasanceProof,
    MultipleAtxs,
    RoundEligibility,
    SignedAtx,
)
from node.crypto.domains import Domain
from node.events import SmesherMalicious
from node.net.ports import PeerID
from node.post.verifying import Mode, One, PostClaim, ProofParameters
from node.store.identities import find_malfeasance, is_malicious
from node.types.ids import Hash32, VrfSignature
from node.types.layer import EpochID, LayerID
from node.types.metadata import AtxMetadata
from node.types.post import Post
from tests.support.activation import World, initial_atx, with_wrong_labels
from tests.support.chain import signer

PEER = PeerID("peer")
SMESHER = signer(1).smesher_id


def double_publish(hashes: bytes = b"ab") -> MultipleAtxs:
    def one(mark: int) -> SignedAtx:
        metadata = AtxMetadata(
            publish_epoch=EpochID(1), message_hash=Hash32(bytes([mark]) * Hash32.SIZE)
        )
        return SignedAtx(
            metadata=metadata,
            smesher=SMESHER,
            signature=signer(1).sign(Domain.ATX, scale.encode(metadata)),
        )

    return MultipleAtxs(messages=(one(hashes[0]), one(hashes[1])))


def proof_of(data: MalfeasanceData) -> MalfeasanceProof:
    return MalfeasanceProof(layer=LayerID(4), data=data)


def gossip_of(data: MalfeasanceData) -> bytes:
    return scale.encode(MalfeasanceGossip(proof=proof_of(data), eligibility=None))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


async def test_a_proof_is_stored_bare_told_and_announced(world: World) -> None:
    await world.take(initial_atx(1))
    with world.bus.subscribe(SmesherMalicious) as heard:
        await world.malfeasance.on_gossip(PEER, gossip_of(double_publish()))
        event = heard.take()
    found = find_malfeasance(world.db, SMESHER)
    assert found is not None
    assert found.proof == scale.encode(proof_of(double_publish()))
    assert found.received_ns == world.clock.now
    assert world.told.malicious == [SMESHER]
    assert world.atxdata.is_malicious(SMESHER)
    assert event == SmesherMalicious(smesher=SMESHER, proof=found.proof, is_own=False)


async def test_the_first_proof_stays_and_another_one_is_accepted(world: World) -> None:
    await world.take(initial_atx(1))
    await world.malfeasance.on_gossip(PEER, gossip_of(double_publish()))
    await world.malfeasance.on_gossip(PEER, gossip_of(double_publish(b"xy")))
    found = find_malfeasance(world.db, SMESHER)
    assert found is not None
    assert found.proof == scale.encode(proof_of(double_publish()))
    assert world.told.malicious == [SMESHER]


async def test_our_own_message_is_checked_and_told_but_not_stored(world: World) -> None:
    await world.take(initial_atx(1))
    await world.malfeasance.on_gossip(world.end.local, gossip_of(double_publish()))
    assert not is_malicious(world.db, SMESHER)
    assert world.told.malicious == [SMESHER]
    with pytest.raises(RejectError):
        await world.malfeasance.on_gossip(world.end.local, gossip_of(double_publish(b"aa")))


async def test_a_proof_against_ourselves_is_announced_as_such(world: World) -> None:
    await world.take(initial_atx(1))
    world.signers = [signer(1)]
    with world.bus.subscribe(SmesherMalicious) as heard:
        await world.malfeasance.on_gossip(PEER, gossip_of(double_publish()))
        event = heard.take()
    assert event is not None
    assert event.is_own


async def test_what_is_malformed_or_outdated_is_rejected(world: World) -> None:
    await world.take(initial_atx(1))
    with pytest.raises(DecodeError):
        await world.malfeasance.on_gossip(PEER, b"\x00\x09")
    eligibility = EligibilityGossip(
        layer=LayerID(1),
        round=0,
        smesher=SMESHER,
        eligibility=RoundEligibility(proof=VrfSignature.zero(), count=1),
    )
    outdated = MalfeasanceGossip(proof=proof_of(double_publish()), eligibility=eligibility)
    with pytest.raises(RejectError, match="hare 3"):
        await world.malfeasance.on_gossip(PEER, scale.encode(outdated))
    assert not is_malicious(world.db, SMESHER)


async def test_a_proof_that_was_asked_for_is_stored(world: World) -> None:
    await world.take(initial_atx(1))
    data = scale.encode(proof_of(double_publish()))
    await world.malfeasance.on_synced(Hash32(SMESHER), PEER, data)
    await world.malfeasance.on_synced(Hash32(SMESHER), PEER, data)
    assert world.told.malicious == [SMESHER]


async def test_a_proof_against_somebody_else_convicts_but_costs_the_peer(world: World) -> None:
    await world.take(initial_atx(1))
    data = scale.encode(proof_of(double_publish()))
    with pytest.raises(RejectError, match="asked for"):
        await world.malfeasance.on_synced(Hash32.zero(), PEER, data)
    assert is_malicious(world.db, SMESHER)


async def test_a_wrong_label_must_be_wrong(world: World) -> None:
    bad, good = with_wrong_labels(initial_atx(1)), initial_atx(1)
    wrong = InvalidPostIndex(atx=bad.atx, invalid_index=3)
    with pytest.raises(RejectError, match="is valid"):
        await world.malfeasance.on_gossip(
            PEER, gossip_of(InvalidPostIndex(atx=good.atx, invalid_index=3))
        )
    await world.malfeasance.on_gossip(PEER, gossip_of(wrong))
    assert is_malicious(world.db, SMESHER)
    assert [mode for _, mode, _ in world.post_verifier.asked] == [One(3), One(3)]


async def test_a_label_that_cannot_be_computed_convicts_nobody(world: World) -> None:
    class Closed:
        async def verify(
            self,
            post: Post,
            claim: PostClaim,
            parameters: ProofParameters,
            mode: Mode,
            *,
            prioritized: bool = False,
        ) -> None:
            raise UnavailableError("closed")

    world.malfeasance.post_verifier = Closed()
    data = InvalidPostIndex(atx=with_wrong_labels(initial_atx(1)).atx, invalid_index=0)
    with pytest.raises(UnavailableError):
        await world.malfeasance.on_gossip(PEER, gossip_of(data))
    assert not is_malicious(world.db, SMESHER)


async def test_publishing_never_fails_but_for_the_store(world: World) -> None:
    await world.take(initial_atx(1))
    proof = proof_of(double_publish())
    sent: list[bytes] = []

    async def keep(peer: PeerID, data: bytes) -> None:
        sent.append(data)

    world.end.register("mp1", keep)
    await world.malfeasance.publish(proof)
    await world.malfeasance.publish(proof)
    assert sent == [gossip_of(double_publish())]

    async def fail(peer: PeerID, data: bytes) -> None:
        raise StoreError("disk")

    world.end.register("mp1", fail)
    with pytest.raises(StoreError):
        await world.malfeasance.publish(proof_of(double_publish(b"xy")))
