"""How one SQLite column stands for one field of a row.

SQLite's integers are signed 64-bit, so numbers from 2^63 on are stored negative.  NULL is
None.  Identifiers of 20 bytes are padded to 32 in some tables and bare in others.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

from node.base import scale
from node.base.errors import DecodeError, StoreError
from node.types.ids import PADDED_SIZE, FixedBytes
from node.types.layer import EpochID, LayerID

R = TypeVar("R")

SqlValue: TypeAlias = int | bytes | str | None
"""What a column holds."""

WORD_BITS: Final = 64
SIGN_BIT: Final = 1 << WORD_BITS - 1


@dataclass(frozen=True, slots=True)
class Form:
    """A way to read a column and to write it back."""

    read: Callable[[Any], Any]
    write: Callable[[Any], SqlValue]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, and the field of the row it becomes."""

    name: str
    field: str
    form: Form


class Table(Generic[R]):
    """A table: its name, the class of its rows, and its columns in their order in the file."""

    def __init__(self, name: str, row: type[R], *columns: tuple[str, str, Form]) -> None:
        self.name = name
        self.row = row
        self.columns = tuple(Column(*column) for column in columns)

    def read(self, values: tuple[SqlValue, ...]) -> R:
        """Return the row that these column values stand for.

        Raises:
            StoreError: a value is not of its column's form.
        """
        fields: dict[str, Any] = {}
        for column, value in zip(self.columns, values, strict=True):
            try:
                fields[column.field] = column.form.read(value)
            except (TypeError, ValueError, DecodeError) as error:
                raise StoreError(
                    f"table {self.name}, column {column.name}: {error}",
                    code="smesh.store.sqlite",
                    hint="the file is damaged; restore it from a backup or another node",
                ) from error
        return self.row(**fields)

    def write(self, row: R) -> tuple[SqlValue, ...]:
        """Return the column values that stand for ``row``."""
        return tuple(column.form.write(getattr(row, column.field)) for column in self.columns)

    def select(
        self, connection: sqlite3.Connection, where: str = "", *values: SqlValue
    ) -> Iterator[R]:
        """Yield the rows in the order of the file, or those that a condition selects."""
        names = ", ".join(column.name for column in self.columns)
        query = f"SELECT {names} FROM {self.name}"  # noqa: S608 - names are declared, not given
        if where:
            query = f"{query} WHERE {where}"
        return map(self.read, connection.execute(query, values))


def _read_unsigned(value: int) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is not a number")
    return value % (1 << WORD_BITS)


def _write_unsigned(value: int) -> int:
    return value - (1 << WORD_BITS) if value & SIGN_BIT else value


def _read_blob(value: bytes | str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes):
        raise TypeError(f"{value!r} is not a blob")
    return value


def _read_text(value: bytes | str) -> str:
    return _read_blob(value).decode("utf-8", "surrogateescape")


def _write_text(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def fixed(cls: type[FixedBytes]) -> Form:
    """Return the form of an identifier of its own size."""
    return Form(lambda value: cls(_read_blob(value)), bytes)


def padded(cls: type[FixedBytes]) -> Form:
    """Return the form of an identifier that is padded to 32 bytes with zeros."""
    size = cls.SIZE

    def read(value: bytes) -> FixedBytes:
        if len(value) != PADDED_SIZE or any(value[size:]):
            raise ValueError(f"{value.hex()} is not a padded {cls.__name__}")
        return cls(value[:size])

    return Form(read, lambda value: value.ljust(PADDED_SIZE, b"\0"))


def record(cls: type[Any]) -> Form:
    """Return the form of an encoded object."""
    return Form(lambda value: scale.decode(cls, _read_blob(value)), scale.encode)


def sequence(cls: type[Any], limit: int) -> Form:
    """Return the form of a counted list of encoded identifiers."""
    return Form(
        lambda value: scale.decode_sequence(cls, _read_blob(value), limit),
        lambda values: scale.encode_sequence(values, limit),
    )


def optional(form: Form) -> Form:
    """Return the form of a column that may be NULL."""
    return Form(
        lambda value: None if value is None else form.read(value),
        lambda value: None if value is None else form.write(value),
    )


def empty_as_null(form: Form, empty: Any) -> Form:
    """Return the form of a column in which NULL stands for ``empty``."""
    return Form(
        lambda value: empty if value is None else form.read(value),
        lambda value: None if value == empty else form.write(value),
    )


UNSIGNED: Final = Form(_read_unsigned, _write_unsigned)
LAYER: Final = Form(lambda value: LayerID(_read_unsigned(value)), _write_unsigned)
EPOCH: Final = Form(lambda value: EpochID(_read_unsigned(value)), _write_unsigned)
BLOB: Final = Form(_read_blob, bytes)
TEXT: Final = Form(_read_text, _write_text)
"""Text that the reference stores as a blob."""
FLAG: Final = Form(lambda value: bool(_read_unsigned(value)), int)
BIG_ENDIAN: Final = Form(
    lambda value: int.from_bytes(_read_blob(value), "big"), lambda value: value.to_bytes(8, "big")
)
SECONDS: Final = Form(lambda value: _read_unsigned(value) * 10**9, lambda value: value // 10**9)
"""Unix seconds, nanoseconds in the row."""
VERDICT: Final = Form(
    lambda value: None if value in (None, 0) else value > 0,
    lambda value: None if value is None else 1 if value else -1,
)
"""1 valid, -1 invalid, NULL undecided."""
