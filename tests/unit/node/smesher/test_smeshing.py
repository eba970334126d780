"""The supervised smesher as its operator sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.base.errors import PreconditionError
from node.post.engine import CPU_PROVIDER_ID, DeviceClass, Provider
from node.post.init_engines import InitEngines
from node.post.init_options import SpaceStatus
from node.post.init_run import InitProgress
from node.smesher import smeshing
from node.smesher.post_process import SetupState
from node.smesher.smeshing import SupervisedSmeshing, list_devices, measure_device
from tests.support.api import COINBASE, ApiWorld, Coinbase
from tests.support.post_labels import hashed_engines

PROCESSOR = Provider(id=CPU_PROVIDER_ID, name="[CPU] test", device_class=DeviceClass.CPU)


async def test_without_a_supervised_identity_nothing_is_started() -> None:
    control = SupervisedSmeshing(post=None, coinbase_account=Coinbase(), provider=CPU_PROVIDER_ID)
    assert not control.is_supervised
    assert not control.is_smeshing
    assert control.coinbase == COINBASE
    assert control.setup_status().state is SetupState.NOT_STARTED
    with pytest.raises(PreconditionError, match="not configured for supervised smeshing"):
        await control.stop(delete_files=False)


def test_labels_are_counted_in_the_files_before_the_work_tells(tmp_path: Path) -> None:
    with ApiWorld(tmp_path) as world:
        space = world.post.space.directory
        space.mkdir()
        (space / "postdata_0.bin").write_bytes(bytes(16 * 5 + 3))
        world.post.state = SetupState.STOPPED
        assert world.smeshing.setup_status().labels_written == 5


def test_the_work_tells_how_many_labels_there_are(tmp_path: Path) -> None:
    with ApiWorld(tmp_path) as world:
        world.post.state = SetupState.IN_PROGRESS
        world.post.progress = InitProgress(
            status=SpaceStatus.STARTED,
            labels_done=7,
            labels_total=9,
            position=77,
            file=0,
            labels_per_s=1.0,
            is_searching=False,
            nonce=None,
        )
        assert world.smeshing.setup_status().labels_written == 77


async def test_the_processor_is_the_last_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smeshing, "providers", lambda: (PROCESSOR,))
    assert await list_devices() == (PROCESSOR,)


async def test_a_device_is_measured_with_the_labels_of_mainnet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[tuple[int | None, int]] = []

    @asynccontextmanager
    async def open_engines(provider: int | None, scrypt_n: int) -> AsyncIterator[InitEngines]:
        opened.append((provider, scrypt_n))
        yield hashed_engines()

    monkeypatch.setattr(smeshing, "open_engines", open_engines)
    assert await measure_device(PROCESSOR) > 0
    assert opened == [(CPU_PROVIDER_ID, 8192)]
