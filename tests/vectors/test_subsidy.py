"""Accumulated issuance (every tenth line)."""

from pathlib import Path

from scripts.vectors import subsidy

DATA = Path(__file__).parent.parent / "data" / "vectors"


def test_every_recorded_amount_is_ours() -> None:
    cases = list(subsidy.check(DATA))
    assert len(cases) == 350
    assert [case for case in cases if case.problem] == []
