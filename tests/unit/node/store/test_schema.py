"""Prefixes do not collide; parts of keys sort as their numbers; damage is told as such."""

from pathlib import Path

import pytest

from node.base import scale
from node.base.errors import StoreError
from node.store import schema
from node.store.schema import after_u32, key_u8, key_u32, key_u64, number_of, read_record
from node.types.layer import MAX_LAYER
from tests.support.store_records import account

PREFIXES = {name: value for name, value in vars(schema).items() if isinstance(value, bytes)}


def test_every_prefix_has_two_bytes_and_is_used_once() -> None:
    assert {len(prefix) for prefix in PREFIXES.values()} == {2}
    assert len(set(PREFIXES.values())) == len(PREFIXES)


def test_every_prefix_tells_its_layout() -> None:
    source = schema.__spec__.origin
    assert source is not None
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if ": Final = b" in line:
            assert lines[number + 1].startswith('"""'), line


def test_parts_of_keys_sort_as_numbers() -> None:
    assert sorted([key_u32(256), key_u32(2), key_u32(70000)]) == [
        key_u32(2),
        key_u32(256),
        key_u32(70000),
    ]
    assert number_of(key_u64(2**63)) == 2**63
    assert number_of(key_u8(200)) == 200


def test_a_scan_to_the_last_layer_has_no_stop() -> None:
    assert after_u32(7) == key_u32(8)
    assert after_u32(MAX_LAYER) is None


def test_a_damaged_record_is_the_stores_fault_and_no_peers() -> None:
    value = scale.encode(account(1, 1))
    assert read_record(type(account(1, 1)), value) == account(1, 1)
    with pytest.raises(StoreError, match="stored Account is damaged"):
        read_record(type(account(1, 1)), value[:-1])
