"""Recorded databases, unpacked for each test."""

from pathlib import Path

import pytest

from tests.support.audits import Recorded


@pytest.fixture
def chain(tmp_path: Path) -> Recorded:
    """The recorded chain up to layer 22."""
    return Recorded(tmp_path, "chain")


@pytest.fixture
def second(tmp_path: Path) -> Recorded:
    """An ATX of version 2 over one without bytes."""
    return Recorded(tmp_path, "second")


@pytest.fixture
def malfeasance(tmp_path: Path) -> Recorded:
    """A smesher that published twice in an epoch."""
    return Recorded(tmp_path, "malfeasance")
