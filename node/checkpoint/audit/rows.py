"""Rows of a file that may be damaged: what cannot be read is told, never raised."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from node.base.errors import StoreError
from node.base.lru import LruMap
from node.store.statesql.files import SqlFile
from node.store.statesql.forms import EPOCH, LAYER, SqlValue, Table
from node.types.layer import MAX_LAYER

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row, or the rest of a table, that cannot be read."""

    name: str
    """The first column, which tells rows apart in nearly every table."""

    problem: str

    key: bytes = b""
    """The same, if it is an identifier."""


Read: TypeAlias = R | Unreadable

KnownRows: TypeAlias = LruMap[tuple[str, tuple[SqlValue, ...]], object]
"""Rows by table and column values, from which they follow: many are read several times."""

LARGEST: Final = 16 << 10
"""Bytes of the largest row that is worth to be known."""


class TolerantTable(Table[Read[R]], Generic[R]):
    """A table whose malformed rows are read as ``Unreadable``.

    A row is malformed, too, if it is not the one form in which a node writes what it says:
    a number that is no flag, an encoding that another one could stand for.
    """

    def __init__(self, table: Table[R], known: KnownRows) -> None:
        """Take a table, and the rows that were read before."""
        self.name = table.name
        self.columns = table.columns
        self._table = table
        self._known = known

    def read(self, values: tuple[SqlValue, ...]) -> Read[R]:
        """Return the row, or why there is none."""
        if float in map(type, values):
            # Equal to a number that is none, and no node writes it.
            return self._read(values)
        key = self.name, values
        known = self._known.get(key)
        if known is None:
            known = self._read(values)
            if sum(len(value) for value in values if isinstance(value, bytes)) <= LARGEST:
                self._known.put(key, known)
        return cast("Read[R]", known)

    def _read(self, values: tuple[SqlValue, ...]) -> Read[R]:
        try:
            row = self._table.read(values)
        except (StoreError, AttributeError) as error:
            # Text in a column of padded identifiers has no hex form to be told in.
            return _unreadable(values, str(error))
        for column, value, written in zip(
            self.columns, values, self._table.write(row), strict=True
        ):
            number = getattr(row, column.field)
            if column.form in (LAYER, EPOCH) and number > MAX_LAYER:
                return _unreadable(
                    values, f"table {self.name}, column {column.name}: {number} is too large"
                )
            if _blob(value) != _blob(written):
                return _unreadable(
                    values, f"table {self.name}, column {column.name}: another form is usual"
                )
        return row


def _unreadable(values: tuple[SqlValue, ...], problem: str) -> Unreadable:
    key = values[0] if isinstance(values[0], bytes) else b""
    return Unreadable(plain_text(values[0]), problem, key)


def _blob(value: SqlValue) -> SqlValue:
    """Return text as the bytes that it stands for; SQLite keeps either."""
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def read_rows(
    file: SqlFile, known: KnownRows, table: Table[R], where: str = "", *values: SqlValue
) -> Iterator[Read[R]]:
    """Yield the rows of a table; the last one is ``Unreadable`` if the file itself is damaged."""
    try:
        yield from file.rows(TolerantTable(table, known), where, *values)
    except StoreError as error:
        yield Unreadable(f"table {table.name}", str(error))


def count_rows(file: SqlFile, table: Table[Any]) -> int:
    """Return how many rows a table has; 0 if it cannot be read, which its rows will tell."""
    try:
        return file.count(table)
    except StoreError:
        return 0


def plain_text(value: SqlValue) -> str:
    """Return a column's value as it stands."""
    return value.hex() if isinstance(value, bytes) else str(value)
