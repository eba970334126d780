"""PostService and PostInfoService: workers that dial the node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from node.api.post_client import CONNECTION_CODE, StreamPostClient
from node.base.errors import UnavailableError
from node.pb.spacemesh.v1 import post_types_pb2 as post
from node.post.metadata import SpaceMetadata
from node.smesher.identities import PostState
from node.smesher.post_registry import PostClient
from node.types.ids import Hash32
from node.types.post import Post
from tests.support.api import Api, ApiWorld
from tests.support.chain import signer

REGISTER = "spacemesh.v1.PostService/Register"
SMESHER = signer(1).smesher_id
COMMITMENT = b"\x22" * 32
CHALLENGE = Hash32(b"\x33" * 32)
META = post.Metadata(
    node_id=SMESHER, commitment_atx_id=COMMITMENT, nonce=9, num_units=4, labels_per_unit=512
)
SPACE = SpaceMetadata(
    smesher=SMESHER,
    commitment_atx=COMMITMENT,
    labels_per_unit=512,
    num_units=4,
    max_file_size=0,
    nonce=9,
)
OK = post.GEN_PROOF_STATUS_OK
IN_PROGRESS = post.GenProofResponse(status=OK)
DONE = post.GenProofResponse(
    status=OK,
    proof=post.Proof(nonce=1, indices=b"indices", pow=7),
    metadata=post.ProofMetadata(challenge=CHALLENGE, meta=META),
)


def metadata_answer(meta: post.Metadata | None = META) -> post.ServiceResponse:
    return post.ServiceResponse(metadata=post.MetadataResponse(meta=meta))


class Worker:
    """A PoST worker that registers and answers what the test says."""

    def __init__(self, api: Api) -> None:
        self.call: Any = api.stream(REGISTER, on="post")

    async def question(self) -> post.NodeRequest:
        asked: post.NodeRequest = await self.call.read()
        return asked

    async def introduce(self, meta: post.Metadata | None = META) -> None:
        assert (await self.question()).HasField("metadata")
        await self.call.write(metadata_answer(meta))

    async def answer(self, *proofs: post.GenProofResponse) -> None:
        for proof in proofs:
            asked = await self.question()
            assert asked.gen_proof.challenge == CHALLENGE
            await self.call.write(post.ServiceResponse(gen_proof=proof))


@asynccontextmanager
async def registered(world: ApiWorld) -> AsyncIterator[tuple[Worker, PostClient]]:
    async with world.serve() as api:
        worker = Worker(api)
        await worker.introduce()
        client = await world.registry.wait(SMESHER)
        assert isinstance(client, StreamPostClient)
        client.poll_s = 0
        yield worker, client
        worker.call.cancel()


async def test_the_states_of_workers_are_told(world: ApiWorld) -> None:
    async with world.serve() as api:
        method = "spacemesh.v1.PostInfoService/PostStates"
        (idle,) = (await api.unary(method, on="post")).states
        assert idle == post.PostState(id=SMESHER, state=post.PostState.IDLE, name="local.key")
        world.identities.set_state(SMESHER, PostState.PROVING)
        (proving,) = (await api.unary(method, on="post")).states
    assert proving.state == post.PostState.PROVING


async def test_a_worker_is_asked_for_its_metadata(world: ApiWorld) -> None:
    async with registered(world) as (worker, client), asyncio.TaskGroup() as tasks:
        info = tasks.create_task(client.info())
        assert (await worker.question()).HasField("metadata")
        await worker.call.write(metadata_answer())
        assert await info == SPACE


async def test_a_worker_is_asked_until_the_proof_is_made(world: ApiWorld) -> None:
    async with registered(world) as (worker, client), asyncio.TaskGroup() as tasks:
        proof = tasks.create_task(client.proof(CHALLENGE))
        await worker.answer(IN_PROGRESS, IN_PROGRESS, DONE)
        assert await proof == (Post(nonce=1, indices=b"indices", pow=7), SPACE)


WITHOUT_META = post.ProofMetadata(challenge=CHALLENGE)
OTHER = post.ProofMetadata(challenge=bytes(32), meta=META)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (
            post.GenProofResponse(status=post.GEN_PROOF_STATUS_ERROR),
            "error generating proof: GEN_PROOF_STATUS_ERROR",
        ),
        (post.GenProofResponse(), "error generating proof: GEN_PROOF_STATUS_UNSPECIFIED"),
        (post.GenProofResponse(status=OK, proof=DONE.proof), "proof metadata is nil"),
        (
            post.GenProofResponse(status=OK, proof=DONE.proof, metadata=OTHER),
            f"unexpected challenge: {'00' * 32}",
        ),
        (
            post.GenProofResponse(status=OK, proof=DONE.proof, metadata=WITHOUT_META),
            "post metadata is nil",
        ),
    ],
)
async def test_an_answer_without_a_proof_for_the_challenge_is_an_error(
    world: ApiWorld, answer: post.GenProofResponse, problem: str
) -> None:
    async with registered(world) as (worker, client), asyncio.TaskGroup() as tasks:

        async def ask() -> None:
            with pytest.raises(UnavailableError, match=problem) as caught:
                await client.proof(CHALLENGE)
            assert caught.value.code == "smesh.post.no_proof"

        tasks.create_task(ask())
        await worker.answer(answer)


@pytest.mark.parametrize(
    ("meta", "problem"),
    [(None, "sent no metadata"), (post.Metadata(node_id=b"short"), "sent wrong metadata")],
)
async def test_metadata_that_cannot_be_meant_is_an_error(
    world: ApiWorld, meta: post.Metadata | None, problem: str
) -> None:
    async with registered(world) as (worker, client), asyncio.TaskGroup() as tasks:

        async def ask() -> None:
            with pytest.raises(UnavailableError, match=problem):
                await client.info()

        tasks.create_task(ask())
        await worker.question()
        await worker.call.write(metadata_answer(meta))


async def test_who_asks_a_worker_that_leaves_is_told(world: ApiWorld) -> None:
    async with registered(world) as (worker, client), asyncio.TaskGroup() as tasks:

        async def ask() -> None:
            with pytest.raises(UnavailableError, match="went away") as caught:
                await client.proof(CHALLENGE)
            assert caught.value.code == CONNECTION_CODE

        first, second = tasks.create_task(ask()), tasks.create_task(ask())
        await worker.question()
        worker.call.cancel()
        await first
        await second
        assert world.registry.find(SMESHER) is None


async def test_a_worker_that_sends_no_more_is_gone(world: ApiWorld) -> None:
    async with registered(world) as (worker, client), asyncio.TaskGroup() as tasks:

        async def ask() -> None:
            with pytest.raises(UnavailableError, match="went away"):
                await client.info()

        tasks.create_task(ask())
        await worker.question()
        await worker.call.done_writing()
        assert await worker.call.code() is grpc.StatusCode.OK


async def test_an_answer_that_nobody_waits_for_any_more_is_dropped(world: ApiWorld) -> None:
    async with registered(world) as (worker, client), asyncio.TaskGroup() as tasks:
        given_up = tasks.create_task(client.proof(CHALLENGE))
        await worker.question()
        given_up.cancel()
        await worker.call.write(post.ServiceResponse(gen_proof=DONE))
        proof = tasks.create_task(client.proof(CHALLENGE))
        await worker.answer(DONE)
        assert (await proof)[1] == SPACE


async def test_an_identity_has_one_worker(world: ApiWorld) -> None:
    async with world.serve() as api:
        first = Worker(api)
        await first.introduce()
        await world.registry.wait(SMESHER)
        second = Worker(api)
        await second.introduce()
        assert await second.call.code() is grpc.StatusCode.UNKNOWN
        assert await second.call.details() == "post service already registered"
        assert world.registry.find(SMESHER) is not None
        first.call.cancel()


async def test_a_worker_that_leaves_before_it_said_who_it_is(world: ApiWorld) -> None:
    async with world.serve() as api:
        worker = Worker(api)
        await worker.question()
        await worker.call.done_writing()
        assert await worker.call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("meta", [None, post.Metadata(node_id=b"short")])
async def test_a_worker_that_does_not_say_who_it_is(
    world: ApiWorld, meta: post.Metadata | None
) -> None:
    async with world.serve() as api:
        worker = Worker(api)
        await worker.introduce(meta)
        assert await worker.call.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_without_a_coinbase_no_worker_is_let_in(world: ApiWorld) -> None:
    world.coinbase.address = None  # type: ignore[assignment]
    async with world.serve() as api:
        worker = Worker(api)
        assert await worker.call.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert await worker.call.details() == (
            "connection not allowed: node has no coinbase set in config"
        )
    async with world.serve() as api:
        answer = await api.unary("spacemesh.v1.SmesherService/Coinbase", on="private")
    assert not answer.HasField("account_id")
