"""Which shape of the label kernel a device likes best: tried, measured, remembered.

Every trial is a process of its own: a driver's compiler may abort or hang, and a shape
may compute wrong labels.  The winner is kept by device, driver, scrypt N and kernel.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from node.base.errors import DeviceError
from node.post.engine import self_test
from node.post.engine_opencl import (
    KernelShape,
    OpenclDevice,
    OpenclLabelEngine,
    candidate_shapes,
    find_devices,
    kernel_source,
    pick_device,
)

CACHE_FILE_NAME: Final = "opencl-shapes.json"
"""Tuned shapes, by a digest of what they depend on."""

TRIAL_LIMIT_S: Final = 120
"""A trial that takes longer hangs."""

MEASURED_S: Final = 0.5
"""Seconds of computing that a trial measures."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial of a shape found."""

    labels_per_s: float
    """0 if the shape cannot be used."""

    problem: str
    """Why it cannot be used."""


TrialRunner = Callable[[KernelShape], Trial]


def choose_shape(
    device: OpenclDevice, scrypt_n: int, cache: Path | None, note: Callable[[str], None]
) -> KernelShape:
    """Return the fastest shape of the kernel on a device, from the cache if it is known.

    Args:
        device: the device.
        scrypt_n: number of chunks of the label function.
        cache: directory of tuned shapes; None to remember nothing.
        note: told what is going on.

    Raises:
        DeviceError: no shape computes right labels.
    """
    key = _cache_key(device, scrypt_n)
    known = _load(cache).get(key)
    if known is not None:
        return KernelShape.from_json(known["shape"])

    def try_in_process(shape: KernelShape) -> Trial:
        return run_trial_process(device, shape, scrypt_n)

    note(f"tuning {device.provider.name}, once for this driver")
    shape, trial = tune(device, scrypt_n, try_in_process, note)
    if cache is not None:
        _remember(cache, key, device, shape, trial)
    return shape


def tune(
    device: OpenclDevice,
    scrypt_n: int,
    try_shape: TrialRunner,
    note: Callable[[str], None],
) -> tuple[KernelShape, Trial]:
    """Try every candidate and return the best one with its trial.

    Raises:
        DeviceError: none computes right labels.
    """
    best: tuple[KernelShape, Trial] | None = None
    problems = []
    for shape in candidate_shapes(device, scrypt_n):
        trial = try_shape(shape)
        if trial.problem:
            problems.append(trial.problem)
            note(f"{shape.build_options()}: {trial.problem}")
            continue
        note(f"{shape.build_options()}, {shape.items} items: {trial.labels_per_s:.0f} labels/s")
        if best is None or trial.labels_per_s > best[1].labels_per_s:
            best = shape, trial
    if best is None:
        reason = problems[-1] if problems else "its memory is too small"
        raise DeviceError(
            f"{device.provider.name} cannot compute labels: {reason}",
            code="smesh.device.no_shape",
            hint="update the driver, or choose another provider",
        )
    return best


def run_trial_process(device: OpenclDevice, shape: KernelShape, scrypt_n: int) -> Trial:
    """Try a shape in a process of its own."""
    request = json.dumps(
        {
            "provider": device.provider.id,
            "processors": device.is_processor,
            "scrypt_n": scrypt_n,
            "shape": shape.as_json(),
        }
    )
    command = [sys.executable, "-P", "-m", "node.post.engine_worker", "trial", request]
    try:
        # The command is ours from the first word to the last.
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, timeout=TRIAL_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Trial(0.0, f"did not answer within {TRIAL_LIMIT_S} s")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return Trial(0.0, f"the driver ended the process ({done.returncode}): {last}")
    return Trial(float(answer["labels_per_s"]), str(answer["problem"]))


def run_trial(request: str) -> str:
    """Try the shape of a request here; return the trial as JSON."""
    asked = json.loads(request)
    trial = try_shape(
        pick_device(find_devices({}, processors=asked["processors"]), asked["provider"]),
        KernelShape.from_json(asked["shape"]),
        asked["scrypt_n"],
        clock=time.perf_counter,
    )
    return json.dumps({"labels_per_s": trial.labels_per_s, "problem": trial.problem})


def try_shape(
    device: OpenclDevice, shape: KernelShape, scrypt_n: int, *, clock: Callable[[], float]
) -> Trial:
    """Build a shape, test it with known labels and measure it."""
    try:
        engine = OpenclLabelEngine(device, shape, scrypt_n)
        self_test(engine, scrypt_n)
        commitment, count, began = bytes(32), 0, clock()
        while (taken := clock() - began) < MEASURED_S:
            engine.labels(commitment, count, engine.lanes)
            count += engine.lanes
    except DeviceError as error:
        return Trial(0.0, str(error))
    return Trial(count / taken, "")


def _cache_key(device: OpenclDevice, scrypt_n: int) -> str:
    facts = f"{device.identity()}|{scrypt_n}|{kernel_source()}"
    return sha256(facts.encode()).hexdigest()[:32]


def _load(cache: Path | None) -> dict[str, Any]:
    if cache is None:
        return {}
    try:
        content = json.loads((cache / CACHE_FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # A cache that is not there or not readable is an empty one.
        return {}
    return content if isinstance(content, dict) else {}


def _remember(
    cache: Path, key: str, device: OpenclDevice, shape: KernelShape, trial: Trial
) -> None:
    content: Mapping[str, Any] = _load(cache) | {
        key: {
            "device": device.provider.name,
            "labels_per_s": round(trial.labels_per_s),
            "shape": shape.as_json(),
        }
    }
    cache.mkdir(parents=True, exist_ok=True)
    temporary = cache / f".{CACHE_FILE_NAME}.{key}"
    temporary.write_text(json.dumps(content, indent=2), encoding="utf-8")
    temporary.replace(cache / CACHE_FILE_NAME)
