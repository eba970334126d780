"""Labels on disk against labels computed again."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from node.base.errors import PreconditionError, StoreError
from node.crypto.ed25519 import private_key_of
from node.post import data_verify
from node.post.data_verify import VerifyProgress, verify_data
from node.post.engine import InlineLabels
from node.post.init_run import run_init
from tests.support.post_labels import HashedLabels, hashed_engines, small_options

SOURCE = InlineLabels(HashedLabels())


@pytest.fixture(autouse=True)
async def space(tmp_path: Path) -> None:
    """A complete space in ``tmp_path``."""
    await run_init(tmp_path, small_options(), hashed_engines())


async def test_all_labels_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_verify, "LABELS_PER_REQUEST", 50)
    progress: list[VerifyProgress] = []

    verdict = await verify_data(
        tmp_path, SOURCE, seed=b"", fraction_percent=100, on_progress=progress.append
    )

    assert (verdict.labels_checked, verdict.fault) == (256, None)
    assert [told.labels_done for told in progress] == [50, 64, 114, 128, 178, 192, 242, 256]
    assert progress[-1] == VerifyProgress(labels_done=256, labels_total=256, file=3)


async def test_the_first_wrong_label_is_named(tmp_path: Path) -> None:
    path = tmp_path / "postdata_1.bin"
    data = bytearray(path.read_bytes())
    data[645] ^= 1
    path.write_bytes(data)

    fault = (await verify_data(tmp_path, SOURCE, seed=b"", fraction_percent=100)).fault

    assert fault is not None
    assert str(fault) == "file 1 contains invalid label at offset 640"
    assert (fault.index, fault.found) == (104, bytes(data[640:656]))
    assert fault.expected != fault.found
    only_others = await verify_data(tmp_path, SOURCE, seed=b"", fraction_percent=100, from_file=2)
    assert only_others.fault is None


@pytest.mark.parametrize("percent", [Fraction(50), 12.5, Fraction(1, 5), 0])
async def test_a_fraction_of_every_file_is_checked(
    tmp_path: Path, percent: Fraction | float
) -> None:
    asked: list[int] = []
    labels = HashedLabels()

    class Spy(InlineLabels):
        async def labels_at(self, commitments: Sequence[bytes], indices: Sequence[int]) -> bytes:
            asked.extend(indices)
            return await super().labels_at(commitments, indices)

    verdict = await verify_data(
        tmp_path, Spy(labels), seed=b"seed", fraction_percent=percent, to_file=2
    )

    count = int(64 * percent / 100)
    assert verdict.labels_checked == 3 * count
    assert len(set(asked)) == len(asked) == 3 * count
    for file in range(3):
        assert sum(index // 64 == file for index in asked) == count


async def test_the_seed_chooses_the_labels(tmp_path: Path) -> None:
    path = tmp_path / "postdata_0.bin"
    path.write_bytes(bytes(16) + path.read_bytes()[16:])
    found = [
        (
            await verify_data(
                tmp_path, SOURCE, seed=bytes([k]), fraction_percent=Fraction(25), to_file=0
            )
        ).fault
        for k in range(40)
    ]

    assert {fault is None for fault in found} == {True, False}


async def test_a_missing_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "postdata_2.bin").unlink()

    with pytest.raises(StoreError, match="file 2 is missing"):
        await verify_data(tmp_path, SOURCE, seed=b"")
    assert (await verify_data(tmp_path, SOURCE, seed=b"", to_file=1)).fault is None


async def test_the_key_beside_the_labels_must_be_theirs(tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    path.write_text(private_key_of(bytes(32)).hex())
    with pytest.raises(PreconditionError, match="the labels belong to 1111"):
        await verify_data(tmp_path, SOURCE, seed=b"")

    path.write_text((bytes(32) + b"\x11" * 32).hex())
    await verify_data(tmp_path, SOURCE, seed=b"")

    path.write_text("no key")
    with pytest.raises(PreconditionError, match="is no key"):
        await verify_data(tmp_path, SOURCE, seed=b"")
