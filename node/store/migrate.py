"""Opens the databases: checks which one a folder is and brings older layouts up to date.

A folder that a newer program wrote is refused untouched.

Source: style digest section 4.9.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

from node.base.errors import StoreError
from node.store import schema
from node.store.db import DEFAULT_CACHE_BYTES, Batch, Database, LevelDB

SCHEMA_VERSION: Final = 1
"""Version of the layouts in ``schema``, of both databases."""


class DatabaseName(StrEnum):
    """Which of the node's databases; also the name of its folder."""

    STATE = "state"
    LOCAL = "local"


Step: TypeAlias = Callable[[Database, Batch], None]
"""Brings the rows of one version to the next; all of its writes go into the batch."""

STEPS: Final[Mapping[tuple[DatabaseName, int], Step]] = {}
"""What to do at (database, version) to reach the next version."""


def open_state(
    data_folder: Path, *, cache_bytes: int = DEFAULT_CACHE_BYTES, durable: bool = True
) -> LevelDB:
    """Open ``<data folder>/state``, which peers could rebuild.

    Raises:
        StoreError: it cannot be opened, or a newer program wrote it.
    """
    return open_database(data_folder, DatabaseName.STATE, cache_bytes=cache_bytes, durable=durable)


def open_local(data_folder: Path, *, durable: bool = True) -> LevelDB:
    """Open ``<data folder>/local``, which only this node has.

    Raises:
        StoreError: it cannot be opened, or a newer program wrote it.
    """
    return open_database(data_folder, DatabaseName.LOCAL, durable=durable)


def open_database(
    data_folder: Path,
    name: DatabaseName,
    *,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    durable: bool = True,
) -> LevelDB:
    """Open one database and bring it up to date; for ``durable`` see LevelDB.

    Raises:
        StoreError: it cannot be opened, is another database, or a newer program wrote it.
    """
    database = LevelDB(data_folder / name, cache_bytes=cache_bytes, durable=durable)
    try:
        migrate(database, name)
    except StoreError:
        database.close()
        raise
    return database


def migrate(
    database: LevelDB,
    name: DatabaseName,
    *,
    steps: Mapping[tuple[DatabaseName, int], Step] = STEPS,
    target: int = SCHEMA_VERSION,
) -> None:
    """Bring an open database to version ``target``, one atomic step for each version.

    Raises:
        StoreError: it is another database, or its version is newer, or has no step.
    """
    version = read_version(database, name)
    if version is None:
        with database.batch() as batch:
            _write_version(batch, name, target)
        return
    if version > target:
        raise StoreError(
            f"database {database.path} has version {version}, this program knows {target}",
            code="smesh.store.newer",
            hint="install a newer program; the folder was not changed",
        )
    while version < target:
        step = steps.get((name, version))
        if step is None:
            raise StoreError(
                f"database {database.path} has version {version}, which cannot be upgraded",
                code="smesh.store.version",
                hint="open it once with an older program, or remove the folder",
            )
        version += 1
        with database.batch() as batch:
            step(database, batch)
            _write_version(batch, name, version)


def read_version(database: LevelDB, name: DatabaseName) -> int | None:
    """Return the version of a database, None if it is empty.

    Raises:
        StoreError: the folder holds something else.
    """
    mark = database.get(schema.VERSION)
    if mark is None:
        if next(database.keys(b""), None) is None:
            return None
        raise _foreign(database.path, name)
    kind, _, number = mark.partition(b" ")
    if kind != name.encode() or not number.isdigit():
        raise _foreign(database.path, name)
    return int(number)


def _write_version(batch: Batch, name: DatabaseName, version: int) -> None:
    batch.put(schema.VERSION, f"{name} {version}".encode())


def _foreign(path: Path, name: DatabaseName) -> StoreError:
    return StoreError(
        f"{path} is not the database '{name}' of a node",
        code="smesh.store.foreign",
        hint="check the data folder; nothing was changed",
    )
