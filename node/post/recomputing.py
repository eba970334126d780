"""Labels for verifiers: recomputed on the processor by any number of threads."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from node.base.errors import DeviceError
from node.post.engine import LabelEngine, ReferenceEngine, self_test
from node.post.engine_cpu import CpuLabelEngine, LabelCode
from node.post.labels import FULL_LABEL_SIZE


class RecomputedLabels:
    """A ``verifying.LabelLookup`` for all threads of a process.

    The code is compiled at the first use, once.  A thread borrows an engine, with its
    memory of a few MiB, for the time of a call; so there are as many engines for a value
    of scrypt N as there were calls at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._code: LabelCode | None = None
        self._idle: dict[int, list[LabelEngine]] = {}

    def __call__(self, commitment: bytes, indices: Sequence[int], scrypt_n: int) -> Sequence[bytes]:
        """Return labels, 32 bytes each, in the order of the indices."""
        if not indices:
            return ()
        with self._engine(scrypt_n) as engine:
            labels = engine.labels_at([commitment] * len(indices), indices)
        return [
            labels[start : start + FULL_LABEL_SIZE]
            for start in range(0, len(labels), FULL_LABEL_SIZE)
        ]

    @contextmanager
    def _engine(self, scrypt_n: int) -> Iterator[LabelEngine]:
        with self._lock:
            idle = self._idle.setdefault(scrypt_n, [])
            engine = idle.pop() if idle else self._open(scrypt_n)
        try:
            yield engine
        finally:
            with self._lock:
                idle.append(engine)

    def _open(self, scrypt_n: int) -> LabelEngine:
        try:
            if self._code is None:
                self._code = LabelCode()
            engine = CpuLabelEngine(scrypt_n, code=self._code)
            self_test(engine, scrypt_n)
        except DeviceError:
            # Slow, but right: a processor that LLVM has no code for.
            return ReferenceEngine(scrypt_n)
        return engine
