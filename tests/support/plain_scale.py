"""The codec read off the annotations field by field: slow and clear, the oracle of the fast one."""

import types
import typing
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, TypeVar

from node.base.errors import DecodeError
from node.base.scale import Compact, Limit, Variants, _bound

T = TypeVar("T")


class Input:
    """Bytes that are taken from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __len__(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > len(self):
            raise DecodeError(f"{size} bytes wanted, {len(self)} left")
        self._at += size
        return self._data[self._at - size : self._at]

    def take_compact(self, bits: int) -> int:
        """A compact integer: the low two bits of the first byte tell its form."""
        first = self.take(1)
        form = first[0] & 3
        if form == 3:
            size = (first[0] >> 2) + 4
            if size > bits // 8:
                raise DecodeError(f"{size} bytes for {bits} bits")
            value, least = int.from_bytes(self.take(size), "little"), 1 << 30
        else:
            rest = self.take((1, 2, 4)[form] - 1)
            value = int.from_bytes(first + rest, "little") >> 2
            least = (0, 1 << 6, 1 << 14)[form]
        if not least <= value < 1 << bits:
            raise DecodeError(f"{value} in form {form} of {bits} bits")
        return value

    def take_count(self, limit: int) -> int:
        count = self.take_compact(32)
        if count > min(limit, len(self)):
            raise DecodeError(f"{count} elements")
        return count


def decode(cls: type[T], data: bytes) -> T:
    """As ``scale.decode``."""
    rest = Input(data)
    value = _read(cls, rest)
    if len(rest):
        raise DecodeError(f"{len(rest)} bytes too many")
    return typing.cast(T, value)


def encode(value: object) -> bytes:
    """As ``scale.encode``."""
    return _write(type(value), value)


def _compact(value: int, bits: int) -> bytes:
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{value} in {bits} bits")
    for form, size in enumerate((1, 2, 4)):
        if value < 1 << (8 * size - 2):
            return (value << 2 | form).to_bytes(size, "little")
    size = max(4, -(-value.bit_length() // 8))
    return bytes([(size - 4) << 2 | 3]) + value.to_bytes(size, "little")


def _notes(form: Any) -> tuple[Any, Any]:
    """Return what an annotation is of, and its note."""
    form = _bound.get(form, form)
    if typing.get_origin(form) is Annotated:
        inner, note = typing.get_args(form)[:2]
        return inner, note
    return form, None


def _read(form: Any, rest: Input) -> Any:
    form, note = _notes(form)
    args = typing.get_args(form)
    match note:
        case Compact(bits):
            return rest.take_compact(bits)
        case Variants(known):
            tag = rest.take(1)[0]
            if tag not in known:
                raise DecodeError(f"variant {tag}")
            return _read(known[tag], rest)
        case Limit(limit) if form is bytes:
            return rest.take(rest.take_count(limit))
        case Limit(limit) if form is str:
            return rest.take(rest.take_count(limit)).decode("utf-8", "surrogateescape")
        case Limit(limit):
            return tuple(_read(args[0], rest) for _ in range(rest.take_count(limit)))
    if typing.get_origin(form) in (types.UnionType, typing.Union):
        (inner,) = (arg for arg in args if arg is not type(None))
        return _read(inner, rest) if rest.take(1) == b"\1" else None
    if args:
        return tuple(_read(arg, rest) for arg in args)
    if is_dataclass(form):
        hints = typing.get_type_hints(form, include_extras=True)
        make: Any = form
        return make(**{field.name: _read(hints[field.name], rest) for field in fields(form)})
    return form(rest.take(form.SIZE))


def _write(form: Any, value: Any) -> bytes:
    form, note = _notes(form)
    args = typing.get_args(form)
    match note:
        case Compact(bits):
            return _compact(value, bits)
        case Variants(known):
            (tag,) = (tag for tag, cls in known.items() if type(value) is cls)
            return bytes([tag]) + _write(known[tag], value)
        case Limit(limit):
            if form is str:
                value = value.encode("utf-8", "surrogateescape")
            if len(value) > limit:
                raise ValueError(f"{len(value)} elements")
            body = b"".join(_write(args[0], item) for item in value) if args else value
            return _compact(len(value), 32) + body
    if typing.get_origin(form) in (types.UnionType, typing.Union):
        (inner,) = (arg for arg in args if arg is not type(None))
        return b"\0" if value is None else b"\1" + _write(inner, value)
    if args:
        return b"".join(_write(arg, item) for arg, item in zip(args, value, strict=True))
    if is_dataclass(form):
        hints = typing.get_type_hints(form, include_extras=True)
        return b"".join(_write(hints[f.name], getattr(value, f.name)) for f in fields(form))
    return bytes(value)
