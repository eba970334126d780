"""Version 2 of the API answers about a recorded chain what the node of that chain answered."""

import json
import lzma
from pathlib import Path
from shutil import copytree

from scripts.vectors.api_lists import check_lists, cut_folder

DATA = Path(__file__).parent.parent / "data" / "api"
CALLS = 76


def test_every_recorded_answer_is_given() -> None:
    cases = list(check_lists(DATA))
    assert [case for case in cases if case.problem] == []
    assert len(cases) == CALLS


def test_a_changed_answer_is_noticed(tmp_path: Path) -> None:
    copytree(DATA, tmp_path / "changed")
    file = tmp_path / "changed" / "api" / "grpc.jsonl.xz"
    calls = [json.loads(line) for line in lzma.decompress(file.read_bytes()).splitlines()]
    rewards = next(call for call in calls if (call["response"] or {}).get("rewards"))
    rewards["response"]["rewards"].reverse()
    refusal = next(call for call in calls if call.get("error"))
    refusal["error"]["message"] += "!"
    file.write_bytes(lzma.compress("\n".join(map(json.dumps, calls)).encode()))
    assert sum(bool(case.problem) for case in check_lists(tmp_path / "changed")) == 2


def test_a_cut_of_a_cut_is_the_same(tmp_path: Path) -> None:
    cut_folder(DATA, tmp_path)
    for name in ("api/grpc.jsonl.xz", "chain/state.jsonl.xz", "chain/config.json"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()
