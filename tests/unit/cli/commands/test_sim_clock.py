"""``smcli sim clock``: what it shows, and how it ends."""

from pathlib import Path

from cli.errors import ExitCode
from tests.support.cli import Ran, run_cli


def sim_clock(home: Path, *arguments: str) -> Ran:
    return run_cli(["sim", "clock", *arguments], home)


def test_a_run_tells_when_every_node_began_which_layer(tmp_path: Path) -> None:
    ran = sim_clock(tmp_path, "--seed", "1", "--json")
    assert (ran.code, ran.stderr) == (ExitCode.OK, "")
    assert ran.data["agreed"] is True
    assert [clock["node"] for clock in ran.data["clocks"]] == ["node0", "node1"]
    late = [tick for tick in ran.data["ticks"] if tick["layer"] < tick["true_layer"]]
    assert {tick["node"] for tick in late} <= {"node0", "node1"}
    assert late[0]["clock_s"] < -60
    stops = [warning for warning in ran.data["warnings"] if warning["stops"]]
    assert {warning["node"] for warning in stops} == {"node0", "node1"}
    assert sim_clock(tmp_path, "--seed", "1", "--json").data == ran.data


def test_people_see_who_is_late_and_what_it_says(tmp_path: Path) -> None:
    ran = sim_clock(tmp_path, "--seed", "1")
    lines = ran.stdout.splitlines()
    assert lines[0].split()[:4] == ["LAYER", "BEGUN", "ON", "TIME"]
    assert any("node0 warns" in line for line in lines)
    assert any("node0 at 3, -85.0 s" in line for line in lines)
    assert any(line.startswith("node0 stops in layer 5: timesync: ") for line in lines)
    assert lines[-1] == "Every node kept its promises."


def test_who_is_not_told_is_a_failure_with_its_seed(tmp_path: Path) -> None:
    ran = sim_clock(tmp_path, "--seed", "1", "--drop", "1", "--json")
    assert ran.code == ExitCode.CHECK_FAILED
    assert ran.error["code"] == "smesh.check_failed.sim"
    assert ran.error["message"].endswith("and nobody tells it; seed 1")
    assert ran.document["data"]["faults"][0]["node"] == "node0"
    told = sim_clock(tmp_path, "--seed", "1", "--drop", "1")
    assert told.code == ExitCode.CHECK_FAILED


def test_most_clocks_have_to_be_right(tmp_path: Path) -> None:
    ran = sim_clock(tmp_path, "--nodes", "5", "--wrong", "2")
    assert ran.code == ExitCode.USAGE
    assert "leave no majority that knows the time" in ran.stderr
    assert "give --wrong 1 at most" in ran.stderr
