"""The OpenCL engine on PoCL, which runs the same kernel on the processor."""

from dataclasses import replace
from typing import Any

import pyopencl as cl
import pytest

from node.base.errors import DeviceError, UsageError
from node.post import engine_opencl
from node.post.engine import DeviceClass, ReferenceEngine, self_test
from node.post.engine_opencl import (
    DEVICE_FILTER,
    PLATFORM_FILTER,
    KernelShape,
    OpenclDevice,
    OpenclLabelEngine,
    candidate_shapes,
    find_devices,
    fit_gpu_shape,
    pick_device,
)

PLAIN = KernelShape(
    labels_per_vector=1,
    vectors=1,
    groups=1,
    gap=1,
    apart=False,
    interleaved=False,
    memories=1,
    items=4,
    local_size=1,
)
COMMITMENT = bytes(range(32))
GIB = 1 << 30


@pytest.fixture(scope="module")
def device() -> OpenclDevice:
    """PoCL's processor."""
    devices = find_devices({}, processors=True)
    if not devices:
        pytest.skip("there is no OpenCL driver for processors")
    return devices[0]


class FakeDevice:
    """What a driver says of a card."""

    def __init__(self, platform: str, name: str, kind: int = cl.device_type.GPU) -> None:
        self.platform = type("Platform", (), {"name": platform, "version": "OpenCL 3.0"})
        self.name = name
        self.type = kind
        self.driver_version = "550.1"
        self.global_mem_size = 24 * GIB
        self.max_mem_alloc_size = 6 * GIB
        self.max_compute_units = 128
        self.available = self.compiler_available = True


class FakePlatform:
    """A driver with its devices."""

    def __init__(self, name: str, *devices: FakeDevice) -> None:
        self.name = name
        self.devices = devices

    def get_devices(self) -> tuple[FakeDevice, ...]:
        return self.devices


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two drivers: one with two cards and a processor, one with a card."""
    platforms = (
        FakePlatform(
            "NVIDIA CUDA",
            FakeDevice("NVIDIA CUDA", "RTX 4090"),
            FakeDevice("NVIDIA CUDA", "CPU", cl.device_type.CPU),
            FakeDevice("NVIDIA CUDA", "GTX 1080"),
        ),
        FakePlatform("rusticl", FakeDevice("rusticl", "Radeon " + "X" * 80)),
    )
    monkeypatch.setattr(cl, "get_platforms", lambda: platforms)


@pytest.mark.usefixtures("cards")
def test_gpus_are_numbered_in_the_order_of_the_drivers() -> None:
    providers = [found.provider for found in find_devices({})]

    assert [provider.id for provider in providers] == [0, 1, 2]
    assert providers[0].name == "[GPU] NVIDIA CUDA/RTX 4090"
    assert len(providers[2].name) == 63
    assert {provider.device_class for provider in providers} == {DeviceClass.GPU}
    assert providers[1].driver == "OpenCL 3.0 550.1"
    assert [found.provider.name for found in find_devices({}, processors=True)] == [
        "[CPU] NVIDIA CUDA/CPU"
    ]


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({PLATFORM_FILTER: "rusti"}, ["RTX 4090", "GTX 1080"]),
        ({DEVICE_FILTER: "^(RTX|Radeon)"}, ["GTX 1080"]),
        ({DEVICE_FILTER: "("}, ["RTX 4090", "GTX 1080", "Radeon"]),
        ({PLATFORM_FILTER: ""}, ["RTX 4090", "GTX 1080", "Radeon"]),
    ],
)
def test_filters_leave_devices_out_and_move_the_numbers(
    environment: dict[str, str], names: list[str]
) -> None:
    found = find_devices(environment)

    assert [one.provider.id for one in found] == list(range(len(names)))
    assert [one.device.name[: len(name)] for one, name in zip(found, names, strict=True)] == names


@pytest.mark.usefixtures("cards")
def test_a_device_without_compiler_is_listed_with_its_problem() -> None:
    (first, *_) = find_devices({})
    first.device.compiler_available = False

    assert find_devices({})[0].provider.problem == "no compiler"


@pytest.mark.usefixtures("cards")
def test_a_number_without_device_is_refused() -> None:
    devices = find_devices({})

    assert pick_device(devices, 1) is devices[1]
    with pytest.raises(DeviceError, match="invalid provider ID: 7; there are 3") as caught:
        pick_device(devices, 7)
    assert caught.value.code == "smesh.device.provider"


@pytest.mark.parametrize("text", ["PLATFORM_NOT_FOUND_KHR", "OUT_OF_HOST_MEMORY"])
def test_no_driver_is_no_trouble_and_a_failing_one_is_a_message(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def refuse() -> Any:
        raise cl.LogicError(text)

    monkeypatch.setattr(cl, "get_platforms", refuse)

    if text.startswith("PLATFORM"):
        assert find_devices({}) == ()
    else:
        with pytest.raises(DeviceError, match="an OpenCL driver does not answer"):
            find_devices({})


@pytest.mark.usefixtures("cards")
def test_candidates_for_a_card_fill_its_memory() -> None:
    device = find_devices({})[0]
    shapes = list(candidate_shapes(device, 8192))

    assert len(shapes) == 20
    assert {shape.gap for shape in shapes} == {1, 2, 4}
    for shape in shapes:
        assert shape.items % (shape.local_size * shape.memories) == 0
        assert shape.memory_bytes(8192) <= 6 * GIB
        assert shape.memories * shape.memory_bytes(8192) <= 24 * GIB
        assert not (shape.apart and shape.gap == 1)
        assert KernelShape.from_json(shape.as_json()) == shape
    assert "RTX 4090" in device.identity()


@pytest.mark.parametrize(
    ("memory", "allocation", "units", "items", "memories"),
    [
        (24 * GIB, 6 * GIB, 128, 22016, 4),
        (24 * GIB, 24 * GIB, 128, 22080, 1),
        (24 * GIB, 6 * GIB, 2, 4096, 1),
        (16 << 20, 16 << 20, 128, 0, 0),
    ],
    ids=["quarter at once", "all at once", "few units", "too small"],
)
def test_a_shape_fits_the_memory_of_the_card(
    memory: int, allocation: int, units: int, items: int, memories: int
) -> None:
    shape = fit_gpu_shape(
        8192,
        memory_bytes=memory,
        allocation_bytes=allocation,
        units=units,
        gap=1,
        apart=False,
        interleaved=True,
        local_size=64,
    )

    if not items:
        assert shape is None
        return
    assert shape is not None
    assert shape.memories == memories
    assert items - 256 <= shape.items <= items
    assert shape.memory_bytes(8192) <= allocation


def test_candidates_for_a_processor_take_one_item_a_unit(device: OpenclDevice) -> None:
    units = device.device.max_compute_units

    assert {(shape.items, shape.local_size) for shape in candidate_shapes(device, 8192)} == {
        (units, 1)
    }


def test_the_plain_kernel_computes_what_is_specified(device: OpenclDevice) -> None:
    engine = OpenclLabelEngine(device, PLAIN, 4)
    reference = ReferenceEngine(4)

    self_test(engine, 4)
    assert engine.lanes == 4
    assert "GAP=1" in engine.description
    # Two whole runs and a part of one, across 2**32.
    assert engine.labels(COMMITMENT, 2**32 - 4, 9) == reference.labels(COMMITMENT, 2**32 - 4, 9)
    commitments, indices = [bytes([k]) * 32 for k in range(3)], [5, 2**64 - 1, 0]
    assert engine.labels_at(commitments, indices) == reference.labels_at(commitments, indices)
    with pytest.raises(UsageError):
        engine.labels(COMMITMENT, 2**64 - 1, 2)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "changes",
    [
        {"gap": 2},
        {"gap": 3, "apart": True, "interleaved": True, "memories": 2, "items": 8, "local_size": 2},
        {"interleaved": True, "memories": 3, "items": 6},
        {"labels_per_vector": 2, "vectors": 3, "gap": 2},
        {"labels_per_vector": 4, "vectors": 2, "groups": 2, "items": 2},
        {"labels_per_vector": 4, "gap": 4},
        {"gap": 8, "apart": True, "memories": 4, "items": 16, "local_size": 4},
    ],
    ids=str,
)
def test_every_kind_of_kernel_computes_what_is_specified(
    device: OpenclDevice, changes: dict[str, Any]
) -> None:
    shape = replace(PLAIN, **changes)
    for scrypt_n in (2, 64):
        engine = OpenclLabelEngine(device, shape, scrypt_n)
        self_test(engine, scrypt_n)
        count = engine.lanes + 3
        assert engine.labels(COMMITMENT, 7, count) == ReferenceEngine(scrypt_n).labels(
            COMMITMENT, 7, count
        )


def test_a_kernel_that_does_not_compile_is_a_message(
    device: OpenclDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_opencl, "kernel_source", lambda: "this is no kernel;")

    with pytest.raises(DeviceError, match="refuses the label kernel"):
        OpenclLabelEngine(device, PLAIN, 2)


def test_a_driver_that_fails_later_is_a_message(
    device: OpenclDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = OpenclLabelEngine(device, PLAIN, 2)

    def refuse(*_: object) -> None:
        raise cl.RuntimeError("device lost")

    monkeypatch.setattr(cl, "enqueue_copy", refuse)
    with pytest.raises(DeviceError, match="failed while it computed labels: device lost"):
        engine.labels(COMMITMENT, 0, 1)
