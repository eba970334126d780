"""What a demo remembers."""

from pathlib import Path

import pytest

from cli.demo.diary import Diary, Milestone
from node.base.errors import StoreError

NS = 1_000_000_000


def test_a_milestone_is_noted_once() -> None:
    diary = Diary(genesis_ns=20 * NS, started_ns=0)
    assert diary.note(Milestone.REWARDED, 5 * NS)
    assert not diary.note(Milestone.REWARDED, 6 * NS)
    assert diary.find(Milestone.REWARDED) == 5 * NS
    assert diary.find(Milestone.SPENT) is None


def test_seconds_are_told_when_both_ends_are_known() -> None:
    diary = Diary(genesis_ns=0, started_ns=NS)
    assert diary.seconds(None, Milestone.SPENT) is None
    diary.note(Milestone.SPENT, 3 * NS + 250_000_000)
    assert diary.seconds(None, Milestone.SPENT) == 2.25
    assert diary.seconds(Milestone.REGISTERED, Milestone.SPENT) is None


def test_a_diary_survives_on_disk(tmp_path: Path) -> None:
    diary = Diary(genesis_ns=7, started_ns=3, beacons={2: "aabbccdd"})
    diary.note(Milestone.PROVED, 11)
    diary.write(tmp_path / "network.json")
    assert Diary.read(tmp_path / "network.json") == diary


def test_no_file_is_no_diary(tmp_path: Path) -> None:
    assert Diary.read(tmp_path / "network.json") is None


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"version": 2}', '{"version": 1, "genesis_ns": 1, "started_ns": 1}'],
)
def test_a_damaged_diary_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "network.json"
    file.write_text(text)
    with pytest.raises(StoreError, match="diary"):
        Diary.read(file)
