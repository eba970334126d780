"""Labels on the processor, with code compiled for it when the engine is made."""

import ctypes
import mmap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from node.post.engine import check_pairs, check_range
from node.post.engine_cpu_labels import FUNCTION_NAME, VectorShape, build_module
from node.post.labels import CHUNK_SIZE, COMMITMENT_SIZE, FULL_LABEL_SIZE, check_scrypt_n
from node.post.llvm import CompiledModule, compile_for_host, host_features

WIDE: Final = VectorShape(4, 2, 2)
"""For vectors of 512 bits, which have an instruction that turns words."""

MIDDLE: Final = VectorShape(2, 3, 1)
"""For vectors of 256 bits."""

NARROW: Final = VectorShape(1, 3, 1)
"""For vectors of 128 bits."""


def choose_shape(features: dict[str, bool]) -> VectorShape:
    """Return the layout that was fastest on processors with these instruction sets."""
    if features.get("avx512f") and features.get("avx512vl"):
        return WIDE
    if features.get("avx2"):
        return MIDDLE
    return NARROW


class LabelCode:
    """The compiled label function; any number of engines may share one."""

    def __init__(self, shape: VectorShape | None = None) -> None:
        """Compile for the host, which takes about a second.

        Args:
            shape: layout; None for the one that suits the host.

        Raises:
            DeviceError: LLVM cannot compile it.
        """
        self.shape = choose_shape(host_features()) if shape is None else shape
        # LLVM splits 512-bit vectors in two on some processors unless it is told not to.
        extra = "-prefer-256-bit" if self.shape is WIDE else ""
        self._module: CompiledModule = compile_for_host(
            build_module(self.shape), purpose="the label function", extra_features=extra
        )
        pointer, number = ctypes.c_void_p, ctypes.c_uint64
        self.compute = self._module.function(
            FUNCTION_NAME, pointer, pointer, number, number, pointer, pointer
        )


class CpuLabelEngine:
    """Computes labels on some threads of the processor; the GIL is free meanwhile."""

    def __init__(self, scrypt_n: int, *, code: LabelCode | None = None, threads: int = 1) -> None:
        """Take the memory to work in: ``128 * scrypt_n`` bytes a lane and thread.

        Args:
            scrypt_n: number of chunks of the label function, a power of two.
            code: compiled function; compiled here if it is not given.
            threads: how many labels ranges are computed at once.
        """
        check_scrypt_n(scrypt_n)
        self.scrypt_n = scrypt_n
        self.threads = threads
        self._code = code or LabelCode()
        self._lanes = self._code.shape.lanes
        # Pages come aligned from the system, and only those that are touched cost memory.
        self._memory = [mmap.mmap(-1, CHUNK_SIZE * scrypt_n * self._lanes) for _ in range(threads)]
        self._addresses = [
            ctypes.addressof(ctypes.c_char.from_buffer(memory)) for memory in self._memory
        ]

    @property
    def description(self) -> str:
        """What does the work, for people."""
        shape = self._code.shape
        return f"LLVM code, {128 * shape.labels_per_vector}-bit vectors, {self.threads} threads"

    @property
    def lanes(self) -> int:
        """Labels computed side by side, in all threads."""
        return self._lanes * self.threads

    def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return ``count`` labels from index ``start`` on, 32 bytes each."""
        check_range(start, count)
        check_pairs([commitment], [start])
        # Lanes beyond the last label compute on from index 0; their labels are cut off.
        indices = np.uint64(start) + np.arange(self._round_up(count), dtype=np.uint64)
        commitments = np.tile(np.frombuffer(commitment, np.uint8), (len(indices), 1))
        return self._compute(commitments, indices, count)

    def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return one label, 32 bytes, for every pair of commitment and index."""
        check_pairs(commitments, indices)
        count = len(indices)
        padded = np.zeros(self._round_up(count), np.uint64)
        padded[:count] = indices
        rows = np.zeros((len(padded), COMMITMENT_SIZE), np.uint8)
        rows[:count] = np.frombuffer(b"".join(commitments), np.uint8).reshape(count, -1)
        return self._compute(rows, padded, count)

    def _round_up(self, count: int) -> int:
        return -(-count // self._lanes) * self._lanes

    def _compute(
        self, commitments: NDArray[np.uint8], indices: NDArray[np.uint64], count: int
    ) -> bytes:
        out = np.empty((len(indices), FULL_LABEL_SIZE), np.uint8)
        rounds = len(indices) // self._lanes
        share = -(-rounds // self.threads) * self._lanes

        def compute_share(thread: int) -> None:
            part = slice(thread * share, (thread + 1) * share)
            if len(indices[part]):
                self._code.compute(
                    indices[part].ctypes.data,
                    commitments[part].ctypes.data,
                    len(indices[part]),
                    self.scrypt_n,
                    out[part].ctypes.data,
                    self._addresses[thread],
                )

        if share >= len(indices):
            compute_share(0)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                for _ in pool.map(compute_share, range(self.threads)):
                    continue
        return out[:count].tobytes()
