"""The certifier's edge: who may vouch, what is stored, which conflicts are noticed."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import DecodeError, IgnoreError, RejectError, StoreError
from node.consensus.activesets import ActiveSets, EligibilityOracle
from node.consensus.certifier.handler import CHECKED_AT_ONCE, CertifierHandler
from node.consensus.malfeasance.guard import EquivocationGuard
from node.crypto.domains import Domain
from node.crypto.ed25519 import Verifier
from node.events import Bus
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.store.beacons import put_beacon
from node.store.certificates import find_certified_block, find_hare_output, put_hare_output
from node.store.local import prune_claims
from node.types.certificate import Certificate, CertifyMessage
from node.types.ids import NO_BLOCK, BlockID
from node.types.layer import EpochID, LayerID
from tests.support.chain import BEACON, GENESIS, TIME, Chain, atx, signer

LAYER = LayerID(9)
BLOCK, OTHER = BlockID(b"\x01" * 20), BlockID(b"\x02" * 20)
PEER = PeerID("peer")


@dataclass
class FixedClock:
    now: int = TIME.start_of(LAYER)

    def now_ns(self) -> int:
        return self.now

    async def sleep_until(self, instant_ns: int) -> None:
        self.now = max(self.now, instant_ns)


@dataclass
class Outputs:
    told: list[tuple[LayerID, BlockID]] = field(default_factory=list)

    def on_hare_output(self, layer: LayerID, block: BlockID) -> None:
        self.told.append((layer, block))


class World:
    """Two certifiers who see each other, and what they store."""

    def __init__(self, folder: Path) -> None:
        self.chain = Chain(folder)
        for number in (1, 2, 3):
            self.chain.add_atx(atx(number))
        with self.chain.db.batch(sync=False) as batch:
            put_beacon(batch, EpochID(2), BEACON)
        self.chain.add_reference(1, 8, [atx(1), atx(2)])
        sets = ActiveSets(
            db=self.chain.db, atxdata=self.chain.atxdata, time=TIME, confidence_param=0
        )
        self.outputs = Outputs()
        self.network = MemoryNetwork()
        self.end = self.network.join("self")
        self.clock = FixedClock()
        self.sent: list[CertifyMessage] = []
        self.handler = CertifierHandler(
            db=self.chain.db,
            time=TIME,
            clock=self.clock,
            bus=Bus(),
            network=self.end,
            verifier=Verifier(GENESIS),
            oracle=EligibilityOracle(db=self.chain.db, active_sets=sets, time=TIME),
            signers=lambda: [signer(1), signer(2), signer(3)],
            guard=EquivocationGuard(db=self.chain.db, local=self.chain.db, bus=Bus()),
            listener=self.outputs,
            committee_size=20,
            buffer_layers=2,
        )
        self.end.register("bc1", self.keep)

    async def keep(self, peer: PeerID, data: bytes) -> None:
        self.sent.append(scale.decode(CertifyMessage, data))
        await self.handler.on_gossip(peer, data)

    def forget_claims(self) -> None:
        """Let the smeshers certify another block of a layer, as no node does."""
        with self.chain.db.batch() as batch:
            for number in (1, 2, 3):
                smesher = signer(number).smesher_id
                prune_claims(batch, self.chain.db, smesher, EpochID(99), LayerID(99))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.chain.db.close()


async def test_active_smeshers_certify_and_the_certificate_is_stored(world: World) -> None:
    await world.handler.certify(LAYER, BLOCK)
    assert {message.smesher for message in world.sent} == {
        signer(1).smesher_id,
        signer(2).smesher_id,
    }
    assert find_certified_block(world.chain.db, LAYER) == BLOCK
    assert world.outputs.told == []


async def test_early_messages_count_after_the_registration(world: World) -> None:
    await world.handler.certify(LAYER, BLOCK)
    fresh = world.handler
    fresh.machine.prune(LayerID(99))
    fresh.signers = list
    with world.chain.db.batch() as batch:
        batch.delete(b"CC" + LAYER.to_bytes(4, "big") + BLOCK)
    for message in world.sent:
        await fresh.on_gossip(PEER, scale.encode(message))
    assert find_certified_block(world.chain.db, LAYER) is None
    await fresh.certify(LAYER, BLOCK)
    assert find_certified_block(world.chain.db, LAYER) == BLOCK


async def test_messages_that_are_refused(world: World) -> None:
    await world.handler.certify(LAYER, OTHER)
    message = world.sent[0]
    world.handler.machine.prune(LayerID(99))

    async def send(changed: CertifyMessage) -> None:
        await world.handler.on_gossip(PEER, scale.encode(changed))

    with pytest.raises(DecodeError):
        await world.handler.on_gossip(PEER, b"x")
    with pytest.raises(RejectError, match="wrong signature"):
        await send(replace(message, smesher=signer(2).smesher_id))
    far = replace(message, content=replace(message.content, layer=LayerID(15)))
    with pytest.raises(IgnoreError, match="no beacon"):
        await send(far)
    world.clock.now = TIME.start_of(LayerID(15))
    with pytest.raises(IgnoreError, match="in layer 15"):
        await send(message)


async def test_seats_that_were_not_won_are_ignored(world: World) -> None:
    await world.handler.certify(LAYER, OTHER)
    world.handler.machine.prune(LayerID(99))
    message = world.sent[0]
    content = replace(message.content, eligibility_count=message.content.eligibility_count + 1)
    signature = signer(1).sign(3, scale.encode(content))  # type: ignore[arg-type]
    forged = replace(message, content=content, signature=signature)
    with pytest.raises(IgnoreError, match="not eligible"):
        await world.handler.on_gossip(PEER, scale.encode(forged))


async def test_messages_for_a_certified_block_are_relayed_unchecked(world: World) -> None:
    await world.handler.certify(LAYER, BLOCK)
    broken = replace(world.sent[0], smesher=signer(3).smesher_id)
    await world.handler.on_gossip(PEER, scale.encode(broken))


async def test_a_certificate_trumps_a_bare_hare_output(world: World) -> None:
    with world.chain.db.batch() as batch:
        put_hare_output(batch, LAYER, OTHER, valid=True)
    await world.handler.certify(LAYER, BLOCK)
    assert find_hare_output(world.chain.db, LAYER) == BLOCK


async def test_nobody_of_ours_vouches_for_two_blocks(world: World) -> None:
    await world.handler.certify(LAYER, BLOCK)
    sent = len(world.sent)
    await world.handler.certify(LAYER, OTHER)
    assert len(world.sent) == sent
    assert find_certified_block(world.chain.db, LAYER) == BLOCK


async def test_two_valid_certificates_make_nobody_believed(world: World) -> None:
    await world.handler.certify(LAYER, BLOCK)
    world.forget_claims()
    await world.handler.certify(LAYER, OTHER)
    assert world.outputs.told == [(LAYER, NO_BLOCK)]
    assert find_hare_output(world.chain.db, LAYER) == NO_BLOCK


async def test_certificates_of_peers_are_checked_and_taken(world: World) -> None:
    await world.handler.certify(LAYER, BLOCK)
    messages = tuple(world.sent)
    world.handler.machine.prune(LayerID(99))
    with world.chain.db.batch() as batch:
        batch.delete(b"CC" + LAYER.to_bytes(4, "big") + BLOCK)
    with pytest.raises(RejectError, match="seats"):
        await world.handler.on_certificate(LAYER, Certificate(block_id=BLOCK, signatures=()))
    forged = replace(messages[0], smesher=signer(3).smesher_id)
    inactive = replace(forged, signature=signer(3).sign(Domain.HARE, messages[0].signed_bytes()))
    await world.handler.on_certificate(
        LAYER, Certificate(block_id=BLOCK, signatures=(forged, inactive, *messages))
    )
    assert find_certified_block(world.chain.db, LAYER) == BLOCK


async def test_a_long_certificate_leaves_others_their_turns(world: World) -> None:
    await world.handler.certify(LAYER, BLOCK)
    messages = tuple(world.sent)
    forged = replace(messages[0], smesher=signer(3).smesher_id)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(others())
        await world.handler.on_certificate(
            LAYER, Certificate(block_id=BLOCK, signatures=(forged,) * 50 + messages)
        )
        waiting.cancel()
    assert turns == 50 // CHECKED_AT_ONCE


async def test_a_damaged_store_is_no_reason_to_refuse_a_certificate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bool:
        raise StoreError("disk")

    await world.handler.certify(LAYER, BLOCK)
    monkeypatch.setattr(EligibilityOracle, "are_seats", fail)
    with pytest.raises(StoreError):
        await world.handler.on_certificate(
            LAYER, Certificate(block_id=BLOCK, signatures=tuple(world.sent))
        )


async def test_an_invalid_certificate_gives_way(world: World) -> None:
    await world.handler.certify(LAYER, BLOCK)
    await world.handler.certify(LAYER, BLOCK)
    broken = tuple(replace(m, smesher=signer(3).smesher_id) for m in world.sent[:1])
    with world.chain.db.batch() as batch:
        key = LAYER.to_bytes(4, "big") + BLOCK
        certificate = Certificate(block_id=BLOCK, signatures=broken)
        batch.put(b"CC" + key, scale.encode(certificate))
    world.handler.machine.prune(LayerID(99))
    world.forget_claims()
    await world.handler.certify(LAYER, OTHER)
    assert find_hare_output(world.chain.db, LAYER) == OTHER


async def test_old_layers_are_forgotten_with_time(world: World) -> None:
    await world.handler.certify(LAYER, BLOCK)
    world.handler.on_layer(LayerID(3))
    assert world.handler.machine.is_done(LAYER, BLOCK)
    world.handler.on_layer(LayerID(14))
    assert not world.handler.machine.is_done(LAYER, BLOCK)
