"""``smcli config``: where values come from."""

import json
from pathlib import Path

from cli.errors import ExitCode
from tests.support.cli import run_cli

DATA = Path(__file__).parents[3] / "data" / "config"


def test_explain_shows_every_layer_of_a_key(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('preset = "standalone"\n[main]\nlayer-duration = "7s"\n', encoding="utf-8")
    ran = run_cli(
        ["config", "explain", "Main.Layer-Duration", "--config", str(file), "--json"],
        tmp_path,
        environment={"SPACEMESH_MAIN__LAYER_DURATION": "8s"},
    )

    assert ran.data["key"] == "main.layer-duration"
    assert ran.data["meaning"] == "Length of a layer."
    assert [(layer["origin"], layer["value"], layer["wins"]) for layer in ran.data["layers"]] == [
        ("default", "30s", False),
        ("preset standalone", "6s", False),
        (f"file {file}", "7s", False),
        ("environment SPACEMESH_MAIN__LAYER_DURATION", "8s", True),
    ]


def test_explain_for_people_and_of_keys_that_do_not_count(tmp_path: Path) -> None:
    text = run_cli(["config", "explain", "main.db-connections"], tmp_path).stdout
    assert "Size of the SQLite pool." in text
    assert "Has no effect: the store is LevelDB and needs no pool." in text
    ran = run_cli(["config", "explain", "main.layer-duratoin", "--json"], tmp_path)
    assert (ran.code, ran.error["hint"]) == (
        ExitCode.INVALID,
        "did you mean main.layer-duration?",
    )


def test_list_hides_secrets(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(
        json.dumps({"public-metrics": {"metrics-push-pass": "hunter2"}}), encoding="utf-8"
    )
    ran = run_cli(["config", "list", "--changed", "--config", str(file), "--json"], tmp_path)
    rows = {row["key"]: row for row in ran.data}

    assert rows["public-metrics.metrics-push-pass"]["value"] == "(hidden)"
    assert rows["main.layers-per-epoch"] == {
        "key": "main.layers-per-epoch",
        "value": 4032,
        "origin": "preset mainnet",
    }
    assert "main.metrics-port" not in rows
    assert "hunter2" not in ran.stdout


def test_validate_accepts_the_file_of_a_go_node(tmp_path: Path) -> None:
    file = DATA / "go-standalone-chain.json"
    ran = run_cli(["config", "validate", str(file), "--json"], tmp_path)
    assert (ran.data["valid"], ran.data["preset"]) == (True, "standalone")
    assert run_cli(["config", "validate"], tmp_path).stdout.startswith("fine: ")


def test_validate_lists_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"preset": "fastnet", "api": {"db-connections": 1}}', encoding="utf-8")
    ran = run_cli(["config", "validate", str(file)], tmp_path)
    assert ran.code == ExitCode.CHECK_FAILED
    assert "genesis.genesis-time" in ran.stdout
    assert "warning: api.db-connections has no effect" in ran.stderr
    assert "one of the values is wrong" in ran.stderr

    file.write_text('{"preset": "fastnet", "main": {"tick-size": 0}}', encoding="utf-8")
    ran = run_cli(["config", "validate", str(file), "--json"], tmp_path)
    assert [one["key"] for one in ran.document["data"]["problems"]] == [
        "genesis.genesis-time",
        "main.tick-size",
    ]
    assert ran.error["message"] == "2 of the values are wrong"
