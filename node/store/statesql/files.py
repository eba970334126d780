"""Opens a SQLite file of the reference, for reading only."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

from node.base.errors import StoreError
from node.store.statesql.forms import SqlValue, Table
from node.store.statesql.local_rows import LOCAL_VERSION
from node.store.statesql.state_rows import STATE_VERSION

R = TypeVar("R")


FAILURES: Final = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises on a damaged file; the second where its message quotes damaged text."""


class SqlFile:
    """An open file; a context manager that closes it."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        # Text that is not UTF-8 is one bad column, not the end of its table.
        connection.text_factory = _read_text
        self.name = name

    def rows(self, table: Table[R], where: str = "", *values: SqlValue) -> Iterator[R]:
        """Yield the rows of a table in the order of the file.

        Args:
            table: one of the declared tables.
            where: an SQL condition and order, with ``?`` for each of ``values``.
            values: what the condition compares with.

        Raises:
            StoreError: the file is damaged, or a row is not what the table declares.
        """
        try:
            yield from table.select(self._connection, where, *values)
        except FAILURES as error:
            raise _unreadable(self.name, error) from error

    def count(self, table: Table[R]) -> int:
        """Return how many rows a table has.

        Raises:
            StoreError: the file is damaged or has no such table.
        """
        try:
            query = f"SELECT count(*) FROM {table.name}"  # noqa: S608 - declared, not given
            found: tuple[int] = self._connection.execute(query).fetchone()
        except FAILURES as error:
            raise _unreadable(self.name, error) from error
        return found[0]

    def version(self) -> int:
        """Return the file's ``user_version``.

        Raises:
            StoreError: it is not a database.
        """
        try:
            found: tuple[int] = self._connection.execute("PRAGMA user_version").fetchone()
        except FAILURES as error:
            raise _unreadable(self.name, error) from error
        return found[0]

    def columns(self, table: str) -> tuple[str, ...]:
        """Return the names of a table's columns; none if there is no such table.

        Raises:
            StoreError: the file is damaged.
        """
        try:
            query = "SELECT name FROM pragma_table_info(?)"
            return tuple(name for (name,) in self._connection.execute(query, (table,)))
        except FAILURES as error:
            raise _unreadable(self.name, error) from error

    def faults(self, most: int) -> tuple[str, ...]:
        """Return what SQLite finds wrong with pages, indexes and constraints of the file.

        Args:
            most: faults to look for.

        Raises:
            StoreError: it is so damaged that the check itself fails.
        """
        try:
            found = self._connection.execute(f"PRAGMA integrity_check({most:d})").fetchall()
        except FAILURES as error:
            raise _unreadable(self.name, error) from error
        return tuple(text for (text,) in found if text != "ok")

    def close(self) -> None:
        """End all iterations and release the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_state_sql(path: Path) -> SqlFile:
    """Open a ``state.sql``.

    Raises:
        StoreError: there is no such file, it is something else, or of another version.
    """
    return open_sql_file(path, STATE_VERSION)


def open_local_sql(path: Path) -> SqlFile:
    """Open a ``local.sql``.

    Raises:
        StoreError: there is no such file, it is something else, or of another version.
    """
    return open_sql_file(path, LOCAL_VERSION)


def open_sql_file(path: Path, version: int) -> SqlFile:
    """Open a file that must have ``version`` as its ``user_version``.

    A file without a write-ahead log beside it is opened as one that nobody changes, which
    works in folders that cannot be written.

    Raises:
        StoreError: there is no such file, it is something else, or of another version.
    """
    log = path.with_name(path.name + "-wal")
    mode = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True)
    except FAILURES as error:
        raise _unreadable(str(path), error) from error
    file = SqlFile(connection, str(path))
    try:
        _check_version(file, version)
    except StoreError:
        file.close()
        raise
    return file


def check_tables(file: SqlFile, tables: Iterable[Table[Any]]) -> None:
    """Check that a file has all tables with all their columns.

    Raises:
        StoreError: one is missing, or the file is damaged.
    """
    for table in tables:
        found = file.columns(table.name)
        missing = [column.name for column in table.columns if column.name not in found]
        if missing:
            lacking = f"column {missing[0]} in table" if found else "table"
            raise StoreError(
                f"{file.name} has no {lacking} {table.name}",
                code="smesh.store.sqlite.tables",
                hint="it should be a state.sql or local.sql that go-spacemesh wrote",
            )


def _check_version(file: SqlFile, version: int) -> None:
    found = file.version()
    if found == version:
        return
    hint = "start it once with go-spacemesh 1.7, which upgrades it"
    if found > version:
        hint = "a newer go-spacemesh wrote it, or it is the other one of state.sql and local.sql"
    elif found == 0:
        hint = "it should be a state.sql or local.sql that go-spacemesh wrote"
    raise StoreError(
        f"{file.name} has schema version {found}, this program reads {version}",
        code="smesh.store.sqlite.version",
        hint=hint,
    )


def _read_text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _unreadable(name: str, error: Exception) -> StoreError:
    return StoreError(
        f"{name} cannot be read: {error}",
        code="smesh.store.sqlite",
        hint="it should be a state.sql or local.sql that go-spacemesh wrote",
    )
