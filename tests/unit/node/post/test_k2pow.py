"""RandomX's memory and the search, with a library that only hashes; and the real one."""

from collections.abc import Callable

import pytest
from blake3 import blake3

from node.base.errors import UnavailableError
from node.post import k2pow
from node.post.k2pow import ProvingStoppedError, RandomX
from node.post.rules import LOW_BITS, make_pow_input
from tests.support.fake_randomx import FakeLibrary

SMESHER = b"\x06" * 32
HARD = b"\x02" + bytes(31)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    fake = FakeLibrary()
    monkeypatch.setattr(k2pow, "cyrx", fake)
    return fake


def never() -> bool:
    return False


def first_good(nonce_group: int) -> int:
    number = 0
    while blake3(make_pow_input(number, nonce_group, bytes(8), SMESHER)).digest() >= HARD:
        number += 1
    return number


def test_memory_is_made_at_the_first_hash_and_once(library: FakeLibrary) -> None:
    randomx = RandomX(flags=8)
    assert not randomx.has_memory
    assert randomx.hash(b"data") == blake3(b"data").digest()
    randomx.hash(b"more")
    assert randomx.has_memory
    assert (library.caches, library.machines) == (1, 1)


def test_memory_is_given_back_only_when_nothing_was_hashed_for_a_while(
    library: FakeLibrary,
) -> None:
    randomx = RandomX(flags=8)
    assert randomx.release_unused()
    randomx.hash(b"data")
    assert not randomx.release_unused()
    assert randomx.has_memory
    assert randomx.release_unused()
    assert not randomx.has_memory
    randomx.hash(b"data")
    assert library.caches == 2


def test_memory_is_not_given_back_during_a_search(library: FakeLibrary) -> None:
    randomx = RandomX(flags=8)
    released: list[bool] = []

    def look() -> bool:
        released.append(randomx.release_unused())
        return False

    randomx.search(1, bytes(8), SMESHER, HARD, stopped=look)
    assert released
    assert not any(released)


def test_the_data_set_is_made_in_parts(library: FakeLibrary) -> None:
    randomx = RandomX(fast=True, threads=4, flags=8)
    assert randomx.hash(b"data") == blake3(b"data").digest()
    assert sorted(library.dataset_parts) == [(0, 3), (3, 3), (6, 3), (9, 1)]


@pytest.mark.parametrize("fast", [False, True])
def test_lack_of_memory_is_told_with_what_is_needed(library: FakeLibrary, *, fast: bool) -> None:
    library.out_of_memory = True
    with pytest.raises(UnavailableError, match="2080" if fast else "256") as caught:
        RandomX(fast=fast, flags=8).hash(b"data")
    assert caught.value.code == "smesh.post.memory"
    assert ("light" in caught.value.hint) == fast


@pytest.mark.parametrize("threads", [1, 3])
def test_the_smallest_solution_is_found_with_any_number_of_threads(
    library: FakeLibrary, threads: int
) -> None:
    randomx = RandomX(flags=8)
    for group in range(8):
        found = randomx.search(group, bytes(8), SMESHER, HARD, stopped=never, threads=threads)
        assert found == first_good(group)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_search_can_be_stopped(library: FakeLibrary, threads: int) -> None:
    calls: list[int] = []

    def after_some() -> bool:
        calls.append(1)
        return len(calls) > 20

    with pytest.raises(ProvingStoppedError):
        RandomX(flags=8).search(
            0, bytes(8), SMESHER, bytes(32), stopped=after_some, threads=threads
        )


def test_a_search_without_a_solution_ends(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(k2pow, "LOW_BITS", 50)
    with pytest.raises(ProvingStoppedError):
        RandomX(flags=8).search(0, bytes(8), SMESHER, bytes(32), stopped=never)
    assert LOW_BITS > 50


@pytest.mark.slow
def test_the_real_library_gives_the_known_hash_and_pow() -> None:
    randomx = RandomX()
    search: Callable[..., int] = randomx.search
    data = make_pow_input(1, 7, b"hello!!!", SMESHER)
    assert randomx.hash(data).hex() == (
        "424fd0bd494640fbb20383c502cb3f6cc3fb13eebfe7bf84ff6c03fbaa4c3903"
    )
    threshold = b"\x0f" + b"\xff" * 31
    assert search(7, b"hello!!!", SMESHER, threshold, stopped=never, threads=2) == 11
