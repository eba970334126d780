"""Questions about the mesh, and their answers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.base import scale
from node.base.errors import DecodeError, UnavailableError, UsageError
from node.net.fetch.mesh_client import MeshClient, decode_ids
from node.net.fetch.mesh_server import MeshServer
from node.net.fetch.rules import (
    asked_layers,
    check_mesh_hash_request,
    count_hashes,
    make_mesh_hash_request,
)
from node.net.fetch.wire import (
    EPOCH_ATXS,
    LAYER_DATA,
    MALICIOUS_IDS,
    MESH_HASHES,
    OPINIONS,
    EpochRequest,
    LayerOpinion,
    LayerRequest,
    MeshHashRequest,
    OpinionRequest,
    ServerResponse,
)
from node.net.memory import MemoryNetwork
from node.net.ports import PeerID
from node.sim.virtual_time import simulate
from node.store.atxs import put_atx
from node.store.ballots import put_ballot
from node.store.certificates import prune_certificates, put_certificate, put_hare_output
from node.store.db import Database
from node.store.identities import Malfeasance, put_malfeasance
from node.store.layers import put_layer, put_mesh_hash
from node.store.migrate import open_state
from node.types.ids import AtxID, BallotID, BlockID, Hash32
from node.types.layer import EpochID, LayerID
from tests.support import store_records as records

PEER = PeerID("peer")
LAYER = LayerID(40)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_state(tmp_path) as opened:
        yield opened


class World:
    """A client, and a server that a test may change."""

    def __init__(self, db: Database) -> None:
        self.network = MemoryNetwork()
        self.end, self.other = self.network.join("self"), self.network.join(PEER)
        MeshServer(db).register(self.other)
        self.client = MeshClient(self.end)

    def run(self, ask: Callable[[MeshClient], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self.network.run())
                await asyncio.sleep(0)
                answer: Any
                try:
                    answer = await ask(self.client)
                except UnavailableError as error:
                    answer = error
                running.cancel()
            if isinstance(answer, UnavailableError):
                raise answer
            return answer

        return simulate(main())

    def answer(self, protocol: str, answer: bytes) -> None:
        async def handle(_peer: PeerID, _data: bytes) -> bytes:
            return answer

        self.other.serve(protocol, handle)


def test_lists_come_as_they_are_stored(db: Database) -> None:
    atx, ballot = records.atx(1), records.ballot(LAYER)
    with db.batch() as batch:
        put_atx(batch, atx, blob=b"x")
        put_ballot(batch, ballot)
        one = Malfeasance(smesher=records.smesher(1), proof=b"p", received_ns=1)
        put_malfeasance(batch, one)
    world = World(db)
    assert world.run(lambda c: c.epoch_atxs(PEER, atx.publish_epoch)) == (atx.id,)
    assert world.run(lambda c: c.epoch_atxs(PEER, EpochID(99))) == ()
    assert world.run(lambda c: c.layer_ballots(PEER, LAYER)) == (ballot.id,)
    assert world.run(lambda c: c.malicious_ids(PEER)) == (records.smesher(1),)


def test_long_lists_are_written_and_read_piece_by_piece(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.net.fetch.mesh_server.IDS_AT_ONCE", 2)
    monkeypatch.setattr("node.net.fetch.mesh_client.IDS_AT_ONCE", 3)
    ballots = [records.ballot(LAYER, of) for of in range(7)]
    with db.batch() as batch:
        for ballot in ballots:
            put_ballot(batch, ballot)
    found = World(db).run(lambda c: c.layer_ballots(PEER, LAYER))
    assert sorted(found) == sorted(ballot.id for ballot in ballots)


def test_mesh_hashes_are_told_of_known_layers(db: Database) -> None:
    with db.batch() as batch:
        for layer in range(30, 35):
            put_mesh_hash(batch, LayerID(layer), records.digest(layer))
        put_layer(batch, LayerID(35))
    world = World(db)

    def ask(first: int, last: int, step: int) -> tuple[Hash32, ...]:
        request = MeshHashRequest(first=LayerID(first), last=LayerID(last), step=step)
        found: tuple[Hash32, ...] = world.run(lambda c: c.mesh_hashes(PEER, request))
        return found

    assert ask(30, 34, 3) == tuple(map(records.digest, (30, 33, 34)))
    assert ask(34, 35, 1) == (records.digest(34), Hash32.zero())
    with pytest.raises(UnavailableError, match="database: not found layers from 29 to 34 by 1"):
        ask(29, 34, 1)
    with pytest.raises(UnavailableError, match="By must not be zero"):
        ask(30, 34, 0)


def test_an_opinion_is_the_hash_before_and_the_certified_block(db: Database) -> None:
    block = records.block_id(1)
    with db.batch() as batch:
        put_mesh_hash(batch, LayerID(LAYER - 1), records.digest(1))
        put_certificate(batch, LAYER, records.certificate(LAYER, block))
        put_hare_output(batch, LAYER, records.block_id(2), valid=False)
    world = World(db)
    assert world.run(lambda c: c.opinion(PEER, LAYER)) == LayerOpinion(
        previous_mesh_hash=records.digest(1), certified=block
    )
    unknown = LayerOpinion(previous_mesh_hash=Hash32.zero(), certified=None)
    assert world.run(lambda c: c.opinion(PEER, LayerID(0))) == unknown
    assert world.run(lambda c: c.opinion(PEER, LayerID(9))) == unknown
    found = world.run(lambda c: c.certificate(PEER, LAYER, block))
    assert found == records.certificate(LAYER, block)
    with pytest.raises(UnavailableError, match="no certificate of block"):
        world.run(lambda c: c.certificate(PEER, LAYER, records.block_id(2)))
    with pytest.raises(UnavailableError, match="no certificate of block"):
        world.run(lambda c: c.certificate(PEER, LAYER, records.block_id(3)))
    with pytest.raises(UnavailableError, match="database: not found"):
        world.run(lambda c: c.certificate(PEER, LayerID(9), block))
    assert not world.end.has_dropped(PEER)


def test_of_a_certificate_that_is_pruned_nothing_is_said(db: Database) -> None:
    block = records.block_id(1)
    with db.batch() as batch:
        put_certificate(batch, LAYER, records.certificate(LAYER, block))
    assert prune_certificates(db, LayerID(LAYER + 1), limit=9).rows == 1
    world = World(db)
    assert world.run(lambda c: c.opinion(PEER, LAYER)).certified is None
    with pytest.raises(UnavailableError, match="no certificate of block"):
        world.run(lambda c: c.certificate(PEER, LAYER, block))
    assert not world.end.has_dropped(PEER)


@pytest.mark.parametrize(
    ("protocol", "answer", "ask"),
    [
        (EPOCH_ATXS, b"", lambda c: c.epoch_atxs(PEER, EpochID(1))),
        (EPOCH_ATXS, b"\xff" * 40, lambda c: c.epoch_atxs(PEER, EpochID(1))),
        (EPOCH_ATXS, scale.compact(8_000_001), lambda c: c.epoch_atxs(PEER, EpochID(1))),
        (LAYER_DATA, b"\x04" + b"x" * 19, lambda c: c.layer_ballots(PEER, LAYER)),
        (
            LAYER_DATA,
            scale.compact(2351) + bytes(20 * 2351),
            lambda c: c.layer_ballots(PEER, LAYER),
        ),
        (MALICIOUS_IDS, b"\x00\x00", lambda c: c.malicious_ids(PEER)),
        (
            MESH_HASHES,
            b"\x04" + bytes(32),
            lambda c: c.mesh_hashes(PEER, make_mesh_hash_request(LayerID(1), LayerID(2))),
        ),
        (OPINIONS, b"\x01", lambda c: c.opinion(PEER, LAYER)),
        (
            OPINIONS,
            scale.encode(records.certificate(LAYER, records.block_id(2))),
            lambda c: c.certificate(PEER, LAYER, records.block_id(1)),
        ),
    ],
)
def test_who_answers_with_something_else_is_dropped(
    db: Database, protocol: str, answer: bytes, ask: Callable[[MeshClient], Awaitable[Any]]
) -> None:
    world = World(db)
    world.answer(protocol, answer)
    with pytest.raises(UnavailableError, match="sent a wrong answer"):
        world.run(ask)
    assert world.end.has_dropped(PEER)


@pytest.mark.parametrize("name", ["on_layer_data", "on_opinion"])
def test_malformed_requests_are_answered_in_words(db: Database, name: str) -> None:
    handler = getattr(MeshServer(db), name)
    with pytest.raises(DecodeError, match=r"^decode from buffer: EOF$"):
        simulate(handler(PEER, b""))
    rubbish = bytes.fromhex("0102030405060708090a")
    with pytest.raises(DecodeError, match=r"^decode from buffer: not all bytes were consumed$"):
        simulate(handler(PEER, rubbish))


@pytest.mark.parametrize(
    ("first", "last", "step", "count"), [(100, 1100, 11, 92), (7, 8, 1, 2), (0, 99, 2, 51)]
)
def test_as_many_hashes_are_asked_for_as_fit(first: int, last: int, step: int, count: int) -> None:
    request = make_mesh_hash_request(LayerID(first), LayerID(last))
    assert (request.step, count_hashes(request)) == (step, count)
    assert len(asked_layers(request)) == count
    check_mesh_hash_request(request)


@pytest.mark.parametrize(
    ("first", "last", "step", "problem"),
    [
        (0, 10, 0, "By must not be zero"),
        (5, 4, 1, "To before From"),
        (0, 100, 1, "requested too many hashes"),
    ],
)
def test_senseless_requests_are_refused(first: int, last: int, step: int, problem: str) -> None:
    request = MeshHashRequest(first=LayerID(first), last=LayerID(last), step=step)
    with pytest.raises(UsageError, match=f"^validating request: invalid request: {problem}$"):
        check_mesh_hash_request(request)


@pytest.mark.parametrize(
    ("message", "encoded"),
    [
        (EpochRequest(epoch=EpochID(5)), "14"),
        (LayerRequest(layer=LayerID(40_000)), "02710200"),
        (MeshHashRequest(first=LayerID(100), last=LayerID(1100), step=11), "910131112c"),
        (OpinionRequest(layer=LayerID(100), block=None), "910100"),
        (
            OpinionRequest(layer=LayerID(100), block=BlockID(bytes(range(20)))),
            "910101000102030405060708090a0b0c0d0e0f10111213",
        ),
        (ServerResponse(data=b"\x00", error=""), "040000"),
    ],
)
def test_messages_are_encoded_as_the_reference_does(message: object, encoded: str) -> None:
    assert scale.encode(message).hex() == encoded


def test_identifiers_of_every_size_are_read() -> None:
    data = scale.compact(2) + bytes(range(40))
    found = simulate(decode_ids(BallotID, data, 2))
    assert found == (BallotID(bytes(range(20))), BallotID(bytes(range(20, 40))))
    assert simulate(decode_ids(AtxID, b"\x00", 0)) == ()
