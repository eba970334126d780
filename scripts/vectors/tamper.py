"""Tamper with recorded databases and see that the audit finds each change.

``python -m scripts.vectors.tamper STATE.SQL --config CONFIG.JSON --count 60 --seed 1``

A change is one bit of one column of one row, or one row that is deleted.  The tables take
turns; within a table, columns and rows are drawn by the seed.
"""

import argparse
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.base.hashing import hash32
from node.checkpoint.audit.crews import Crew, RememberingCrew
from node.checkpoint.audit.findings import AuditReport, ObjectKind
from node.checkpoint.audit.parameters import AuditParameters
from node.checkpoint.audit.run import TABLES, audit, open_audited
from node.config.load import Places, load_config

FREE: Final = frozenset(
    {
        ("activesets", ""),
        ("atxs", "received"),
        ("atxs", "validity"),
        ("ballots", ""),
        ("certificates", ""),
        ("identities", ""),
        ("identities", "received"),
        ("layers", "weak_coin"),
        ("malfeasance", "received"),
        ("poets", ""),
        ("malfeasance", "domain"),
        ("malfeasance", "proof"),
        ("transactions", "timestamp"),
    }
)
"""Columns that do not follow from anything in the file; the audit counts them as unchecked.
Without a column: rows that nothing calls for, or whose lack shows only where they are named."""

KINDS: Final = {table: kind for kind, table in TABLES.items() if table}
NAMED_BY: Final = {"transactions_results_addresses": "tid"}
"""Column by which the audit names a row; in other tables it is the first one."""
LOW_BITS: Final = 12
"""Bits of a number that may change."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to a database."""

    table: str
    column: str
    """Empty: the row was deleted."""

    key: str
    """Column that names the row and the changed one, before and after."""

    text: str

    @property
    def kind(self) -> ObjectKind:
        """Kind of the object that was changed."""
        return KINDS[self.table]


class Draws:
    """Numbers that follow from a seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0

    def below(self, limit: int) -> int:
        """Return a number from 0 up to, without, ``limit``."""
        self._count += 1
        digest = hash32(f"{self._seed} {self._count}".encode())
        return int.from_bytes(digest[:8], "little") % limit


class Tamperer:
    """Changes copies of one database."""

    def __init__(self, source: Path, draws: Draws) -> None:
        self._source = source
        self._draws = draws
        with closing(sqlite3.connect(source)) as connection:
            self.columns = {
                table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                for table in KINDS
                if connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            }

    def places(self) -> Iterator[tuple[str, str]]:
        """Yield a table and a column, tables in turn, without end; no column is a deletion."""
        while True:
            for table, columns in self.columns.items():
                choices = [c for c in (*columns, "") if (table, c) not in FREE]
                yield table, choices[self._draws.below(len(choices))]

    def change(self, target: Path, table: str, column: str) -> Change | None:
        """Write a changed copy; None: it was not possible."""
        shutil.copyfile(self._source, target)
        with closing(sqlite3.connect(target)) as connection, connection:
            columns = self.columns[table]
            names = ", ".join(columns)
            rows = connection.execute(f"SELECT {names} FROM {table}").fetchall()  # noqa: S608
            if column:
                rows = [row for row in rows if row[columns.index(column)] not in (None, b"")]
            if not rows:
                return None
            row = rows[self._draws.below(len(rows))]
            where = " AND ".join(f"{name} IS ?" for name in columns)
            named = columns.index(NAMED_BY.get(table, columns[0]))
            before = _text(row[named])
            if not column:
                query = f"DELETE FROM {table} WHERE {where}"  # noqa: S608
                connection.execute(query, row)
                return Change(table, "", before, f"{table} {before}: deleted")
            place = columns.index(column)
            value = self._changed(row[place])
            query = f"UPDATE {table} SET {column} = ? WHERE {where}"  # noqa: S608
            try:
                connection.execute(query, (value, *row))
            except sqlite3.IntegrityError:
                # There is such a row already.
                return None
            after = _text(value) if place == named else before
            text = f"{table}.{column} of {before[:24]}: {_text(row[place])[:24]}"
            keys = " ".join(dict.fromkeys((before, after, _text(row[place]), _text(value))))
            return Change(table, column, keys, f"{text} to {_text(value)[:24]}")

    def _changed(self, value: Any) -> Any:
        if isinstance(value, int):
            return value ^ 1 << self._draws.below(LOW_BITS)
        changed = bytearray(value.encode() if isinstance(value, str) else value)
        changed[self._draws.below(len(changed))] ^= 1 << self._draws.below(8)
        return bytes(changed)


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


class Auditor:
    """Audits files of one network; what is compiled is compiled once."""

    def __init__(self, config: Path, crew: Crew | None = None) -> None:
        """Take the network's configuration, and who does the work."""
        places = Places(home=Path.home(), temporary=Path(tempfile.gettempdir()))
        self.parameters = AuditParameters.of(load_config(places=places, file=config).config)
        self._crew = crew or RememberingCrew()

    def audit(self, path: Path) -> AuditReport:
        """Return the report of one file."""
        with open_audited(path) as file:
            return audit(file, self.parameters, crew=self._crew, report=_keep_quiet)


def _keep_quiet(name: str, done: int, total: int, unit: str) -> None:
    """Progress is not shown."""


def judge(change: Change, report: AuditReport) -> str:
    """Tell in which way an audit failed to find a change; empty if it found it."""
    if report.is_clean:
        return "not found"
    named = [finding for finding in report.findings if finding.kind is change.kind]
    if not named:
        return f"found as {[(f.kind.value, f.rule) for f in report.findings[:3]]}"
    keys = change.key.split()
    keys += [key[:40] for key in keys if key.endswith("0" * 24)]
    if not any(key in finding.id for key in keys for finding in named):
        return f"another object is named: {named[0].id}"
    return ""


def main() -> int:
    """Parse the arguments, tamper, audit; return 1 if a change was not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table", action="append", help="only these tables")
    parser.add_argument("--every-column", action="store_true", help="each column once, in order")
    options = parser.parse_args()
    auditor = Auditor(options.config)
    missed = done = 0
    with tempfile.TemporaryDirectory() as folder:
        tamperer = Tamperer(options.state, Draws(options.seed))
        if options.table:
            tamperer.columns = {table: tamperer.columns[table] for table in options.table}
        places = tamperer.places()
        if options.every_column:
            places = iter(
                (table, column)
                for table, columns in tamperer.columns.items()
                for column in (*columns, "")
                if (table, column) not in FREE
            )
        for table, column in places:
            if done >= options.count:
                break
            target = Path(folder) / "state.sql"
            change = tamperer.change(target, table, column)
            if change is None:
                continue
            done += 1
            report = auditor.audit(target)
            problem = judge(change, report)
            missed += bool(problem)
            first = report.findings[0] if report.findings else None
            told = f"{first.kind.value}, {first.rule}" if first else "nothing"
            more = f" and {report.differences - 1} more" if report.differences > 1 else ""
            print(f"{done}: {change.text}: {told}{more}{'  MISSED: ' + problem if problem else ''}")
            sys.stdout.flush()
    print(f"seed {options.seed}: {done - missed} of {done} changes found")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
