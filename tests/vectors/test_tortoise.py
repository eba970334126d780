"""Recorded traces of the reference's tortoise: a scenario, a restart, a troubled network.

Origin: the recorded family ``tortoise``; ``s116_n0`` is its beginning.
"""

from pathlib import Path

import pytest

from node.types.ids import BlockID
from node.types.layer import LayerID
from scripts.vectors import tortoise, tortoise_restarts

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


def test_every_output_stays_the_same_when_the_tortoise_is_made_anew_on_the_way() -> None:
    cases = list(tortoise_restarts.check(DATA, events_between=13))
    assert len(cases) > 4000
    assert [case for case in cases if case.problem] == []
    assert cases[-1].name.endswith("after 31 restarts")


def test_restarts_are_seen_to_fail_where_the_store_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets(_store: object, _layer: LayerID) -> BlockID | None:
        return None

    monkeypatch.setattr(tortoise_restarts.KeptStore, "hare_output", forgets)
    cases = tortoise_restarts.check(DATA, events_between=13)
    assert any(case.problem for case in cases)
