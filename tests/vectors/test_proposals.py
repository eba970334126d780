"""Proposals of Go nodes, judged: twelve layers of a recording."""

import json
import lzma
from pathlib import Path
from typing import Any

from node.base import scale
from node.types.proposal import Proposal
from scripts.vectors.family import read_json_lines
from scripts.vectors.proposals import check, cut_recording

DATA = Path(__file__).parent.parent / "data" / "vectors" / "proposals"
PROPOSALS = 60


def test_every_recorded_proposal_is_taken_and_its_ballot_stored() -> None:
    cases = list(check(DATA, name=""))
    assert [case for case in cases if case.problem] == []
    assert sum(case.name.startswith("proposal") for case in cases) == PROPOSALS


def test_a_cut_keeps_the_layers_asked_for(tmp_path: Path) -> None:
    cut_recording(DATA, tmp_path, range(20, 22))
    cases = list(check(tmp_path, name=""))
    assert [case for case in cases if case.problem] == []
    assert {layer_of(line) for line in gossip_in(tmp_path)} == {20, 21}


def test_a_changed_proposal_is_noticed(tmp_path: Path) -> None:
    cut_recording(DATA, tmp_path, range(20, 21))
    first, *others = gossip_in(tmp_path)
    data = bytearray.fromhex(first["data"])
    data[-1] ^= 1
    lines = [json.dumps(line) for line in (first | {"data": data.hex()}, *others)]
    gossip = tmp_path / "network" / "gossip.jsonl.xz"
    gossip.write_bytes(lzma.compress("\n".join(lines).encode()))
    cases = list(check(tmp_path, name=""))
    assert "wrong signature" in cases[0].problem


def gossip_in(folder: Path) -> list[dict[str, Any]]:
    return list(read_json_lines(folder / "network" / "gossip.jsonl.xz"))


def layer_of(line: dict[str, Any]) -> int:
    return scale.decode(Proposal, bytes.fromhex(line["data"])).layer
