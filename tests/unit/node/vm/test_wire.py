"""Limits of the records; their bytes are compared by the codec vectors."""

import pytest

from node.base import scale
from node.base.errors import DecodeError
from node.types.ids import PublicKey
from node.vm.wire import (
    MAX_KEYS,
    MultisigSpawnArguments,
    MultisigState,
    VaultSpawnArguments,
    VaultState,
)


def test_ten_keys_are_the_most() -> None:
    keys = tuple(PublicKey(bytes([number]) * 32) for number in range(MAX_KEYS + 1))
    most = MultisigSpawnArguments(required=1, public_keys=keys[:-1])
    assert scale.decode(MultisigSpawnArguments, scale.encode(most)) == most
    with pytest.raises(ValueError, match="11 > limit 10"):
        scale.encode(MultisigSpawnArguments(required=1, public_keys=keys))
    with pytest.raises(DecodeError):
        scale.decode(MultisigSpawnArguments, b"\x04\x2c" + b"".join(keys))


def test_state_is_what_an_account_was_spawned_with() -> None:
    assert MultisigState is MultisigSpawnArguments
    assert VaultState is VaultSpawnArguments
