"""Tamper with recorded databases and see that the audit finds each change.

``python -m scripts.vectors.tamper STATE.SQL --config CONFIG.JSON --count 60 --seed 1``

A change is one column of one row, two rows whose columns change places, a row that is
deleted, or one that is there twice.  The tables take turns; how, where and which row are
drawn by the seed.  What changes nothing that a file can show is not counted, with the reason
(``scripts.vectors.tamper_excuses``).
"""

import argparse
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from node.base.hashing import hash32
from node.base.lru import LruMap
from node.checkpoint.audit.crews import Crew, RememberingCrew
from node.checkpoint.audit.findings import AuditReport, Finding
from node.checkpoint.audit.parameters import AuditParameters
from node.checkpoint.audit.rows import KnownRows
from node.checkpoint.audit.run import audit, open_audited
from node.config.load import Places, load_config
from scripts.vectors.tamper_excuses import KINDS, Change, How, excuse, named_also

NAMED_BY: Final = {"transactions_results_addresses": "tid"}
"""Column by which the audit names a row; in other tables it is the first one."""
KNOWN_ROWS: Final = 10_000
"""Rows that are not read again in every copy."""
LOW_BITS: Final = 12
"""Bits of a number that most often change."""
NUMBER_BITS: Final = 63
SHOWN: Final = 24
"""Characters of a value that are printed."""
ID_DIGITS: Final = 40
"""Hex digits of the identifiers that some tables pad with zeros."""


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

    def places(self, ways: tuple[How, ...]) -> Iterator[tuple[str, str, How]]:
        """Yield table, column and way, tables in turn, without end."""
        while True:
            for table, columns in self.columns.items():
                column = columns[self._draws.below(len(columns))]
                yield table, column, ways[self._draws.below(len(ways))]

    def change(self, target: Path, table: str, column: str, how: How) -> Change | None:
        """Write a changed copy; None: it was not possible."""
        shutil.copyfile(self._source, target)
        with closing(sqlite3.connect(target)) as connection:
            connection.text_factory = bytes
            try:
                with connection:
                    return self._change(connection, table, column, how)
            except sqlite3.IntegrityError:
                # There is such a row already, or there must be a value.
                return None

    def _change(
        self, connection: sqlite3.Connection, table: str, column: str, how: How
    ) -> Change | None:
        columns = self.columns[table]
        names = ", ".join(columns)
        rows = connection.execute(f"SELECT {names} FROM {table}").fetchall()  # noqa: S608
        row = dict(zip(columns, rows[self._draws.below(len(rows))], strict=True))
        other = dict(zip(columns, rows[self._draws.below(len(rows))], strict=True))
        match how:
            case How.DELETED:
                _delete(connection, table, row)
                return self._made(table, "", how, [row])
            case How.TWICE:
                # All rows have a key, so the second one differs in a column of it.
                value = self._altered(row[column], How.BIT)
            case How.COPIED | How.SWAPPED:
                value = other[column]
            case _:
                value = self._altered(row[column], how)
        changed = row | {column: value}
        if _same(value, row[column]) or (how is How.SWAPPED and changed == other):
            return None
        if how is How.TWICE:
            _insert(connection, table, changed)
        elif how is How.SWAPPED:
            _delete(connection, table, row)
            _delete(connection, table, other)
            _insert(connection, table, changed)
            _insert(connection, table, other | {column: row[column]})
        else:
            _update(connection, table, row, column, value)
        more = [other] if how is How.SWAPPED else []
        return self._made(table, column, how, [row, changed, *more])

    def _altered(self, value: Any, how: How) -> Any:
        if how is How.EMPTY or value is None:
            return None
        if isinstance(value, int):
            bits = LOW_BITS if how is How.BIT else NUMBER_BITS
            return value ^ 1 << self._draws.below(bits)
        if not value:
            return b"\1"
        changed = bytearray(value)
        place = self._draws.below(len(changed))
        match how:
            case How.SHORTER:
                return bytes(changed[:-1])
            case How.LONGER:
                return bytes(changed) + b"\0"
            case How.BYTE:
                changed[place] = self._draws.below(256)
            case _:
                changed[place] ^= 1 << self._draws.below(8)
        return bytes(changed)

    def _made(self, table: str, column: str, how: How, rows: Sequence[Mapping[str, Any]]) -> Change:
        """Return a change of the first of some rows, into the second, with the third."""
        named = NAMED_BY.get(table, self.columns[table][0])
        keys = [text_of(row[named]) for row in rows]
        if column:
            keys += [text_of(row[column]) for row in rows]
        if table == "ballots" and how is How.DELETED:
            # Blocks do not name a ballot, but its ATX and the layer.
            keys.append(text_of(rows[0]["atx"]))
        before, after, other = (*rows, None, None)[:3]
        return Change(
            table=table,
            column=column,
            how=how,
            before=before or {},
            after=after,
            other=other,
            keys=tuple(dict.fromkeys(keys)),
        )


def _delete(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    where = " AND ".join(f"{name} IS ?" for name in row)
    connection.execute(f"DELETE FROM {table} WHERE {where}", tuple(row.values()))  # noqa: S608


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    query = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
    connection.execute(query, tuple(row.values()))


def _update(
    connection: sqlite3.Connection, table: str, row: dict[str, Any], column: str, value: Any
) -> None:
    where = " AND ".join(f"{name} IS ?" for name in row)
    query = f"UPDATE {table} SET {column} = ? WHERE {where}"  # noqa: S608
    connection.execute(query, (value, *row.values()))


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


def text_of(value: Any) -> str:
    """Return a column's value as the audit names it."""
    return value.hex() if isinstance(value, bytes) else str(value)


class Auditor:
    """Audits files of one network; what is compiled is compiled once."""

    def __init__(self, config: Path, crew: Crew | None = None) -> None:
        """Take the network's configuration, and who does the work."""
        places = Places(home=Path.home(), temporary=Path(tempfile.gettempdir()))
        self.parameters = AuditParameters.of(load_config(places=places, file=config).config)
        self._crew = crew or RememberingCrew()
        self._known: KnownRows = LruMap(KNOWN_ROWS)

    def audit(self, path: Path) -> AuditReport:
        """Return the report of one file."""
        with open_audited(path) as file:
            return audit(
                file,
                self.parameters,
                crew=self._crew,
                report=_keep_quiet,
                known_rows=self._known,
            )


def _keep_quiet(name: str, done: int, total: int, unit: str) -> None:
    """Progress is not shown."""


def judge(change: Change, findings: tuple[Finding, ...]) -> str:
    """Tell in which way an audit failed to find a change; empty if it found it."""
    if not findings:
        return "not found"
    kinds = {change.kind, *named_also(change)}
    named = [finding for finding in findings if finding.kind in kinds]
    if not named:
        return f"found as {[(f.kind.value, f.rule, f.id[:SHOWN]) for f in findings[:3]]}"
    keys = [*change.keys, *(key[:ID_DIGITS] for key in change.keys if key.endswith("0" * 24))]
    if not any(key and key in finding.id for key in keys for finding in named):
        return f"another object is named: {named[0].id}, {named[0].rule}"
    return ""


def tell(change: Change) -> str:
    """Return what was done, in a line."""
    text = f"{change.table}.{change.column} {change.how} of {change.keys[0][:SHOWN]}"
    if not change.column or change.after is None:
        return text
    old, new = (text_of(row[change.column])[:SHOWN] for row in (change.before, change.after))
    return f"{text}: {old} to {new}"


def run(
    tamperer: Tamperer, auditor: Auditor, places: Iterator[tuple[str, str, How]], count: int
) -> tuple[int, int, Counter[str]]:
    """Make changes and audit each; return how many were made and missed, and the excused."""
    done, missed, excused = 0, 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "state.sql"
        for table, column, how in places:
            if done >= count:
                break
            change = tamperer.change(target, table, column, how)
            if change is None:
                continue
            with closing(sqlite3.connect(target)) as connection:
                reason = excuse(change, connection)
            if reason:
                excused[reason] += 1
                continue
            done += 1
            report = auditor.audit(target)
            problem = judge(change, report.findings)
            missed += bool(problem)
            first = report.findings[0] if report.findings else None
            told = f"{first.kind.value}, {first.rule}" if first else "nothing"
            more = f" and {report.differences - 1} more" if report.differences > 1 else ""
            print(
                f"{done}: {tell(change)}: {told}{more}{'  MISSED: ' + problem if problem else ''}"
            )
            sys.stdout.flush()
    return done, missed, excused


def main() -> int:
    """Parse the arguments, tamper, audit; return 1 if a change was not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table", action="append", help="only these tables")
    parser.add_argument("--how", action="append", type=How, help="only in these ways")
    parser.add_argument("--every-column", action="store_true", help="each column, in each way")
    options = parser.parse_args()
    tamperer = Tamperer(options.state, Draws(options.seed))
    unknown = sorted({*(options.table or ())} - tamperer.columns.keys())
    if unknown:
        parser.error(f"no rows in {', '.join(unknown)}; try {', '.join(tamperer.columns)}")
    if options.table:
        tamperer.columns = {table: tamperer.columns[table] for table in options.table}
    ways = tuple(options.how or How)
    places = tamperer.places(ways)
    if options.every_column:
        places = (
            (table, column, how)
            for table, columns in tamperer.columns.items()
            for column in columns
            for how in ways
        )
    done, missed, excused = run(tamperer, Auditor(options.config), places, options.count)
    for reason, number in sorted(excused.items()):
        print(f"not counted, {number} times: {reason}")
    print(f"seed {options.seed}: {done - missed} of {done} changes found")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
