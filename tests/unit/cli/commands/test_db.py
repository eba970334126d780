"""``smcli db audit``: reports and exit codes."""

from pathlib import Path

import pytest

from cli.errors import ExitCode
from tests.support.audits import CHAIN_CONFIG, NETWORK_CONFIG, Recorded
from tests.support.cli import Ran, run_cli


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    folder = tmp_path / "files"
    folder.mkdir()
    return Recorded(folder, "second")


def audit(recorded: Recorded, home: Path, *more: str, config: Path = CHAIN_CONFIG) -> Ran:
    """Run the command on a file."""
    return run_cli(["db", "audit", str(recorded.path), "--config", str(config), *more], home)


def test_an_audit_that_finds_nothing_succeeds(recorded: Recorded, tmp_path: Path) -> None:
    ran = audit(recorded, tmp_path, "--json")
    assert (ran.code, ran.stderr) == (ExitCode.OK, "")
    assert ran.data["differences"] == 0
    assert ran.data["findings"] == []
    kinds = {kind["kind"]: kind for kind in ran.data["kinds"]}
    assert kinds["ATX bytes"]["parts"] == {"out of a checkpoint": 1, "version 2": 1}
    assert kinds["ATX"]["by_rule"]["VRF nonce"] == 1
    assert kinds["PoET proof"]["table"] == "poets"
    assert ran.data["objects"] == sum(kind["objects"] for kind in kinds.values())
    assert ran.document["meta"]["network"] == "standalone"
    assert ran.document["meta"]["genesis_id"] == ran.data["genesis_id"]
    assert [path.name for path in recorded.path.parent.iterdir()] == ["second.sql"]


def test_people_see_a_table_and_progress(recorded: Recorded, tmp_path: Path) -> None:
    ran = audit(recorded, tmp_path)
    assert ran.code == ExitCode.OK
    lines = ran.stdout.splitlines()
    assert lines[0].split() == ["KIND", "OBJECTS", "CHECKS", "UNCHECKED", "DIFFERENCES"]
    assert lines[-1] == "Nothing differs."
    assert "Not checked, ATX, 1 times: out of a checkpoint." in lines
    assert "audit: " in ran.stderr


def test_differences_are_told_in_full(recorded: Recorded, tmp_path: Path) -> None:
    recorded.run("UPDATE atxs SET weight = weight + 1 WHERE weight NOT NULL")
    recorded.run("UPDATE posts SET units = 3 WHERE publish_epoch = 5")
    identifier = recorded.value("SELECT id FROM atxs WHERE epoch = 5").hex()
    weight = recorded.value("SELECT weight FROM atxs WHERE epoch = 5")
    ran = audit(recorded, tmp_path, "--json")
    assert ran.code == ExitCode.CHECK_FAILED
    assert ran.error["code"] == "smesh.check_failed.audit"
    assert ran.error["message"] == f"2 differences found; the first: ATX {identifier}, weight"
    first = ran.document["data"]["findings"][0]
    assert first == {
        "kind": "ATX",
        "id": identifier,
        "rule": "weight",
        "ours": str(weight - 1),
        "recorded": str(weight),
    }
    ran = audit(recorded, tmp_path)
    assert ran.code == ExitCode.CHECK_FAILED
    assert "2 differences, by rule:" in ran.stdout
    assert f"    recorded  {weight}" in ran.stdout
    assert "code: smesh.check_failed.audit" in ran.stderr


def test_a_single_difference_is_told_in_the_singular(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, "malfeasance")
    recorded.run("DELETE FROM identities")
    ran = audit(recorded, tmp_path / "home", config=NETWORK_CONFIG)
    assert ran.code == ExitCode.CHECK_FAILED
    assert "one difference found" in ran.stderr


def test_an_applied_chain_shows_its_state_root(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, "chain")
    ran = audit(recorded, tmp_path / "home", "--quiet")
    root = recorded.value("SELECT state_hash FROM layers WHERE id = 22").hex()
    assert f"Applied layers 20 to 22, state root {root}." in ran.stdout.splitlines()


def test_what_cannot_be_audited_has_its_exit_code(recorded: Recorded, tmp_path: Path) -> None:
    log = recorded.path.with_name("second.sql-wal")
    log.write_bytes(b"frames")
    assert audit(recorded, tmp_path).code == ExitCode.PRECONDITION
    log.unlink()
    recorded.run("PRAGMA user_version = 26")
    ran = audit(recorded, tmp_path, "--json")
    assert (ran.code, ran.error["code"]) == (ExitCode.INVALID, "smesh.store.sqlite.version")
    recorded.path.unlink()
    ran = audit(recorded, tmp_path, "--json")
    assert (ran.code, ran.error["code"]) == (ExitCode.NOT_FOUND, "smesh.store.missing")


def test_the_configuration_has_to_be_the_networks(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, "chain")
    ran = audit(recorded, tmp_path / "home", "--json", config=NETWORK_CONFIG)
    assert (ran.code, ran.error["code"]) == (ExitCode.INVALID, "smesh.config.genesis")
    without = tmp_path / "config.json"
    without.write_text('{"preset": "standalone"}')
    ran = audit(recorded, tmp_path / "home", "--json", config=without)
    assert (ran.code, ran.error["code"]) == (ExitCode.INVALID, "smesh.config.value")
    ran = audit(recorded, tmp_path / "home", "--json", config=tmp_path / "no.json")
    assert (ran.code, ran.error["code"]) == (ExitCode.NOT_FOUND, "smesh.config.file")


def test_progress_is_kept_in_a_file_and_removed_in_the_end(
    recorded: Recorded, tmp_path: Path
) -> None:
    progress = tmp_path / "progress"
    ran = audit(recorded, tmp_path, "--json", "--jobs", "1", "--resume", str(progress))
    assert (ran.code, ran.data["differences"]) == (ExitCode.OK, 0)
    assert not progress.exists()
    progress.write_text("something else\n")
    ran = audit(recorded, tmp_path, "--json", "--resume", str(progress))
    assert (ran.code, ran.error["code"]) == (ExitCode.PRECONDITION, "smesh.precondition.progress")
    assert progress.read_text() == "something else\n"


@pytest.mark.parametrize("resumed", [False, True])
def test_an_interrupted_audit_tells_how_to_go_on(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, resumed: bool
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("node.checkpoint.audit.run.audit", interrupt)
    progress = tmp_path / "progress"
    more = ("--resume", str(progress)) if resumed else ()
    ran = audit(recorded, tmp_path, "--json", *more)
    assert ran.code == ExitCode.INTERRUPTED
    assert ran.error["code"] == "smesh.interrupted"
    assert ("the same command" if resumed else "--resume FILE") in ran.error["hint"]
    assert progress.exists() is resumed
