"""The SCALE codec: integer boundaries, limits, leniencies, malformed input."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import pytest

from node.base import scale
from node.base.errors import DecodeError
from node.base.scale import U8, U16, U32, U64, Limit, Variants
from node.types.ids import BallotID, Beacon, Hash32
from node.types.layer import LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    a: U8
    b: U16
    c: U32
    d: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class Wide:
    value: U64


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrow:
    value: U32


@dataclass(frozen=True, slots=True, kw_only=True)
class Byte:
    value: U8


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    ids: Annotated[tuple[Hash32, ...], Limit(2)]
    layers: Annotated[tuple[LayerID, ...], Limit(3)]
    nested: Annotated[tuple[Wide, ...], Limit(2)]
    pair: tuple[Wide, Narrow]
    blob: Annotated[bytes, Limit(4)]
    text: Annotated[str, Limit(8)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Maybe:
    beacon: Beacon | None
    number: U64 | None


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    value: U8


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    value: Beacon


Either: TypeAlias = First | Second


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    data: Annotated[Either, Variants({1: First, 9: Second})]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    rows: Annotated[tuple[Lists, ...], Limit(2)]


LISTS = Lists(
    ids=(Hash32(b"\x01" * 32),),
    layers=(LayerID(7), LayerID(100_000)),
    nested=(Wide(value=1 << 40),),
    pair=(Wide(value=1), Narrow(value=2)),
    blob=b"abc",
    text="säm",
)

BOUNDARIES = [
    (0, "00"),
    (1, "04"),
    (63, "fc"),
    (64, "0101"),
    (255, "fd03"),
    (16383, "fdff"),
    (16384, "02000100"),
    (65535, "feff0300"),
    (100000, "821a0600"),
    ((1 << 30) - 1, "feffffff"),
    (1 << 30, "0300000040"),
    ((1 << 32) - 1, "03ffffffff"),
    (1 << 32, "070000000001"),
    ((1 << 40) - 1, "07ffffffffff"),
    (1 << 40, "0b000000000001"),
    (1 << 48, "0f00000000000001"),
    ((1 << 56) - 1, "0fffffffffffffff"),
    (1 << 56, "130000000000000001"),
    ((1 << 64) - 1, "13ffffffffffffffff"),
]


@pytest.mark.parametrize(("value", "data"), BOUNDARIES)
def test_integers_take_their_shortest_form(value: int, data: str) -> None:
    assert scale.encode(Wide(value=value)).hex() == data
    assert scale.decode(Wide, bytes.fromhex(data)) == Wide(value=value)


@pytest.mark.parametrize(
    ("cls", "data"),
    [
        pytest.param(Narrow, "fd00", id="63 in the two-byte form"),
        pytest.param(Narrow, "fe000000", id="63 in the four-byte form"),
        pytest.param(Narrow, "070000000001", id="five bytes for 32 bits"),
        pytest.param(Narrow, "0300000000", id="0 in the wide form"),
        pytest.param(Wide, "17ffffffffffffffffff", id="nine bytes for 64 bits"),
        pytest.param(Byte, "0104", id="256 for 8 bits"),
        pytest.param(Byte, "02000100", id="four-byte form for 8 bits"),
        pytest.param(Byte, "0300000040", id="wide form for 8 bits"),
        pytest.param(Narrow, "01", id="short two-byte form"),
        pytest.param(Narrow, "", id="nothing"),
        pytest.param(Narrow, "0400", id="a byte too many"),
    ],
)
def test_malformed_integers_are_refused(cls: type, data: str) -> None:
    with pytest.raises(DecodeError):
        scale.decode(cls, bytes.fromhex(data))


def test_eight_byte_integers_need_not_be_minimal() -> None:
    value = scale.decode(Wide, bytes.fromhex("130000004000000000"))
    assert value == Wide(value=1 << 30)
    assert scale.encode(value).hex() == "0300000040"


def test_integers_that_do_not_fit_are_not_encoded() -> None:
    with pytest.raises(ValueError, match="does not fit u8"):
        scale.encode(Byte(value=256))
    with pytest.raises(ValueError, match="does not fit u32"):
        scale.encode(Narrow(value=-1))


def test_every_kind_of_field_survives() -> None:
    numbers = Numbers(a=255, b=65535, c=(1 << 32) - 1, d=(1 << 64) - 1)
    assert scale.decode(Numbers, scale.encode(numbers)) == numbers
    assert scale.decode(Lists, scale.encode(LISTS)) == LISTS
    matrix = Matrix(rows=(LISTS, LISTS))
    assert scale.decode(Matrix, scale.encode(matrix)) == matrix


def test_limits_hold_both_ways() -> None:
    with pytest.raises(ValueError, match="limit 4"):
        scale.encode(
            Lists(
                ids=(),
                layers=(),
                nested=(),
                pair=LISTS.pair,
                blob=b"12345",
                text="",
            )
        )
    with pytest.raises(DecodeError, match="limit 2"):
        scale.decode(Lists, bytes([3 << 2]) + bytes(200))


def test_counts_are_checked_against_the_input_before_anything_is_built() -> None:
    with pytest.raises(DecodeError, match="elements in"):
        scale.decode_sequence(Wide, scale.compact(1 << 20))


def test_text_that_is_not_utf8_survives() -> None:
    data = scale.encode(LISTS).replace("säm".encode(), b"s\xff\xfem")
    assert scale.encode(scale.decode(Lists, data)) == data


@pytest.mark.parametrize("tag", [0, 2, 3, 255])
def test_any_option_byte_but_one_means_absent(tag: int) -> None:
    assert scale.decode(Maybe, bytes([tag, tag])) == Maybe(beacon=None, number=None)


def test_options_survive() -> None:
    value = Maybe(beacon=Beacon(b"abcd"), number=5)
    assert scale.encode(value) == b"\x01abcd\x01\x14"
    assert scale.decode(Maybe, scale.encode(value)) == value
    with pytest.raises(DecodeError):
        scale.decode(Maybe, b"\x01abc")


def test_variants_are_told_by_a_raw_byte() -> None:
    assert scale.encode(Tagged(data=Second(value=Beacon(b"abcd")))) == b"\x09abcd"
    assert scale.decode(Tagged, b"\x01\x08") == Tagged(data=First(value=2))
    with pytest.raises(DecodeError, match="unknown type 2"):
        scale.decode(Tagged, b"\x02\x08")


def test_sequences_of_ids_and_records() -> None:
    ids = (BallotID(b"a" * 20), BallotID(b"b" * 20))
    assert scale.decode_sequence(BallotID, scale.encode_sequence(ids)) == ids
    records = (Wide(value=5), Wide(value=1 << 50))
    assert scale.decode_sequence(Wide, scale.encode_sequence(records)) == records
    with pytest.raises(ValueError, match="limit 1"):
        scale.encode_sequence(ids, limit=1)
    with pytest.raises(DecodeError, match="short input"):
        scale.decode_sequence(BallotID, scale.encode_sequence(ids)[:-1])
    with pytest.raises(DecodeError, match="bytes, not"):
        scale.decode_sequence(BallotID, scale.encode_sequence(ids) + b"\0")


def test_a_prefix_can_be_read_and_tells_where_it_ends() -> None:
    assert scale.decode_prefix(Wide, b"\xff\x08rest", 1) == (Wide(value=2), 2)
    with pytest.raises(DecodeError, match="too few"):
        scale.decode_prefix(Second, b"abc")


def test_the_generated_code_can_be_shown() -> None:
    assert "def write(v, out):" in scale.source(Wide)


def test_types_without_a_wire_form_are_named() -> None:
    @dataclass(frozen=True)
    class Strange:
        value: float

    with pytest.raises(TypeError, match="float"):
        scale.encode(Strange(1.0))
    with pytest.raises(TypeError, match="int"):
        scale.encode(5)
