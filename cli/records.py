"""What commands return, and how values look: as JSON, and to people.

Amounts of smidge are always texts in JSON, and so are integers that a 53-bit float cannot
hold.  People see amounts in SMH.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

SAFE_INTEGER: Final = 1 << 53
"""Integers beyond are texts in JSON."""

SMIDGE_PER_SMH: Final = 10**9
SMH_DECIMALS: Final = 9
SHORT_ID: Final = 20
"""Longest text of an identifier that a table shows as it is."""
HEAD: Final = 13
TAIL: Final = 5
"""Characters of a longer one that a table shows."""


class Smidge(int):
    """An amount of coins in smidge."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{format_smh(int(self))} SMH"


class Identifier(str):
    """A key or id as text; tables show its beginning and end."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of a list command as people see them."""

    rows: Sequence[object]
    """Dataclasses of one kind; an empty sequence is fine."""

    columns: Mapping[str, str]
    """Name of the field to its heading, in order."""

    key: str = ""
    """Name of the member of the data that holds the rows; empty: the data are the rows."""

    title: str = ""
    notes: tuple[str, ...] = ()
    """Lines below the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command returns when its record alone does not tell how to show it."""

    data: object
    """The record of the JSON document."""

    human: Table | str | None = None
    """A table, or text; None: the record as aligned lines."""


def plain(value: object) -> Any:
    """Return a value as it stands in JSON.

    Raises:
        TypeError: a value of a kind that has no form there.
    """
    match value:
        case None | bool() | str() | float():
            form: Any = str(value) if type(value) not in {bool, float, type(None)} else value
        case Enum():
            form = value.value
        case int():
            form = _plain_integer(value)
        case bytes():
            form = value.hex()
        case PurePath():
            form = str(value)
        case Mapping():
            form = {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            form = [plain(item) for item in value]
        case _ if is_dataclass(value):
            form = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")
    return form


def shown(value: object, *, full: bool = True) -> str:
    """Return a value as people read it; identifiers are cut to ten digits unless ``full``."""
    match value:
        case None | "":
            text = "-"
        case bool():
            text = "yes" if value else "no"
        case Enum():
            text = str(value.value)
        case Smidge():
            text = f"{value} ({int(value)} smidge)" if full else str(value)
        case bytes():
            text = _identifier(value.hex(), full=full)
        case Identifier():
            text = _identifier(value, full=full)
        case list() | tuple():
            text = ", ".join(shown(item, full=full) for item in value) or "-"
        case _ if isinstance(value, Mapping) or is_dataclass(value):
            text = ", ".join(
                f"{name.replace('_', ' ')} {shown(item, full=full)}"
                for name, item in members(value)
            )
        case _:
            text = str(value)
    return text


def members(record: object) -> list[tuple[str, object]]:
    """Return the fields of a dataclass or the items of a mapping."""
    if isinstance(record, Mapping):
        return [(str(key), value) for key, value in record.items()]
    if is_dataclass(record):
        return [(field.name, getattr(record, field.name)) for field in fields(record)]
    return [("value", record)]


def format_smh(smidge: int) -> str:
    """Return an amount in SMH, exact, without superfluous zeros."""
    whole, rest = divmod(abs(smidge), SMIDGE_PER_SMH)
    sign = "-" if smidge < 0 else ""
    digits = f".{rest:0{SMH_DECIMALS}d}".rstrip("0") if rest else ""
    return f"{sign}{whole}{digits}"


def _plain_integer(value: int) -> int | str:
    if isinstance(value, Smidge):
        return str(int(value))
    if type(value) is not int:
        return str(value)
    return value if abs(value) <= SAFE_INTEGER else str(value)


def _identifier(text: str, *, full: bool) -> str:
    if full or len(text) <= SHORT_ID:
        return str(text)
    return f"{text[:HEAD]}..{text[-TAIL:]}"
