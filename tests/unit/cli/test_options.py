"""Options over each other, and reading what people type."""

from pathlib import Path

import pytest

from cli.options import Options, parse_amount, parse_bytes, parse_size
from node.base.errors import UsageError

SU = 64 << 30


@pytest.mark.parametrize(
    ("text", "smidge"),
    [
        ("1.5SMH", 1_500_000_000),
        ("1.5 smh", 1_500_000_000),
        ("1.5", 1_500_000_000),
        ("2", 2_000_000_000),
        (".5", 500_000_000),
        ("0.000000001", 1),
        ("1_000smidge", 1000),
        ("1500000000smidge", 1_500_000_000),
        ("18446744073709551615smidge", 2**64 - 1),
    ],
)
def test_amounts(text: str, smidge: int) -> None:
    assert parse_amount(text) == smidge


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no amount"),
        ("-1", "no amount"),
        ("1e5", "no amount"),
        ("five", "no amount"),
        ("1.5smidge", "finer than a smidge"),
        ("0.0000000001", "finer than a smidge"),
        ("18446744074", "more than there can be"),
        ("1BTC", "no unit of coins"),
    ],
)
def test_what_is_no_amount(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_amount(text)


def test_scripts_must_say_which_unit_they_mean() -> None:
    with pytest.raises(UsageError, match="no unit, which a script must give"):
        parse_amount("5", for_script=True)
    assert parse_amount("5", unit="smidge", for_script=True) == 5
    assert parse_amount("5SMH", for_script=True) == 5 * 10**9
    assert parse_amount("5.0", for_script=True) == 5 * 10**9


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4SU", 4 * SU),
        ("256GiB", 4 * SU),
        ("1.5TiB", 3 << 39),
        ("1GB", 10**9),
        ("512", 512),
        ("512b", 512),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text, unit_bytes=SU) == size


@pytest.mark.parametrize("text", ["", "4XB", "1.5B", "-1GiB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text, unit_bytes=SU)


def test_identifiers_in_hexadecimal_and_base64() -> None:
    assert parse_bytes("0xABcd", 2, "id") == b"\xab\xcd"
    assert parse_bytes(" abcd ", 2, "id") == b"\xab\xcd"
    assert parse_bytes("q80=", 2, "id") == b"\xab\xcd"
    for text in ("ab", "xyz", "q80", ""):
        with pytest.raises(UsageError, match="no id") as caught:
            parse_bytes(text, 2, "id")
        assert caught.value.hint == "4 hexadecimal digits, or 2 bytes in base64"


def test_stronger_options_fill_their_gaps_from_weaker_ones() -> None:
    leaf = Options.take({"json_": True, "quiet": False, "verbose": 0, "node": None, "timeout": 5.0})
    root = Options.take({"json_": False, "quiet": True, "verbose": 2, "node": ["a:1"]})

    merged = leaf.over(root)

    assert (merged.json, merged.quiet, merged.verbose, merged.node, merged.timeout) == (
        True,
        True,
        2,
        ("a:1",),
        5.0,
    )


def test_variables_are_options() -> None:
    options = Options.of_environment(
        {
            "SMCLI_JSON": "1",
            "SMCLI_QUIET": "no",
            "SMCLI_YES": "Yes",
            "SMCLI_TIMEOUT": "2.5",
            "SMCLI_CONFIG": "/c.toml",
            "SMCLI_PROFILE": "p",
            "SMCLI_NETWORK": "testnet",
            "SMCLI_NODE": "a:1, b:2,",
            "SMCLI_NODE_PRIVATE": "c:3",
        }
    )

    assert options == Options(
        json=True,
        quiet=False,
        yes=True,
        timeout=2.5,
        config=Path("/c.toml"),
        profile="p",
        network="testnet",
        node=("a:1", "b:2"),
        private="c:3",
    )
    assert Options.of_environment({"SMCLI_TIMEOUT": ""}) == Options()
    with pytest.raises(UsageError, match="SMCLI_TIMEOUT is 'soon'"):
        Options.of_environment({"SMCLI_TIMEOUT": "soon"})
