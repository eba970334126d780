"""Answers of peers to our own questions: a value, or no answer and one peer less."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base import scale
from node.base.errors import DecodeError, SpacemeshError, UnavailableError, WrongObjectError
from node.base.hashing import hash32
from node.consensus.hare.messages import decode_answer, encode_answer
from node.net.fetch.client import Fetcher
from node.net.fetch.mesh_client import MeshClient
from node.net.fetch.planner import FetchPlanner
from node.net.fetch.wire import (
    EpochAtxs,
    Hint,
    LayerBallots,
    LayerOpinion,
    MaliciousIDs,
    MeshHashes,
    MeshHashRequest,
    RequestBatch,
    ResponseBatch,
    ResponseMessage,
)
from node.net.ports import PeerID
from node.types.certificate import Certificate
from node.types.ids import AtxID, BallotID, BlockID, Hash32, ProposalID, SmesherID
from node.types.layer import EpochID, LayerID

PEER = PeerID("peer")
BLOCK = BlockID(b"b" * 20)
ONE = Hash32(b"1" * 32)
LAYER = LayerID(9)
HASHES = MeshHashRequest(first=LAYER, last=LayerID(10), step=1)


@dataclass
class Peers:
    """One peer, what it answers, and whether it was dropped."""

    answer: bytes
    dropped: list[PeerID] = field(default_factory=list)

    @property
    def local(self) -> PeerID:
        return PeerID("self")

    def best(self, count: int) -> tuple[PeerID, ...]:
        return (PEER,)

    def drop(self, peer: PeerID, reason: str) -> None:
        self.dropped.append(peer)

    async def request(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        return self.answer


QUESTIONS: dict[str, tuple[Callable[[MeshClient], Awaitable[object]], bytes]] = {
    "epoch": (
        lambda client: client.epoch_atxs(PEER, EpochID(1)),
        scale.encode(EpochAtxs(atx_ids=(AtxID(ONE), AtxID(ONE)))),
    ),
    "layer": (
        lambda client: client.layer_ballots(PEER, LAYER),
        scale.encode(LayerBallots(ballots=(BallotID(b"1" * 20),))),
    ),
    "malicious": (
        lambda client: client.malicious_ids(PEER),
        scale.encode(MaliciousIDs(smeshers=(SmesherID(ONE),))),
    ),
    "hashes": (
        lambda client: client.mesh_hashes(PEER, HASHES),
        scale.encode(MeshHashes(hashes=(ONE, ONE))),
    ),
    "opinion": (
        lambda client: client.opinion(PEER, LAYER),
        scale.encode(LayerOpinion(previous_mesh_hash=ONE, certified=BLOCK)),
    ),
    "certificate": (
        lambda client: client.certificate(PEER, LAYER, BLOCK),
        scale.encode(Certificate(block_id=BLOCK, signatures=())),
    ),
}
"""What is asked, and a good answer."""


@st.composite
def spoilt(draw: st.DrawFn, good: bytes) -> bytes:
    """Return an answer that is cut, padded, changed or made up."""
    place = draw(st.integers(0, len(good) - 1))
    change = draw(st.integers(1, 255))
    return draw(
        st.sampled_from(
            (
                good[:place],
                good + bytes([change]),
                good[:place] + bytes([good[place] ^ change]) + good[place + 1 :],
                draw(st.binary(max_size=100)),
            )
        )
    )


@pytest.mark.parametrize("question", QUESTIONS)
@given(data=st.data())
def test_a_question_is_answered_or_the_peer_is_dropped(question: str, data: st.DataObject) -> None:
    ask, good = QUESTIONS[question]
    peers = Peers(data.draw(spoilt(good)))

    async def main() -> None:
        await ask(MeshClient(peers))

    try:
        asyncio.run(main())
    except UnavailableError:
        # No certificate at all is an honest answer.
        assert peers.dropped == ([] if not peers.answer and question == "certificate" else [PEER])
    else:
        assert peers.dropped == []


async def _fetch(peers: Peers, wanted: Hash32) -> SpacemeshError | None:
    stored: set[Hash32] = set()

    async def validate(expected: Hash32, peer: PeerID, data: bytes) -> None:
        if hash32(data) != expected:
            raise WrongObjectError("another object")
        stored.add(expected)

    planner = FetchPlanner(entropy=bytes, batch_size=10, max_retries=2)
    fetcher = Fetcher(
        network=peers, planner=planner, has=lambda _, key: key in stored, batch_timeout_s=0.0
    )
    fetcher.register(Hint.TX, validate)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(fetcher.run())
        try:
            async with asyncio.timeout(10):
                await fetcher.fetch(Hint.TX, [wanted])
        except SpacemeshError as error:
            return error
        finally:
            running.cancel()
    return None


@given(data=st.data())
def test_an_object_is_the_one_asked_for_or_the_fetch_fails(data: st.DataObject) -> None:
    content = b"transaction"
    wanted = Hash32(hash32(content))
    batch = FetchPlanner(entropy=bytes, batch_size=10, max_retries=2)
    batch.want(Hint.TX, wanted)
    (planned,) = batch.plan((PEER,))
    asked: RequestBatch = planned.message()
    good = scale.encode(
        ResponseBatch(id=asked.id, responses=(ResponseMessage(hash=wanted, data=content),))
    )
    peers = Peers(good)
    assert asyncio.run(_fetch(peers, wanted)) is None
    assert peers.dropped == []
    peers.answer = data.draw(spoilt(good).filter(lambda answer: answer != good))
    assert asyncio.run(_fetch(peers, wanted)) is not None


@given(answer=spoilt(encode_answer((ProposalID(b"1" * 20), ProposalID(b"2" * 20)))))
def test_a_full_exchange_is_read_or_malformed(answer: bytes) -> None:
    try:
        found = decode_answer(answer)
    except DecodeError:
        return
    assert all(len(one) == ProposalID.SIZE for one in found)
