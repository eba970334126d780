"""Messages as large as on mainnet, filled with bytes that mean nothing."""

import typing
from collections.abc import Mapping
from dataclasses import fields
from hashlib import sha256
from typing import Any, Final, TypeVar

from node.base.scale import split_form

T = TypeVar("T")

NUMBERS: Final = {8: 200, 16: 3_000, 32: 120_000, 64: 30_000_000_000}
"""Integers in their long forms, by width."""


def fill(cls: type[T], sizes: Mapping[str, int]) -> T:
    """Return a record of any wire type.

    Args:
        cls: the type.
        sizes: elements of sequences, bytes of blobs, the tag of a union or the number itself,
            by the name of the field, in the record or in those within it; 0 leaves an optional
            field out.  Fields that are not named have one element, 32 bytes, variant 1, a
            number of some size.
    """
    return typing.cast("T", _Filler(sizes).record(cls))


class _Filler:
    """Makes values, no two of a name alike."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes
        self._made = 0

    def record(self, cls: Any) -> Any:
        """Return a record."""
        hints = typing.get_type_hints(cls, include_extras=True)
        values = {name: self._value(hints[name], name) for name in (f.name for f in fields(cls))}
        return cls(**values)

    def _value(self, form: Any, name: str) -> Any:
        kind, what = split_form(form)
        match kind:
            case "compact":
                return self._sizes.get(name, NUMBERS[what])
            case "fixed":
                return what(self._bytes(what.SIZE))
            case "blob" | "text":
                data = self._bytes(self._sizes.get(name, 32))
                return data if kind == "blob" else data.hex()[: len(data)]
            case _:
                return self._composed(kind, what, name)

    def _composed(self, kind: str, what: Any, name: str) -> Any:
        size = self._sizes.get(name, 1)
        match kind:
            case "option":
                return self._value(what, name) if size else None
            case "array":
                return tuple(self._value(item, name) for item in what)
            case "sequence":
                return tuple(self._value(what[0], name) for _ in range(size))
            case _:
                return self.record(what[size] if kind == "variants" else what)

    def _bytes(self, size: int) -> bytes:
        self._made += 1
        numbers = range(size // 32 + 1)
        return b"".join(sha256(b"%d %d" % (self._made, k)).digest() for k in numbers)[:size]
