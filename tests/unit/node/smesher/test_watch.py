"""Our own keys, heard from peers: only what is signed by them, now, and was not said by us."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import PreconditionError
from node.consensus.beacon.wire import (
    FirstVotesBody,
    FirstVotesMessage,
    FollowingVotesBody,
    FollowingVotesMessage,
)
from node.consensus.hare.messages import Content, Version, sign_message
from node.consensus.hare.wire import HareEligibility, IterRound
from node.consensus.malfeasance.guard import EquivocationGuard
from node.crypto.domains import Domain
from node.crypto.ed25519 import Signer, Verifier
from node.events import Bus
from node.net.ports import PeerID
from node.smesher.watch import (
    OwnKeyWatch,
    Reader,
    read_atx,
    read_ballot,
    read_certify,
    read_first_votes,
    read_following_votes,
    read_hare,
)
from node.store.local import Duty, Statement
from node.types.certificate import CertifyContent, CertifyMessage
from node.types.ids import BlockID, EdSignature, Hash32, VrfSignature
from node.types.layer import EpochID, LayerID
from node.types.proposal import InnerProposal, Proposal
from tests.support.activation import SteppedClock, initial_atx
from tests.support.chain import GENESIS, NS, TIME, Chain, ballot, signer

LOCAL, PEER = PeerID("self"), PeerID("peer")
LAYER = LayerID(9)
ELIGIBILITY = HareEligibility(proof=VrfSignature.zero(), count=1)


def atx_of(key: Signer) -> bytes:
    return scale.encode(initial_atx(1 if key == OWN else 2, epoch=2).atx)


def proposal_of(key: Signer) -> bytes:
    made = ballot(1 if key == OWN else 2, LAYER)
    made = replace(made, signature=key.sign(Domain.BALLOT, made.signed_bytes()))
    inner = InnerProposal(ballot=made, tx_ids=(), mesh_hash=Hash32.zero())
    return scale.encode(Proposal(inner=inner, signature=EdSignature.zero()))


def hare_of(key: Signer, version: Version = Version.HARE3, round_: int = 3) -> bytes:
    content = Content(
        layer=LAYER,
        iter_round=IterRound(iteration=0, round=round_),
        eligibility=ELIGIBILITY,
    )
    return scale.encode(sign_message(version, content, key))


def certify_of(key: Signer) -> bytes:
    content = CertifyContent(
        layer=LAYER,
        block_id=BlockID(b"b" * 20),
        eligibility_count=1,
        proof=VrfSignature.zero(),
    )
    signature = key.sign(Domain.HARE, scale.encode(content))
    message = CertifyMessage(content=content, signature=signature, smesher=key.smesher_id)
    return scale.encode(message)


def first_votes_of(key: Signer) -> bytes:
    body = FirstVotesBody(epoch=EpochID(2), valid=(), potentially_valid=())
    signature = key.sign(Domain.BEACON_FIRST_MESSAGE, scale.encode(body))
    message = FirstVotesMessage(body=body, smesher=key.smesher_id, signature=signature)
    return scale.encode(message)


def following_votes_of(key: Signer) -> bytes:
    body = FollowingVotesBody(epoch=EpochID(2), round=3, votes=b"")
    signature = key.sign(Domain.BEACON_FOLLOWUP_MESSAGE, scale.encode(body))
    message = FollowingVotesMessage(body=body, smesher=key.smesher_id, signature=signature)
    return scale.encode(message)


OWN, OTHER = signer(1), signer(2)
TOPICS = (
    (read_atx, atx_of, Duty.ATX),
    (read_ballot, proposal_of, Duty.BALLOT),
    (read_hare(Version.HARE3), hare_of, Duty.HARE),
    (
        read_hare(Version.HARE4),
        lambda key: hare_of(key, Version.HARE4),
        Duty.HARE,
    ),
    (read_certify, certify_of, Duty.CERTIFY),
    (read_first_votes, first_votes_of, Duty.FIRST_VOTES),
    (read_following_votes, following_votes_of, Duty.FOLLOWING_VOTES),
)
"""Reader, a message of a key, and what it is."""


class Watched:
    """A watch in layer 9, and what got through to the handler."""

    def __init__(self, folder: Path) -> None:
        self.chain = Chain(folder)
        self.clock = SteppedClock(TIME.start_of(LAYER) + NS)
        self.guard = EquivocationGuard(db=self.chain.db, local=self.chain.db, bus=Bus())
        self.watch = OwnKeyWatch(
            guard=self.guard,
            verifier=Verifier(GENESIS),
            clock=self.clock,
            time=TIME,
            signers=lambda: [OWN],
            local=LOCAL,
        )
        self.handled: list[bytes] = []

    async def handle(self, peer: PeerID, data: bytes) -> None:
        self.handled.append(data)

    async def hear(self, read: Reader, data: bytes, peer: PeerID = PEER) -> None:
        await self.watch.over({"topic": read})("topic", self.handle)(peer, data)

    def is_silent(self) -> bool:
        try:
            self.guard.check_identity(OWN.smesher_id)
        except PreconditionError:
            return True
        return False


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.chain.db.close()


@pytest.mark.parametrize(("read", "message", "duty"), TOPICS)
async def test_our_key_is_heard_on_every_topic(
    watched: Watched, read: Reader, message: object, duty: Duty
) -> None:
    assert callable(message)
    said = read(message(OWN))
    assert said is not None
    assert said.statement.duty is duty
    await watched.hear(read, message(OTHER))
    await watched.hear(read, message(OWN), peer=LOCAL)
    assert not watched.is_silent()
    await watched.hear(read, message(OWN))
    assert watched.is_silent()
    assert len(watched.handled) == 3


@pytest.mark.parametrize(("read", "message", "duty"), TOPICS)
async def test_what_we_claimed_is_our_own(
    watched: Watched, read: Reader, message: object, duty: Duty
) -> None:
    assert callable(message)
    said = read(message(OWN))
    assert said is not None
    watched.guard.claim(said.statement)
    await watched.hear(read, message(OWN))
    assert not watched.is_silent()


@pytest.mark.parametrize(("read", "message", "duty"), TOPICS)
async def test_what_is_not_signed_by_us_says_nothing(
    watched: Watched, read: Reader, message: object, duty: Duty
) -> None:
    assert callable(message)
    good = message(OWN)
    said = read(good)
    assert said is not None
    await watched.hear(read, good.replace(said.signature, bytes(EdSignature.SIZE)))
    await watched.hear(read, OWN.smesher_id + b"malformed")
    assert not watched.is_silent()
    assert len(watched.handled) == 2


@pytest.mark.parametrize(("read", "message", "duty"), TOPICS)
async def test_old_messages_may_be_our_own_of_a_forgotten_time(
    watched: Watched, read: Reader, message: object, duty: Duty
) -> None:
    assert callable(message)
    later = TIME.epoch_start(EpochID(3)) + NS
    watched.clock.now = later
    await watched.hear(read, message(OWN))
    assert not watched.is_silent()


async def test_a_name_in_somebody_elses_message_is_nothing(watched: Watched) -> None:
    body = FirstVotesBody(epoch=EpochID(2), valid=(), potentially_valid=())
    message = FirstVotesMessage(
        body=body,
        smesher=OTHER.smesher_id,
        signature=EdSignature(OWN.smesher_id + bytes(32)),
    )
    await watched.hear(read_first_votes, scale.encode(message))
    assert not watched.is_silent()


async def test_compact_messages_tell_nothing(watched: Watched) -> None:
    await watched.hear(read_hare(Version.HARE4), hare_of(OWN, Version.HARE4, round_=0))
    assert not watched.is_silent()
    await watched.hear(read_hare(Version.HARE3), hare_of(OWN, Version.HARE3, round_=0))
    assert watched.is_silent()


def test_topics_on_which_we_do_not_speak_are_left_alone(watched: Watched) -> None:
    assert watched.watch.over({"topic": read_atx})("other", watched.handle) == watched.handle


def test_statements_are_those_that_publishers_claim() -> None:
    said = read_certify(certify_of(OWN))
    assert said.statement == Statement.of_certify(OWN.smesher_id, LAYER, BlockID(b"b" * 20))
