"""What the reference says about bytes that it cannot decode.

Its API hands these texts to wallets, so they are reproduced; the codec itself has no need
of them.  Called for malformed transactions only: the record is read once more, primitive
by primitive, until the one that fails.

Source: go-scale, decoder; api digest, recorded errors.
"""

import typing
from dataclasses import fields, is_dataclass
from typing import Any, Final

from node.base import scale
from node.base.errors import DecodeError
from node.base.scale import Compact, Limit

NARROW_BITS: Final = 8
"""Integers of this width have no form of four bytes or more."""
WIDE_BITS: Final = 64
"""The reference announces the first byte of integers of this width."""
LONG_MODES: Final = (2, 3)
BYTES_BY_MODE: Final = (0, 1, 3)
"""Bytes behind the first one in the three short forms of an integer."""
MIN_LONG_BYTES: Final = 4


class _ProblemError(Exception):
    """Carries the text out of the nested readers."""


def decode_problem(cls: type, data: bytes, at: int) -> str:
    """Return the reference's words on why no ``cls`` can be read at ``at``; empty if one can."""
    try:
        _read_record(cls, data, at)
    except _ProblemError as problem:
        return str(problem)
    return ""


def compact_problem(data: bytes, at: int, bits: int) -> str:
    """Return the reference's words on why no integer can be read at ``at``; empty if one can."""
    try:
        _read_compact(data, at, bits)
    except _ProblemError as problem:
        return str(problem)
    return ""


def fixed_problem(data: bytes, at: int) -> str:
    """Return the reference's words for a fixed-size field that is cut off."""
    return "unexpected EOF" if at < len(data) else "EOF"


def _read_record(cls: Any, data: bytes, at: int) -> int:
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in fields(cls):
        at = _read(hints[field.name], data, at)
    return at


def _read(form: Any, data: bytes, at: int) -> int:
    if is_dataclass(form):
        return _read_record(form, data, at)
    match typing.get_args(form):
        case (_, Compact(bits=bits)):
            return _read_compact(data, at, bits)
        case (items, Limit(elements=limit)):
            return _read_sequence(typing.get_args(items)[0], limit, data, at)
        case _:
            return _read_fixed(form.SIZE, data, at)


def _read_fixed(size: int, data: bytes, at: int) -> int:
    if at + size > len(data):
        raise _ProblemError(fixed_problem(data, at))
    return at + size


def _read_sequence(item: Any, limit: int, data: bytes, at: int) -> int:
    end = _read_compact(data, at, scale.LENGTH_BITS)
    count, _ = scale.read_compact(data, at, scale.LENGTH_BITS)
    if count > limit:
        raise _ProblemError(
            f"too many elements to decode in collection with scale limit set: ({count} > {limit})"
        )
    for _ in range(count):
        end = _read(item, data, end)
    return end


def _read_compact(data: bytes, at: int, bits: int) -> int:
    if at >= len(data):
        raise _ProblemError("read compact header: EOF" if bits == WIDE_BITS else "EOF")
    mode = data[at] & 3
    if bits == NARROW_BITS and mode in LONG_MODES:
        raise _ProblemError("value will overflow uint8")
    if mode < len(BYTES_BY_MODE):
        more, shift, first = BYTES_BY_MODE[mode], 2, at
    else:
        more, shift, first = (data[at] >> 2) + MIN_LONG_BYTES, 0, at + 1
        if more * 8 > bits:
            raise _ProblemError(f"invalid compact{bits} needs {more} bytes")
    end = at + 1 + more
    if end > len(data):
        raise _ProblemError(fixed_problem(data, at + 1))
    try:
        scale.read_compact(data, at, bits)
    except DecodeError:
        value = int.from_bytes(data[first:end], "little") >> shift
        raise _ProblemError(f"value {value} is out of range") from None
    return end
