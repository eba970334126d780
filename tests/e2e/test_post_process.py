"""The PoST worker as a real process, with real RandomX and labels."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from node.base.errors import InvalidPostError, UnavailableError
from node.post.difficulty import count_index_bits
from node.post.files import data_file_name, write_metadata
from node.post.labels import FULL_LABEL_SIZE, LABEL_SIZE, compute_label, make_commitment
from node.post.metadata import SpaceMetadata
from node.post.process import PostProcess
from node.post.proving import ProofOptions
from node.post.rules import pack_indices, unpack_indices
from node.post.verifying import All, PostClaim, ProofParameters

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
