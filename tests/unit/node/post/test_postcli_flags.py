"""Flags the way Go reads and explains them."""

import pytest

from node.base.errors import UsageError
from node.post.postcli_flags import Value, make_flags, parse_flags, show_config, usage

FLAGS = make_flags("/home/user/post/data")


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["-numUnits", "4"], "numUnits", 4),
        (["--numUnits=0x10"], "numUnits", 16),
        (["-numUnits", "010"], "numUnits", 8),
        (["-numUnits", "1_000"], "numUnits", 1000),
        (["-fromFile", "-3"], "fromFile", -3),
        (["-fromFile=+3"], "fromFile", 3),
        (["-fraction", "1.5"], "fraction", 1.5),
        (["-yes"], "yes", True),
        (["-yes=F"], "yes", False),
        (["-yes=1"], "yes", True),
        (["-id", "-x"], "id", "-x"),
        (["-logLevel", "WARN"], "logLevel", "warn"),
        (["-numUnits", "1", "-numUnits", "2"], "numUnits", 2),
        (["--", "-numUnits", "2"], "numUnits", 0),
        (["word", "-numUnits", "2"], "numUnits", 0),
        (["-", "-numUnits", "2"], "numUnits", 0),
    ],
    ids=str,
)
def test_values_are_read_as_go_reads_them(arguments: list[str], name: str, value: Value) -> None:
    parsed = parse_flags(arguments, FLAGS)

    assert parsed.values[name] == value
    assert type(parsed.values[name]) is type(value)


def test_named_flags_are_known_from_defaults() -> None:
    parsed = parse_flags(["-toFile", "0", "-maxFileSize", "5"], FLAGS)

    assert parsed.named == {"toFile", "maxFileSize"}
    assert parsed.to_file == 0
    assert parse_flags([], FLAGS).to_file is None
    assert parsed.text("datadir") == "/home/user/post/data"
    assert not parsed.is_set("reset")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-nosuchflag"], "flag provided but not defined: -nosuchflag"),
        (["--=3"], "bad flag syntax: --=3"),
        (["---yes"], "bad flag syntax: ---yes"),
        (["-numUnits"], "flag needs an argument: -numUnits"),
        (["-numUnits", "x"], 'invalid value "x" for flag -numUnits: parse error'),
        (["-numUnits", "-1"], 'invalid value "-1" for flag -numUnits: parse error'),
        (["-numUnits", "+1"], 'invalid value "+1" for flag -numUnits: parse error'),
        (["-numUnits", "08"], 'invalid value "08" for flag -numUnits: parse error'),
        (["-fromFile", "--1"], 'invalid value "--1" for flag -fromFile: parse error'),
        (["-numUnits", str(2**64)], f'"{2**64}" for flag -numUnits: value out of range'),
        (["-fromFile", str(2**63)], "for flag -fromFile: value out of range"),
        (["-fraction", "much"], 'invalid value "much" for flag -fraction: parse error'),
        (["-yes=maybe"], 'invalid boolean value "maybe" for -yes: parse error'),
        (["-logLevel", "loud"], 'for flag -logLevel: unrecognized level: "loud"'),
    ],
    ids=str,
)
def test_flags_that_cannot_be_used_are_refused(arguments: list[str], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_flags(arguments, FLAGS)
    assert text in str(caught.value)


def test_every_flag_is_explained() -> None:
    text = usage(FLAGS)

    assert text.startswith("Usage of postcli:\n  -commitmentAtxId string\n")
    assert (
        '  -datadir string\n    \tfilesystem datadir path (default "/home/user/post/data")\n'
        in text
    )
    assert "  -yes\n    \tconfirm potentially dangerous actions\n" in text
    assert text.count("\n  -") == len(FLAGS)


def test_a_last_file_is_shown_with_its_value() -> None:
    assert "ToFileIdx: (*int)(<nil>)" in show_config(parse_flags([], FLAGS))
    assert ")(7)\n}" in show_config(parse_flags(["-toFile", "7"], FLAGS))
