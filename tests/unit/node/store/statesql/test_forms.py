"""How columns stand for fields, both ways."""

from dataclasses import dataclass
from typing import Any

import pytest

from node.base.errors import StoreError
from node.store.statesql import forms
from node.store.statesql.forms import Form, SqlValue, Table
from node.types.ids import AtxID, BlockID

BOTH_WAYS: list[tuple[str, Form, SqlValue, Any]] = [
    ("a small number", forms.UNSIGNED, 5, 5),
    ("a number from 2^63 on", forms.UNSIGNED, -1, 2**64 - 1),
    ("an identifier", forms.fixed(BlockID), b"b" * 20, BlockID(b"b" * 20)),
    ("a padded one", forms.padded(BlockID), b"b" * 20 + bytes(12), BlockID(b"b" * 20)),
    ("text in a blob", forms.TEXT, b"round \xff", "round \udcff"),
    ("a nonce", forms.BIG_ENDIAN, bytes(7) + b"\x09", 9),
    ("seconds", forms.SECONDS, 7, 7 * 10**9),
    ("true", forms.FLAG, 1, True),
    ("valid", forms.VERDICT, 1, True),
    ("invalid", forms.VERDICT, -1, False),
    ("undecided", forms.VERDICT, None, None),
    ("absent", forms.optional(forms.UNSIGNED), None, None),
    ("present", forms.optional(forms.UNSIGNED), 3, 3),
    ("NULL for nothing", forms.empty_as_null(forms.BLOB, b""), None, b""),
    ("something", forms.empty_as_null(forms.BLOB, b""), b"x", b"x"),
    ("a list", forms.sequence(AtxID, 9), b"\x04" + b"a" * 32, (AtxID(b"a" * 32),)),
]


@pytest.mark.parametrize(
    ("form", "stored", "value"), [case[1:] for case in BOTH_WAYS], ids=[c[0] for c in BOTH_WAYS]
)
def test_a_column_is_read_and_written_back(form: Form, stored: SqlValue, value: Any) -> None:
    assert form.read(stored) == value
    assert form.write(value) == stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    block: BlockID
    layer: int


TABLE = Table(
    "rows", Row, ("bid", "block", forms.padded(BlockID)), ("layer", "layer", forms.UNSIGNED)
)
GOOD = b"b" * 20 + bytes(12)


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ((b"b" * 32, 1), "bid"),
        ((b"b" * 20, 1), "bid"),
        ((None, 1), "bid"),
        ((GOOD, b"1"), "layer"),
        ((GOOD, None), "layer"),
    ],
)
def test_a_value_of_another_form_is_told_by_its_column(
    values: tuple[SqlValue, ...], column: str
) -> None:
    with pytest.raises(StoreError, match=f"table rows, column {column}") as caught:
        TABLE.read(values)
    assert caught.value.code == "smesh.store.sqlite"


def test_a_row_is_read_and_written_back() -> None:
    row = TABLE.read((GOOD, 7))
    assert row == Row(block=BlockID(b"b" * 20), layer=7)
    assert TABLE.write(row) == (GOOD, 7)


@pytest.mark.parametrize("value", ["text", 5])
def test_a_blob_may_be_stored_as_text_but_not_as_a_number(value: SqlValue) -> None:
    if isinstance(value, str):
        assert forms.BLOB.read(value) == b"text"
    else:
        with pytest.raises(TypeError):
            forms.BLOB.read(value)
