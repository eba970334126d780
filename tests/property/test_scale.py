"""The generated codec against one that reads annotations field by field."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from node.base import scale
from node.base.errors import DecodeError
from scripts.vectors.codec import wire_class
from scripts.vectors.family import read_json_lines
from tests.support import plain_scale

T = TypeVar("T")

DATA = Path(__file__).parent.parent / "data" / "vectors"

RECORDED: tuple[tuple[Any, bytes], ...] = tuple(
    (wire_class(line["t"]), bytes.fromhex(line["hex"]))
    for line in read_json_lines(DATA / "codec.jsonl.xz")
)


def decoded(decode: Callable[[type[T], bytes], T], cls: type[T], data: bytes) -> T | None:
    try:
        return decode(cls, data)
    except DecodeError:
        return None


@st.composite
def damaged(draw: st.DrawFn) -> tuple[Any, bytes]:
    """An encoding with some bytes replaced, inserted or cut off."""
    cls, data = draw(st.sampled_from(RECORDED))
    start = draw(st.integers(0, len(data)))
    replaced = draw(st.integers(0, 3))
    return cls, data[:start] + draw(st.binary(max_size=3)) + data[start + replaced :]


def test_both_codecs_read_and_write_what_was_recorded() -> None:
    for cls, data in RECORDED:
        value = scale.decode(cls, data)
        assert plain_scale.decode(cls, data) == value
        assert plain_scale.encode(value) == data


@given(damaged())
def test_both_codecs_refuse_or_read_the_same(form: tuple[Any, bytes]) -> None:
    cls, data = form
    value = decoded(scale.decode, cls, data)
    assert value == decoded(plain_scale.decode, cls, data)
    if value is not None:
        assert scale.encode(value) == plain_scale.encode(value)
