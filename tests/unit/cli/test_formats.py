"""Lists as CSV, TSV, YAML and aligned text."""

import pytest

from cli.formats import (
    aligned,
    as_table,
    as_yaml,
    bare,
    cells,
    choose_columns,
    get_path,
    keep_fields,
    record_lines,
    separated,
)
from cli.records import Result, Smidge, Table
from node.base.errors import NotFoundError, UsageError

ROWS = [
    {"name": "a,b", "coins": Smidge(5), "more": None},
    {"name": 'q"', "coins": Smidge(6), "more": 1},
]
TABLE = Table(rows=ROWS, columns={"name": "name", "coins": "balance"})


def test_a_list_of_records_is_a_table() -> None:
    table = as_table(Result(data=ROWS))

    assert table is not None
    assert dict(table.columns) == {"name": "name", "coins": "coins", "more": "more"}
    assert as_table(Result(data={"a": 1})) is None
    assert as_table(Result(data=ROWS, human="text")) is None
    empty = as_table(Result(data=[]))
    assert empty is not None
    assert dict(empty.columns) == {}


def test_separated_values_carry_plain_values() -> None:
    assert separated(TABLE, ",") == 'name,coins\n"a,b",5\n"q""",6'
    assert separated(choose_columns(TABLE, ["more", "name"]), "\t") == 'more\tname\n\ta,b\n1\t"q"""'


def test_columns_must_exist() -> None:
    assert choose_columns(TABLE, ()) is TABLE
    with pytest.raises(UsageError, match="no field 'nam'") as caught:
        choose_columns(TABLE, ["nam"])
    assert caught.value.hint == "fields are name, coins, more"
    with pytest.raises(UsageError) as caught:
        choose_columns(Table(rows=[], columns={}), ["x"])
    assert caught.value.hint == "fields are unknown"


def test_cells_and_alignment() -> None:
    assert cells(TABLE, full=False) == [["a,b", "0.000000005 SMH"], ['q"', "0.000000006 SMH"]]
    assert aligned([["a", "bb", ""], ["ccc", "d", ""]]) == "a    bb\nccc  d"
    assert record_lines({"a_b": True, "c": None}) == "a b  yes\nc    -"


def test_yaml_nests_and_quotes() -> None:
    value = {
        "a": 1,
        "list": [{"x": "yes", "y": [1, 2]}, "ü", []],
        "empty": {},
        "inner": {"deep": None},
    }

    assert as_yaml(value) == (
        "a: 1\n"
        "list:\n"
        '  - x: "yes"\n'
        "    y:\n"
        "      - 1\n"
        "      - 2\n"
        '  - "ü"\n'
        "  - []\n"
        "empty: {}\n"
        "inner:\n"
        "  deep: null"
    )


def test_fields_of_rows_and_records() -> None:
    rows = [{"a": 1, "b": 2}]

    assert keep_fields(rows, None, ()) is rows
    assert keep_fields(rows, None, ["b"]) == [{"b": 2}]
    nested = Table(rows=rows, columns={}, key="rows")
    assert keep_fields({"rows": rows, "x": 1}, nested, ["a"]) == {"rows": [{"a": 1}], "x": 1}
    with pytest.raises(UsageError, match="no field 'c'") as caught:
        keep_fields({"a": 1}, None, ["c"])
    assert caught.value.hint == "fields are a"
    with pytest.raises(UsageError) as caught:
        keep_fields(5, None, ["c"])
    assert caught.value.hint == "fields are none"


def test_one_value_of_a_document() -> None:
    document = {"ok": True, "data": {"accounts": [{"address": "sm1"}], "n": 5}}

    assert get_path(document, "data.accounts.0.address") == "sm1"
    assert get_path(document, "accounts.0") == {"address": "sm1"}
    assert get_path(document, "ok") is True
    for path in ("accounts.1", "accounts.x", "n.x", "nothing"):
        with pytest.raises(NotFoundError, match=path):
            get_path(document, path)
    assert (bare("x"), bare(5), bare(None), bare({"a": 1})) == ("x", "5", "null", '{"a": 1}')
