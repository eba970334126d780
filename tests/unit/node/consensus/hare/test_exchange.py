"""Compact messages of hare 4: matched with our proposals, or completed by who sent them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import DecodeError, IgnoreError, NotFoundError, RejectError, SpacemeshError
from node.consensus.hare.exchange import PROTOCOL
from node.consensus.hare.machine import MessageDue
from node.consensus.hare.messages import (
    Content,
    Version,
    compacted,
    decode_answer,
    encode_answer,
    sign_message,
)
from node.consensus.hare.rules import compact_id
from node.consensus.hare.wire import CompactIDRequest, MessageV4, Round
from node.net.ports import PeerID
from node.runtime.tasks import background
from node.sim.virtual_time import simulate
from node.types.ids import Hash32, ProposalID
from node.types.layer import LayerID
from node.types.proposal import Proposal
from tests.support.chain import signer
from tests.support.hare import LAYER, Scene, SeededLinks, at, closing, proposal

PREROUND, PROPOSE = at(0, Round.PREROUND), at(0, Round.PROPOSE)
ONE, TWO, THREE = (proposal(number) for number in (1, 2, 3))
TWIN = proposal(3, name=b"\1\1\1\1")
"""Has the compact identifier of ONE."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path, Version.HARE4)
    with closing(scene.node):
        yield scene


def ids(*proposals: Proposal) -> tuple[ProposalID, ...]:
    return tuple(sorted(made.id for made in proposals))


def compact(scene: Scene, *proposals: Proposal) -> MessageV4:
    """Return smesher 1's preround message about some proposals as it is sent."""
    ordered = sorted(proposals, key=lambda made: made.id)
    full = scene.message(PREROUND, *(made.id for made in ordered))
    assert isinstance(full, MessageV4)
    names = [compact_id(made) for made in ordered]
    return compacted(full, [name for name in names if name is not None])


@dataclass
class Peer:
    """Answers every request alike, and remembers it."""

    answer: bytes
    asked: list[Hash32]

    async def on_request(self, peer: PeerID, data: bytes) -> bytes:
        self.asked.append(scale.decode(CompactIDRequest, data).message_id)
        return self.answer


def deliver(scene: Scene, message: MessageV4, answer: bytes | None = None) -> list[Hash32]:
    """Let a peer deliver a message; return what it was asked for meanwhile."""
    peer = Peer(answer or b"", [])
    if answer is not None:
        scene.peer.serve(PROTOCOL, peer.on_request)

    async def main() -> SpacemeshError | None:
        async with background(scene.network.run()):
            await asyncio.sleep(0)
            try:
                await scene.send(message)
            except SpacemeshError as error:
                return error
        return None

    error = simulate(main())
    if error is not None:
        raise error
    return peer.asked


def counted(scene: Scene) -> tuple[ProposalID, ...]:
    """Return what is proposed after the preround."""
    while scene.machine.position != PROPOSE:
        scene.machine.on_round()
    due = scene.machine.on_round()[-1]
    assert isinstance(due, MessageDue)
    return due.proposals


def test_names_of_our_own_proposals_are_matched(scene: Scene) -> None:
    scene.node.offer(TWO, ONE, THREE)
    assert deliver(scene, compact(scene, ONE, TWO)) == []
    (stats,) = scene.machine.stats()
    assert stats.messages == 1


def test_the_full_form_is_what_counts(scene: Scene) -> None:
    scene.node.offer(TWO, ONE)
    scene.machine.threshold = 1
    deliver(scene, compact(scene, ONE, TWO))
    assert counted(scene) == ids(ONE, TWO)


def test_without_proposals_even_an_empty_message_is_ignored(scene: Scene) -> None:
    with pytest.raises(IgnoreError, match="no proposals"):
        deliver(scene, compact(scene))
    scene.node.offer(ONE)
    assert deliver(scene, compact(scene)) == []


def test_who_sent_an_unknown_name_is_asked(scene: Scene) -> None:
    scene.node.offer(ONE)
    message = compact(scene, ONE, TWO)
    answer = encode_answer(ids(ONE, TWO)[::-1])
    assert deliver(scene, message, answer) == [message.hash]


def test_who_sent_an_ambiguous_name_is_asked(scene: Scene) -> None:
    scene.node.offer(TWIN)
    message = compact(scene, ONE)
    assert deliver(scene, message, encode_answer(ids(ONE))) == [message.hash]


@pytest.mark.parametrize(
    ("ours", "answer", "error"),
    [
        pytest.param(TWO, None, IgnoreError, id="no answer"),
        pytest.param(TWO, b"\xff", IgnoreError, id="malformed answer"),
        pytest.param(TWO, encode_answer(ids(TWO)), RejectError, id="unknown, wrong answer"),
        pytest.param(TWIN, encode_answer(ids(TWIN)), RejectError, id="ambiguous, wrong answer"),
        pytest.param(TWIN, encode_answer(ids(ONE, TWO)), IgnoreError, id="ambiguous, other length"),
    ],
)
def test_what_cannot_be_completed_is_refused(
    scene: Scene, ours: Proposal, answer: bytes | None, error: type[Exception]
) -> None:
    scene.node.offer(ours)
    with pytest.raises(error):
        deliver(scene, compact(scene, ONE), answer)


def test_a_slow_peer_is_not_waited_for(scene: Scene) -> None:
    scene.node.offer(TWO)
    scene.network.links = SeededLinks(seed=1, shortest_s=3.0, longest_s=3.0)
    with pytest.raises(IgnoreError, match="not completed"):
        deliver(scene, compact(scene, ONE), encode_answer(ids(ONE)))


class Lost:
    """Loses the first requests."""

    def __init__(self, count: int) -> None:
        self.left = count

    def delay_s(self, sender: PeerID, receiver: PeerID) -> float | None:
        self.left -= 1
        return None if self.left >= 0 else 0.0


def test_a_peer_that_did_not_answer_is_asked_again(scene: Scene) -> None:
    scene.node.offer(TWO)
    message = compact(scene, ONE)
    scene.network.links = Lost(1)
    assert deliver(scene, message, encode_answer(ids(ONE))) == [message.hash]
    assert scene.machine.stats()[0].messages == 1


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param((encode_answer(ids(ONE)),), id="the first other knows it"),
        pytest.param((b"", encode_answer(ids(ONE))), id="the second other knows it"),
        pytest.param((encode_answer(ids(TWO)), encode_answer(ids(ONE))), id="the first lies"),
    ],
)
def test_others_are_asked_where_the_deliverer_is_gone(
    scene: Scene, answers: tuple[bytes, ...]
) -> None:
    scene.node.offer(TWO)
    message = compact(scene, ONE)
    others = [Peer(answer, []) for answer in answers]
    for number, other in enumerate(others):
        scene.network.join(f"other{number}").serve(PROTOCOL, other.on_request)
    assert deliver(scene, message) == []
    assert [other.asked for other in others] == [[message.hash]] * len(others)
    assert not scene.peer.has_dropped(scene.node.end.local)


def test_only_so_many_messages_are_pursued_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.node.offer(TWO)
    monkeypatch.setattr("node.consensus.hare.exchange.MAX_PURSUED", 0)
    scene.network.links = Lost(1)
    with pytest.raises(IgnoreError, match="not completed"):
        deliver(scene, compact(scene, ONE), encode_answer(ids(ONE)))


def test_a_session_may_end_while_a_peer_is_asked(scene: Scene) -> None:
    scene.node.offer(TWO)
    message = compact(scene, ONE)

    async def close(peer: PeerID, data: bytes) -> bytes:
        scene.node.handler.close(LAYER)
        return encode_answer(ids(ONE))

    scene.peer.serve(PROTOCOL, close)
    with pytest.raises(IgnoreError, match="no hare session"):
        deliver(scene, message)


def test_messages_of_later_rounds_are_not_compact(scene: Scene) -> None:
    content = Content(
        layer=LAYER,
        iter_round=PROPOSE,
        proposals=ids(ONE),
        eligibility=scene.eligibility(PROPOSE),
    )
    message = sign_message(Version.HARE4, content, signer(1))
    assert isinstance(message, MessageV4)
    assert deliver(scene, message) == []


async def ask(scene: Scene, data: bytes) -> tuple[ProposalID, ...]:
    return decode_answer(await scene.node.exchange.on_request(PeerID("peer"), data))


async def test_what_was_relayed_is_served_until_its_layer_is_long_over(scene: Scene) -> None:
    scene.node.offer(ONE, TWO)
    message = compact(scene, ONE, TWO)
    request = scale.encode(CompactIDRequest(message_id=message.hash))
    with pytest.raises(NotFoundError, match="hare message"):
        await ask(scene, request)
    await scene.send(message)
    scene.node.exchange.on_layer(LayerID(LAYER + 1))
    assert await ask(scene, request) == ids(ONE, TWO)
    scene.node.exchange.on_layer(LayerID(LAYER + 2))
    with pytest.raises(NotFoundError):
        await ask(scene, request)
    with pytest.raises(DecodeError):
        await ask(scene, b"short")


async def test_our_own_message_is_compact_and_served(scene: Scene) -> None:
    scene.node.offer(ONE, TWO)
    message = compact(scene, ONE, TWO)
    full = scene.message(PREROUND, *ids(ONE, TWO))
    assert isinstance(full, MessageV4)
    assert scene.node.exchange.compact(full) == message
    request = scale.encode(CompactIDRequest(message_id=message.hash))
    assert await ask(scene, request) == ids(ONE, TWO)


def test_our_own_message_needs_all_its_proposals(scene: Scene) -> None:
    scene.node.offer(ONE)
    full = scene.message(PREROUND, *ids(ONE, TWO))
    assert isinstance(full, MessageV4)
    with pytest.raises(NotFoundError, match="proposal"):
        scene.node.exchange.compact(full)
