"""Label engines for tests: one that computes nothing, and the real one, compiled once."""

from collections.abc import Callable, Sequence
from functools import cache

from blake3 import blake3

from node.post.engine import InlineLabels
from node.post.engine_cpu import CpuLabelEngine, LabelCode
from node.post.init_engines import InitEngines
from node.post.init_options import InitOptions
from node.post.init_plan import SpotChecks

SMESHER = b"\x11" * 32
COMMITMENT_ATX = b"\x22" * 32


@cache
def label_code() -> LabelCode:
    """Return the compiled label function."""
    return LabelCode()


def real_engine(scrypt_n: int = 2) -> CpuLabelEngine:
    """Return an engine that computes real labels."""
    return CpuLabelEngine(scrypt_n, code=label_code())


class HashedLabels:
    """A label engine and source whose labels are plain hashes: instant, and as random."""

    def __init__(self, change: Callable[[int, bytes], bytes] | None = None) -> None:
        """Take what to make of the label of an index, to fake a fault."""
        self.change = change or (lambda _, label: label)
        self.requests: list[tuple[int, int]] = []

    description = "hashes"
    lanes = 4

    def label(self, commitment: bytes, index: int) -> bytes:
        """Return one label, 32 bytes."""
        label = blake3(commitment + index.to_bytes(8, "little")).digest()
        return self.change(index, label)

    def labels(self, commitment: bytes, start: int, count: int) -> bytes:
        """Return consecutive labels."""
        self.requests.append((start, count))
        return b"".join(self.label(commitment, start + k) for k in range(count))

    def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
        """Return single labels."""
        pairs = zip(commitments, indices, strict=True)
        return b"".join(self.label(commitment, index) for commitment, index in pairs)


def hashed_engines(
    source: HashedLabels | None = None,
    checker: HashedLabels | None = None,
    *,
    every_work: bool = False,
    labels: int = 1,
) -> InitEngines:
    """Return who computes and who checks, both of them hashes."""
    return InitEngines(
        source=InlineLabels(source or HashedLabels()),
        checker=InlineLabels(checker or HashedLabels()),
        checks=SpotChecks(every_work=every_work, labels=labels),
    )


def small_options(**changes: object) -> InitOptions:
    """Return options of a space of 4 files with 64 labels each."""
    values: dict[str, object] = {
        "smesher": SMESHER,
        "commitment_atx": COMMITMENT_ATX,
        "labels_per_unit": 64,
        "num_units": 4,
        "max_file_size": 1024,
        "scrypt_n": 2,
    }
    return InitOptions(**(values | changes))  # type: ignore[arg-type]
