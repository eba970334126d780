"""Databases of Go nodes, read, judged, imported: a few rows of each table."""

from pathlib import Path

import pytest

from scripts.vectors import chain_state
from scripts.vectors.family import Family, read_text

DATA = Path(__file__).parent.parent / "data" / "vectors"
SIZES = {
    "chain/state": 165,
    "chain/recovered-state": 35,
    "chain/local": 18,
    "network/state-node0": 140,
    "network/hare4-state-node0": 139,
    "network/local-node0": 31,
    "chain/meta": 32,
    "chain/config": 9,
}
COMPARED = [family for family in chain_state.FAMILIES if family.check is not None]


@pytest.mark.parametrize("family", COMPARED, ids=lambda family: family.name)
def test_every_row_is_read_and_kept(family: Family) -> None:
    assert family.check is not None
    cases = list(family.check(DATA))
    assert [case for case in cases if case.problem] == []
    assert len(cases) == SIZES[family.name]


@pytest.mark.parametrize(
    ("recorded", "changed", "problem"),
    [
        ('["beacons",2,"x6de2d3ba"]', '["beacons",2,"x6de2d3ba6d"]', "column beacon"),
        ('["layers",90,0,1,', '["layers",90,0,0,', "recorded"),
        ('["atx_blobs","x2e6d57d0', '["atx_blobs","x2e6d57d1', "not recorded in the table"),
    ],
    ids=["of another size", "of another meaning", "of another identifier"],
)
def test_a_changed_row_is_noticed(
    tmp_path: Path, recorded: str, changed: str, problem: str
) -> None:
    text = read_text(DATA / "chain" / "state.jsonl.xz")
    assert recorded in text
    (tmp_path / "chain").mkdir()
    (tmp_path / "chain" / "state.jsonl").write_text(text.replace(recorded, changed))
    cases = chain_state.check_state(tmp_path, name="chain/state")
    assert any(problem in case.problem for case in cases)
