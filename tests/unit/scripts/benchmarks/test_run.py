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
        yield Measurement(f"{name} rate", 10.0, "1/s", cpu=11.0, clear=2.0, bar=12.0)

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
    assert not {"measurement", "samples"} & set(run.names())


def test_figures_are_lines_behind_those_of_the_processor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run.main(["codec"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "processor"
    assert lines[3] == "codec"
    assert lines[4].split() == ["codec", "thing", "1,234.50", "us"]
    assert "clear 2.00 (5.0 times as fast)  at least 12: MISSED" in lines[5]


def test_all_are_run_where_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    run.main(["--json"])
    shown = json.loads(capsys.readouterr().out)
    told = [figure["benchmark"] for figure in shown["figures"][::2]]
    assert sorted(told) == list(run.names())
    assert told[0] == "processor"
    assert shown["figures"][0] == {
        "benchmark": "processor",
        "name": "processor thing",
        "value": 1234.5,
        "unit": "us",
    }
    assert shown["figures"][1] == {
        "benchmark": "processor",
        "name": "processor rate",
        "value": 10.0,
        "unit": "1/s",
        "cpu": 11.0,
        "clear": 2.0,
        "ratio": 5.0,
        "bar": 12.0,
        "met": False,
    }


def test_an_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["codex"])
    assert "no benchmark codex" in capsys.readouterr().err
