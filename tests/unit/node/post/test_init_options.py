"""Options of an initialisation: limits, order and texts of the checks."""

import pytest

from node.base.errors import PreconditionError, UsageError
from node.post.init_options import (
    InitOptions,
    SpaceStatus,
    check_options,
    check_same_space,
    compute_status,
)
from node.post.metadata import SpaceMetadata
from tests.support.post_labels import COMMITMENT_ATX, SMESHER, small_options

METADATA = SpaceMetadata(
    smesher=SMESHER,
    commitment_atx=COMMITMENT_ATX,
    labels_per_unit=64,
    num_units=4,
    max_file_size=1024,
)


def test_usual_options_pass() -> None:
    check_options(small_options())
    check_options(small_options(max_file_size=1030, allow_unaligned_files=True))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"smesher": b"x"}, "invalid `id` length; expected: 32, given: 1"),
        ({"commitment_atx": b""}, "invalid `commitmentAtxId` length; expected: 32, given: 0"),
        ({"num_units": 0}, "invalid `opts.NumUnits`; expected: >= 1, given: 0"),
        ({"max_units": 3}, "invalid `opts.NumUnits`; expected: <= 3, given: 4"),
        ({"max_file_size": 1023}, "invalid `opts.MaxFileSize`; expected: >= 1024, given: 1023"),
        ({"batch_size": 0}, "invalid `opts.ComputeBatchSize` expected: > 0, given: 0"),
        ({"labels_per_unit": 2**62}, "uint64 overflow: `cfg.LabelsPerUnit` (4611686018427387904)"),
        ({"labels_per_unit": 2}, "invalid size: 8 labels; a space has 9 to 9223372036854775807"),
        ({"labels_per_unit": 2**60, "k1": 26}, "* `cfg.K1` (26) exceeds the range allowed"),
        ({"scrypt_r": 8, "scrypt_p": 2}, "only r = 1, p = 1 are supported, given: r = 8, p = 2"),
        ({"scrypt_n": 3}, "invalid `n`; expected: power of 2, given: 3"),
        ({"max_file_size": 1030}, "expected: a multiple of 16, given: 1030"),
    ],
    ids=str,
)
def test_options_that_cannot_be_used_are_refused(changes: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_options(small_options(**changes))
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"smesher": bytes(32), "commitment_atx": bytes(32)},
            f"`NodeId` config mismatch; expected: {'00' * 32}, found: {'11' * 32}, datadir: D",
        ),
        ({"commitment_atx": bytes(32)}, "`CommitmentAtxId` config mismatch; expected: 0000"),
        ({"labels_per_unit": 65}, "`LabelsPerUnit` config mismatch; expected: 65, found: 64"),
        ({"max_file_size": 2048}, "`MaxFileSize` config mismatch; expected: 2048, found: 1024"),
        ({"num_units": 5}, "`NumUnits` config mismatch; expected: >= 5, found: 4, datadir: D"),
    ],
    ids=str,
)
def test_the_first_difference_is_told(changes: dict[str, object], text: str) -> None:
    with pytest.raises(PreconditionError) as caught:
        check_same_space(small_options(**changes), METADATA, "D")
    assert text in str(caught.value)


def test_fewer_units_are_the_same_space() -> None:
    check_same_space(small_options(num_units=3), METADATA, "D")


@pytest.mark.parametrize(
    ("file_labels", "status"),
    [
        ({}, SpaceStatus.NOT_STARTED),
        ({0: 0}, SpaceStatus.NOT_STARTED),
        ({2: 1}, SpaceStatus.STARTED),
        (dict.fromkeys(range(4), 64), SpaceStatus.COMPLETED),
    ],
)
def test_the_status_follows_the_files(file_labels: dict[int, int], status: SpaceStatus) -> None:
    assert compute_status(small_options().layout, file_labels) is status


def test_defaults_are_those_of_the_networks() -> None:
    options = InitOptions(
        smesher=SMESHER, commitment_atx=COMMITMENT_ATX, labels_per_unit=2**32, num_units=4
    )
    assert (options.scrypt_n, options.batch_size, options.layout.num_files) == (8192, 2**20, 64)
