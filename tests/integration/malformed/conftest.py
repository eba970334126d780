"""A recorded network, for all tests of this folder."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from scripts.fuzzing.scene import Theatre, record


@pytest.fixture(scope="package", autouse=True)
def quiet() -> Iterator[None]:
    """Keep the logs of refused messages out of the tests' output."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture(scope="package")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """Record a network once."""
    made = Theatre(record(tmp_path_factory.mktemp("network")))
    yield made
    made.close()
