"""Choosing a kernel shape: trials, their failures, and what is remembered."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import DeviceError
from node.post import opencl_tuning
from node.post.engine import DeviceClass, Provider
from node.post.engine_opencl import KernelShape, OpenclDevice
from node.post.opencl_tuning import (
    CACHE_FILE_NAME,
    Trial,
    choose_shape,
    run_trial,
    run_trial_process,
    try_shape,
    tune,
)
from tests.support.post_labels import HashedLabels, real_engine

PLAIN = KernelShape(
    labels_per_vector=1,
    vectors=1,
    groups=1,
    gap=1,
    apart=False,
    interleaved=False,
    memories=1,
    items=4,
    local_size=1,
)
SHAPES = [replace(PLAIN, gap=gap) for gap in (1, 2, 4)]


class Card(OpenclDevice):
    """A device that is not there."""

    is_processor = False

    def identity(self) -> str:
        return "card 1"


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> OpenclDevice:
    """A card with three candidate shapes."""
    monkeypatch.setattr(opencl_tuning, "candidate_shapes", lambda _device, _n: iter(SHAPES))
    provider = Provider(id=3, name="[GPU] card", device_class=DeviceClass.GPU)
    return Card(provider, None)  # type: ignore[arg-type]


def trials(*results: Trial) -> Any:
    left: Iterator[Trial] = iter(results)
    return lambda *_: next(left)


def test_the_fastest_right_shape_wins(card: OpenclDevice) -> None:
    notes: list[str] = []

    shape, trial = tune(
        card, 8192, trials(Trial(0, "wrong labels"), Trial(500, ""), Trial(400, "")), notes.append
    )

    assert (shape.gap, trial.labels_per_s) == (2, 500)
    assert "wrong labels" in notes[0]
    assert "500 labels/s" in notes[1]


def test_a_card_without_a_right_shape_is_refused(
    card: OpenclDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeviceError, match=r"\[GPU\] card cannot compute labels: broken"):
        tune(card, 8192, trials(*[Trial(0, "broken")] * 3), lambda _: None)
    monkeypatch.setattr(opencl_tuning, "candidate_shapes", lambda _device, _n: iter(()))
    with pytest.raises(DeviceError, match="its memory is too small"):
        tune(card, 8192, trials(), lambda _: None)


def test_a_choice_is_made_once(
    card: OpenclDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    results = trials(*[Trial(speed, "") for speed in (1, 2, 3, 7, 6, 5)])
    monkeypatch.setattr(opencl_tuning, "run_trial_process", results)

    assert choose_shape(card, 8192, cache, lambda _: None).gap == 4
    assert choose_shape(card, 8192, cache, lambda _: None).gap == 4
    assert choose_shape(card, 4096, cache, lambda _: None).gap == 1
    content = json.loads((cache / CACHE_FILE_NAME).read_text())
    assert sorted(entry["labels_per_s"] for entry in content.values()) == [3, 7]


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_cache_is_an_empty_one(
    card: OpenclDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / CACHE_FILE_NAME).write_text(text)
    monkeypatch.setattr(opencl_tuning, "run_trial_process", trials(*[Trial(1, "")] * 6))

    choose_shape(card, 8192, tmp_path, lambda _: None)
    choose_shape(card, 8192, None, lambda _: None)


@pytest.mark.parametrize(
    ("output", "errors", "trial"),
    [
        (b'{"labels_per_s": 12.5, "problem": ""}', b"", Trial(12.5, "")),
        (
            b"",
            b"x\nLLVM ERROR: no\n",
            Trial(0, "the driver ended the process (-6): LLVM ERROR: no"),
        ),
        (None, b"", Trial(0, "did not answer within 120 s")),
    ],
    ids=["answers", "aborts", "hangs"],
)
def test_a_trial_survives_its_driver(
    card: OpenclDevice,
    monkeypatch: pytest.MonkeyPatch,
    output: bytes | None,
    errors: bytes,
    trial: Trial,
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        assert json.loads(command[-1])["shape"]["items"] == 4
        if output is None:
            raise subprocess.TimeoutExpired(command, 120)
        return subprocess.CompletedProcess(command, -6, output, errors)

    monkeypatch.setattr(subprocess, "run", run)

    assert run_trial_process(card, PLAIN, 8192) == trial


def test_a_trial_measures_a_right_engine_and_refuses_a_wrong_one(
    card: OpenclDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0.0, 0.1, 0.2, 0.6])
    monkeypatch.setattr(opencl_tuning, "OpenclLabelEngine", lambda *_: real_engine())
    lanes = real_engine().lanes

    assert try_shape(card, PLAIN, 2, clock=lambda: next(ticks)) == Trial(2 * lanes / 0.6, "")

    monkeypatch.setattr(opencl_tuning, "OpenclLabelEngine", lambda *_: HashedLabels())
    trial = try_shape(card, PLAIN, 2, clock=lambda: 0.0)
    assert "computes wrong labels" in trial.problem


def test_a_request_names_device_and_shape(
    card: OpenclDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opencl_tuning, "find_devices", lambda _env, *, processors: (card,))
    monkeypatch.setattr(opencl_tuning, "OpenclLabelEngine", lambda *_: HashedLabels())
    request = {"provider": 3, "processors": False, "scrypt_n": 2, "shape": PLAIN.as_json()}

    answer = json.loads(run_trial(json.dumps(request)))

    assert answer["labels_per_s"] == 0
    assert "computes wrong labels" in answer["problem"]
