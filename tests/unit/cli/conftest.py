"""What all tests of commands share."""

from collections.abc import Iterator
from functools import cache

import pytest

from node.wallet import file


@pytest.fixture(scope="session", autouse=True)
def remembered_keys() -> Iterator[None]:
    """Derive each key of a wallet file once.

    Deriving takes a fifth of a second so that guessing passwords is hopeless; the passwords
    and salts of the tests are always the same few.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file, "_derive_key", cache(file._derive_key))
        yield
