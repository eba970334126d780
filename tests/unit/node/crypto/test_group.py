"""Group operations where libsodium refuses: torsion, small order, zero, non-canonical bytes."""

import pytest

from node.crypto import clear, group
from node.crypto.group import IDENTITY, NON_CANONICAL, ORDER, NotAPointError, SubgroupPoint

BASE = clear.encode_point(clear.BASE)
ORDER_TWO = (2**255 - 20).to_bytes(32, "little")
ORDER_FOUR = bytes(32)
SCALARS = (0, 1, 2, 7, 8, 9, 2**64, 2**128 - 1, ORDER - 2, ORDER - 1)


def sum_of(first: bytes, second: bytes) -> bytes:
    return clear.encode_point(clear.add(clear.decode_point(first), clear.decode_point(second)))


@pytest.mark.parametrize("scalar", SCALARS)
@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(BASE, id="base"),
        pytest.param(IDENTITY, id="identity"),
        pytest.param(ORDER_TWO, id="order two"),
        pytest.param(ORDER_FOUR, id="order four"),
        pytest.param(sum_of(BASE, ORDER_FOUR), id="mixed order"),
    ],
)
def test_any_point_can_be_multiplied(scalar: int, encoded: bytes) -> None:
    expected = clear.encode_point(clear.multiply(scalar, clear.decode_point(encoded)))
    assert group.multiply(scalar, encoded) == expected


@pytest.mark.parametrize("scalar", SCALARS)
def test_multiples_of_the_base_and_of_a_subgroup_point(scalar: int) -> None:
    assert group.multiply_base(scalar) == group.multiply(scalar, BASE)
    x, y, z, _ = clear.BASE
    octuple = group.subgroup_point(x, y, z)
    assert octuple.encoded == group.multiply(8, BASE)
    assert octuple.multiply(scalar) == group.multiply(scalar, octuple.encoded)


def test_eight_times_a_small_point_is_the_identity() -> None:
    x, y, z, _ = clear.decode_point(ORDER_FOUR)
    assert group.subgroup_point(x, y, z) == SubgroupPoint(IDENTITY, None)
    assert SubgroupPoint(IDENTITY, None).multiply(5) == IDENTITY


def test_a_key_of_small_order_is_refused_where_it_matters() -> None:
    with pytest.raises(NotAPointError, match="small order"):
        group.multiply(5, ORDER_TWO, small_order_allowed=False)
    mixed = sum_of(BASE, ORDER_TWO)
    assert group.multiply(5, mixed, small_order_allowed=False) == group.multiply(5, mixed)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bytes(31), id="short"),
        pytest.param((2).to_bytes(32, "little"), id="not on the curve"),
        pytest.param((1 | 1 << 255).to_bytes(32, "little"), id="zero x with parity"),
        pytest.param((2**255 - 18).to_bytes(32, "little"), id="y not reduced"),
    ],
)
def test_other_bytes_are_no_point(data: bytes) -> None:
    with pytest.raises(NotAPointError):
        group.decode_point(data)
    with pytest.raises(ValueError, match=r"canonical|square root"):
        clear.decode_point(data)


def test_every_non_canonical_encoding_is_known() -> None:
    assert len(NON_CANONICAL) == 40
    for data in sorted(NON_CANONICAL):
        with pytest.raises(ValueError, match=r"canonical|square root"):
            clear.decode_point(data)


def test_differences_of_encodings() -> None:
    assert group.subtract(group.multiply_base(7), group.multiply_base(5)) == group.multiply_base(2)
    assert group.subtract(ORDER_FOUR, ORDER_FOUR) == IDENTITY
