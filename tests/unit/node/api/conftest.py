"""A chain to serve."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import ApiWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ApiWorld]:
    """Return a chain of two layers and everything an API needs."""
    with ApiWorld(tmp_path) as world:
        yield world
