"""Requests that Go nodes answered, put to our servers."""

import lzma
import shutil
from pathlib import Path

import pytest

from scripts.vectors import requests

DATA = Path(__file__).parent.parent / "data" / "vectors" / "requests"
COMPARED = 149
REFUSED = '"ax/1","request":"","t":-16.839,"what":"empty request","wire_request":"00",'


def test_every_request_is_answered_as_it_was() -> None:
    check = requests.FAMILIES[0].check
    assert check is not None
    cases = list(check(DATA))
    assert [case for case in cases if case.problem] == []
    assert len(cases) == COMPARED


@pytest.mark.parametrize(
    ("recorded", "changed"),
    [
        ('"wire_response":"005c6465', '"wire_response":"005c6466'),
        (f'{REFUSED}"wire_response":""', f'{REFUSED}"wire_response":"040000"'),
    ],
    ids=["another error", "a missing refusal"],
)
def test_a_changed_answer_is_noticed(tmp_path: Path, recorded: str, changed: str) -> None:
    shutil.copytree(DATA / "network", tmp_path / "network")
    path = tmp_path / "network" / "requests.jsonl.xz"
    text = lzma.decompress(path.read_bytes()).decode()
    assert recorded in text
    path.write_bytes(lzma.compress(text.replace(recorded, changed).encode()))
    check = requests.FAMILIES[0].check
    assert check is not None
    assert any(case.problem for case in check(tmp_path))
