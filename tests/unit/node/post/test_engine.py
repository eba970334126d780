"""Engines that compute in this process, and the test every engine has to pass."""

import pytest

from node.base.errors import DeviceError, UsageError
from node.post.engine import (
    KNOWN_COMMITMENT,
    KNOWN_INDEX,
    KNOWN_LABELS,
    InlineLabels,
    ReferenceEngine,
    self_test,
)
from node.post.labels import compute_label
from tests.support.post_labels import HashedLabels

COMMITMENT = b"\x05" * 32


@pytest.mark.parametrize("scrypt_n", [2, 4, 8, 16, 32, 64, 128])
def test_known_labels_are_those_of_the_specification(scrypt_n: int) -> None:
    label = compute_label(KNOWN_COMMITMENT, KNOWN_INDEX, scrypt_n=scrypt_n)

    assert label.hex() == KNOWN_LABELS[scrypt_n]


async def test_the_reference_engine_computes_what_is_specified() -> None:
    engine = ReferenceEngine(2)
    source = InlineLabels(engine)
    labels = [compute_label(COMMITMENT, index, scrypt_n=2) for index in (3, 4)]

    assert await source.labels(COMMITMENT, 3, 2) == b"".join(labels)
    assert await source.labels_at([COMMITMENT] * 2, [4, 3]) == labels[1] + labels[0]
    assert (engine.lanes, engine.description) == (1, "interpreted Python")
    self_test(engine, 2)


@pytest.mark.parametrize(("start", "count"), [(-1, 1), (0, 0), (2**64 - 1, 2)])
def test_ranges_that_cannot_be_written_down_are_refused(start: int, count: int) -> None:
    with pytest.raises(UsageError, match=f"invalid labels range: {count} labels from {start}"):
        ReferenceEngine(2).labels(COMMITMENT, start, count)


@pytest.mark.parametrize(
    ("commitments", "indices", "text"),
    [
        ([], [], "0 commitments for 0 labels"),
        ([COMMITMENT], [1, 2], "1 commitments for 2 labels"),
        ([b"short"], [1], "5 bytes, expected 32"),
        ([COMMITMENT], [2**64], "invalid labels range"),
    ],
)
def test_requests_that_do_not_fit_are_refused(
    commitments: list[bytes], indices: list[int], text: str
) -> None:
    with pytest.raises(UsageError, match=text):
        ReferenceEngine(2).labels_at(commitments, indices)


def test_an_engine_that_computes_wrong_labels_is_found_out() -> None:
    with pytest.raises(DeviceError, match="hashes computes wrong labels: lane 0 of 4") as caught:
        self_test(HashedLabels(), 2)
    assert caught.value.code == "smesh.device.wrong_labels"


def test_a_scrypt_n_without_a_known_label_is_tested_with_the_specification(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("node.post.engine.KNOWN_LABELS", {})

    self_test(ReferenceEngine(2), 2)
    with pytest.raises(DeviceError):
        self_test(HashedLabels(), 2)
