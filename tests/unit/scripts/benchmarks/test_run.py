"""What ``scripts/bench`` prints."""

import json
from collections.abc import Iterator

import pytest

from scripts.benchmarks import run
from scripts.benchmarks.measurement import Measurement


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure nothing: the figures are made up."""

    def measure(name: str) -> Iterator[Measurement]:
        yield Measurement(f"{name} thing", 1234.5, "us")

    monkeypatch.setattr(run, "measure", measure)


def test_all_benchmarks_are_found() -> None:
    assert {
        "audit",
        "codec",
        "crypto",
        "poet",
        "post_labels",
        "post_proofs",
        "tortoise",
        "vm",
    } <= set(run.names())
    assert "measurement" not in run.names()


def test_figures_are_lines_with_their_units(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["codec"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "codec"
    assert lines[1].split() == ["codec", "thing", "1,234.50", "us"]


def test_all_are_run_where_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    run.main(["--json"])
    shown = json.loads(capsys.readouterr().out)
    assert tuple(figure["benchmark"] for figure in shown["figures"]) == run.names()
    assert shown["figures"][0] == {
        "benchmark": "audit",
        "name": "audit thing",
        "value": 1234.5,
        "unit": "us",
    }


def test_an_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["codex"])
    assert "no benchmark codex" in capsys.readouterr().err
