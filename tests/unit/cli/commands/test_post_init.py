"""``smcli post init``: real labels, in folders of a few kilobytes."""

import base64
import errno
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cli.errors import ExitCode
from node.base.errors import DeviceError
from node.crypto.ed25519 import private_key_of
from node.post import init_run, label_sharing
from node.post.engine import (
    CPU_PROVIDER_ID,
    InlineLabels,
)
from node.post.files import LabelWriter, find_metadata, lock_directory
from node.post.init_engines import CHEAP_CHECKS, InitEngines
from tests.support.cli import run_cli
from tests.support.post_cli import (
    BrokenLabels,
    open_inline_engines,
)
from tests.support.post_commands import (
    ATX,
    ID,
    KEY,
    expected_labels,
    failure,
    labels,
    lines,
    make,
    result,
    run,
)
from tests.support.post_labels import HashedLabels

pytestmark = pytest.mark.usefixtures("inline_post")


def test_a_space_is_made_and_shown(tmp_path: Path) -> None:
    ran = make(tmp_path)

    data = result(ran)
    assert (data["status"], data["labels_computed"], data["to_file"]) == ("completed", 256, 3)
    assert labels(tmp_path) == expected_labels()
    metadata = find_metadata(tmp_path / "space")
    assert metadata is not None
    assert (data["nonce"], data["smesher"]) == (metadata.nonce, ID)
    progress = [line for line in lines(ran) if line["type"] == "progress"]
    assert (progress[-1]["done"], progress[-1]["total"]) == (256, 256)
    shown = run(tmp_path, "status", "--json").data
    assert (shown["status"], shown["percent"], shown["missing_files"]) == ("completed", 100.0, [])
    assert (shown["nonce"], shown["identity_file"]) == (metadata.nonce, False)
    assert run(tmp_path, "init", "--get", "labels_computed").stdout == "0\n"


def test_an_interrupted_space_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LabelWriter.write
    written: list[int] = []

    def stop_later(writer: LabelWriter, position: int, data: bytes) -> None:
        written.append(len(data))
        if len(written) == 3:
            raise KeyboardInterrupt
        whole(writer, position, data)

    monkeypatch.setattr(LabelWriter, "write", stop_later)
    monkeypatch.setattr(init_run, "ThreadRunner", init_run.InlineRunner)
    stopped = make(tmp_path)
    assert stopped.code == ExitCode.INTERRUPTED
    assert failure(stopped)["code"] == "smesh.interrupted"
    there = labels(tmp_path)
    assert 0 < len(there) < 4096
    assert run(tmp_path, "status", "--json").data["status"] == "started"

    # A torn label, as a power failure leaves it.
    *_, last = sorted((tmp_path / "space").glob("postdata_*.bin"))
    with last.open("ab") as file:
        file.write(b"torn")
    monkeypatch.setattr(LabelWriter, "write", whole)
    assert result(make(tmp_path))["labels_computed"] == 256 - len(there) // 16
    assert labels(tmp_path) == expected_labels()


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    data = result(run(tmp_path, "init", "--dry-run", "--json", "--commitment-atx", ATX))

    assert (data["status"], data["labels_missing"]) == ("not_started", 256)
    assert data["smesher"] == ""
    assert not (tmp_path / "space").exists()


def test_a_new_smesher_gets_a_key_beside_the_labels(tmp_path: Path) -> None:
    ran = run(tmp_path, "init", "--commitment-atx", ATX, "--provider", "cpu")

    key = (tmp_path / "space" / "identity.key").read_text(encoding="ascii")
    assert len(key) == 128
    assert "keep it secret" in ran.stderr
    assert key[:64] not in ran.stdout + ran.stderr
    assert f"smesher          {key[64:]}" in ran.stdout
    assert (tmp_path / "space" / "identity.key").stat().st_mode & 0o777 == 0o600
    assert result(run(tmp_path, "init", "--json"))["identity_file"] is None


def test_the_smesher_comes_from_a_key_file(tmp_path: Path) -> None:
    file = tmp_path / "local.key"
    file.write_text(KEY.hex(), encoding="ascii")
    data = result(run(tmp_path, "init", "--json", "--identity", str(file), "--commitment-atx", ATX))
    assert data["smesher"] == ID


def test_a_private_key_on_the_command_line_is_refused_and_not_shown(tmp_path: Path) -> None:
    ran = run(tmp_path, "init", "--json", "--commitment-atx", ATX, "--id", KEY.hex())

    assert ran.code == ExitCode.USAGE
    assert "--identity" in failure(ran)["hint"]
    assert KEY.hex()[:64] not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [("zz", "hexadecimal"), ("00", "2 digits"), ("11" * 64, "public half"), (None, "such file")],
)
def test_a_damaged_key_file_is_named_and_not_shown(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "local.key"
    if content is not None:
        file.write_text(content, encoding="ascii")
    ran = run(tmp_path, "init", "--json", "--identity", str(file), "--commitment-atx", ATX)

    assert ran.code == ExitCode.INVALID
    assert failure(ran)["code"] == "smesh.post.identity"
    assert reason in failure(ran)["message"]
    assert content is None or not failure(ran)["cause"]


def test_who_does_not_belong_to_the_space_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    before = labels(tmp_path)
    other = base64.b64encode(b"\x33" * 32).decode()

    wrong_id = run(tmp_path, "init", "--json", "--id", other)
    assert (wrong_id.code, failure(wrong_id)["code"]) == (8, "smesh.post.mismatch")
    assert ID in failure(wrong_id)["message"]
    assert "33" * 32 in failure(wrong_id)["message"]
    wrong_atx = run(tmp_path, "init", "--json", "--commitment-atx", "44" * 32)
    assert (wrong_atx.code, failure(wrong_atx)["code"]) == (8, "smesh.post.mismatch")
    wrong_key = tmp_path / "space" / "identity.key"
    wrong_key.write_text(private_key_of(b"\x01" * 32).hex(), encoding="ascii")
    beside = run(tmp_path, "init", "--json")
    assert (beside.code, failure(beside)["code"]) == (8, "smesh.post.mismatch")
    assert failure(run(tmp_path, "verify", "--json"))["code"] == "smesh.post.identity"
    assert labels(tmp_path) == before


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--units", "3", "smesh.post.mismatch"),
        ("--max-file-size", "2048", "smesh.post.mismatch"),
        ("--labels-per-unit", "64", "smesh.post.mismatch"),
    ],
)
def test_a_space_of_another_shape_is_refused(
    tmp_path: Path, option: str, value: str, code: str
) -> None:
    make(tmp_path)
    before = labels(tmp_path)
    ran = run(tmp_path, "init", "--json", option, value)
    assert (ran.code, failure(ran)["code"]) == (ExitCode.INVALID, code)
    assert labels(tmp_path) == before


def test_labels_are_never_removed(tmp_path: Path) -> None:
    make(tmp_path, "--units", "3")
    before = labels(tmp_path)

    ran = run(tmp_path, "init", "--json", "--units", "2")

    assert (ran.code, failure(ran)["code"]) == (ExitCode.INVALID, "smesh.post.shrink")
    assert labels(tmp_path) == before
    last = tmp_path / "space" / "postdata_5.bin"
    with last.open("ab") as file:
        file.write(bytes(32))
    too_long = run(tmp_path, "init", "--json")
    assert failure(too_long)["code"] == "smesh.post.shrink"
    assert len(last.read_bytes()) == 1024 + 32


def test_what_a_new_space_needs(tmp_path: Path) -> None:
    no_atx = run(tmp_path, "init", "--json")
    assert (no_atx.code, failure(no_atx)["code"]) == (ExitCode.USAGE, "smesh.usage")
    part = run(tmp_path, "init", "--json", "--commitment-atx", ATX, "--from-file", "1")
    assert "--identity" in failure(part)["message"]
    golden = run(tmp_path, "init", "--json", "--commitment-atx", "golden")
    assert (golden.code, failure(golden)["code"]) == (ExitCode.INVALID, "smesh.config")
    far = make(tmp_path, "--to-file", "9")
    assert far.code == ExitCode.USAGE
    assert "cannot be greater" in lines(far)[-1]["error"]["message"]
    few = make(tmp_path, "--units", "1")
    assert "expected: >= 2" in lines(few)[-1]["error"]["message"]
    odd = make(tmp_path, "--max-file-size", "1040B", "--scrypt-n", "3")
    assert odd.code == ExitCode.USAGE
    assert not (tmp_path / "space").exists()


def test_the_golden_atx_of_mainnet(tmp_path: Path) -> None:
    ran = run_cli(
        [
            *("post", "init", "--network", "mainnet", "--dir", str(tmp_path / "space")),
            *("--commitment-atx", "golden", "--dry-run", "--json"),
        ],
        tmp_path,
    )
    assert result(ran)["commitment_atx"].startswith("9eebff023abb17cc")
    assert result(ran)["num_units"] == 4


def test_a_space_for_another_network_is_a_warning(tmp_path: Path) -> None:
    ran = make(tmp_path, "--labels-per-unit", "64", "--scrypt-n", "4")
    warnings = lines(ran)[-1]["warnings"]
    assert [one["code"] for one in warnings] == ["smesh.post.other_network"] * 2
    assert result(ran)["labels_computed"] == 128


def test_providers_share_a_space(tmp_path: Path) -> None:
    ran = make(tmp_path, "--provider", "0,cpu", "--throttle", "50")

    assert labels(tmp_path) == expected_labels()
    tasks = {line["task"]: line["done"] for line in lines(ran) if line["type"] == "progress"}
    assert tasks["provider 0"] > 0
    assert tasks[f"provider {CPU_PROVIDER_ID}"] > 0


@pytest.mark.parametrize(
    ("provider", "code", "exit_code"),
    [
        ("Card", "", 0),
        ("H200", "smesh.not_found", 5),
        ("GPU", "smesh.usage", 2),
        ("0,0", "smesh.usage", 2),
    ],
)
def test_providers_have_names(tmp_path: Path, provider: str, code: str, exit_code: int) -> None:
    ran = make(tmp_path, "--provider", provider)
    assert ran.code == exit_code
    if code:
        assert lines(ran)[-1]["error"]["code"] == code


def test_the_provider_may_be_in_the_environment(tmp_path: Path) -> None:
    ran = run(
        tmp_path,
        *("init", "--json", "--id", ID, "--commitment-atx", ATX),
        environment={"SMPOST_PROVIDER": "nothing like it"},
    )
    assert ran.code == ExitCode.NOT_FOUND


def test_without_a_provider_nothing_is_computed(tmp_path: Path) -> None:
    make(tmp_path)
    file = tmp_path / "node.json"
    file.write_text(json.dumps({"post": {"post-labels-per-unit": 128}}), encoding="ascii")
    mainnet = ["post", "init", "--json", "--config", str(file), "--scrypt-n", "2"]
    # The space has all its labels, or too few units for mainnet, but nobody is asked for labels.
    ran = run_cli([*mainnet, "--dir", str(tmp_path / "space"), "--units", "4"], tmp_path)
    assert failure(ran)["code"] == "smesh.post.mismatch"
    ran = run_cli(
        [*mainnet, "--dir", str(tmp_path / "new"), "--id", ID, "--commitment-atx", ATX], tmp_path
    )
    assert (ran.code, failure(ran)["code"]) == (ExitCode.USAGE, "smesh.post.no_provider")


def test_a_nonce_is_looked_for_beyond_the_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(index: int, _: bytes) -> bytes:
        return b"\xff" * 32 if index != 400 else bytes(32)

    @asynccontextmanager
    async def without_nonce(*_: object, **__: object) -> AsyncIterator[InitEngines]:
        labels = InlineLabels(HashedLabels(change))
        yield InitEngines(source=labels, checker=labels, checks=CHEAP_CHECKS)

    monkeypatch.setattr(label_sharing, "open_engines", without_nonce)
    ran = make(tmp_path)
    assert result(ran)["nonce"] == 400
    searched = [line for line in lines(ran) if line.get("task") == "VRF nonce beyond the space"]
    assert searched[-1]["done"] == 128


# Trouble


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node.runtime import files

    monkeypatch.setattr(files, "free_bytes", lambda _: 4095)
    ran = make(tmp_path)
    assert (ran.code, failure(ran)["code"]) == (7, "smesh.precondition.disk_full")
    assert labels(tmp_path) == b""


def test_a_disk_that_fills_up_leaves_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.pwrite
    room = 1500

    def write(descriptor: int, data: bytes, at: int) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = whole(descriptor, bytes(data[:room]), at)
        room -= count
        return count

    monkeypatch.setattr(os, "pwrite", write)
    ran = make(tmp_path)
    assert (ran.code, failure(ran)["code"]) == (7, "smesh.post.files")
    assert "No space left" in failure(ran)["message"]
    assert len(labels(tmp_path)) == 1500

    monkeypatch.setattr(os, "pwrite", whole)
    assert result(make(tmp_path))["labels_computed"] == 256 - 1500 // 16
    assert labels(tmp_path) == expected_labels()


def test_a_provider_that_computes_wrong_labels_writes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def broken(_: int | None, scrypt_n: int, **__: object) -> AsyncIterator[InitEngines]:
        async with open_inline_engines(0, scrypt_n) as engines:
            yield InitEngines(
                source=BrokenLabels(scrypt_n), checker=engines.checker, checks=CHEAP_CHECKS
            )

    monkeypatch.setattr(label_sharing, "open_engines", broken)
    ran = make(tmp_path)
    assert (ran.code, failure(ran)["code"]) == (11, "smesh.device.wrong_labels")
    assert labels(tmp_path) == b""


def test_a_driver_in_trouble_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def broken(_: int | None, scrypt_n: int, **__: object) -> AsyncIterator[InitEngines]:
        raise DeviceError("the driver hangs", code="smesh.device.hangs", hint="update it")
        yield

    monkeypatch.setattr(label_sharing, "open_engines", broken)
    ran = make(tmp_path)
    assert (ran.code, failure(ran)["code"]) == (ExitCode.NO_DEVICE, "smesh.device.hangs")


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    make(tmp_path)
    with lock_directory(tmp_path / "space"):
        ran = make(tmp_path)
        assert (ran.code, failure(ran)["code"]) == (7, "smesh.post.initializing")
        assert run(tmp_path, "status", "--json").data["status"] == "initializing"


def test_labels_of_another_cost_are_found_when_going_on(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "space" / "postdata_3.bin").write_bytes(labels(tmp_path)[3072:-160])
    ran = make(tmp_path, "--scrypt-n", "4")
    assert (ran.code, failure(ran)["code"]) == (8, "smesh.post.wrong_data")


def test_damaged_metadata_is_a_message(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "space" / "postdata_metadata.json"
    path.write_text("{", encoding="ascii")
    for name in ("init", "status", "verify", "prove", "search-nonce"):
        ran = run(tmp_path, name, "--json")
        assert (ran.code, failure(ran)["code"]) == (8, "smesh.post.metadata")
    path.unlink()
    for name in ("verify", "prove", "search-nonce"):
        ran = run(tmp_path, name, "--json")
        assert (ran.code, failure(ran)["code"]) == (5, "smesh.post.no_metadata")
    assert run(tmp_path, "status", "--json").data["status"] == "started"


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    for name in ("status", "verify", "prove", "search-nonce"):
        ran = run(tmp_path, name, "--json")
        assert (ran.code, failure(ran)["code"]) == (5, "smesh.not_found")
    assert run(tmp_path, "init", "--reset", "--json").code == ExitCode.NOT_FOUND
