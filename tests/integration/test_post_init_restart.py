"""A killed initialisation goes on where it was, with the compiled engine in a process."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from node.post.data_verify import verify_data
from node.post.engine import CPU_PROVIDER_ID
from node.post.files import list_data_files, read_metadata
from node.post.init_engines import open_engines
from node.post.init_run import run_init
from node.post.space_report import read_report
from tests.support.post_labels import COMMITMENT_ATX, SMESHER, small_options

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(180)]

SCRYPT_N = 64
LABELS = 400_000
PROGRAM = f"""
import asyncio, sys
from pathlib import Path
from node.post.engine import CPU_PROVIDER_ID
from node.post.init_engines import open_engines
from node.post.init_options import InitOptions
from node.post.init_run import run_init

async def main():
    options = InitOptions(smesher={SMESHER!r}, commitment_atx={COMMITMENT_ATX!r},
        labels_per_unit={LABELS}, num_units=1, max_file_size=1 << 20, scrypt_n={SCRYPT_N})
    async with open_engines(CPU_PROVIDER_ID, {SCRYPT_N}) as engines:
        await run_init(Path(sys.argv[1]), options, engines,
            on_progress=lambda progress: print(progress.labels_done, flush=True))

asyncio.run(main())
"""


async def start(directory: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(directory), stdout=asyncio.subprocess.PIPE
    )


async def wait_progress(process: asyncio.subprocess.Process, labels: int) -> None:
    assert process.stdout is not None
    while int(await process.stdout.readline()) < labels:
        continue


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "Ctrl-C"])
async def test_a_stopped_initialisation_goes_on(tmp_path: Path, signal_number: int) -> None:
    for labels in (1, 30_000):
        process = await start(tmp_path)
        await wait_progress(process, labels)
        os.kill(process.pid, signal_number)
        await process.communicate()
    written = read_report(tmp_path).labels_written
    assert 0 < written < LABELS

    options = small_options(
        labels_per_unit=LABELS, num_units=1, max_file_size=1 << 20, scrypt_n=SCRYPT_N
    )
    async with open_engines(CPU_PROVIDER_ID, SCRYPT_N) as engines:
        result = await run_init(tmp_path, options, engines)
        assert result.labels_done == LABELS - written
        verdict = await verify_data(tmp_path, engines.source, seed=b"", fraction_percent=5)

    assert verdict.fault is None
    assert [file.num_labels for file in list_data_files(tmp_path)] == [65536] * 6 + [6784]
    assert read_metadata(tmp_path).nonce is not None
    assert "Nonce" in json.loads((tmp_path / "postdata_metadata.json").read_text())
