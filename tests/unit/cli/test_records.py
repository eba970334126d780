"""Values as JSON and as people see them."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

from cli.records import Identifier, Smidge, format_smh, members, plain, shown
from node.config.durations import Nanoseconds
from node.types.ids import AtxID


class Color(Enum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    big_number: int
    amount: Smidge


def test_plain_values_are_what_json_has() -> None:
    assert plain(
        {
            "none": None,
            "flag": True,
            "text": Identifier("x"),
            "ratio": 0.5,
            "small": 7,
            "huge": 2**64 - 1,
            "negative": -(2**60),
            "coins": Smidge(5),
            "time": Nanoseconds(1_500_000_000),
            "id": AtxID(b"\xab" * 32),
            "file": Path("/x"),
            "color": Color.RED,
            "list": (1, [2]),
            "record": Inner(big_number=1, amount=Smidge(2)),
        }
    ) == {
        "none": None,
        "flag": True,
        "text": "x",
        "ratio": 0.5,
        "small": 7,
        "huge": "18446744073709551615",
        "negative": "-1152921504606846976",
        "coins": "5",
        "time": "1.5s",
        "id": "ab" * 32,
        "file": "/x",
        "color": "red",
        "list": [1, [2]],
        "record": {"big_number": 1, "amount": "2"},
    }


def test_a_set_has_no_form_because_it_has_no_order() -> None:
    with pytest.raises(TypeError, match="set has no JSON form"):
        plain({1})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        (False, "no"),
        (Color.RED, "red"),
        (b"\xab" * 32, "ab" * 32),
        (Identifier("a" * 30), "a" * 30),
        (Smidge(1_500_000_000), "1.5 SMH (1500000000 smidge)"),
        ([], "-"),
        ((1, True), "1, yes"),
        ({"a_b": 1}, "a b 1"),
        (Inner(big_number=1, amount=Smidge(0)), "big number 1, amount 0 SMH (0 smidge)"),
        (7, "7"),
    ],
)
def test_people_see_values_in_full(value: object, text: str) -> None:
    assert shown(value) == text


def test_tables_shorten_what_is_long() -> None:
    assert shown(b"\xab" * 32, full=False) == "ab" * 6 + "a..babab"
    assert shown(Identifier("de30fc9b81224" + "0" * 46 + "9bca6"), full=False) == (
        "de30fc9b81224..9bca6"
    )
    assert shown(b"\xab" * 10, full=False) == "ab" * 10
    assert shown(Smidge(1), full=False) == "0.000000001 SMH"


@pytest.mark.parametrize(
    ("smidge", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (1_500_000_000, "1.5"),
        (-2 * 10**9, "-2"),
        (10**18, "10" + "0" * 8),
    ],
)
def test_amounts_in_smh_are_exact(smidge: int, text: str) -> None:
    assert format_smh(smidge) == text


def test_members_of_other_things() -> None:
    assert members(5) == [("value", 5)]
    assert members({1: 2}) == [("1", 2)]
