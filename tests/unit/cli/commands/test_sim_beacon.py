"""``smcli sim beacon``: what it shows, and how it ends."""

from pathlib import Path

from cli.errors import ExitCode
from tests.support.cli import Ran, run_cli

SMALL = ("--nodes", "3", "--rounds", "3", "--epochs", "1", "--seed", "1")


def sim_beacon(home: Path, *arguments: str) -> Ran:
    return run_cli(["sim", "beacon", *SMALL, *arguments], home)


def test_a_run_tells_how_every_node_counted_every_round(tmp_path: Path) -> None:
    ran = sim_beacon(tmp_path, "--json")
    assert (ran.code, ran.stderr) == (ExitCode.OK, "")
    assert (ran.data["agreed"], ran.data["adversaries"]) == (True, 0)
    assert [one["round"] for one in ran.data["rounds"]] == [0, 1, 2]
    first = ran.data["rounds"][0]
    assert (first["epoch"], first["at_s"]) == (2, 90.0)
    assert [node["node"] for node in first["nodes"]] == ["node0", "node1", "node2"]
    assert {node["support"] for node in first["nodes"]} == {3}
    assert len(first["nodes"][0]["supported"]) == 3
    (outcome,) = ran.data["outcomes"]
    assert (outcome["epoch"], outcome["agreed"]) == (3, True)
    assert len(set(outcome["beacons"].values())) == 1
    assert sim_beacon(tmp_path, "--json").data == ran.data


def test_people_see_rounds_and_beacons(tmp_path: Path) -> None:
    ran = sim_beacon(tmp_path, "--adversaries", "1")
    lines = ran.stdout.splitlines()
    assert lines[0].split()[:4] == ["EPOCH", "ROUND", "COUNTED", "AT"]
    assert lines[1].split()[:4] == ["2", "0", "90", "s"]
    assert "3 nodes, 1 of them adversaries, seed 1." in lines
    assert any("honest nodes have beacon" in line for line in lines)


def test_different_beacons_are_a_failure_with_its_seed(tmp_path: Path) -> None:
    ran = sim_beacon(tmp_path, "--drop", "1", "--json")
    assert ran.code == ExitCode.CHECK_FAILED
    assert ran.error["code"] == "smesh.check_failed.sim"
    message = "honest nodes have 3 different beacons for epoch 3; seed 1"
    assert ran.error["message"] == message
    assert ran.document["data"]["agreed"] is False


def test_who_has_no_beacon_is_named(tmp_path: Path) -> None:
    # A fifth of the weight is too little to support even what is one's own.
    ran = run_cli(
        ["sim", "beacon", "--nodes", "5", "--rounds", "1", "--epochs", "1", "--drop", "1"], tmp_path
    )
    assert ran.code == ExitCode.OK
    assert "Epoch 3: without a beacon: node0, node1, node2, node3, node4." in ran.stdout


def test_somebody_has_to_be_honest(tmp_path: Path) -> None:
    ran = sim_beacon(tmp_path, "--adversaries", "3")
    assert ran.code == ExitCode.USAGE
    assert "leave nobody to agree" in ran.stderr
