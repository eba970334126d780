"""SCALE codec driven by the annotations of frozen dataclasses.

``encode(value)`` and ``decode(Type, data)`` are the surface.  The wire form of a field
follows from its type alone:

    U8, U16, U32, U64                    compact unsigned integer
    FixedBytes subclass                  that many raw bytes, no prefix
    X | None                             one byte, then X if that byte is 1
    Annotated[bytes, Limit(n)]           compact length <= n, then the bytes
    Annotated[str, Limit(n)]             as bytes; not necessarily UTF-8, see below
    Annotated[tuple[X, ...], Limit(n)]   compact count <= n, then each X
    tuple[X, X]                          each X, no prefix
    Annotated[A | B, Variants({1: A})]   one raw byte that tells which, then its fields
    dataclass                            its fields in declaration order
    NewType registered by ``bind``       the form it was bound to

For every dataclass one writer and one reader are generated on first use, the way the
standard library generates ``__init__``; ``source(Type)`` shows them.  The records within a
record are written out in its functions: a call costs as much as reading three fields.

Leniencies of the reference that are kept: an option byte other than 1 means absent; an
8-byte-wide integer above 2^30 need not be minimal; text is never checked to be UTF-8
(undecodable bytes survive as surrogate escapes).

Source: go-scale, decode.go and encode.go; codec digest section 1.
"""

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from struct import iter_unpack
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from node.base.errors import DecodeError

T = TypeVar("T")

MAX_ONE_BYTE: Final = (1 << 6) - 1
"""Largest integer in one byte."""
MAX_TWO_BYTES: Final = (1 << 14) - 1
"""Largest integer in two bytes."""
MAX_FOUR_BYTES: Final = (1 << 30) - 1
"""Largest integer in four bytes."""
DEFAULT_LIMIT: Final = 1 << 20
"""Most elements of a sequence for which no limit is told."""
LENGTH_BITS: Final = 32
"""Width of the integers that tell lengths and counts."""


@dataclass(frozen=True, slots=True)
class Compact:
    """Annotation: a compact unsigned integer of at most ``bits`` bits."""

    bits: int


@dataclass(frozen=True, slots=True)
class Limit:
    """Annotation: a collection of at most ``elements`` elements."""

    elements: int


@dataclass(frozen=True, slots=True)
class Variants:
    """Annotation of a union: which raw leading byte announces which type."""

    types: Mapping[int, Any]

    def __hash__(self) -> int:
        return hash(tuple(self.types))


U8: TypeAlias = Annotated[int, Compact(8)]
U16: TypeAlias = Annotated[int, Compact(16)]
U32: TypeAlias = Annotated[int, Compact(32)]
U64: TypeAlias = Annotated[int, Compact(64)]

_bound: dict[Any, Any] = {}
_from_bytes: Final = int.from_bytes


def bind(new_type: Any, form: Any) -> None:
    """Give a ``NewType`` its wire form, once, next to its definition."""
    _bound[new_type] = form


def encode(value: object) -> bytes:
    """Return the canonical bytes of a dataclass instance.

    Raises:
        ValueError: a field is out of its range or over its limit.
    """
    form: Any = type(value)
    out = bytearray()
    _functions(form)[0](value, out)
    return bytes(out)


def decode(cls: type[T], data: bytes) -> T:
    """Read exactly one ``cls`` from ``data``.

    Raises:
        DecodeError: short or trailing bytes, a malformed integer, a limit passed.
    """
    value, end = decode_prefix(cls, data)
    if end != len(data):
        raise DecodeError(f"{cls.__name__}: {len(data) - end} bytes too many")
    return value


def decode_prefix(cls: type[T], data: bytes, at: int = 0) -> tuple[T, int]:
    """Read one ``cls`` at offset ``at``; return it and the offset behind it.

    Raises:
        DecodeError: short input, a malformed integer, a limit passed.
    """
    form: Any = cls
    try:
        value, end = _functions(form)[1](data, at)
    except IndexError:
        raise DecodeError(f"{cls.__name__}: short input") from None
    if end > len(data):
        raise DecodeError(f"{cls.__name__}: {end - len(data)} bytes too few")
    return value, end


def encode_sequence(values: Iterable[object], limit: int = DEFAULT_LIMIT) -> bytes:
    """Return compact count and elements; each is a dataclass instance or raw bytes."""
    items = tuple(values)
    if len(items) > limit:
        raise ValueError(f"{len(items)} elements, limit {limit}")
    out = bytearray()
    write_compact(len(items), LENGTH_BITS, out)
    for item in items:
        out += item if isinstance(item, bytes) else encode(item)
    return bytes(out)


def decode_sequence(cls: type[T], data: bytes, limit: int = DEFAULT_LIMIT) -> tuple[T, ...]:
    """Read a whole buffer that ``encode_sequence`` wrote.

    Raises:
        DecodeError: short or trailing bytes, a malformed integer, the limit passed.
    """
    names: dict[str, Any] = {"new": object.__new__}
    form: Any = Annotated[tuple[cls, ...], Limit(limit)]  # type: ignore[valid-type]
    lines = ["def read(data, at):", *_indent(_read_lines(form, "items", names, 0))]
    lines.append("    return items, at")
    exec("\n".join(lines), names)  # noqa: S102 - our own text
    try:
        value, end = names["read"](data, 0)
    except IndexError:
        raise DecodeError(f"sequence of {cls.__name__}: short input") from None
    if end != len(data):
        raise DecodeError(f"sequence of {cls.__name__}: {len(data)} bytes, not {end}")
    return typing.cast(tuple[T, ...], value)


def source(cls: type) -> str:
    """Return the generated functions of ``cls``, for the curious."""
    return _generate(cls)[0]


def compact(value: int, bits: int = LENGTH_BITS) -> bytes:
    """Return ``value`` in compact form."""
    out = bytearray()
    write_compact(value, bits, out)
    return bytes(out)


def write_compact(value: int, bits: int, out: bytearray) -> None:
    """Append ``value`` in compact form.

    Raises:
        ValueError: ``value`` is negative or wider than ``bits``.
    """
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{value} does not fit u{bits}")
    if value <= MAX_ONE_BYTE:
        out.append(value << 2)
    elif value <= MAX_TWO_BYTES:
        out += (value << 2 | 1).to_bytes(2, "little")
    elif value <= MAX_FOUR_BYTES:
        out += (value << 2 | 2).to_bytes(4, "little")
    else:
        size = (value.bit_length() + 7) // 8
        out.append((size - 4) << 2 | 3)
        out += value.to_bytes(size, "little")


def read_compact(data: bytes, at: int, bits: int) -> tuple[int, int]:
    """Read a compact integer of at most ``bits`` bits at offset ``at``.

    Raises:
        DecodeError: too wide, short, or not in its shortest form (the eight-byte-wide
            form needs only to be above the four-byte one).
        IndexError: there is no byte at ``at``.
    """
    first = data[at]
    mode = first & 3
    if mode == 0:
        return first >> 2, at + 1
    if mode == 3:
        at, size, floor, shift = at + 1, (first >> 2) + 4, MAX_FOUR_BYTES, 0
        if size * 8 > bits:
            raise DecodeError(f"compact integer of {size} bytes for u{bits}")
    elif mode == 2:
        size, floor, shift = 4, MAX_TWO_BYTES, 2
    else:
        size, floor, shift = 2, MAX_ONE_BYTE, 2
    end = at + size
    if end > len(data):
        raise DecodeError("short input")
    value = _from_bytes(data[at:end], "little") >> shift
    if value <= floor or value >> bits:
        raise DecodeError(f"compact integer {value} is out of range for its form")
    return value, end


def _refuse_count(size: int, limit: int, remaining: int) -> None:
    """Refuse a count over the limit, or one that the input cannot hold."""
    if size > limit:
        raise DecodeError(f"{size} elements, limit {limit}")
    raise DecodeError(f"{size} elements in {remaining} bytes")


def _fail_variant(tag: int) -> None:
    raise DecodeError(f"unknown type {tag}")


@cache
def _functions(cls: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    text, names = _generate(cls)
    exec(compile(text, f"<scale {cls.__name__}>", "exec"), names)  # noqa: S102 - our own text
    return names["write"], names["read"]


def _generate(cls: Any) -> tuple[str, dict[str, Any]]:
    """Return (source, names it refers to) for a dataclass."""
    if not is_dataclass(cls):
        raise TypeError(f"no wire form for {cls!r}")
    names: dict[str, Any] = {"new": object.__new__}
    writer = ["def write(v, out):", *_indent(_write_fields(cls, "v", names, 0))]
    reader = ["def read(data, at):", *_indent(_read_fields(cls, "f", names, 0))]
    return "\n".join([*writer, *reader, "    return f, at"]), names


def _indent(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


def _name(thing: Any, names: dict[str, Any]) -> str:
    name = f"n{len(names)}"
    names[name] = thing
    return name


def split_form(form: Any) -> tuple[str, Any]:
    """Return the kind of a wire form, and what there is to know of it."""
    form = _bound.get(form, form)
    origin, args = typing.get_origin(form), typing.get_args(form)
    if origin is Annotated:
        return _split_annotated(args[0], args[1])
    if origin in (types.UnionType, typing.Union):
        (inner,) = (a for a in args if a is not type(None))
        return "option", inner
    if origin is tuple and Ellipsis not in args:
        return "array", args
    if is_dataclass(form):
        return "struct", form
    if isinstance(form, type) and issubclass(form, bytes) and hasattr(form, "SIZE"):
        return "fixed", form
    raise TypeError(f"no wire form for {form!r}")


def _split_annotated(inner: Any, note: Any) -> tuple[str, Any]:
    if isinstance(note, Compact):
        return "compact", note.bits
    if isinstance(note, Variants):
        return "variants", note.types
    if inner is bytes:
        return "blob", note.elements
    if inner is str:
        return "text", note.elements
    return "sequence", (typing.get_args(inner)[0], note.elements)


def _write_fields(cls: Any, value: str, names: dict[str, Any], depth: int) -> list[str]:
    """Return lines that write the fields of the record that a name stands for."""
    hints = typing.get_type_hints(cls, include_extras=True)
    lines: list[str] = []
    for field in fields(cls):
        lines += _write_lines(hints[field.name], f"{value}.{field.name}", names, depth)
    return lines


def _write_lines(form: Any, value: str, names: dict[str, Any], depth: int) -> list[str]:
    kind, what = split_form(form)
    match kind:
        case "compact":
            return [
                f"if 0 <= {value} <= {MAX_ONE_BYTE}: out.append({value} << 2)",
                f"else: {_name(write_compact, names)}({value}, {what}, out)",
            ]
        case "fixed":
            return [f"out += {value}"]
        case "struct":
            local = value.replace(".", "__").replace("[", "__").replace("]", "")
            named = [] if local == value else [f"{local} = {value}"]
            return [*named, *_write_fields(what, local, names, depth)]
        case "option":
            inner = _indent(_write_lines(what, value, names, depth))
            return [f"out.append({value} is not None)", f"if {value} is not None:", *inner]
        case "array":
            lines = (
                _write_lines(item, f"{value}[{k}]", names, depth) for k, item in enumerate(what)
            )
            return [line for group in lines for line in group]
        case "variants":
            writers = {cls: (tag, _functions(cls)[0]) for tag, cls in what.items()}
            return [
                f"tag, write = {_name(writers, names)}[type({value})]",
                "out.append(tag)",
                f"write({value}, out)",
            ]
        case "blob":
            return [*_write_length(value, what, names), f"out += {value}"]
        case "text":
            return [
                f"b = {value}.encode('utf-8', 'surrogateescape')",
                *_write_length("b", what, names),
                "out += b",
            ]
        case _:
            item, limit = what
            if split_form(item)[0] == "fixed":
                return [*_write_length(value, limit, names), f"out += b''.join({value})"]
            inner = _indent(_write_lines(item, f"x{depth}", names, depth + 1))
            return [*_write_length(value, limit, names), f"for x{depth} in {value}:", *inner]


def _write_length(value: str, limit: int, names: dict[str, Any]) -> list[str]:
    return [
        f"size = len({value})",
        f"if size > {limit}: raise ValueError(f'{{size}} > limit {limit}')",
        f"if size <= {MAX_ONE_BYTE}: out.append(size << 2)",
        f"else: {_name(write_compact, names)}(size, {LENGTH_BITS}, out)",
    ]


def _read_fields(cls: Any, target: str, names: dict[str, Any], depth: int) -> list[str]:
    """Return lines that read a record into a variable, field by field.

    No field has two underscores in its name, so that two fields never share a variable.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    lines: list[str] = []
    for field in fields(cls):
        lines += _read_lines(hints[field.name], f"{target}__{field.name}", names, depth)
    # What __init__ does, without its keyword arguments and without asking whether it may.
    lines.append(f"{target} = new({_name(cls, names)})")
    slotted = "__slots__" in vars(cls)
    if not slotted:
        lines.append(f"d = {target}.__dict__")
    for field in fields(cls):
        if slotted:
            setter = _name(getattr(cls, field.name).__set__, names)
            lines.append(f"{setter}({target}, {target}__{field.name})")
        else:
            lines.append(f"d[{field.name!r}] = {target}__{field.name}")
    return lines


def _read_lines(form: Any, target: str, names: dict[str, Any], depth: int) -> list[str]:
    kind, what = split_form(form)
    match kind:
        case "compact":
            return _read_compact_lines(target, what, names)
        case "fixed":
            # A slice past the end is short; the one check of the final offset finds it.
            new, name = _name(bytes.__new__, names), _name(what, names)
            return [f"{target} = {new}({name}, data[at:at + {what.SIZE}])", f"at += {what.SIZE}"]
        case "struct":
            return _read_fields(what, target, names, depth)
        case "option":
            inner = _indent(_read_lines(what, target, names, depth))
            return [f"{target} = None", "at += 1", "if data[at - 1] == 1:", *inner]
        case "array":
            lines = (
                _read_lines(item, f"e{depth}_{k}", names, depth + 1) for k, item in enumerate(what)
            )
            parts = "".join(f"e{depth}_{k}, " for k in range(len(what)))
            return [*(line for group in lines for line in group), f"{target} = ({parts})"]
        case "variants":
            readers = {tag: _functions(cls)[1] for tag, cls in what.items()}
            table = _name(readers, names)
            return [
                f"if data[at] not in {table}: {_name(_fail_variant, names)}(data[at])",
                f"{target}, at = {table}[data[at]](data, at + 1)",
            ]
        case "blob" | "text":
            cut = "data[at:at + size]"
            decoded = f"{cut}.decode('utf-8', 'surrogateescape')" if kind == "text" else cut
            return [*_read_length(what, names), f"{target} = {decoded}", "at += size"]
        case _:
            item, limit = what
            if split_form(item)[0] == "fixed":
                return _read_fixed_items(item, limit, target, names)
            inner = _indent(_read_lines(item, f"x{depth}", names, depth + 1))
            return [
                *_read_length(limit, names),
                f"items{depth} = []",
                "for _ in range(size):",
                *inner,
                f"    items{depth}.append(x{depth})",
                f"{target} = tuple(items{depth})",
            ]


def _read_fixed_items(item: Any, limit: int, target: str, names: dict[str, Any]) -> list[str]:
    new, cls, step = _name(bytes.__new__, names), _name(item, names), item.SIZE
    return [
        *_read_length(limit, names),
        f"end = at + size * {step}",
        "if end > len(data): raise IndexError",
        f"parts = {_name(iter_unpack, names)}('{step}s', data[at:end])",
        f"{target} = tuple([{new}({cls}, part) for part, in parts])",
        "at = end",
    ]


def _read_length(limit: int, names: dict[str, Any]) -> list[str]:
    return [
        *_read_compact_lines("size", LENGTH_BITS, names),
        f"if size > {limit} or size > len(data) - at:",
        f"    {_name(_refuse_count, names)}(size, {limit}, len(data) - at)",
    ]


def _read_compact_lines(target: str, bits: int, names: dict[str, Any]) -> list[str]:
    return [
        f"{target} = data[at]",
        f"if {target} & 3: {target}, at = {_name(read_compact, names)}(data, at, {bits})",
        "else:",
        f"    {target} >>= 2",
        "    at += 1",
    ]
