"""Providers become engines by their numbers."""

from pathlib import Path

import pytest

from node.base.errors import UsageError
from node.post.engine import CPU_PROVIDER_ID
from node.post.engine_host import EngineWorker
from node.post.init_engines import CHEAP_CHECKS, COSTLY_CHECKS, NoProvider, open_engines
from node.post.init_plan import SpotChecks


@pytest.mark.parametrize(
    ("provider", "kinds", "checks"),
    [
        (CPU_PROVIDER_ID, ("cpu", "reference"), COSTLY_CHECKS),
        (3, ("opencl", "cpu"), CHEAP_CHECKS),
    ],
)
async def test_every_provider_is_checked_by_another_implementation(
    tmp_path: Path, provider: int, kinds: tuple[str, str], checks: SpotChecks
) -> None:
    async with open_engines(provider, 64, cache_directory=tmp_path) as engines:
        source, checker = engines.source, engines.checker
        assert isinstance(source, EngineWorker)
        assert isinstance(checker, EngineWorker)
        assert (source.options.kind, checker.options.kind) == kinds
        assert source.options.scrypt_n == checker.options.scrypt_n == 64
        assert source.options.cache_directory == str(tmp_path)
        assert source.options.provider == (3 if provider == 3 else 0)
        assert engines.checks == checks
        assert not source.is_running


async def test_no_provider_computes_nothing() -> None:
    async with open_engines(None, 64) as engines:
        assert isinstance(engines.source, NoProvider)
        with pytest.raises(UsageError, match="no provider specified"):
            await engines.source.labels(bytes(32), 0, 1)
