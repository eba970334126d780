"""``smcli sim hare``: what it shows, and how it ends."""

from pathlib import Path

from cli.errors import ExitCode
from tests.support.cli import Ran, run_cli

DIVIDED = ("--nodes", "8", "--equivocators", "6", "--seed", "38")


def sim_hare(home: Path, *arguments: str) -> Ran:
    return run_cli(["sim", "hare", *arguments], home)


def test_a_run_tells_how_every_node_stood_after_every_round(tmp_path: Path) -> None:
    ran = sim_hare(tmp_path, "--nodes", "3", "--protocol", "hare4", "--seed", "3", "--json")
    assert (ran.code, ran.stderr) == (ExitCode.OK, "")
    assert ran.data["protocol"] == "hare4"
    assert (ran.data["agreed"], ran.data["undecided"]) == (True, [])
    assert ran.data["sets"] == [ran.data["proposals"]]
    first, last = ran.data["rounds"][0], ran.data["rounds"][-1]
    assert (first["iteration"], first["round"], first["at_s"]) == (0, "preround", 25.0)
    assert [node["node"] for node in first["nodes"]] == ["node0", "node1", "node2"]
    assert {(node["locked"], node["lock"], node["result"]) for node in first["nodes"]} == {
        ("", "", "")
    }
    assert (last["iteration"], last["round"]) == (2, "hardlock")
    assert {node["lock"] for node in last["nodes"]} == {"hard"}
    (result,) = {node["result"] for node in last["nodes"]}
    assert {outcome["agreed"] for outcome in ran.data["outcomes"]} == {result}
    again = sim_hare(tmp_path, "--nodes", "3", "--protocol", "hare4", "--seed", "3", "--json")
    assert again.data == ran.data


def test_people_see_rounds_and_the_agreed_set(tmp_path: Path) -> None:
    ran = sim_hare(tmp_path, "--nodes", "4", "--equivocators", "1", "--seed", "1")
    assert ran.code == ExitCode.OK
    lines = ran.stdout.splitlines()
    assert lines[0].split()[:4] == ["ITERATION", "ROUND", "AT", "NODES"]
    assert lines[1].split()[:5] == ["0", "preround", "25", "s", "3"]
    assert any(line.startswith("3 of 3 honest nodes agree on ") for line in lines)
    assert any(line.startswith("Weak coin: ") for line in lines)
    assert lines[-1] == "Every honest node has proofs against at least 1 of the equivocators."


def test_nodes_without_agreement_are_named(tmp_path: Path) -> None:
    ran = sim_hare(tmp_path, "--nodes", "3", "--drop", "1", "--seed", "1")
    assert ran.code == ExitCode.OK
    assert "Without agreement: node0, node1, node2." in ran.stdout


def test_different_sets_are_a_failure_with_its_seed(tmp_path: Path) -> None:
    ran = sim_hare(tmp_path, *DIVIDED, "--json")
    assert ran.code == ExitCode.CHECK_FAILED
    assert ran.error["code"] == "smesh.check_failed.sim"
    assert ran.error["message"] == "honest nodes agree on 2 different sets; seed 38"
    assert ran.document["data"]["agreed"] is False
    assert len(ran.document["data"]["sets"]) == 2


def test_somebody_has_to_be_honest(tmp_path: Path) -> None:
    ran = sim_hare(tmp_path, "--nodes", "3", "--equivocators", "3")
    assert ran.code == ExitCode.USAGE
    assert "leave nobody to agree" in ran.stderr
