"""A PoST service without its transport."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from node.base.errors import ConfigError, RejectError, SpacemeshError, UnavailableError
from node.post.machine import Done, InProgress, MetadataAnswer, ProofAnswer, Refusal
from node.post.proving import ProofOptions, ProofProgress
from node.post.service import ProofWorker, ServiceOptions
from node.post.verifying import All, Mode, PostClaim, ProofParameters
from node.types.post import Post
from tests.support.post_labels import COMMITMENT_ATX, SMESHER
from tests.support.post_proofs import CHALLENGE, EASY, PARAMETERS, claim, write_space

POST = Post(nonce=1, indices=b"\x01", pow=2)
PROGRESS = ProofProgress(first_nonce=0, end_nonce=32, pows=2, position_bytes=5, total_bytes=9)


@dataclass
class FakeProver:
    """Proves when the test says so."""

    calls: list[tuple[Path, ProofOptions, bool, str]] = field(default_factory=list)
    checks: list[tuple[PostClaim, ProofParameters]] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    failure: SpacemeshError | None = None
    fault: SpacemeshError | None = None

    async def prove(
        self,
        directory: Path,
        options: ProofOptions,
        *,
        fast: bool = False,
        remote_pow: str = "",
        progress: Callable[[ProofProgress], None] | None = None,
    ) -> Post:
        self.calls.append((directory, options, fast, remote_pow))
        assert progress is not None
        progress(PROGRESS)
        await self.done.wait()
        self.done.clear()
        if self.failure is not None:
            raise self.failure
        return POST

    async def verify(
        self, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
    ) -> None:
        assert (post, mode) == (POST, All())
        self.checks.append((claim, parameters))
        if self.fault is not None:
            raise self.fault


@asynccontextmanager
async def working(directory: Path) -> AsyncIterator[tuple[ProofWorker, FakeProver]]:
    write_space(directory)
    prover = FakeProver()
    options = ServiceOptions(
        directory=directory, parameters=PARAMETERS, nonces=32, threads=3, fast=True, remote_pow="u"
    )
    worker = ProofWorker(options, prover)
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(worker.run())
        yield worker, prover
        run.cancel()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_proof_is_asked_for_until_it_is_there(tmp_path: Path) -> None:
    async with working(tmp_path) as (worker, prover):
        assert worker.describe() == "Idle"
        assert await worker.request_proof(CHALLENGE) == InProgress()
        assert worker.describe() == "Idle"
        await settle()
        assert worker.describe() == PROGRESS
        assert await worker.request_proof(CHALLENGE) == InProgress()
        prover.done.set()
        await settle()
        assert worker.describe() == "DoneProving"
        answer = await worker.request_proof(CHALLENGE)
        assert answer == ProofAnswer(POST, CHALLENGE, worker.metadata)
        options = ProofOptions(
            challenge=CHALLENGE, k1=12, k2=8, pow_difficulty=EASY, nonces=32, threads=3
        )
        assert prover.calls == [(tmp_path, options, True, "u")]
        expected = replace(PARAMETERS, min_num_units=2, max_num_units=2)
        assert prover.checks == [(claim(), expected)]


async def test_a_failed_proof_can_be_asked_for_again(tmp_path: Path) -> None:
    async with working(tmp_path) as (worker, prover):
        prover.failure = UnavailableError("disk")
        await worker.request_proof(CHALLENGE)
        prover.done.set()
        await settle()
        assert worker.describe() == "DoneProving"
        assert await worker.request_proof(CHALLENGE) == Refusal("disk")
        prover.failure = None
        assert await worker.request_proof(CHALLENGE) == InProgress()


async def test_a_proof_that_does_not_hold_is_not_handed_out(tmp_path: Path) -> None:
    async with working(tmp_path) as (worker, prover):
        await worker.request_proof(CHALLENGE)
        prover.done.set()
        await settle()
        prover.fault = RejectError("invalid proof of work")
        answer = await worker.request_proof(CHALLENGE)
        assert isinstance(answer, Refusal)
        assert "invalid proof of work" in answer.reason
        assert await worker.request_proof(CHALLENGE) == InProgress()


async def test_a_proof_survives_a_verifier_that_is_away(tmp_path: Path) -> None:
    async with working(tmp_path) as (worker, prover):
        await worker.request_proof(CHALLENGE)
        prover.done.set()
        await settle()
        prover.fault = UnavailableError("the PoST worker ended")
        assert isinstance(await worker.request_proof(CHALLENGE), Refusal)
        assert worker._machine.state == Done(CHALLENGE, POST)
        prover.fault = None
        assert isinstance(await worker.request_proof(CHALLENGE), ProofAnswer)


async def test_an_interrupted_proof_is_taken_up_by_the_next_run(tmp_path: Path) -> None:
    async with working(tmp_path) as (worker, prover):
        await worker.request_proof(CHALLENGE)
        await settle()
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(worker.run())
        await settle()
        assert len(prover.calls) == 2
        run.cancel()


async def test_other_requests_are_answered(tmp_path: Path) -> None:
    async with working(tmp_path) as (worker, _):
        answer = worker.get_metadata()
        assert answer == MetadataAnswer(worker.metadata)
        assert (answer.metadata.smesher, answer.metadata.commitment_atx) == (
            SMESHER,
            COMMITMENT_ATX,
        )
        assert isinstance(worker.refuse_unknown(), Refusal)
        assert isinstance(await worker.request_proof(b"short"), Refusal)


async def test_a_space_of_a_size_the_network_does_not_admit_is_refused(tmp_path: Path) -> None:
    write_space(tmp_path, num_units=5)
    options = ServiceOptions(directory=tmp_path, parameters=PARAMETERS, nonces=16, threads=1)
    with pytest.raises(ConfigError, match="5 space units") as caught:
        ProofWorker(options, FakeProver())
    assert caught.value.path.endswith("numunits")
