"""``smcli post`` with real labels, in folders of a few kilobytes."""

import base64
import errno
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cli import speeds
from cli.commands import post, post_init, post_plan, post_prove
from cli.errors import ExitCode
from node.base.errors import DeviceError
from node.crypto.ed25519 import private_key_of
from node.post import init_run, label_sharing
from node.post.engine import (
    CPU_PROVIDER_ID,
    CPU_PROVIDER_NAME,
    DeviceClass,
    InlineLabels,
    Provider,
)
from node.post.files import LabelWriter, find_metadata, lock_directory
from node.post.init_engines import CHEAP_CHECKS, InitEngines
from node.post.labels import compute_label, make_commitment
from node.post.metadata import decode_metadata
from node.post.scan import PlainScan
from tests.support.cli import FakeTerminal, Ran, run_cli
from tests.support.post_cli import (
    BrokenLabels,
    InlineProver,
    InlineWorker,
    open_inline_engines,
)
from tests.support.post_labels import HashedLabels, real_engine

ATX = "22" * 32
KEY = private_key_of(b"\x07" * 32)
ID = KEY[32:].hex()
CPU = Provider(id=CPU_PROVIDER_ID, name=CPU_PROVIDER_NAME, device_class=DeviceClass.CPU)
CARD = Provider(
    id=0,
    name="[GPU] NVIDIA CUDA/NVIDIA H100",
    device_class=DeviceClass.GPU,
    driver="550.1",
    memory_bytes=1 << 30,
)
OLD_CARD = Provider(
    id=1, name="[GPU] Old/Card", device_class=DeviceClass.GPU, problem="no compiler"
)


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep everything in this process; two cards and a processor are there."""
    monkeypatch.setattr(label_sharing, "open_engines", open_inline_engines)
    monkeypatch.setattr(post_plan, "open_engines", open_inline_engines)
    monkeypatch.setattr(post, "EngineWorker", InlineWorker)
    monkeypatch.setattr(post_prove, "PostProcess", InlineProver)
    for module in (post, post_init, post_plan):
        monkeypatch.setattr(module, "find_providers", lambda: ((CARD, OLD_CARD, CPU), ""))


def run(
    tmp_path: Path,
    name: str,
    *arguments: str,
    directory: str | None = "space",
    terminal: FakeTerminal | None = None,
    environment: dict[str, str] | None = None,
) -> Ran:
    where = ["--dir", str(tmp_path / directory)] if directory else []
    return run_cli(
        ["post", name, "--network", "fastnet", *where, *arguments],
        tmp_path,
        terminal=terminal,
        environment=environment,
    )


def lines(ran: Ran) -> list[Any]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def result(ran: Ran) -> Any:
    """Return the data of the last line of a stream."""
    last = lines(ran)[-1]
    assert (last["type"], last["ok"]) == ("result", True), last
    return last["data"]


def failure(ran: Ran) -> Any:
    last = lines(ran)[-1]
    assert (last.get("type", "error"), last["ok"]) == ("error", False), last
    assert last["error"]["hint"]
    return last["error"]


def make(tmp_path: Path, *arguments: str, directory: str = "space") -> Ran:
    """Initialise two units of 128 labels in files of 64 labels."""
    return run(
        tmp_path,
        "init",
        *("--json", "--id", ID, "--commitment-atx", ATX, "--max-file-size", "1KiB"),
        *arguments,
        directory=directory,
    )


def labels(tmp_path: Path, directory: str = "space") -> bytes:
    files = sorted((tmp_path / directory).glob("postdata_*.bin"))
    return b"".join(file.read_bytes() for file in files)


def expected_labels() -> bytes:
    commitment = make_commitment(bytes.fromhex(ID), bytes.fromhex(ATX))
    whole = real_engine(2).labels(commitment, 0, 256)
    assert whole[:32] == compute_label(commitment, 0, scrypt_n=2)
    return b"".join(whole[at : at + 16] for at in range(0, len(whole), 32))


# init


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


# reset


def test_a_reset_needs_a_person_who_types_the_name(tmp_path: Path) -> None:
    make(tmp_path)
    before = labels(tmp_path)
    preview = result(run(tmp_path, "init", "--reset", "--dry-run", "--json"))
    assert preview["files"]["postdata_0.bin"] == 1024
    assert preview["bytes"] > 4096

    nobody = run(tmp_path, "init", "--reset", "--yes", "--json")
    assert (nobody.code, failure(nobody)["code"]) == (6, "smesh.refused")
    other = run(tmp_path, "init", "--reset", terminal=FakeTerminal(["other"]))
    assert other.code == ExitCode.REFUSED
    assert "1024 bytes  postdata_0.bin" in other.stderr
    assert labels(tmp_path) == before

    done = run(tmp_path, "init", "--reset", "--json", terminal=FakeTerminal(["space"]))
    assert "postdata_metadata.json" in result(done)["files"]
    assert labels(tmp_path) == b""
    empty = run(tmp_path, "init", "--reset", "--json", terminal=FakeTerminal(["space"]))
    assert result(empty)["files"] == {}


# verify


def test_whole_and_partial_verification(tmp_path: Path) -> None:
    make(tmp_path)
    assert result(run(tmp_path, "verify", "--json"))["labels_checked"] == 0
    assert result(run(tmp_path, "verify", "--json", "--fraction", "50"))["labels_checked"] == 128
    whole = result(run(tmp_path, "verify", "--json", "--all", "--threads", "1"))
    assert (whole["valid"], whole["labels_checked"]) == (True, 256)
    part = run(tmp_path, "verify", "--json", "--all", "--from-file", "1", "--to-file", "2")
    assert result(part)["labels_checked"] == 128


def test_a_wrong_label_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "space" / "postdata_2.bin"
    data = bytearray(path.read_bytes())
    data[160] ^= 1
    path.write_bytes(data)

    ran = run(tmp_path, "verify", "--json", "--all")

    assert (ran.code, failure(ran)["code"]) == (11, "smesh.post.invalid_label")
    fault = lines(ran)[-1]["data"]["fault"]
    assert (fault["file"], fault["offset"], fault["index"]) == ("postdata_2.bin", 160, 138)
    assert fault["expected"] != fault["found"]
    human = run(tmp_path, "verify", "--all")
    assert "postdata_2.bin contains an invalid label at offset 160" in human.stderr
    assert "move postdata_2.bin away" in human.stderr


def test_files_that_are_missing_or_short_are_named(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "space" / "postdata_3.bin").write_bytes(labels(tmp_path)[3072 : 3072 + 40])
    short = run(tmp_path, "verify", "--json", "--all")
    assert result(short)["incomplete_files"] == ["postdata_3.bin"]
    assert lines(short)[-1]["warnings"][0]["code"] == "smesh.post.not_completed"
    proof = run(tmp_path, "prove", "--json")
    assert (proof.code, failure(proof)["code"]) == (7, "smesh.post.not_completed")
    search = run(tmp_path, "search-nonce", "--json", "--again")
    assert (search.code, failure(search)["code"]) == (8, "smesh.post.truncated")

    (tmp_path / "space" / "postdata_1.bin").unlink()
    missing = run(tmp_path, "verify", "--json")
    assert (missing.code, failure(missing)["code"]) == (5, "smesh.post.missing_file")
    assert run(tmp_path, "status", "--json").data["missing_files"] == [1, 3]
    assert result(make(tmp_path))["labels_computed"] == 64 + 62
    assert labels(tmp_path) == expected_labels()


# search-nonce, merge


def test_the_nonce_is_found_again(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "space" / "postdata_metadata.json"
    whole = path.read_bytes()
    metadata = json.loads(whole)
    del metadata["Nonce"], metadata["NonceValue"]
    path.write_text(json.dumps(metadata), encoding="ascii")

    dry = result(run(tmp_path, "search-nonce", "--json", "--dry-run"))
    assert (dry["spaces"][0]["nonce"], dry["spaces"][0]["changed"]) == (None, False)
    (row,) = result(run(tmp_path, "search-nonce", "--json"))["spaces"]
    assert (row["nonce"], row["changed"]) == (decode_metadata(whole).nonce, True)
    assert path.read_bytes() == whole
    human = run(tmp_path, "search-nonce", str(tmp_path / "space"), directory=None)
    assert human.stdout.startswith("FOLDER")
    none = run(tmp_path, "search-nonce", "--json", "--again", "--from-file", "9")
    assert (none.code, failure(none)["code"]) == (5, "smesh.post.nonce_not_found")


def test_a_space_from_two_machines_is_merged(tmp_path: Path) -> None:
    make(tmp_path, directory="whole")
    one = make(tmp_path, "--to-file", "1", directory="one")
    assert result(one)["status"] == "started"
    make(tmp_path, "--from-file", "2", directory="two")
    parts = [str(tmp_path / name) for name in ("one", "two")]

    preview = run(tmp_path, "merge", "--dry-run", "--json", *parts).data
    assert preview["missing_files"] == [f"postdata_{number}.bin" for number in range(4)]
    assert not (tmp_path / "space").exists()
    whole = find_metadata(tmp_path / "whole")
    assert whole is not None
    assert run(tmp_path, "merge", "--json", *parts).data["nonce"] == whole.nonce
    for name, number in (("one", 0), ("one", 1), ("two", 2), ("two", 3)):
        file = f"postdata_{number}.bin"
        (tmp_path / name / file).rename(tmp_path / "space" / file)
    again = run(tmp_path, "merge", "--json", *parts)
    assert [one["code"] for one in again.document["warnings"]] == ["smesh.post.no_labels"] * 2
    assert again.data["missing_files"] == []
    assert result(make(tmp_path))["labels_computed"] == 0

    (tmp_path / "other").mkdir()
    run(tmp_path, "init", "--commitment-atx", ATX, directory="other")
    stranger = run(tmp_path, "merge", "--json", str(tmp_path / "other"))
    assert (stranger.code, stranger.error["code"]) == (8, "smesh.post.merge")


# prove, plan, providers


def test_a_proof_is_made_and_verified(tmp_path: Path) -> None:
    make(tmp_path)
    data = result(run(tmp_path, "prove", "--json", "--nonces", "32", "--threads", "2"))
    assert data["smesher"] == ID
    assert len(bytes.fromhex(data["indices"])) == (9 * 4 + 7) // 8
    assert data["passes"] == 1
    other = result(run(tmp_path, "prove", "--json", "--challenge", "0x" + "ab" * 32))
    assert other["indices"] != data["indices"]
    assert "proof of work, pass 1" in run(tmp_path, "prove").stderr


def test_a_proof_that_takes_several_passes(tmp_path: Path) -> None:
    make(tmp_path)
    file = tmp_path / "node.json"
    file.write_text(json.dumps({"post": {"post-k1": 20, "post-k2": 33}}), encoding="ascii")
    ran = run(tmp_path, "prove", "--json", "--config", str(file), "--nonces", "16")
    data = result(ran)
    assert data["passes"] == 1 + data["nonce"] // 16 > 1
    tasks = [line["task"] for line in lines(ran) if line["type"] == "progress"]
    assert {"data, pass 1", "proof of work, pass 2"} <= set(tasks)


def test_a_proof_over_wrong_labels_is_told(tmp_path: Path) -> None:
    make(tmp_path)
    ran = run(tmp_path, "prove", "--json", "--scrypt-n", "4")
    assert (ran.code, failure(ran)["code"]) == (11, "smesh.post.invalid_proof")


@pytest.mark.parametrize(
    "arguments",
    [("--nonces", "17"), ("--challenge", "00"), ("--nonces", "5000")],
)
def test_proofs_that_cannot_be_meant(tmp_path: Path, arguments: tuple[str, str]) -> None:
    make(tmp_path)
    assert run(tmp_path, "prove", "--json", *arguments).code == ExitCode.USAGE


def test_a_space_that_the_network_does_not_take_is_proven_with_a_warning(tmp_path: Path) -> None:
    make(tmp_path, "--labels-per-unit", "64")
    ran = run(tmp_path, "prove", "--json")
    assert lines(ran)[-1]["warnings"][0]["code"] == "smesh.post.other_network"
    make(tmp_path, directory="two")
    path = tmp_path / "two" / "postdata_metadata.json"
    metadata = json.loads(path.read_bytes())
    metadata |= {"NumUnits": 1}
    path.write_text(json.dumps(metadata), encoding="ascii")
    for file in (2, 3):
        (tmp_path / "two" / f"postdata_{file}.bin").unlink()
    few = run(tmp_path, "prove", "--json", directory="two")
    assert "has 1 units" in lines(few)[-1]["warnings"][0]["message"]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose speeds are known."""
    monkeypatch.setattr(speeds, "choose_scan", lambda: PlainScan)
    monkeypatch.setattr(speeds, "measure_scan", lambda *_, nonces, **__: 1e9 * 288 / nonces)
    monkeypatch.setattr(speeds, "measure_pow", lambda *_, **__: 100.0)
    monkeypatch.setattr(speeds, "measure_reading", lambda files, **__: 2e9 if files else None)

    async def measure_speed(*_: object, **__: object) -> int:
        return 1_000_000

    monkeypatch.setattr(post_plan, "measure_speed", measure_speed)


@pytest.mark.usefixtures("measured")
def test_a_proof_is_forecast(tmp_path: Path) -> None:
    make(tmp_path)
    data = result(run(tmp_path, "prove", "--json", "--dry-run", "--nonces", "16"))
    assert (data["randomx_mode"], data["pow_hashes_per_s"]) == ("light", 100.0)
    assert data["disk_mib_per_s"] == round(2e9 / (1 << 20), 1)
    assert (data["cycle_gap_s"], data["fits"]) == (30.0, True)
    fast = result(run(tmp_path, "prove", "--json", "--dry-run", "--randomx-mode", "fast"))
    assert fast["pow_hashes_per_s"] == 500.0


@pytest.mark.usefixtures("measured")
def test_a_plan_for_mainnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post_plan, "free_bytes", lambda _: 1 << 40)
    arguments = ["post", "plan", "--dir", str(tmp_path), "--threads", "3"]

    data = run_cli([*arguments, "--json"], tmp_path).data

    # A TiB holds 16 units; a million labels a second fill 140 of them in a week.
    assert (data["units_by_disk"], data["units_by_init"], data["units"]) == (16, 140, 16)
    assert (data["min_units"], data["cycle_gap_hours"]) == (4, 12.0)
    assert (data["bytes_left"], data["provider"]) == (0, 0)
    assert data["nonces"] in {16, 32, 144, 288}
    assert data["choices"][0]["pass_chance"] == pytest.approx(0.3263, abs=1e-3)
    human = run_cli(arguments, tmp_path)
    assert "Recommended: 16 units, 1.02e+03 GiB" in human.stdout
    monkeypatch.setattr(post_plan, "find_providers", lambda: ((OLD_CARD, CPU), ""))
    short = run_cli([*arguments, "--max-hours", "1"], tmp_path)
    assert "cannot make and prove" in short.stdout
    two = run_cli([*arguments, "--provider", "0,1", "--json"], tmp_path)
    assert (two.code, two.error["code"]) == (ExitCode.USAGE, "smesh.usage")
    one = run_cli([*arguments, "--nonces", "128", "--provider", "0", "--json"], tmp_path)
    assert [choice["nonces"] for choice in one.data["choices"]] == [128]


@pytest.mark.usefixtures("measured")
def test_a_network_without_a_gap_limits_nothing(tmp_path: Path) -> None:
    file = tmp_path / "node.json"
    file.write_text(json.dumps({"poet": {"cycle-gap": "0s"}}), encoding="ascii")
    data = run(tmp_path, "plan", "--json", "--config", str(file)).data
    assert data["units_by_proving"] == data["max_units"] == data["units"] == 4
    make(tmp_path)
    ran = run(tmp_path, "prove", "--json", "--dry-run", "--config", str(file))
    assert result(ran)["fits"] is None


def test_a_file_that_cannot_be_measured_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "postdata_0.bin")

    make(tmp_path)
    monkeypatch.setattr(speeds, "measure_scan", lambda *_, **__: 1.0)
    monkeypatch.setattr(speeds, "measure_pow", lambda *_, **__: 1.0)
    monkeypatch.setattr(speeds, "measure_reading", refuse)
    ran = run(tmp_path, "prove", "--json", "--dry-run")
    assert (ran.code, failure(ran)["code"]) == (7, "smesh.post.files")


def test_providers_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = run(tmp_path, "providers", "--json", directory=None).data
    assert [row["id"] for row in rows] == [0, 1, CPU_PROVIDER_ID]
    assert [row["usable"] for row in rows] == [True, False, True]
    assert "DRIVER" not in run(tmp_path, "providers", directory=None).stdout
    assert "550.1" in run(tmp_path, "providers", "-v", directory=None).stdout

    monkeypatch.setattr(post, "find_providers", lambda: ((CPU,), "the driver aborted"))
    ran = run(tmp_path, "providers", "--json", directory=None)
    assert ran.code == 0
    assert ran.document["warnings"][0]["code"] == "smesh.device.driver"
    assert "PROBLEM" not in run(tmp_path, "providers", directory=None).stdout


def test_the_folder_comes_from_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "node.json"
    content = {"smeshing": {"smeshing-opts": {"smeshing-opts-datadir": str(tmp_path / "mine")}}}
    file.write_text(json.dumps(content), encoding="ascii")
    ran = run(
        tmp_path,
        *("init", "--json", "--config", str(file), "--id", ID, "--commitment-atx", ATX),
        directory=None,
    )
    assert result(ran)["directory"] == str(tmp_path / "mine")
