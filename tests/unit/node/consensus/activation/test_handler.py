"""The edge of ATXs: outcomes, what is stored, who is told, what convicts."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import (
    DecodeError,
    IgnoreError,
    NotFoundError,
    PreconditionError,
    RejectError,
)
from node.consensus.malfeasance.wire import (
    InvalidPostIndex,
    InvalidPreviousAtx,
    MalfeasanceGossip,
    MalfeasanceProof,
    MultipleAtxs,
)
from node.events import AtxStored
from node.net.fetch.client import FetchError
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.post.verifying import Mode, PostClaim, ProofParameters
from node.sim.power import Meter, Power, PoweredDatabase
from node.sim.virtual_time import simulate
from node.store import schema
from node.store.atxs import (
    Validity,
    find_atx,
    find_post,
    find_validity,
    get_atx,
    get_atx_blob,
    has_atx,
    put_atx,
)
from node.store.identities import find_malfeasance_blob, is_malicious
from node.types.address import Address
from node.types.atx_v2 import ActivationTxV2
from node.types.ids import NO_ATX, EdSignature, Hash32
from node.types.layer import EpochID, LayerID
from node.types.post import Post
from tests.support.activation import (
    PARAMETERS,
    TICKS,
    Built,
    DirectPostVerifier,
    World,
    initial_atx,
    next_atx,
    signed,
    vrf_nonce,
    with_wrong_labels,
)
from tests.support.chain import TIME, signer

PEER = PeerID("peer")
V2 = ActivationTxV2(
    publish_epoch=EpochID(1),
    positioning_atx=PARAMETERS.golden_atx,
    coinbase=Address(bytes(24)),
    initial=None,
    previous_atxs=(),
    niposts=(),
    vrf_nonce=0,
    marriages=(),
    marriage_atx=None,
    smesher=signer(1).smesher_id,
    signature=EdSignature.zero(),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def proof_against(world: World, built: Built) -> MalfeasanceProof:
    blob = find_malfeasance_blob(world.db, built.atx.smesher)
    assert blob is not None
    return scale.decode(MalfeasanceProof, blob)


def conflicting(built: Built) -> Built:
    """Another ATX of the same epoch: only the account differs."""
    inner = replace(built.atx.inner, coinbase=Address(bytes(23) + b"\xee"))
    return replace(built, atx=signed(built.number, inner))


async def test_an_initial_atx_is_stored_cached_told_and_announced(world: World) -> None:
    built = initial_atx(1, num_units=2)
    await world.store_poet(built)
    with world.bus.subscribe(AtxStored) as stored:
        await world.atxs.on_gossip(PEER, built.blob)
        event = stored.take()

    atx = get_atx(world.db, built.atx.id)
    assert event == AtxStored(atx=atx)
    assert (atx.num_units, atx.tick_count, atx.base_tick_height) == (2, TICKS, 0)
    assert atx.weight == 2 * TICKS
    assert atx.vrf_nonce == vrf_nonce(1, 2)
    assert atx.received_ns == world.clock.now
    assert get_atx_blob(world.db, built.atx.id) == built.blob
    part = find_post(world.db, atx.id, atx.smesher)
    assert part is not None
    assert (part.previous_atx, part.num_units) == (None, 2)
    assert world.atxdata.get(EpochID(2), atx.id) is not None
    assert world.told.atxs == [(atx.id, False)]
    assert world.told.weights == [atx.id]
    assert find_validity(world.db, atx.id) is Validity.UNKNOWN


async def test_chains_grow_by_the_units_they_proved_before(world: World) -> None:
    first = initial_atx(1, num_units=2)
    second = next_atx(first, num_units=4, nonce=vrf_nonce(1, 4))
    third = next_atx(second, num_units=3)
    await world.take(first, second, third)
    units = [get_atx(world.db, one.atx.id).num_units for one in (first, second, third)]
    heights = [get_atx(world.db, one.atx.id).tick_height for one in (first, second, third)]
    assert units == [2, 2, 3]
    assert heights == [TICKS, 2 * TICKS, 3 * TICKS]
    assert get_atx(world.db, third.atx.id).vrf_nonce == vrf_nonce(1, 4)


async def test_a_nonce_that_no_longer_holds_for_grown_space_is_refused(world: World) -> None:
    number = next(n for n in range(1, 9) if vrf_nonce(n, 1) != vrf_nonce(n, 4))
    first = initial_atx(number)
    grown = next_atx(first, num_units=4)
    await world.take(first)
    await world.store_poet(grown)
    world.start_epoch(2)
    with pytest.raises(RejectError, match="is not valid for node"):
        await world.atxs.on_gossip(PEER, grown.blob)


async def test_a_fully_checked_post_is_valid_for_good(tmp_path: Path) -> None:
    world = World(tmp_path, parameters=replace(PARAMETERS, k3=PARAMETERS.proof.k2))
    built = initial_atx(1)
    await world.take(built)
    assert find_validity(world.db, built.atx.id) is Validity.VALID
    world.close()


async def test_a_known_atx_is_ignored_unless_it_is_our_own_message(world: World) -> None:
    built = initial_atx(1)
    await world.take(built)
    with pytest.raises(IgnoreError, match="known"):
        await world.atxs.on_gossip(PEER, built.blob)
    await world.atxs.on_gossip(world.end.local, built.blob)
    await world.atxs.on_synced(Hash32(built.atx.id), PEER, built.blob)
    assert len(world.told.atxs) == 1


async def test_a_power_loss_takes_the_atxs_of_others_but_never_our_own(tmp_path: Path) -> None:
    world = World(tmp_path, own=(1,))
    power = Power(meter=Meter(faults=[]), layer_now=lambda: LayerID(0), on_lost=lambda _: None)
    powered = PoweredDatabase("state", world.db, power)
    world.atxs.db = powered
    own, other = initial_atx(1), initial_atx(2)
    await world.take(own)
    await world.take(other)
    assert has_atx(world.db, other.atx.id)
    powered.lose_unsynced(0)
    assert has_atx(world.db, own.atx.id)
    assert not has_atx(world.db, other.atx.id)
    world.close()


async def test_malformed_and_mistaken_bytes_are_rejected(world: World) -> None:
    built = initial_atx(1)
    with pytest.raises(DecodeError):
        await world.atxs.on_gossip(PEER, b"")
    with pytest.raises(DecodeError):
        await world.atxs.on_gossip(PEER, built.blob + b"\0")
    with pytest.raises(RejectError, match="asked for"):
        await world.atxs.on_synced(Hash32.zero(), PEER, built.blob)
    forged = replace(built.atx, signature=initial_atx(2).atx.signature)
    with pytest.raises(RejectError, match="invalid signature"):
        await world.atxs.on_gossip(PEER, scale.encode(forged))


async def test_atxs_of_the_second_version_are_not_judged(tmp_path: Path) -> None:
    world = World(tmp_path, parameters=replace(PARAMETERS, versions={EpochID(1): 2}))
    with pytest.raises(IgnoreError, match="version 2"):
        await world.atxs.on_gossip(PEER, scale.encode(V2))
    world.close()


async def test_an_atx_whose_dependencies_cannot_be_had_is_ignored(world: World) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.fetcher.run())
        with pytest.raises(FetchError):
            await world.atxs.on_gossip(PEER, initial_atx(1).blob)
        running.cancel()
    assert not has_atx(world.db, initial_atx(1).atx.id)


async def test_concurrent_copies_are_judged_once(world: World) -> None:
    built = initial_atx(1)
    await world.store_poet(built)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(world.atxs.on_synced(Hash32(built.atx.id), PEER, built.blob))
    assert len(world.told.atxs) == 1
    assert len(world.post_verifier.asked) == 2


async def test_an_old_atx_is_stored_but_not_weighed(world: World) -> None:
    world.atxdata.evict(EpochID(2))
    built = initial_atx(1)
    await world.take(built)
    assert world.told.atxs == [(built.atx.id, False)]
    assert world.told.weights == []


async def test_two_atxs_of_an_epoch_convict_their_smesher(world: World) -> None:
    first = initial_atx(1)
    second = conflicting(first)
    await world.take(first)
    sent: list[bytes] = []

    async def keep(peer: PeerID, data: bytes) -> None:
        sent.append(data)
        await world.malfeasance.on_gossip(peer, data)

    world.end.register("mp1", keep)
    with pytest.raises(IgnoreError, match="malicious"):
        await world.atxs.on_gossip(PEER, second.blob)

    proof = proof_against(world, first)
    assert isinstance(proof.data, MultipleAtxs)
    assert proof.layer == TIME.first_layer(EpochID(1))
    hashes = [message.metadata.message_hash for message in proof.data.messages]
    assert hashes == [Hash32(first.atx.id), Hash32(second.atx.id)]
    assert sent == [scale.encode(MalfeasanceGossip(proof=proof, eligibility=None))]
    assert has_atx(world.db, second.atx.id)
    assert world.told.malicious[0] == first.atx.smesher
    assert world.told.atxs[-1] == (second.atx.id, True)
    assert world.atxdata.is_malicious(first.atx.smesher)


async def test_later_atxs_of_a_convict_are_stored_without_new_proofs(world: World) -> None:
    first = initial_atx(1)
    await world.take(first, conflicting(first))
    proof = find_malfeasance_blob(world.db, first.atx.smesher)
    await world.take(next_atx(first))
    assert find_malfeasance_blob(world.db, first.atx.smesher) == proof
    assert world.told.atxs[-1][1] is True


async def test_a_previous_atx_named_twice_convicts(world: World) -> None:
    first = initial_atx(1)
    second = next_atx(first)
    third = next_atx(first, epoch=3)
    await world.take(first, second, third)
    proof = proof_against(world, first)
    assert isinstance(proof.data, InvalidPreviousAtx)
    assert (proof.data.atx1.id, proof.data.atx2.id) == (third.atx.id, second.atx.id)


async def test_a_second_initial_atx_convicts(world: World) -> None:
    first, again = initial_atx(1), initial_atx(1, epoch=2)
    await world.take(first, again)
    proof = proof_against(world, first)
    assert isinstance(proof.data, InvalidPreviousAtx)
    assert proof.data.atx2.id == first.atx.id


async def test_a_previous_atx_that_nobody_else_names_convicts_nobody(world: World) -> None:
    first = initial_atx(1)
    second, third = next_atx(first), next_atx(first, epoch=3)
    await world.take(first, second)
    with world.db.batch() as batch:
        # A checkpoint does not tell the previous ATXs of those it keeps.
        by_previous = schema.ATX_POST_BY_PREVIOUS + first.atx.smesher
        batch.delete(by_previous + first.atx.id + second.atx.id)
        batch.put(by_previous + NO_ATX + second.atx.id, b"")
    await world.take(third)
    assert has_atx(world.db, third.atx.id)
    assert world.told.malicious == []


async def test_our_own_equivocation_is_refused_not_stored(world: World) -> None:
    first = initial_atx(1)
    await world.take(first)
    world.signers = [signer(1)]
    second = conflicting(first)
    with pytest.raises(PreconditionError, match="would be convicted"):
        await world.atxs.on_gossip(world.end.local, second.blob)
    late = initial_atx(1, epoch=2)
    await world.store_poet(late)
    world.start_epoch(2)
    with pytest.raises(PreconditionError, match="previous atx"):
        await world.atxs.on_gossip(world.end.local, late.blob)
    assert not is_malicious(world.db, first.atx.smesher)
    assert not has_atx(world.db, second.atx.id)


async def test_a_wrong_label_convicts_and_the_atx_is_not_stored(world: World) -> None:
    good = initial_atx(1)
    bad = with_wrong_labels(good)
    await world.store_poet(bad)
    with pytest.raises(IgnoreError, match="malicious"):
        await world.atxs.on_gossip(PEER, bad.blob)
    proof = proof_against(world, bad)
    assert isinstance(proof.data, InvalidPostIndex)
    assert proof.data.atx == bad.atx
    assert find_atx(world.db, bad.atx.id) is None
    assert world.told.malicious[0] == bad.atx.smesher
    with pytest.raises(RejectError, match="is malicious"):
        await world.atxs.on_gossip(PEER, bad.blob)


async def test_an_atx_beside_a_checkpointed_one_cannot_be_proven_double(world: World) -> None:
    first = initial_atx(1)
    await world.take(first)
    with world.db.batch() as batch:
        batch.delete(schema.ATX_BLOB + first.atx.id)
    with pytest.raises(NotFoundError, match="bytes of atx"):
        await world.atxs.on_gossip(PEER, conflicting(first).blob)
    assert not has_atx(world.db, conflicting(first).atx.id)


async def test_a_poet_proof_that_is_not_there_is_a_reject(world: World) -> None:
    world.fetcher.has = lambda hint, key: True
    with pytest.raises(RejectError, match="poet proof is not known"):
        await world.atxs.on_gossip(PEER, initial_atx(1).blob)


async def test_an_atx_that_came_another_way_meanwhile_is_known(world: World) -> None:
    built, stranger = initial_atx(1), initial_atx(2)
    await world.take(stranger)
    await world.store_poet(built)
    same = replace(get_atx(world.db, stranger.atx.id), id=built.atx.id)

    class Overtaken(DirectPostVerifier):
        async def verify(
            self,
            post: Post,
            claim: PostClaim,
            parameters: ProofParameters,
            mode: Mode,
            *,
            prioritized: bool = False,
        ) -> None:
            with world.db.batch() as batch:
                put_atx(batch, same, blob=built.blob)

    world.atxs.post_verifier = Overtaken()
    with pytest.raises(IgnoreError, match="known"):
        await world.atxs.on_gossip(PEER, built.blob)


def test_a_node_fetches_the_whole_chain_from_a_peer(tmp_path: Path) -> None:
    async def main() -> None:
        network = MemoryNetwork()
        there = World(tmp_path, name="there", network=network)
        here = World(tmp_path, name="here", network=network)
        first, other = initial_atx(1), initial_atx(2)
        second = next_atx(first, positioning=other.atx.id)
        third = next_atx(second)
        await there.take(first, other, second, third)
        here.start_epoch(3)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(t) for t in (network.run(), here.fetcher.run())]
            await asyncio.sleep(0)
            await here.atxs.on_gossip(there.end.local, third.blob)
            for task in running:
                task.cancel()
        for built in (first, other, second, third):
            assert get_atx_blob(here.db, built.atx.id) == built.blob
        here.close()
        there.close()

    simulate(main())
