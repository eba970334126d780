"""The VM against the reference's (the first sixty layers, and a part of the tables)."""

from pathlib import Path

from scripts.vectors import vm

DATA = Path(__file__).parent.parent / "data" / "vectors"


def test_every_recorded_layer_and_figure_is_ours() -> None:
    cases = list(vm.check(DATA))
    assert len(cases) == 507
    assert [case for case in cases if case.problem] == []
