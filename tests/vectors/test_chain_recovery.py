"""A node that was restarted from a checkpoint: its rows and its answers."""

from pathlib import Path
from shutil import copytree

from scripts.vectors.chain_recovery import check_recovery
from scripts.vectors.family import read_text

DATA = Path(__file__).parent.parent / "data" / "vectors"
CASES = 33


def test_the_recovered_node_is_reproduced() -> None:
    cases = list(check_recovery(DATA))
    assert [case for case in cases if case.problem] == []
    assert len(cases) == CASES


def test_changed_answers_are_noticed(tmp_path: Path) -> None:
    copytree(DATA / "chain", tmp_path / "chain")
    text = read_text(DATA / "chain" / "recovery.json.xz")
    (tmp_path / "chain" / "recovery.json.xz").unlink()
    changed = text.replace("snapshot-60-restore-70", "snapshot-60-restore-71")
    changed = changed.replace('\\"number\\": 69', '\\"number\\": 68')
    (tmp_path / "chain" / "recovery.json").write_text(changed)
    told = [case.name for case in check_recovery(tmp_path) if case.problem]
    assert told == [
        "kept",
        "spacemesh.v1.NodeService/Status",
        "spacemesh.v2alpha1.LayerService/List",
    ]
