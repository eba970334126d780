"""Records as text: aligned lines, tables, CSV, TSV and YAML; selection of fields."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from cli.records import Result, Table, members, plain, shown
from node.base.errors import NotFoundError, UsageError


class Format(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    CSV = "csv"
    TSV = "tsv"
    YAML = "yaml"


def as_table(result: Result) -> Table | None:
    """Return the table of a result; a list of records is one."""
    if isinstance(result.human, Table):
        return result.human
    if result.human is None and isinstance(result.data, list | tuple):
        rows = result.data
        names = [name for name, _ in members(rows[0])] if rows else []
        return Table(rows=rows, columns={name: name.replace("_", " ") for name in names})
    return None


def choose_columns(table: Table, names: Sequence[str]) -> Table:
    """Return a table with only these columns, in this order.

    Raises:
        UsageError: the rows have no such field.
    """
    if not names:
        return table
    known = dict(table.columns)
    if table.rows:
        known |= {name: known.get(name, name) for name, _ in members(table.rows[0])}
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no field {name!r}", hint=f"fields are {', '.join(known) or 'unknown'}"
            )
    return Table(
        rows=table.rows,
        columns={name: known[name] for name in names},
        key=table.key,
        title=table.title,
        notes=table.notes,
    )


def cells(table: Table, *, full: bool) -> list[list[str]]:
    """Return the rows of a table as texts for people."""
    return [
        [shown(values.get(name), full=full) for name in table.columns]
        for values in (dict(members(row)) for row in table.rows)
    ]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows with their columns aligned, two blanks apart, without trailing blanks."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def record_lines(record: object) -> str:
    """Return a record as one aligned line per field."""
    return aligned([[name.replace("_", " "), shown(value)] for name, value in members(record)])


def separated(table: Table, delimiter: str) -> str:
    """Return a table as CSV or TSV, with the names of the fields in its first line."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        values = dict(members(row))
        writer.writerow([_flat(values.get(name)) for name in table.columns])
    return text.getvalue().rstrip("\n")


def as_yaml(value: Any, indent: str = "") -> str:
    """Return a plain value as YAML; scalars are written as in JSON, which YAML contains."""
    match value:
        case dict() if value:
            return "\n".join(
                f"{indent}{key}:{_yaml_member(item, indent)}" for key, item in value.items()
            )
        case list() if value:
            return "\n".join(f"{indent}-{_yaml_item(item, indent)}" for item in value)
        case _:
            return indent + json.dumps(value, ensure_ascii=False)


def keep_fields(data: Any, table: Table | None, names: Sequence[str]) -> Any:
    """Return plain data whose rows, or which itself, has only these fields.

    Raises:
        UsageError: there is no such field.
    """
    if not names:
        return data
    if table is not None and table.key:
        return {**data, table.key: keep_fields(data[table.key], None, names)}
    if isinstance(data, list):
        return [keep_fields(item, None, names) for item in data]
    for name in names:
        if not isinstance(data, dict) or name not in data:
            known = ", ".join(data) if isinstance(data, dict) else "none"
            raise UsageError(f"there is no field {name!r}", hint=f"fields are {known}")
    return {name: data[name] for name in names}


def get_path(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path of an envelope, such as ``data.accounts.0.address``.

    A path that begins with no member of the envelope begins within its data.

    Raises:
        NotFoundError: there is nothing at the path.
    """
    steps = path.split(".")
    value: Any = document if steps[0] in document else document.get("data")
    for step in steps:
        match value:
            case dict() if step in value:
                value = value[step]
            case list() if step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            case _:
                raise NotFoundError("path", path, hint="--json shows the whole document")
    return value


def bare(value: Any) -> str:
    """Return a plain value for a script: texts without quotes, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _flat(value: object) -> str:
    form = plain(value)
    return "" if form is None else bare(form)


def _yaml_member(value: Any, indent: str) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + as_yaml(value, indent + "  ")
    return " " + as_yaml(value)


def _yaml_item(value: Any, indent: str) -> str:
    if isinstance(value, dict | list) and value:
        return " " + as_yaml(value, indent + "  ").lstrip()
    return " " + as_yaml(value)
