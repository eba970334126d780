"""Wire types against encodings of the reference (two lines of each type)."""

from pathlib import Path

from scripts.vectors import codec

DATA = Path(__file__).parent.parent / "data" / "vectors"


def test_every_recorded_encoding_is_ours() -> None:
    cases = list(codec.check(DATA))
    assert len(cases) == 2 * len(codec.TYPES)
    assert [case for case in cases if case.problem] == []
