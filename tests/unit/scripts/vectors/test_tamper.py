"""Seeded changes of every kind, in every table of small recorded databases: all are found."""

from pathlib import Path

import pytest

from scripts.vectors.tamper import Draws, Tamperer, main, run
from scripts.vectors.tamper_excuses import How
from tests.support.audits import Recorded, auditor


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "seed"), [("chain", 40, 1), ("second", 12, 2), ("malfeasance", 12, 3)]
)
def test_changes_are_found_with_the_object_and_a_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, count: int, seed: int
) -> None:
    recorded = Recorded(tmp_path, name)
    tamperer = Tamperer(recorded.path, Draws(seed))
    places = tamperer.places(tuple(How))
    done, missed, _ = run(tamperer, auditor(recorded.config), places, count)
    assert (done, missed) == (count, 0), capsys.readouterr().out


def test_a_table_without_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = Recorded(tmp_path, "chain")
    words = ["tamper", str(recorded.path), "--config", str(recorded.config), "--table", "atx"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == 2
    assert "no rows in atx; try " in capsys.readouterr().err
