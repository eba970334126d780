"""A database in a temporary folder, closed after the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.store.db import LevelDB


@pytest.fixture
def db(tmp_path: Path) -> Iterator[LevelDB]:
    with LevelDB(tmp_path / "db") as opened:
        yield opened
