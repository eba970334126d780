"""Labels on OpenCL devices, and the list of those devices.

Everything here may abort the process, hang, or compute wrong labels, because drivers do.
So it runs in a worker process (``engine_worker``), every engine is tested with known
labels when it is opened, and shapes are tried in processes of their own
(``opencl_tuning``).

Source: post-rs ``scrypt-ocl``; digest post 6 and 17.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any, Final, Self

import numpy as np
import pyopencl as cl
from numpy.typing import NDArray

from node.base.errors import DeviceError
from node.post.engine import (
    CPU_PROVIDER_ID,
    PROVIDER_NAME_SIZE,
    DeviceClass,
    Provider,
    check_pairs,
    check_range,
)
from node.post.labels import CHUNK_SIZE, COMMITMENT_SIZE, FULL_LABEL_SIZE, check_scrypt_n

MAX_MEMORIES: Final = 4
"""Buffers the kernel can spread its memory over."""

PLATFORM_FILTER: Final = "POST_OCL_PLATFORMS_BLACKLIST"
"""Environment variable: a regular expression of platform names to leave out."""

DEVICE_FILTER: Final = "POST_OCL_DEVICES_BLACKLIST"
"""Environment variable: a regular expression of device names to leave out."""

_USABLE_MEMORY: Final = 0.9
_PER_LABEL_OVERHEAD: Final = FULL_LABEL_SIZE + COMMITMENT_SIZE + 8
_ITEMS_PER_UNIT: Final = 2048
_QUIET_SHARE: Final = 0.9
"""Part of the expected time slept before waiting: some drivers wait by spinning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelShape:
    """How the kernel is compiled and started; see the head of ``labels.cl``."""

    labels_per_vector: int
    vectors: int
    groups: int
    gap: int
    apart: bool
    interleaved: bool
    memories: int
    items: int
    local_size: int

    @property
    def lanes(self) -> int:
        """Labels of one work item."""
        return self.labels_per_vector * self.vectors * self.groups

    @property
    def labels_per_run(self) -> int:
        """Labels of one start of the kernel."""
        return self.items * self.lanes

    def memory_bytes(self, scrypt_n: int) -> int:
        """Return what one buffer takes on the device."""
        items = -(-self.items // self.memories)
        return items * self.lanes * -(-scrypt_n // self.gap) * CHUNK_SIZE

    def build_options(self) -> str:
        """Return the compiler's options."""
        numbers = {
            "LABELS_PER_VECTOR": self.labels_per_vector,
            "VECTORS": self.vectors,
            "GROUPS": self.groups,
            "GAP": self.gap,
            "MEMORIES": self.memories,
        }
        flags = {"APART": self.apart, "INTERLEAVED": self.interleaved}
        parts = [f"-D{name}={value}" for name, value in numbers.items()]
        parts += [f"-D{name}" for name, is_set in flags.items() if is_set]
        return " ".join(parts)

    def as_json(self) -> dict[str, int]:
        """Return the fields as numbers; ``from_json`` makes the shape again."""
        return {name: int(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the shape that ``as_json`` described."""
        flags = {name: bool(content[name]) for name in ("apart", "interleaved")}
        return cls(**{**content, **flags})


@dataclass(frozen=True, slots=True)
class OpenclDevice:
    """A device with its place among the providers."""

    provider: Provider
    device: cl.Device

    @property
    def is_processor(self) -> bool:
        """Whether it is a CPU: PoCL, or a vendor's driver for processors."""
        return bool(self.device.type & cl.device_type.CPU)

    def identity(self) -> str:
        """Return what a tuned shape depends on, besides the kernel and scrypt N."""
        device = self.device
        return "|".join(
            (
                device.platform.name,
                device.platform.version,
                device.name,
                device.driver_version,
                str(device.max_compute_units),
                str(device.global_mem_size),
            )
        )


def kernel_source() -> str:
    """Return the text of ``labels.cl``."""
    return resources.files("node.post").joinpath("labels.cl").read_text(encoding="utf-8")


def find_devices(
    environment: Mapping[str, str], *, processors: bool = False
) -> tuple[OpenclDevice, ...]:
    """Return the GPUs of all drivers, numbered in the drivers' order.

    Args:
        environment: variables that may hold the two filters; filtering moves the numbers.
        processors: list the CPUs of OpenCL drivers instead: the kernel's test bed.

    Raises:
        DeviceError: a driver cannot be asked.
    """
    kind = cl.device_type.CPU if processors else cl.device_type.GPU
    found: list[OpenclDevice] = []
    try:
        for platform in _platforms():
            if _is_left_out(platform.name, environment.get(PLATFORM_FILTER)):
                continue
            for device in platform.get_devices():
                if device.type & kind and not _is_left_out(
                    device.name, environment.get(DEVICE_FILTER)
                ):
                    found.append(OpenclDevice(_describe(device, len(found)), device))
    except cl.Error as error:
        raise DeviceError(
            f"an OpenCL driver does not answer: {error}", code="smesh.device.driver"
        ) from error
    return tuple(found)


def pick_device(devices: Sequence[OpenclDevice], provider_id: int) -> OpenclDevice:
    """Return the device with a provider's number.

    Raises:
        DeviceError: there is none.
    """
    for device in devices:
        if device.provider.id == provider_id:
            return device
    raise DeviceError(
        f"invalid provider ID: {provider_id}; there are {len(devices)} OpenCL devices",
        code="smesh.device.provider",
        hint=f"list them with `smcli post providers`; the processor is {CPU_PROVIDER_ID}",
    )


def _platforms() -> Sequence[cl.Platform]:
    try:
        return cl.get_platforms()
    except cl.LogicError as error:
        # The loader's word for "no driver is installed", which is no error of ours.
        if "PLATFORM_NOT_FOUND" in str(error):
            return ()
        raise


def _is_left_out(name: str, pattern: str | None) -> bool:
    if not pattern:
        return False
    try:
        return re.search(pattern, name) is not None
    except re.error:
        # As the reference: a broken expression leaves nothing out.
        return False


def _describe(device: cl.Device, number: int) -> Provider:
    kind = "CPU" if device.type & cl.device_type.CPU else "GPU"
    name = f"[{kind}] {device.platform.name}/{device.name}"
    return Provider(
        id=number,
        name=name.encode()[:PROVIDER_NAME_SIZE].decode(errors="ignore"),
        device_class=DeviceClass.GPU if kind == "GPU" else DeviceClass.CPU,
        driver=f"{device.platform.version} {device.driver_version}".strip(),
        memory_bytes=device.global_mem_size,
        problem="" if device.available and device.compiler_available else "no compiler",
    )


def candidate_shapes(device: OpenclDevice, scrypt_n: int) -> Iterator[KernelShape]:
    """Yield shapes worth a trial, the most promising first."""
    facts = device.device
    if device.is_processor:
        for labels, vectors, groups in ((2, 3, 1), (4, 2, 1), (2, 3, 2), (4, 2, 2), (2, 2, 1)):
            yield KernelShape(
                labels_per_vector=labels,
                vectors=vectors,
                groups=groups,
                gap=1,
                apart=False,
                interleaved=False,
                memories=1,
                items=facts.max_compute_units,
                local_size=1,
            )
        return
    for local_size in (64, 128):
        for gap, apart in ((1, False), (2, False), (4, False), (2, True), (4, True)):
            for interleaved in (False, True):
                shape = fit_gpu_shape(
                    scrypt_n,
                    memory_bytes=facts.global_mem_size,
                    allocation_bytes=facts.max_mem_alloc_size,
                    units=facts.max_compute_units,
                    gap=gap,
                    apart=apart,
                    interleaved=interleaved,
                    local_size=local_size,
                )
                if shape is not None:
                    yield shape


def fit_gpu_shape(
    scrypt_n: int,
    *,
    memory_bytes: int,
    allocation_bytes: int,
    units: int,
    gap: int,
    apart: bool,
    interleaved: bool,
    local_size: int,
) -> KernelShape | None:
    """Return the shape that fills a card's memory, or None if not one group of items fits.

    Args:
        scrypt_n: number of chunks of the label function.
        memory_bytes: memory of the card.
        allocation_bytes: largest single buffer the driver grants.
        units: compute units of the card.
        gap: see ``labels.cl``.
        apart: see ``labels.cl``.
        interleaved: see ``labels.cl``.
        local_size: work items that run together.
    """
    per_item = -(-scrypt_n // gap) * CHUNK_SIZE
    share = min(int(memory_bytes * _USABLE_MEMORY), MAX_MEMORIES * allocation_bytes)
    items = min(share // (per_item + _PER_LABEL_OVERHEAD), units * _ITEMS_PER_UNIT)
    memories = max(1, -(-items * per_item // allocation_bytes))
    # Every buffer holds whole groups, and every group the same number of them.
    step = local_size * min(memories, MAX_MEMORIES)
    items = items // step * step
    if items == 0:
        return None
    return KernelShape(
        labels_per_vector=1,
        vectors=1,
        groups=1,
        gap=gap,
        apart=apart,
        interleaved=interleaved,
        memories=min(memories, MAX_MEMORIES),
        items=items,
        local_size=local_size,
    )


class OpenclLabelEngine:
    """Computes labels on one device with one shape of the kernel."""

    def __init__(self, device: OpenclDevice, shape: KernelShape, scrypt_n: int) -> None:
        """Build the kernel and take the device's memory.

        Raises:
            DeviceError: the driver refuses.
        """
        check_scrypt_n(scrypt_n)
        self.shape = shape
        self._name = device.provider.name
        self._scrypt_n = scrypt_n
        options = shape.build_options() + ("" if device.is_processor else " -DNATIVE_ROTATE")
        try:
            context = cl.Context([device.device])
            self._queue = cl.CommandQueue(context)
            program = cl.Program(context, kernel_source()).build(options)
            self._kernel = cl.Kernel(program, "labels")
            self._take_memory(context)
        except cl.Error as error:
            raise DeviceError(
                f"{self._name} refuses the label kernel ({options}): {error}",
                code="smesh.device.kernel",
                hint="update the driver, or choose another provider",
            ) from error
        self._seconds_per_run = 0.0

    def _take_memory(self, context: cl.Context) -> None:
        flags, count = cl.mem_flags, self.shape.labels_per_run
        self._indices = cl.Buffer(context, flags.READ_ONLY, 8 * count)
        self._commitments = cl.Buffer(context, flags.READ_ONLY, COMMITMENT_SIZE * count)
        self._out = cl.Buffer(context, flags.WRITE_ONLY, FULL_LABEL_SIZE * count)
        size = self.shape.memory_bytes(self._scrypt_n)
        memories = [cl.Buffer(context, flags.READ_WRITE, size) for _ in range(self.shape.memories)]
        # The kernel has four places for memories; those it does not use name the first.
        self._memories = memories + memories[:1] * (MAX_MEMORIES - len(memories))

    @property
    def description(self) -> str:
        """What does the work, for people."""
        return f"{self._name}, {self.shape.build_options()}, {self.shape.items} items"

    @property
    def lanes(self) -> int:
        """Labels computed side by side."""
        return self.shape.labels_per_run

    def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return ``count`` labels from index ``start`` on, 32 bytes each.

        Raises:
            DeviceError: the driver fails.
        """
        check_range(start, count)
        check_pairs([commitment], [start])
        indices = np.uint64(start) + np.arange(count, dtype=np.uint64)
        row = np.frombuffer(commitment, np.uint8)
        return self._compute(np.broadcast_to(row, (count, COMMITMENT_SIZE)), indices)

    def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return one label, 32 bytes, for every pair of commitment and index.

        Raises:
            DeviceError: the driver fails.
        """
        check_pairs(commitments, indices)
        rows = np.frombuffer(b"".join(commitments), np.uint8).reshape(-1, COMMITMENT_SIZE)
        return self._compute(rows, np.array(indices, np.uint64))

    def _compute(self, commitments: NDArray[np.uint8], indices: NDArray[np.uint64]) -> bytes:
        out = np.empty((len(indices), FULL_LABEL_SIZE), np.uint8)
        step = self.shape.labels_per_run
        try:
            for start in range(0, len(indices), step):
                part = slice(start, start + step)
                self._run(np.ascontiguousarray(commitments[part]), indices[part], out[part])
        except cl.Error as error:
            raise DeviceError(
                f"{self._name} failed while it computed labels: {error}",
                code="smesh.device.driver",
            ) from error
        return out.tobytes()

    def _run(
        self,
        commitments: NDArray[np.uint8],
        indices: NDArray[np.uint64],
        out: NDArray[np.uint8],
    ) -> None:
        shape, queue, count = self.shape, self._queue, len(indices)
        cl.enqueue_copy(queue, self._indices, indices)
        cl.enqueue_copy(queue, self._commitments, commitments)
        items = -(-count // shape.lanes)
        began = time.perf_counter()
        self._kernel(
            queue,
            (-(-items // shape.local_size) * shape.local_size,),
            (shape.local_size,),
            np.uint32(self._scrypt_n),
            np.uint32(count),
            np.uint32(-(-shape.items // shape.memories)),
            self._indices,
            self._commitments,
            self._out,
            *self._memories,
        )
        queue.flush()
        if count == shape.labels_per_run:
            time.sleep(self._seconds_per_run * _QUIET_SHARE)
        cl.enqueue_copy(queue, out, self._out)
        if count == shape.labels_per_run:
            taken = time.perf_counter() - began
            known = self._seconds_per_run
            self._seconds_per_run = min(taken, known) if known else taken
