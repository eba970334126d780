"""Recorded traces of the reference's tortoise: a scenario, a restart, a troubled network.

Origin: the recorded family ``tortoise``; ``s116_n0`` is its beginning.
"""

from pathlib import Path

from scripts.vectors import tortoise

DATA = Path(__file__).parent.parent / "data" / "vectors"


def test_every_recorded_output_is_ours() -> None:
    cases = list(tortoise.check(DATA))
    assert len(cases) > 4000
    assert [case for case in cases if case.problem] == []


def test_a_trace_that_begins_with_a_restart_has_its_injection() -> None:
    restarts = {path.name: restart for path, restart in tortoise.traces(DATA)}
    restart = restarts["restart1.jsonl.xz"]
    assert restart is not None
    assert restart.window is not None
    assert (restart.window[0], restart.verified, restart.last) == (32, 42, 44)
    assert restarts["mini.jsonl.xz"] is None
