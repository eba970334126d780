"""The supervised smesher as its operator sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.base.errors import PreconditionError
from node.post.engine import DeviceClass, Provider
from node.post.files import find_metadata, list_data_files, read_metadata
from node.smesher.post_process import SetupState
from node.smesher.smeshing import (
    SetupOptions,
    SetupProvider,
    SetupStatus,
    SupervisedSmeshing,
)
from node.types.address import Address
from tests.support.post_proofs import PARAMETERS
from tests.support.supervised import LABELS, Supervised

FIRST, SECOND = Address(bytes(23) + b"\1"), Address(bytes(23) + b"\2")
DEVICES = (
    Provider(id=0, name="[GPU] first", device_class=DeviceClass.GPU),
    Provider(id=7, name="[CPU] second", device_class=DeviceClass.CPU),
)


@dataclass
class Account:
    """Where rewards go."""

    address: Address = FIRST


@dataclass
class Devices:
    """Two devices, of which the second one is the faster."""

    measured: list[int] = field(default_factory=list)

    async def all(self) -> Sequence[Provider]:
        return DEVICES

    async def measure(self, provider: Provider) -> int:
        self.measured.append(provider.id)
        return 100 + provider.id


class Operated(Supervised):
    """A supervised space with its operator."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.devices = Devices()
        self.smeshing = SupervisedSmeshing(
            post=self.post,
            coinbase_account=Account(),
            provider=0,
            list_providers=self.devices.all,
            measure=self.devices.measure,
        )

    def options(self, *, num_units: int = 2, provider: int | None = None) -> SetupOptions:
        return SetupOptions(
            data_folder=str(self.directory),
            num_units=num_units,
            max_file_size=4096,
            provider=provider,
            throttle=True,
        )


@pytest.fixture
def operated(tmp_path: Path) -> Operated:
    return Operated(tmp_path)


async def test_work_starts_with_the_options_it_is_given(operated: Operated) -> None:
    smeshing = operated.smeshing
    async with operated.running():
        await smeshing.start(SECOND, operated.options(num_units=3, provider=0))
        assert smeshing.is_supervised
        assert smeshing.is_smeshing
        await operated.reach(SetupState.COMPLETE)
        assert read_metadata(operated.directory).num_units == 3
    assert smeshing.coinbase == SECOND
    assert smeshing.setup_status() == SetupStatus(
        state=SetupState.COMPLETE,
        labels_written=3 * PARAMETERS.labels_per_unit,
        options=operated.options(num_units=3, provider=0),
    )


async def test_another_device_than_the_opened_one_is_refused(operated: Operated) -> None:
    with pytest.raises(PreconditionError, match="provider 7 is not the one"):
        await operated.smeshing.start(SECOND, operated.options(provider=7))
    assert operated.smeshing.coinbase == FIRST
    assert not operated.smeshing.is_smeshing


async def test_work_that_runs_keeps_its_options(operated: Operated) -> None:
    async with operated.running():
        await operated.smeshing.start(FIRST, operated.options())
        with pytest.raises(PreconditionError, match="already started"):
            await operated.smeshing.start(SECOND, operated.options(num_units=4))
        await operated.reach(SetupState.COMPLETE)
    assert operated.smeshing.coinbase == FIRST
    assert operated.post.space.num_units == 2


@pytest.mark.parametrize("delete", [False, True])
async def test_labels_stay_unless_they_are_to_be_deleted(operated: Operated, delete: bool) -> None:
    async with operated.running():
        await operated.smeshing.start(FIRST, operated.options())
        await operated.reach(SetupState.COMPLETE)
        await operated.smeshing.stop(delete_files=delete)
        await operated.reach(SetupState.STOPPED)
    assert bool(list_data_files(operated.directory)) is not delete
    assert (find_metadata(operated.directory) is None) is delete


async def test_the_status_tells_how_many_labels_are_there(operated: Operated) -> None:
    smeshing = operated.smeshing
    nothing = SetupStatus(state=SetupState.NOT_STARTED, labels_written=0, options=None)
    assert smeshing.setup_status() == nothing
    async with operated.running():
        await smeshing.start(FIRST, operated.options())
        await operated.reach(SetupState.COMPLETE)
        assert smeshing.setup_status().labels_written == LABELS
        await smeshing.stop(delete_files=False)
        await operated.reach(SetupState.STOPPED)
        assert smeshing.setup_status().labels_written == LABELS
    told = smeshing.setup_status().options
    assert told is not None
    assert (told.provider, told.throttle) == (0, True)


async def test_labels_of_an_earlier_run_are_counted_in_the_files(operated: Operated) -> None:
    async with operated.running():
        await operated.smeshing.start(FIRST, operated.options())
        await operated.reach(SetupState.COMPLETE)
    operated.post.progress = None
    operated.post.state = SetupState.PREPARED
    assert operated.smeshing.setup_status().labels_written == LABELS


async def test_work_that_failed_tells_no_options(operated: Operated) -> None:
    operated.post.state = SetupState.ERROR
    status = operated.smeshing.setup_status()
    assert status == SetupStatus(state=SetupState.ERROR, labels_written=0, options=None)


async def test_without_a_supervised_identity_there_is_only_a_coinbase(tmp_path: Path) -> None:
    smeshing = SupervisedSmeshing(post=None, coinbase_account=Account(), provider=0)
    smeshing.set_coinbase(SECOND)
    assert smeshing.coinbase == SECOND
    assert not smeshing.is_supervised
    assert not smeshing.is_smeshing
    assert smeshing.setup_status().state is SetupState.NOT_STARTED
    with pytest.raises(PreconditionError, match="not configured for supervised smeshing"):
        await smeshing.start(FIRST, Operated(tmp_path).options())
    with pytest.raises(PreconditionError, match="not configured"):
        await smeshing.stop(delete_files=False)


async def test_devices_are_measured_on_request_only(operated: Operated) -> None:
    plain = await operated.smeshing.providers(benchmark=False)
    assert plain == tuple(
        SetupProvider(number=one.id, model=one.name, is_gpu=True, labels_per_second=0)
        for one in DEVICES
    )
    assert operated.devices.measured == []
    measured = await operated.smeshing.providers(benchmark=True)
    assert [one.labels_per_second for one in measured] == [100, 107]
