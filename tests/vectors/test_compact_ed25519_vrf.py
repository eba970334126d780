"""Compact integers, signatures and VRF verdicts of the reference (every eleventh line)."""

from pathlib import Path

from scripts.vectors import compact_ed25519_vrf

DATA = Path(__file__).parent.parent / "data" / "vectors"


def test_every_recorded_verdict_is_ours() -> None:
    cases = list(compact_ed25519_vrf.check(DATA))
    assert len(cases) == 297
    assert {case.name[-2] for case in cases} == {"C", "S", "V"}
    assert [case for case in cases if case.problem] == []
