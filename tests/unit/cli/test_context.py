"""What commands share."""

import asyncio
from pathlib import Path

import pytest

from cli.context import Context, places
from cli.options import Options
from node.base.errors import ConfigError, UsageError
from tests.support.cli import make_context


def test_the_network_of_options_settings_and_file(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    assert context.address_prefix() == "sm"
    assert context.output.meta.network == "mainnet"

    (tmp_path / "config.toml").write_text('[smcli]\nnetwork = "testnet"\n', encoding="utf-8")
    assert make_context(tmp_path).address_prefix() == "stest"

    context = make_context(tmp_path)
    context.begin("x", Options(network="standalone"), streams=False)
    assert context.address_prefix() == "standalone"
    assert context.config() is context.config()

    file = tmp_path / "node.json"
    file.write_text('{"main": {"network-hrp": "abc"}}', encoding="utf-8")
    context = make_context(tmp_path)
    context.begin("x", Options(config=file), streams=False)
    assert context.address_prefix() == "abc"


def test_a_chosen_prefix_needs_no_network(tmp_path: Path) -> None:
    context = make_context(tmp_path, environment={"SMCLI_NETWORK": "nowhere"})
    context.begin("x", Options(), streams=False)

    assert context.address_prefix("stest") == "stest"
    for prefix in ("", "SM"):
        with pytest.raises(UsageError, match="no prefix"):
            context.address_prefix(prefix)
    with pytest.raises(ConfigError, match="unknown preset 'nowhere'"):
        context.address_prefix()


def test_a_context_stands_on_the_process_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMCLI_HOME", "/home/alice/own")
    context = Context()

    assert context.folders.wallets == Path("/home/alice/own/wallets")
    assert len(context.random(3)) == 3
    assert context.clock() > 0
    assert places().home == Path.home()


def test_asynchronous_work_runs_to_its_end(tmp_path: Path) -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 5

    assert make_context(tmp_path).run(work()) == 5
