"""The compiled scan agrees with the plain one; packing is the inverse of unpacking."""

from functools import cache

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from node.post.rules import pack_indices, unpack_indices
from node.post.scan import PlainScan, make_scan_keys
from node.post.scan_cpu import CompiledScan, compile_scan, usable_widths

WIDTHS = usable_widths() or (0,)


@cache
def compiled(width: int) -> CompiledScan:
    if not width:
        pytest.skip("no AES instructions here")
    return compile_scan(width)


@given(
    width=st.sampled_from(WIDTHS),
    seed=st.binary(max_size=8),
    labels=st.one_of(st.integers(0, 40), st.integers(1010, 1040), st.integers(2040, 2060)),
    first_group=st.integers(0, 252),
    groups=st.integers(1, 3),
    difficulty=st.one_of(st.integers(0, 2**58), st.integers(0, 2**64 - 1)),
    first_index=st.integers(0, 2**40),
)
def test_compiled_and_plain_scan_agree(
    *,
    width: int,
    seed: bytes,
    labels: int,
    first_group: int,
    groups: int,
    difficulty: int,
    first_index: int,
) -> None:
    nonces = range(16 * first_group, 16 * (first_group + groups))
    pows = {group: group * 2**56 + 5 for group in range(first_group, first_group + groups)}
    keys = make_scan_keys(blake3(seed).digest(), nonces, pows, difficulty)
    data = blake3(b"labels" + seed).digest(length=16 * labels)
    expected = PlainScan(keys).scan(data, first_index)
    assert compiled(width).open(keys).scan(data, first_index) == expected


@given(
    st.integers(1, 63).flatmap(
        lambda bits: st.tuples(st.just(bits), st.lists(st.integers(0, 2**bits - 1), max_size=60))
    )
)
def test_unpacking_gives_back_what_was_packed(case: tuple[int, list[int]]) -> None:
    bits, indices = case
    unpacked = unpack_indices(pack_indices(indices, bits), bits)
    assert list(unpacked[: len(indices)]) == indices
    assert set(unpacked[len(indices) :]) <= {0}
