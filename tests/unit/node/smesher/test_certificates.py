"""Certificates for PoETs: asked for once, checked, kept; against a real certifier's words."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import NotFoundError, RejectError, UnavailableError
from node.config.durations import Nanoseconds
from node.config.model.consensus import CertifierClientConfig
from node.crypto.ed25519 import private_key_of, public_key_of
from node.net.ports import PeerID
from node.poet.certify_request import read_request
from node.poet.registration import Certifier
from node.poet.registration_cert import CertificateIssuer, CertifierDialogue
from node.post.verifying import Fault, InvalidPow, PostClaim
from node.runtime.http import JSON, HttpAnswer
from node.sim.virtual_time import simulate
from node.smesher.certificates import Certificates, HttpCertifier, encode_request
from node.store.atxs import put_atx
from node.store.db import LevelDB
from node.store.local import (
    InitialPost,
    find_initial_post,
    find_poet_certificate,
    put_initial_post,
)
from node.types.address import Address
from node.types.atx_v2 import ActivationTxV2, MembershipProofV2, NIPostV2, SubPostV2
from node.types.ids import AtxID, EdSignature, Hash32, SmesherID
from node.types.layer import EpochID
from node.types.post import Post
from tests.support.activation import GOLDEN, World, initial_atx
from tests.support.chain import NS, atx, signer

PRIVATE_KEY = private_key_of(b"\x07" * 32)
CERTIFIER = Certifier(url="http://certifier.example/base/", pubkey=public_key_of(PRIVATE_KEY))
SMESHER = signer(1).smesher_id
INITIAL = InitialPost(
    post=Post(nonce=5, indices=b"\1\2\3", pow=9),
    num_units=4,
    commitment_atx=AtxID(b"\xb9" * 32),
    vrf_nonce=77,
    challenge=Hash32.zero(),
)

RECORDED_REQUEST = {
    "proof": {
        "nonce": 5,
        "indices": "HEMnAVRYFpkIUMKoLCwYy90S2Xw7Ug/yUwJlQWrQQ1QXiUfTktg0OW1Sz9RcNVidVlIW8ZV9nW"
        "BpWWIWogFsKhs=",
        "pow": 5,
    },
    "metadata": {
        "node_id": "H8IZhWeH6zePsHgThkNyy38un+VoOk/bjYjzBhs4vM0=",
        "commitment_atx_id": "uXbua1dIpvbv48McDEj9Q7gCZ4fWzV4kc+na4WF4fCs=",
        "challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "num_units": 4,
    },
}
RECORDED_ANSWER = (
    b'{"certificate":"gB/CGYVnh+s3j7B4E4ZDcst/Lp/laDpP242I8wYbOLzNAA==","signature":"hZnyhIFRv6tU'
    b"CMavAQSFAMUaLY4daz5mmqrIcLmpjHeEIkya7R6e8iecJuHI8IYiaY8cUqQVJRIK7W66HkgjCw=="
    b'","pub_key":"GeiidfzP1aTOb2l+niWOGgOd6jQd0rq9YGyAKopEKkE="}'
)
"""What certifier 0.8.5 answered to that request, recorded."""


@dataclass
class Clock:
    now: int = NS

    def now_ns(self) -> int:
        return self.now

    async def sleep_until(self, instant_ns: int) -> None:
        self.now = instant_ns


@dataclass
class Server:
    """A certifier behind its dialogue, or canned answers."""

    clock: Clock
    validity_ns: int | None = None
    fault: Fault | None = None
    answers: list[HttpAnswer] = field(default_factory=list)
    asked: list[tuple[str, bytes]] = field(default_factory=list)

    async def ask(self, url: str, body: bytes) -> HttpAnswer:
        self.asked.append((url, body))
        if self.answers:
            return self.answers.pop(0)
        await asyncio.sleep(0)
        issuer = CertificateIssuer(private_key=PRIVATE_KEY, validity_ns=self.validity_ns)
        dialogue = CertifierDialogue(issuer, self._find_fault)
        answer = await dialogue.answer("POST", "/certify", JSON, body, self.clock.now_ns())
        return HttpAnswer(answer.status, answer.body.encode())

    async def _find_fault(self, post: Post, claim: PostClaim) -> Fault | None:
        return self.fault


class Node:
    """One smesher's databases."""

    def __init__(self, folder: Path) -> None:
        self.db = LevelDB(folder / "state")
        self.local = LevelDB(folder / "local")
        self.clock = Clock()
        self.server = Server(self.clock)
        self.certificates = Certificates(
            db=self.db, local=self.local, clock=self.clock, server=self.server
        )

    def put_initial(self) -> None:
        with self.local.batch() as batch:
            put_initial_post(batch, SMESHER, INITIAL)

    def close(self) -> None:
        self.db.close()
        self.local.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    node.close()


async def test_a_certificate_is_asked_for_once_and_kept(node: Node) -> None:
    node.put_initial()
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(node.certificates.get(SMESHER, CERTIFIER)) for _ in range(2)]
    first, second = (task.result() for task in both)
    assert first == second == await node.certificates.get(SMESHER, CERTIFIER)
    ((url, body),) = node.server.asked
    assert url == "http://certifier.example/base/certify"
    assert read_request(body) == (
        INITIAL.post,
        PostClaim(
            smesher=SMESHER,
            commitment_atx=INITIAL.commitment_atx,
            challenge=INITIAL.challenge,
            num_units=INITIAL.num_units,
        ),
    )
    kept = find_poet_certificate(node.local, SMESHER, CERTIFIER.pubkey)
    assert kept is not None
    assert (kept.certificate, kept.signature) == (first.data, first.signature)


async def test_a_certificate_that_was_dropped_is_asked_for_again(node: Node) -> None:
    node.put_initial()
    await node.certificates.get(SMESHER, CERTIFIER)
    node.certificates.drop(SMESHER, CERTIFIER)
    assert find_poet_certificate(node.local, SMESHER, CERTIFIER.pubkey) is None
    await node.certificates.get(SMESHER, CERTIFIER)
    assert len(node.server.asked) == 2


async def test_without_a_first_proof_that_of_the_newest_atx_serves(tmp_path: Path) -> None:
    world = World(tmp_path)
    built = initial_atx(1)
    await world.poets.store(built.poet)
    await world.atxs.on_gossip(PeerID("peer"), built.blob)
    local = LevelDB(tmp_path / "local")
    certificates = Certificates(
        db=world.db, local=local, clock=Clock(), server=(server := Server(Clock()))
    )
    await certificates.get(SMESHER, CERTIFIER)
    post, claim = read_request(server.asked[0][1])
    nipost = built.atx.inner.nipost
    assert nipost is not None
    assert nipost.post_metadata is not None
    assert (post, claim.challenge) == (nipost.post, nipost.post_metadata.challenge)
    assert (claim.commitment_atx, claim.num_units) == (GOLDEN, built.atx.inner.num_units)
    kept = find_initial_post(local, SMESHER)
    assert kept is not None
    assert kept.post == post
    local.close()
    world.close()


async def test_without_any_proof_there_is_no_certificate(node: Node) -> None:
    with pytest.raises(NotFoundError, match="post of smesher"):
        await node.certificates.get(SMESHER, CERTIFIER)


async def test_a_refusal_is_told_and_not_kept(node: Node) -> None:
    node.put_initial()
    node.server.fault = InvalidPow()
    with pytest.raises(RejectError, match="answered 403: invalid proof"):
        await node.certificates.get(SMESHER, CERTIFIER)
    node.server.fault = None
    await node.certificates.get(SMESHER, CERTIFIER)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HttpAnswer(200, b"{"), "not a certificate"),
        (HttpAnswer(200, b'{"more": ' + b"[" * 60_000), "not a certificate"),
        (HttpAnswer(200, RECORDED_ANSWER), "not the announced one"),
        (HttpAnswer(404, b""), "answered 404$"),
    ],
)
async def test_an_answer_of_no_use_is_refused(node: Node, answer: HttpAnswer, reason: str) -> None:
    node.put_initial()
    node.server.answers = [answer]
    with pytest.raises(RejectError, match=reason):
        await node.certificates.get(SMESHER, CERTIFIER)
    assert find_poet_certificate(node.local, SMESHER, CERTIFIER.pubkey) is None


async def test_a_certificate_that_has_expired_is_refused(node: Node) -> None:
    node.put_initial()
    node.server.validity_ns = -NS
    with pytest.raises(RejectError, match="expired"):
        await node.certificates.get(SMESHER, CERTIFIER)


async def test_a_request_and_its_answer_are_those_of_the_reference(node: Node) -> None:
    metadata = RECORDED_REQUEST["metadata"]
    proof = RECORDED_REQUEST["proof"]
    smesher = SmesherID(base64.b64decode(str(metadata["node_id"])))
    initial = InitialPost(
        post=Post(nonce=5, indices=base64.b64decode(str(proof["indices"])), pow=5),
        num_units=4,
        commitment_atx=AtxID(base64.b64decode(str(metadata["commitment_atx_id"]))),
        vrf_nonce=0,
        challenge=Hash32.zero(),
    )
    assert json.loads(encode_request(smesher, initial)) == RECORDED_REQUEST
    with node.local.batch() as batch:
        put_initial_post(batch, smesher, initial)
    node.server.answers = [HttpAnswer(200, RECORDED_ANSWER)]
    key = base64.b64decode("GeiidfzP1aTOb2l+niWOGgOd6jQd0rq9YGyAKopEKkE=")
    certificate = await node.certificates.get(smesher, Certifier(url="http://c", pubkey=key))
    assert certificate.data == b"\x80" + smesher + b"\x00"


# --- over HTTP ---


@dataclass
class Web:
    """An HTTP client with canned answers."""

    answers: list[HttpAnswer | UnavailableError]
    asked: list[str] = field(default_factory=list)

    async def post_json(self, url: str, body: bytes, *, max_bytes: int) -> HttpAnswer:
        self.asked.append(url)
        answer = self.answers.pop(0)
        if isinstance(answer, UnavailableError):
            raise answer
        return answer


def over_http(*answers: HttpAnswer | UnavailableError) -> tuple[HttpAnswer, Web]:
    web = Web(list(answers))
    certifier = HttpCertifier(
        client=web,
        config=CertifierClientConfig(retry_delay=Nanoseconds(NS), max_retries=2),
        random_below=lambda _: 0,
    )
    return simulate(certifier.ask("http://c/certify", b"{}")), web


@pytest.mark.parametrize("status", [200, 403, 413, 501])
def test_an_answer_is_an_answer(status: int) -> None:
    answer, web = over_http(HttpAnswer(status, b"x"))
    assert (answer.status, len(web.asked)) == (status, 1)


def test_a_certifier_that_is_away_or_busy_is_asked_again() -> None:
    answer, web = over_http(
        UnavailableError("refused"), HttpAnswer(429, b""), HttpAnswer(200, b"at last")
    )
    assert (answer.body, len(web.asked)) == (b"at last", 3)


def test_a_certifier_that_stays_away_is_given_up() -> None:
    with pytest.raises(UnavailableError, match="answered 503"):
        over_http(*[HttpAnswer(503, b"") for _ in range(3)])


async def test_an_atx_of_version_2_serves_with_its_first_proof(node: Node) -> None:
    challenge = Hash32(b"\x44" * 32)
    sub = SubPostV2(
        marriage_index=0,
        previous_atx_index=0,
        membership_leaf_index=0,
        post=INITIAL.post,
        num_units=4,
    )
    wire = ActivationTxV2(
        publish_epoch=EpochID(1),
        positioning_atx=GOLDEN,
        coinbase=Address(bytes(24)),
        initial=None,
        previous_atxs=(),
        niposts=(
            NIPostV2(membership=MembershipProofV2(nodes=()), challenge=challenge, posts=(sub,)),
        ),
        vrf_nonce=7,
        marriages=(),
        marriage_atx=None,
        smesher=SMESHER,
        signature=EdSignature.zero(),
    )
    with node.db.batch() as batch:
        stored = atx(1, id=wire.id, version=2, commitment_atx=GOLDEN)
        put_atx(batch, stored, blob=scale.encode(wire))
    await node.certificates.get(SMESHER, CERTIFIER)
    post, claim = read_request(node.server.asked[0][1])
    assert (post, claim.challenge, claim.num_units) == (INITIAL.post, challenge, 4)


async def test_an_atx_without_its_proof_serves_nobody(node: Node) -> None:
    built = initial_atx(1).atx
    bare = replace(built, inner=replace(built.inner, nipost=None))
    with node.db.batch() as batch:
        stored = atx(1, id=bare.id, commitment_atx=GOLDEN)
        put_atx(batch, stored, blob=scale.encode(bare))
    with pytest.raises(NotFoundError, match="post of atx"):
        await node.certificates.get(SMESHER, CERTIFIER)
