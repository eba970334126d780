"""The VRF nonce found in files, and among parts of a space."""

from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import PreconditionError, StoreError
from node.post import nonce_search
from node.post.difficulty import compute_vrf_difficulty
from node.post.files import read_metadata, write_metadata
from node.post.init_run import run_init
from node.post.metadata import SpaceMetadata
from node.post.nonce_search import (
    FileOpened,
    NonceSaved,
    SearchEvent,
    SearchProgress,
    find_smallest_stored,
    merge_directories,
    search_nonce,
)
from tests.support.post_labels import hashed_engines, small_options


@pytest.fixture
async def space(tmp_path: Path) -> SpaceMetadata:
    """A complete space in ``tmp_path``; returns what it was found to be."""
    return (await run_init(tmp_path, small_options(), hashed_engines())).metadata


def forget_nonce(directory: Path, **changes: object) -> None:
    metadata = replace(read_metadata(directory), nonce=None, nonce_value=None)
    write_metadata(directory, replace(metadata, **changes))  # type: ignore[arg-type]


async def test_a_lost_nonce_is_found_again(
    tmp_path: Path, space: SpaceMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nonce_search, "LABELS_PER_READ", 10)
    forget_nonce(tmp_path)
    progress: list[SearchProgress] = []
    events: list[SearchEvent] = []

    found = search_nonce(tmp_path, on_progress=progress.append, on_event=events.append)

    assert found == space == read_metadata(tmp_path)
    last = progress[-1]
    assert (last.labels_done, last.labels_total, last.file) == (256, 256, 3)
    assert last.nonce == space.nonce
    assert len(progress) == 4 * 7
    assert [e.name for e in events if isinstance(e, FileOpened)] == [
        f"postdata_{k}.bin" for k in range(4)
    ]
    assert [e.metadata for e in events if isinstance(e, NonceSaved)][-1] == space


async def test_a_better_nonce_is_never_replaced_by_a_worse(
    tmp_path: Path, space: SpaceMetadata
) -> None:
    file = (space.nonce or 0) // 64
    others = [k for k in range(4) if k != file]

    for k in others:
        assert search_nonce(tmp_path, from_file=k, to_file=k) == space


async def test_a_nonce_that_is_none_is_not_believed(tmp_path: Path, space: SpaceMetadata) -> None:
    forget_nonce(tmp_path, nonce=3, nonce_value=b"\xff" * 16)

    assert search_nonce(tmp_path) == space


async def test_starting_over_finds_the_best_of_the_range(
    tmp_path: Path, space: SpaceMetadata
) -> None:
    good = compute_vrf_difficulty(256)
    best = {}
    for k in range(4):
        labels = (tmp_path / f"postdata_{k}.bin").read_bytes()
        best[k] = min((labels[at : at + 16], 64 * k + at // 16) for at in range(0, 1024, 16))
    file = next(k for k in range(4) if best[k][0] < good and best[k][1] != space.nonce)

    found = search_nonce(tmp_path, from_file=file, to_file=file, ignore_stored=True)

    assert (found.nonce_value, found.nonce) == best[file]


async def test_a_torn_file_is_told_after_the_others_are_saved(
    tmp_path: Path, space: SpaceMetadata
) -> None:
    forget_nonce(tmp_path)
    path = tmp_path / "postdata_3.bin"
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(StoreError, match=r"file appears truncated\. please re-init it") as caught:
        search_nonce(tmp_path)
    assert "postdata_3.bin" in caught.value.hint
    assert read_metadata(tmp_path).nonce is not None


async def test_no_good_label_is_an_answer(tmp_path: Path, space: SpaceMetadata) -> None:
    forget_nonce(tmp_path)
    (tmp_path / "postdata_0.bin").write_bytes(b"\xff" * 160)

    with pytest.raises(PreconditionError, match="nonce not found"):
        search_nonce(tmp_path, to_file=0)


def test_a_directory_without_metadata_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="metadata file is missing"):
        search_nonce(tmp_path)


def test_a_label_that_begins_a_longer_threshold_is_smaller() -> None:
    label = bytes(range(16))

    assert find_smallest_stored(label, label) is None
    assert find_smallest_stored(label, label + b"\x00" * 16) == (label, 0)


async def test_parts_merge_to_the_whole(tmp_path: Path) -> None:
    whole = await run_init(tmp_path / "whole", small_options(), hashed_engines())
    for name, first, last in (("a", 0, 1), ("b", 2, 3)):
        options = small_options(from_file=first, to_file=last)
        await run_init(tmp_path / name, options, hashed_engines())

    merged = merge_directories(tmp_path / "new", [tmp_path / "a", tmp_path / "b"])
    assert merged == whole.metadata == read_metadata(tmp_path / "new")
    assert merge_directories(tmp_path / "a", [tmp_path / "b"]) == whole.metadata
    assert read_metadata(tmp_path / "a") == whole.metadata
