"""What computes labels and scans them: the ports, the providers, the plain engines.

A *label engine* is an object of one thread that computes labels; a *label source* is
what the rest of the node awaits, usually an engine in a process of its own
(``engine_worker``).  A *scan engine* is the inner loop of a proof.  Engines compute what
``labels`` specifies; each is tested with known labels when it is opened, because a driver
may compute wrong labels without a word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from node.base.errors import DeviceError, UsageError
from node.post.labels import COMMITMENT_SIZE, FULL_LABEL_SIZE, MAX_INDEX, compute_label

CPU_PROVIDER_ID: Final = 2**32 - 1
"""Id of the processor among the providers; devices count from 0."""

CPU_PROVIDER_NAME: Final = "[CPU] scrypt-jane"
"""Name of the processor, as the reference lists it."""

PROVIDER_NAME_SIZE: Final = 63
"""Longest name of a provider, in bytes."""

KNOWN_COMMITMENT: Final = bytes(32)
"""Commitment of the known labels."""

KNOWN_INDEX: Final = 2**32 + 5
"""Index of the known labels: both halves of the number count."""

KNOWN_LABELS: Final = {
    2: "0548bf77b0d625366d6a87a2384f2b52e7330a0e31a0c2d44872ac47351287a8",
    4: "ba71fb1b4ee32b49ea994e0eab2cae18c3ba0bae23004ce8da118cbe556682a6",
    8: "007f0de602feb0bf47a2faae2489d6051c72bc9fe13f7bd53e3caa927481c2a8",
    16: "2af39a17328177018f7d9a06dca8af075031ff650ab94e700706faaa6146d7d6",
    32: "d900bc33f1ce80a2cc2339fb843825f945564db446b1bedde4092965c513d258",
    64: "bb2b4afb67a1ab1bca94c280c860c6081289379f0470c9e2678da44b101860be",
    128: "2ec2c47727d651bc3a82aef89127495013d26679f1c00bcf041ca972cec7aad2",
    256: "19e727e8f3ec5a7e407f2131df24eb45b7d7821d53facfcd94812f44c3229b8e",
    512: "ee96da22262492ea574d7c6477292f90df2955a5c42f91690a14a8f5d7a5a666",
    1024: "86205f176d1842445f18944025b70a593eb256bbba24a845fee23dda94ba7515",
    2048: "916f230bf8cdcf9d399c0e69c7b600c287158915c70da664c25088fdd1bc8a51",
    4096: "3068f570f1dfbf83709ce899027b2d1b3967b9b0ea6f22a2d3304a7075e0f247",
    8192: "d85409ba58430068e2eaa4be7ff0dbeba236d0c2e225d516de1e9bb7d9bfb656",
    16384: "088790e26e7fb92eaaad7f53041483f3fb5614e8a1b5fedf39c7edf43b415ff4",
    32768: "2d5bf5ec6beaffe276ed35f1c5887c5e417d9356d38a58cfae605e15e852b999",
    65536: "c5a679bbf305d033ba179ab7321b6147ca16780db71d23b4c13572d5cb35779d",
}
"""The known label by scrypt N, as ``labels`` computes it."""


class DeviceClass(IntEnum):
    """Kind of a provider, with the numbers of the reference's library."""

    CPU = 1
    GPU = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Something that computes labels."""

    id: int
    """Position among the GPUs of all drivers, or ``CPU_PROVIDER_ID``."""

    name: str
    """Such as ``[GPU] NVIDIA CUDA/NVIDIA H100``; at most 63 bytes."""

    device_class: DeviceClass

    driver: str = ""
    """Version of the driver, or of the compiler that makes the CPU's code."""

    memory_bytes: int = 0
    """Memory of the device; 0 when it does not matter."""

    problem: str = ""
    """Why it cannot be used; empty if nothing speaks against it."""


class LabelEngine(Protocol):
    """Computes labels for one value of scrypt N; used by one thread at a time."""

    @property
    def description(self) -> str:
        """What does the work, for people."""
        ...

    @property
    def lanes(self) -> int:
        """Labels computed side by side; requests are best a multiple of it."""
        ...

    def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return ``count`` labels from index ``start`` on, 32 bytes each."""
        ...

    def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return one label, 32 bytes, for every pair of commitment and index."""
        ...


class LabelSource(Protocol):
    """Labels for the asking: ``LabelEngine`` behind an await."""

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return ``count`` labels from index ``start`` on, 32 bytes each."""
        ...

    async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return one label, 32 bytes, for every pair of commitment and index."""
        ...


class Hit(NamedTuple):
    """A label that is good for a nonce."""

    nonce: int
    """Nonce of the proof."""

    label_index: int
    """Index of the label."""


class ScanEngine(Protocol):
    """The inner loop of a proof for fixed nonces; used by one thread at a time."""

    @property
    def description(self) -> str:
        """What does the work, for people."""
        ...

    def scan(self, data: bytes | bytearray | memoryview, first_index: int) -> Sequence[Hit]:
        """Return the good labels of ``data`` in the order the reference finds them.

        Args:
            data: stored labels, 16 bytes each; labels beyond the last multiple of 8 are
                not looked at.
            first_index: index of the first label.
        """
        ...


class ReferenceEngine:
    """The specification itself as an engine: right, and a second a label."""

    def __init__(self, scrypt_n: int) -> None:
        self.scrypt_n = scrypt_n

    @property
    def description(self) -> str:
        """What does the work, for people."""
        return "interpreted Python"

    @property
    def lanes(self) -> int:
        """Labels computed side by side."""
        return 1

    def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return ``count`` labels from index ``start`` on, 32 bytes each."""
        check_range(start, count)
        return b"".join(
            compute_label(commitment, index, scrypt_n=self.scrypt_n)
            for index in range(start, start + count)
        )

    def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return one label, 32 bytes, for every pair of commitment and index."""
        check_pairs(commitments, indices)
        return b"".join(
            compute_label(commitment, index, scrypt_n=self.scrypt_n)
            for commitment, index in zip(commitments, indices, strict=True)
        )


class InlineLabels:
    """A label source that computes here and now: for tests, simulations and small spaces."""

    def __init__(self, engine: LabelEngine) -> None:
        self.engine = engine

    async def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return ``count`` labels from index ``start`` on, 32 bytes each."""
        return self.engine.labels(commitment, start, count)

    async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return one label, 32 bytes, for every pair of commitment and index."""
        return self.engine.labels_at(commitments, indices)


def check_range(start: int, count: int) -> None:
    """Check that every index of a range can be written down.

    Raises:
        UsageError: it is empty or reaches past the largest index.
    """
    if start < 0 or count < 1 or start + count - 1 > MAX_INDEX:
        raise UsageError(f"invalid labels range: {count} labels from {start}")


def check_pairs(commitments: Sequence[bytes], indices: Sequence[int]) -> None:
    """Check the two columns of a request for single labels.

    Raises:
        UsageError: they are empty or differ in length, or a value does not fit.
    """
    if not indices or len(commitments) != len(indices):
        raise UsageError(f"{len(commitments)} commitments for {len(indices)} labels")
    for commitment in commitments:
        if len(commitment) != COMMITMENT_SIZE:
            raise UsageError(f"a commitment has {len(commitment)} bytes, expected 32")
    for index in indices:
        check_range(index, 1)


def self_test(engine: LabelEngine, scrypt_n: int) -> None:
    """Compute the known label in every lane of an engine.

    Raises:
        DeviceError: a lane yields something else.
    """
    known = KNOWN_LABELS.get(scrypt_n)
    expected = (
        bytes.fromhex(known)
        if known
        else compute_label(KNOWN_COMMITMENT, KNOWN_INDEX, scrypt_n=scrypt_n)
    )
    lanes = engine.lanes
    computed = engine.labels_at([KNOWN_COMMITMENT] * lanes, [KNOWN_INDEX] * lanes)
    for lane in range(lanes):
        label = computed[FULL_LABEL_SIZE * lane : FULL_LABEL_SIZE * (lane + 1)]
        if label != expected:
            raise DeviceError(
                f"{engine.description} computes wrong labels: lane {lane} of {lanes} "
                f"gives {label.hex()}, expected {expected.hex()}",
                code="smesh.device.wrong_labels",
                hint="update the driver, or choose another provider",
            )
