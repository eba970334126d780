"""Machines that tests of ``smcli post`` run on."""

import pytest

from cli import speeds
from cli.commands import post, post_init, post_plan, post_prove
from node.post import label_sharing
from node.post.scan import PlainScan
from tests.support.post_cli import InlineProver, InlineWorker, open_inline_engines
from tests.support.post_commands import CARD, CPU, OLD_CARD


@pytest.fixture
def inline_post(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep everything in this process; two cards and a processor are there."""
    monkeypatch.setattr(label_sharing, "open_engines", open_inline_engines)
    monkeypatch.setattr(post_plan, "open_engines", open_inline_engines)
    monkeypatch.setattr(post, "EngineWorker", InlineWorker)
    monkeypatch.setattr(post_prove, "PostProcess", InlineProver)
    for module in (post, post_init, post_plan):
        monkeypatch.setattr(module, "find_providers", lambda: ((CARD, OLD_CARD, CPU), ""))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose speeds are known."""
    monkeypatch.setattr(speeds, "choose_scan", lambda: PlainScan)
    monkeypatch.setattr(speeds, "measure_scan", lambda *_, nonces, **__: 1e9 * 288 / nonces)
    monkeypatch.setattr(speeds, "measure_pow", lambda *_, **__: 100.0)
    monkeypatch.setattr(speeds, "measure_reading", lambda files, **__: 2e9 if files else None)

    async def measure_speed(*_: object, **__: object) -> int:
        return 1_000_000

    monkeypatch.setattr(post_plan, "measure_speed", measure_speed)
