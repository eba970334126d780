"""``smcli post prove``, ``plan`` and ``providers``: proofs, made and forecast."""

import errno
import json
from pathlib import Path

import pytest

from cli import speeds
from cli.commands import post, post_plan
from cli.errors import ExitCode
from node.post.engine import (
    CPU_PROVIDER_ID,
)
from tests.support.cli import run_cli
from tests.support.post_commands import (
    ATX,
    CPU,
    ID,
    OLD_CARD,
    failure,
    lines,
    make,
    result,
    run,
)

pytestmark = pytest.mark.usefixtures("inline_post")


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
