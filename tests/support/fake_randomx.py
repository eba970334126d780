"""A RandomX library that hashes with BLAKE3 and counts what it was asked to allocate."""

from dataclasses import dataclass, field
from types import SimpleNamespace

from blake3 import blake3

from node.post.k2pow import CACHE_KEY


@dataclass
class FakeLibrary:
    """Stands in for cyrx and counts what is allocated."""

    caches: int = 0
    dataset_parts: list[tuple[int, int]] = field(default_factory=list)
    machines: int = 0
    out_of_memory: bool = False
    CYRX_FLAG_FULL_MEM: int = 4

    def Cache(self, flags: int) -> SimpleNamespace:  # noqa: N802
        if self.out_of_memory:
            raise MemoryError
        self.caches += 1

        def init(key: bytes) -> None:
            assert key == CACHE_KEY
            assert not flags & self.CYRX_FLAG_FULL_MEM

        return SimpleNamespace(init=init)

    def Dataset(self, flags: int) -> SimpleNamespace:  # noqa: N802
        assert flags & self.CYRX_FLAG_FULL_MEM

        def init(_: object, start: int, count: int) -> None:
            self.dataset_parts.append((start, count))

        return SimpleNamespace(init=init)

    def VM(self, flags: int, cache: object, dataset: object = None) -> SimpleNamespace:  # noqa: N802
        assert (dataset is not None) == bool(flags & self.CYRX_FLAG_FULL_MEM)
        assert (cache is None) == (dataset is not None)
        self.machines += 1
        return SimpleNamespace(hash=lambda data: blake3(data).digest())

    def dataset_item_count(self) -> int:
        return 10
