"""Hare of Go nodes, lived through again: a few layers of both recordings."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from node.consensus.hare.wire import Round
from scripts.vectors.family import Case, read_json_lines
from scripts.vectors.hare import check, check_place
from scripts.vectors.hare_recording import cut_recording, read_recording

DATA = Path(__file__).parent.parent / "data" / "vectors" / "hare"


def problems(cases: list[Case]) -> list[Case]:
    return [case for case in cases if case.problem]


@pytest.mark.parametrize("prefix", ["", "hare4-"])
def test_in_the_place_of_a_go_node_we_say_what_it_said(prefix: str) -> None:
    recording = read_recording(DATA, prefix)
    smesher = recording.speakers[0]
    cases = list(check_place(recording, smesher))
    assert problems(cases) == []
    names = {case.name for case in cases}
    assert {str(slot) for slot in recording.said if slot.sender == smesher} <= names
    kinds = ("block", "hare output", "weak coin")
    assert {f"{kind} of layer {n}" for kind in kinds for n in recording.layers} <= names


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "hare4-"])
def test_all_places_can_be_taken(prefix: str) -> None:
    cases = list(check(DATA, name=prefix))
    assert problems(cases) == []
    assert any("is asked for" in case.name for case in cases) == bool(prefix)


def test_a_changed_message_is_noticed_where_it_was_said_and_where_it_was_heard(
    tmp_path: Path,
) -> None:
    cut_recording(DATA, tmp_path, "", range(20, 21), range(20, 21))
    whole = read_recording(tmp_path, "")
    gossip = tmp_path / "network" / "gossip.jsonl.xz"
    first, second = whole.speakers[:2]
    slot = next(s for s in whole.said if s.sender == second and s.iter_round.round == Round.COMMIT)
    wanted = next(heard.data.hex() for heard in whole.heard if heard.slot == slot)
    spoiled = [_spoil(line) if line["data"] == wanted else line for line in _rows(gossip)]
    gossip.write_bytes(lzma.compress("\n".join(map(json.dumps, spoiled)).encode()))
    recording = read_recording(tmp_path, "")
    heard = problems(list(check_place(recording, first)))
    assert [case.name for case in heard] == [f"{first} hears {slot}"]
    assert "wrong signature" in heard[0].problem
    said = problems(list(check_place(recording, second)))
    assert [case.name for case in said] == [str(slot)]


def test_a_cut_keeps_the_layers_asked_for(tmp_path: Path) -> None:
    cut_recording(DATA, tmp_path, "hare4-", range(30, 31), range(29, 31))
    recording = read_recording(tmp_path, "hare4-")
    assert recording.layers == range(30, 31)
    assert {proposal.layer for proposal in recording.proposals} == {29, 30}
    assert {row[0] for row in recording.dump.tables["layers"]} == {29, 30}
    assert recording.dump.tables["ballots"] == []


def _rows(file: Path) -> list[dict[str, Any]]:
    return list(read_json_lines(file))


def _spoil(line: dict[str, Any]) -> dict[str, Any]:
    data = bytearray.fromhex(line["data"])
    data[-1] ^= 1
    return line | {"data": data.hex()}
