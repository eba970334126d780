"""The PoST worker as a real process, with real RandomX and labels."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from node.base.errors import InvalidPostError, UnavailableError
from node.post.difficulty import count_index_bits
from node.post.files import data_file_name, write_metadata
from node.post.labels import FULL_LABEL_SIZE, LABEL_SIZE, compute_label, make_commitment
from node.post.machine import InProgress, ProofAnswer, Refusal
from node.post.metadata import SpaceMetadata
from node.post.process import PostProcess
from node.post.proving import ProofOptions, ProofProgress
from node.post.rules import pack_indices, unpack_indices
from node.post.service import ProofWorker, ServiceOptions
from node.post.verifying import All, Mode, PostClaim, ProofParameters
from node.types.post import Post

pytestmark = pytest.mark.e2e

CHALLENGE = b"c" * 32
EASY = b"\x40" + bytes(31)
METADATA = SpaceMetadata(
    smesher=b"\x01" * 32,
    commitment_atx=b"\x02" * 32,
    labels_per_unit=128,
    num_units=2,
    max_file_size=4096,
)
PARAMETERS = ProofParameters(
    k1=12,
    k2=4,
    pow_difficulty=EASY,
    min_num_units=1,
    max_num_units=4,
    labels_per_unit=128,
    scrypt_n=2,
)
CLAIM = PostClaim(
    smesher=METADATA.smesher,
    commitment_atx=METADATA.commitment_atx,
    challenge=CHALLENGE,
    num_units=2,
)


def write_space(directory: Path) -> None:
    write_metadata(directory, METADATA)
    commitment = make_commitment(METADATA.smesher, METADATA.commitment_atx)
    labels = [compute_label(commitment, index, scrypt_n=2) for index in range(256)]
    assert {len(label) for label in labels} == {FULL_LABEL_SIZE}
    stored = b"".join(label[:LABEL_SIZE] for label in labels)
    (directory / data_file_name(0)).write_bytes(stored)


def workers() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "node.post.worker" in one.cmdline()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process table")
async def test_it_proves_verifies_dies_and_comes_back(tmp_path: Path) -> None:
    write_space(tmp_path)
    options = ProofOptions(challenge=CHALLENGE, k1=12, k2=4, pow_difficulty=EASY, threads=2)
    process = PostProcess(verifiers=2)
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(process.run())
        post = await process.prove(tmp_path, options)
        await process.verify(post, CLAIM, PARAMETERS, All())

        bits = count_index_bits(256)
        indices = list(unpack_indices(post.indices, bits)[:4])
        indices[2] ^= 0xFF
        bad = replace(post, indices=pack_indices(indices, bits))
        with pytest.raises(InvalidPostError) as caught:
            await process.verify(bad, CLAIM, PARAMETERS, All())
        assert caught.value.index == 2

        (worker,) = workers()
        assert worker.nice() > psutil.Process().nice()
        worker.kill()
        with pytest.raises(UnavailableError, match="exit code -9"):
            await process.verify(post, CLAIM, PARAMETERS, All())
        await process.verify(post, CLAIM, PARAMETERS, All())
        run.cancel()
    assert workers() == []


@dataclass
class AnnouncedProver:
    """A prover that says when a proof is begun and when it has come to its end."""

    process: PostProcess
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def prove(
        self,
        directory: Path,
        options: ProofOptions,
        *,
        fast: bool = False,
        remote_pow: str = "",
        progress: Callable[[ProofProgress], None] | None = None,
    ) -> Post:
        """Make a proof."""
        assert progress is not None
        tell = progress

        def note(report: ProofProgress) -> None:
            tell(report)
            self.begun.set()

        try:
            return await self.process.prove(directory, options, fast=fast, progress=note)
        finally:
            self.ended.set()

    async def verify(
        self, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
    ) -> None:
        """Verify a proof."""
        await self.process.verify(post, claim, parameters, mode)


async def fetch(service: ProofWorker, prover: AnnouncedProver) -> object:
    """Ask for a proof until there is an answer, as a node does."""
    assert await service.request_proof(CHALLENGE) == InProgress()
    await prover.ended.wait()
    # The service is told a moment after the prover has returned.
    for _ in range(10):
        await asyncio.sleep(0)
    return await service.request_proof(CHALLENGE)


async def test_services_prove_over_the_process_and_survive_its_death(tmp_path: Path) -> None:
    write_space(tmp_path)
    process = PostProcess()
    good, endless, later = (AnnouncedProver(process) for _ in range(3))
    options = ServiceOptions(directory=tmp_path, parameters=PARAMETERS, nonces=16, threads=1)
    never = replace(PARAMETERS, pow_difficulty=bytes(32))
    services = [
        ProofWorker(options, good),
        ProofWorker(replace(options, parameters=never), endless),
        ProofWorker(options, later),
    ]
    assert services[0].get_metadata().metadata == METADATA
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(process.run())]
        running += [tasks.create_task(service.run()) for service in services]

        answer = await fetch(services[0], good)
        assert isinstance(answer, ProofAnswer)
        assert (answer.challenge, answer.metadata) == (CHALLENGE, METADATA)
        await process.verify(answer.post, CLAIM, PARAMETERS, All())

        request = tasks.create_task(fetch(services[1], endless))
        await endless.begun.wait()
        assert isinstance(services[1].describe(), ProofProgress)
        (worker,) = workers()
        worker.kill()
        assert isinstance(await request, Refusal)
        assert isinstance(await fetch(services[2], later), ProofAnswer)
        for task in running:
            task.cancel()
    assert workers() == []
