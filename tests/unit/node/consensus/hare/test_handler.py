"""The gossip edge: what is rejected, ignored and handed to the session, in both versions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import DecodeError, IgnoreError, RejectError
from node.consensus.hare.messages import (
    Content,
    Version,
    sign_message,
)
from node.consensus.hare.wire import (
    Round,
)
from node.consensus.malfeasance.wire import HareEquivocation
from node.net.ports import PeerID
from node.types.ids import EdSignature, Hash32
from tests.support.chain import signer
from tests.support.hare import LAYER, A, B, Scene, at, closing

PREROUND, PROPOSE, COMMIT = at(0, Round.PREROUND), at(0, Round.PROPOSE), at(0, Round.COMMIT)
REFERENCE = Hash32(b"r" * 32)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Scene]:
    world = Scene(tmp_path, Version.HARE3)
    with closing(world.node):
        yield world


async def test_a_good_message_is_accepted_once(world: Scene) -> None:
    message = world.message(COMMIT, reference=REFERENCE)
    await world.send(message)
    with pytest.raises(IgnoreError, match="is known"):
        await world.send(message)
    assert [stats.messages for stats in world.machine.stats()] == [1]


async def test_malformed_messages_are_refused(world: Scene) -> None:
    with pytest.raises(DecodeError):
        await world.node.handler.on_gossip(PeerID("peer"), b"x")
    with pytest.raises(RejectError, match="without a reference"):
        await world.send(world.message(COMMIT))


async def test_messages_without_a_session_are_ignored_unverified(world: Scene) -> None:
    forged = replace(world.message(COMMIT, reference=REFERENCE), signature=EdSignature.zero())
    with pytest.raises(RejectError, match="wrong signature"):
        await world.send(forged)
    world.node.handler.close(LAYER)
    with pytest.raises(IgnoreError, match="no hare session"):
        await world.send(forged)


@pytest.mark.parametrize("count", [0, 1000])
async def test_seats_that_were_not_won_are_ignored(world: Scene, count: int) -> None:
    content = Content(
        layer=LAYER,
        iter_round=PROPOSE,
        eligibility=replace(world.eligibility(PROPOSE), count=count),
    )
    with pytest.raises(IgnoreError, match="zero grade"):
        await world.send(sign_message(Version.HARE3, content, signer(1)))


async def test_a_smesher_outside_the_active_set_is_ignored(world: Scene) -> None:
    content = Content(layer=LAYER, iter_round=PROPOSE, eligibility=world.eligibility(PROPOSE))
    with pytest.raises(IgnoreError, match="not active"):
        await world.send(sign_message(Version.HARE3, content, signer(3)))


async def test_a_conflicting_message_is_relayed_and_convicts_its_sender(world: Scene) -> None:
    first, second = world.message(PREROUND, A), world.message(PREROUND, B)
    await world.send(first)
    await world.send(second)
    (proof,) = world.node.witness.proofs
    assert proof.layer == LAYER
    assert isinstance(proof.data, HareEquivocation)
    for signed, message in zip(proof.data.messages, (first, second), strict=True):
        assert scale.encode(signed.metadata) == message.signed_bytes()
        assert (signed.smesher, signed.signature) == (message.sender, message.signature)
    assert world.node.chain.atxdata.is_malicious(first.sender)
    with pytest.raises(IgnoreError, match="is known"):
        await world.send(world.message(PREROUND))


async def test_a_known_malicious_smesher_is_not_convicted_again(world: Scene) -> None:
    world.node.chain.atxdata.mark_malicious(signer(1).smesher_id)
    await world.send(world.message(PREROUND, A))
    with pytest.raises(IgnoreError, match="is known"):
        await world.send(world.message(PREROUND, B))
    assert world.node.witness.proofs == []


async def test_a_smesher_convicted_between_two_messages_is_not_convicted_here(
    world: Scene,
) -> None:
    await world.send(world.message(PREROUND, A))
    world.node.chain.atxdata.mark_malicious(signer(1).smesher_id)
    await world.send(world.message(PREROUND, B))
    assert world.node.witness.proofs == []
