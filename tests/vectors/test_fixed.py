"""Fixed-point results of the reference (every eightieth line)."""

from pathlib import Path

from scripts.vectors import fixed

DATA = Path(__file__).parent.parent / "data" / "vectors"


def test_every_recorded_result_is_ours() -> None:
    cases = list(fixed.check(DATA))
    assert len(cases) == 50
    assert [case for case in cases if case.problem] == []
