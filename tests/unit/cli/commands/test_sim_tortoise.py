"""``smcli sim tortoise``: what it shows, how it ends, and traces."""

import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.errors import ExitCode
from node.sim.tortoise import Dispute, TortoiseSimulation
from node.types.layer import LayerID
from tests.support.cli import Ran, run_cli

SMALL = ("--nodes", "6", "--layers", "20", "--seed", "1")
SPLIT = (*SMALL, "--split-at", "5", "--split-layers", "7")


def sim_tortoise(home: Path, *arguments: str) -> Ran:
    return run_cli(["sim", "tortoise", *arguments], home)


def test_a_run_tells_how_far_every_node_was_after_every_layer(tmp_path: Path) -> None:
    ran = sim_tortoise(tmp_path, *SPLIT, "--adversaries", "1", "--json")
    assert (ran.code, ran.stderr) == (ExitCode.OK, "")
    assert (ran.data["agreed"], ran.data["disputes"], ran.data["smaller_side"]) == (True, [], 3)
    assert [tally["layer"] for tally in ran.data["tallies"]] == list(range(20, 40))
    assert [tally["layer"] for tally in ran.data["tallies"] if tally["is_split"]] == list(
        range(24, 31)
    )
    first = ran.data["tallies"][0]["nodes"]
    assert [node["node"] for node in first] == [f"node{number}" for number in range(1, 6)]
    assert sim_tortoise(tmp_path, *SPLIT, "--adversaries", "1", "--json").data == ran.data


def test_people_see_modes_and_layers(tmp_path: Path) -> None:
    ran = sim_tortoise(tmp_path, *SPLIT)
    lines = ran.stdout.splitlines()
    assert lines[0].split()[:4] == ["LAYER", "SPLIT", "BALLOTS", "WAITING"]
    assert lines[1].split() == ["20", "-", "6", "0", "6", "0", "19"]
    assert any(line.split()[1] == "yes" and line.split()[5] == "6" for line in lines[1:21])
    assert "Split into 3 and 3 for 7 layers." in lines
    assert lines[-1] == "No two honest nodes decide a layer differently."


def test_disputed_layers_are_a_failure_with_its_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disputes(_simulation: TortoiseSimulation) -> Iterator[Dispute]:
        yield Dispute(layer=LayerID(21), blocks={"node0": "aa", "node1": ""})

    monkeypatch.setattr(TortoiseSimulation, "_disputes", disputes)
    ran = sim_tortoise(tmp_path, *SMALL, "--json")
    assert ran.code == ExitCode.CHECK_FAILED
    assert ran.error["code"] == "smesh.check_failed.sim"
    message = "honest nodes decide 1 layers differently, first layer 21; seed 1"
    assert ran.error["message"] == message
    assert ran.document["data"]["disputes"] == [
        {"layer": 21, "blocks": {"node0": "aa", "node1": ""}}
    ]
    told = sim_tortoise(tmp_path, *SMALL)
    assert "  node1  no block" in told.stdout.splitlines()


def test_a_recorded_node_is_replayed(tmp_path: Path) -> None:
    trace = tmp_path / "node.jsonl"
    sim_tortoise(tmp_path, *SPLIT, "--record", str(trace))
    ran = sim_tortoise(tmp_path, "--trace", str(trace), "--json")
    assert ran.code == ExitCode.OK
    assert (ran.data["agreed"], ran.data["differences"]) == (True, [])
    assert ran.data["compared"] > 50
    assert {tally["mode"] for tally in ran.data["tallies"]} == {"verifying", "full"}
    packed = tmp_path / "node.jsonl.xz"
    packed.write_bytes(lzma.compress(trace.read_bytes()))
    told = sim_tortoise(tmp_path, "--trace", str(packed))
    assert told.stdout.splitlines()[-1].endswith(" outputs compared, 0 different.")


def test_a_trace_that_says_something_else_is_a_failure(tmp_path: Path) -> None:
    trace = tmp_path / "node.jsonl"
    sim_tortoise(tmp_path, *SMALL, "--record", str(trace))
    lines = [line for line in trace.read_bytes().splitlines() if b'"t":11' not in line]
    trace.write_bytes(b"\n".join(lines))
    ran = sim_tortoise(tmp_path, "--trace", str(trace), "--json")
    assert ran.code == ExitCode.CHECK_FAILED
    assert "outputs are not the recorded ones, first in line " in ran.error["message"]
    first = ran.document["data"]["differences"][0]
    assert first["ours"] != first["recorded"]
    assert f"Line {first['line']}, " in sim_tortoise(tmp_path, "--trace", str(trace)).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--nodes", "3", "--adversaries", "3"), "leave nobody to agree"),
        (("--nodes", "3", "--smaller-side", "4"), "4 nodes on one side, of 3"),
        (("--nodes", "3", "--smaller-side", "1"), "--smaller-side belongs to a split"),
        (("--split-layers", "3"), "--split-layers belongs to a split"),
        (("--restart", "x.inj"), "--restart belongs to a trace"),
        (("--record", "no/such/folder"), "no/such/folder cannot be written"),
        (("--trace", "x.jsonl", "--record", "y.jsonl"), "--record belongs to a run"),
        (("--trace", "x.jsonl", "--split-at", "3"), "--split-at belongs to a run"),
        (("--trace", "nothing.jsonl"), "nothing.jsonl cannot be read"),
        (("--trace", "nothing.jsonl", "--restart", "x.inj"), "x.inj tells no restart"),
    ],
)
def test_what_cannot_be_run_is_told(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    ran = sim_tortoise(tmp_path, *arguments)
    assert ran.code == ExitCode.USAGE
    assert message in ran.stderr
