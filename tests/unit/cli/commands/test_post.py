"""``smcli post``: spaces that are there are removed, verified, searched and merged."""

import json
from pathlib import Path

import pytest

from cli.errors import ExitCode
from node.post.files import find_metadata
from node.post.metadata import decode_metadata
from tests.support.cli import FakeTerminal
from tests.support.post_commands import (
    ATX,
    expected_labels,
    failure,
    labels,
    lines,
    make,
    result,
    run,
)

pytestmark = pytest.mark.usefixtures("inline_post")


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
