"""Proofs over small spaces: what is found, in which order, and what can go wrong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node.base.errors import PreconditionError, RejectError, UsageError
from node.post import proving
from node.post.engine import Hit, ScanEngine
from node.post.files import data_file_name
from node.post.k2pow import ProvingStoppedError
from node.post.proving import (
    DataError,
    NoProofError,
    ProofOptions,
    ProofProgress,
    ProvingSpace,
    open_space,
    prove,
)
from node.post.scan import PlainScan, ScanKeys
from node.post.verifying import All, find_fault
from node.types.post import Post
from tests.support.post_proofs import (
    OPTIONS,
    PARAMETERS,
    claim,
    hash_pow,
    look_up,
    named_indices,
    search_pow,
    write_space,
)


def no() -> bool:
    return False


def make(
    space: ProvingSpace,
    options: ProofOptions = OPTIONS,
    *,
    progress: Callable[[ProofProgress], None] = lambda _: None,
    stopped: Callable[[], bool] = no,
    scan_factory: Callable[[ScanKeys], ScanEngine] = PlainScan,
) -> Post:
    return prove(
        space,
        options,
        pow_search=search_pow,
        scan_factory=scan_factory,
        progress=progress,
        stopped=stopped,
    )


@pytest.fixture
def space(tmp_path: Path) -> ProvingSpace:
    write_space(tmp_path)
    return open_space(tmp_path)


def test_a_proof_holds(space: ProvingSpace) -> None:
    post = make(space)
    fault = find_fault(post, claim(), PARAMETERS, All(), labels=look_up, pow_hash=hash_pow)
    assert fault is None


def test_the_number_of_threads_and_files_changes_nothing(
    space: ProvingSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = make(space)
    monkeypatch.setattr(proving, "BATCH_SIZE", 256)
    assert make(space, replace(OPTIONS, threads=3)) == post
    write_space(tmp_path / "one", max_file_size=1 << 20)
    assert make(open_space(tmp_path / "one")) == post


def test_labels_count_in_the_order_of_chunks(space: ProvingSpace) -> None:
    # Inside a chunk of eight labels the groups come first; a nonce sees its labels ascending.
    indices = named_indices(make(space))
    assert list(indices) == sorted(indices)


def test_more_nonces_in_a_pass_may_let_another_one_win(space: ProvingSpace) -> None:
    post = make(space, replace(OPTIONS, nonces=64))
    fault = find_fault(post, claim(), PARAMETERS, All(), labels=look_up, pow_hash=hash_pow)
    assert fault is None
    assert post.nonce < 64


def test_passes_go_on_until_a_nonce_wins(space: ProvingSpace) -> None:
    passes: list[tuple[int, int]] = []

    def note(progress: ProofProgress) -> None:
        if progress.pows == 0:
            passes.append((progress.first_nonce, progress.end_nonce))

    post = make(space, replace(OPTIONS, k1=12, k2=22), progress=note)
    assert passes == [(first, first + 16) for first in range(0, post.nonce + 1, 16)]
    assert len(passes) > 1


def test_progress_tells_pows_and_bytes(
    space: ProvingSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "BATCH_SIZE", 4096)
    seen: list[ProofProgress] = []
    with pytest.raises(NoProofError):
        make(space, replace(OPTIONS, k1=1, k2=1000, nonces=2048), progress=seen.append)
    first_pass = [one for one in seen if one.first_nonce == 0]
    assert [one.pows for one in first_pass][:3] == [0, 1, 2]
    assert first_pass[-1].pows == 128
    assert [one.position_bytes for one in first_pass][-5:] == [0, 4096, 8192, 12288, 16384]
    assert {one.total_bytes for one in seen} == {16384}
    assert {one.end_nonce for one in seen} == {2048, 4096}


def test_when_all_nonces_were_tried_there_is_no_proof(space: ProvingSpace) -> None:
    # 4096 is no multiple of 1536: the last nonces are not tried, as in the reference.
    with pytest.raises(NoProofError, match="below 4096") as caught:
        make(space, replace(OPTIONS, k1=1, k2=1000, nonces=1536))
    assert caught.value.code == "smesh.post.no_proof"


@pytest.mark.parametrize(
    "changes", [{"nonces": 0}, {"nonces": 24}, {"nonces": 4112}, {"threads": 0}, {"k2": 0}]
)
def test_options_that_cannot_be_meant_are_refused(
    space: ProvingSpace, changes: dict[str, int]
) -> None:
    with pytest.raises(UsageError, match=next(iter(changes))):
        make(space, replace(OPTIONS, **changes))  # type: ignore[arg-type]


def test_a_space_with_too_few_labels_is_refused(space: ProvingSpace) -> None:
    with pytest.raises(RejectError, match="must be bigger than k1"):
        make(space, replace(OPTIONS, k1=1024))


def test_a_scan_can_be_stopped(space: ProvingSpace) -> None:
    asked: list[int] = []

    def when_reading() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(ProvingStoppedError, match="stopped"):
        make(space, replace(OPTIONS, k1=1, k2=1000), stopped=when_reading)


def test_labels_beyond_a_files_maximal_size_are_not_read(space: ProvingSpace) -> None:
    post = make(space)
    with space.files[0].open("ab") as file:
        file.write(bytes(1000))
    assert make(space) == post


def test_a_file_that_vanishes_is_named(space: ProvingSpace) -> None:
    space.files[2].unlink()
    with pytest.raises(DataError, match=r"postdata_2\.bin cannot be read"):
        make(space)


def test_a_file_that_vanishes_meanwhile_is_named(space: ProvingSpace) -> None:
    def unlink(progress: ProofProgress) -> None:
        if progress.pows:
            space.files[0].unlink(missing_ok=True)

    with pytest.raises(DataError, match=r"postdata_0\.bin cannot be read"):
        make(space, progress=unlink)


def test_a_disk_that_fails_is_named(space: ProvingSpace) -> None:
    class Failing:
        description = "a disk error"

        def scan(self, data: object, first_index: int) -> list[Hit]:
            raise OSError(5, "Input/output error")

    with pytest.raises(DataError, match="Input/output error"):
        make(space, scan_factory=lambda _: Failing())


def test_a_space_must_be_complete(tmp_path: Path) -> None:
    write_space(tmp_path)
    last = tmp_path / data_file_name(3)
    last.write_bytes(last.read_bytes()[:-16])
    with pytest.raises(PreconditionError, match=r"postdata_3\.bin has 4080 of 4096") as short:
        open_space(tmp_path)
    assert "finish it with" in short.value.hint
    last.write_bytes(bytes(4100))
    with pytest.raises(PreconditionError, match=r"postdata_3\.bin has 4100 of 4096") as long:
        open_space(tmp_path)
    assert "move it away" in long.value.hint
    (tmp_path / data_file_name(1)).unlink()
    with pytest.raises(PreconditionError, match=r"not completed: postdata_1\.bin has 0 of 4096"):
        open_space(tmp_path)


def test_files_of_odd_sizes_are_refused(tmp_path: Path) -> None:
    write_space(tmp_path, max_file_size=4100)
    with pytest.raises(PreconditionError, match="4100 bytes") as caught:
        open_space(tmp_path)
    assert caught.value.code == "smesh.post.file_size"


def test_a_directory_without_metadata_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="metadata file is missing"):
        open_space(tmp_path)
