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


@pytest.fixture
def empty_world(tmp_path: Path) -> Iterator[ApiWorld]:
    """Return a network in which nothing happened yet."""
    with ApiWorld(tmp_path, is_empty=True) as world:
        yield world


@pytest.fixture
def unsupervised_world(tmp_path: Path) -> Iterator[ApiWorld]:
    """Return a node that runs no smesher of its own."""
    with ApiWorld(tmp_path, is_supervised=False) as world:
        yield world
