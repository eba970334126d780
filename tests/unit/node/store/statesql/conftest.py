"""The reference's files, made of the recorded dumps with rows added by a test."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from scripts.vectors.chain_state import read_dump, write_sqlite

DATA = Path(__file__).parents[4] / "data" / "vectors" / "chain"

Rows: TypeAlias = Mapping[str, Sequence[tuple[Any, ...]]]
MakeFile: TypeAlias = Callable[[str, Rows], Path]


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    def make(name: str, rows: Rows) -> Path:
        dump = read_dump(DATA / f"{name}.jsonl.xz")
        dump.tables.clear()
        dump.tables.update({table: list(values) for table, values in rows.items()})
        path = tmp_path / f"{name}.sql"
        write_sqlite(dump, path)
        return path

    return make
