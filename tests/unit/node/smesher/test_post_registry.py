"""Workers that are connected: found, waited for, asked."""

import asyncio
from pathlib import Path

import pytest

from node.base.errors import PreconditionError, RejectError, UnavailableError
from node.post.machine import ProofMachine
from node.post.metadata import SpaceMetadata
from node.post.proving import ProofOptions
from node.post.service import ProofWorker, ServiceOptions
from node.post.verifying import Mode, PostClaim, ProofParameters
from node.smesher.post_registry import LocalPostClient, PostRegistry
from node.types.ids import Hash32
from node.types.post import Post
from tests.support.chain import signer
from tests.support.post_proofs import PARAMETERS, write_space

SMESHER = signer(1).smesher_id
CHALLENGE = Hash32(bytes(range(32)))
POST = Post(nonce=1, indices=b"\1\2", pow=3)


class Client:
    """A worker that is never asked."""

    async def info(self) -> SpaceMetadata:
        raise AssertionError

    async def proof(self, challenge: Hash32) -> tuple[Post, SpaceMetadata]:
        raise AssertionError


class InstantProver:
    """Makes the one proof at once; it may not hold."""

    def __init__(self, fault: RejectError | None = None) -> None:
        self.fault = fault

    async def prove(self, directory: Path, options: ProofOptions, **_: object) -> Post:
        await asyncio.sleep(0)
        return POST

    async def verify(
        self, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
    ) -> None:
        if self.fault is not None:
            raise self.fault


def worker(directory: Path, prover: InstantProver) -> ProofWorker:
    write_space(directory)
    options = ServiceOptions(directory=directory, parameters=PARAMETERS, nonces=16, threads=1)
    return ProofWorker(options, prover)


def test_a_worker_serves_its_identity_for_the_length_of_a_block() -> None:
    registry, client = PostRegistry(), Client()
    assert registry.find(SMESHER) is None
    with registry.connected(SMESHER, client):
        assert registry.find(SMESHER) is client
        with pytest.raises(PreconditionError, match="already registered"):
            registry.connected(SMESHER, Client()).__enter__()
        assert registry.find(SMESHER) is client
    assert registry.find(SMESHER) is None


async def test_who_waits_gets_the_worker_of_its_own_identity() -> None:
    registry, client = PostRegistry(), Client()
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(registry.wait(SMESHER)) for _ in range(2)]
        await asyncio.sleep(0)
        with registry.connected(signer(2).smesher_id, Client()):
            await asyncio.sleep(0)
            assert not any(task.done() for task in waiting)
            with registry.connected(SMESHER, client):
                await asyncio.wait(waiting)
    assert [task.result() for task in waiting] == [client, client]


async def test_a_connected_worker_is_not_waited_for() -> None:
    registry, client = PostRegistry(), Client()
    with registry.connected(SMESHER, client):
        assert await registry.wait(SMESHER) is client


async def test_a_worker_in_this_process_is_asked_until_its_proof_is_there(tmp_path: Path) -> None:
    working = worker(tmp_path, InstantProver())
    client = LocalPostClient(working, poll_s=0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(working.run())
        assert await client.proof(CHALLENGE) == (POST, working.metadata)
        assert await client.info() == working.metadata
        running.cancel()


async def test_a_refusal_is_told_with_its_reason(tmp_path: Path) -> None:
    working = worker(tmp_path, InstantProver(RejectError("wrong labels")))
    client = LocalPostClient(working, poll_s=0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(working.run())
        with pytest.raises(UnavailableError, match=r"made no proof: .*wrong labels") as refused:
            await client.proof(CHALLENGE)
        running.cancel()
    assert refused.value.code == "smesh.post.no_proof"
    assert isinstance(working._machine, ProofMachine)
