"""Go durations and RFC 3339 instants as integers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.config.durations import (
    HOUR,
    MAX_DURATION,
    MINUTE,
    SECOND,
    Instant,
    Nanoseconds,
    format_duration,
    format_instant,
)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("+0", 0),
        ("0s", 0),
        ("5s", 5 * SECOND),
        ("1h30m", HOUR + 30 * MINUTE),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("1.s", SECOND),
        ("700ms", 700_000_000),
        ("3us", 3_000),
        ("3µs", 3_000),
        ("3μs", 3_000),
        ("-1.5h", -5400 * SECOND),
        ("0.0000000019s", 1),
        ("2562047h47m16.854775807s", MAX_DURATION),
    ],
)
def test_reads_durations_exactly(text: str, nanoseconds: int) -> None:
    assert Nanoseconds.parse(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "invalid duration"),
        ("-", "invalid duration"),
        (".s", "invalid duration"),
        ("s", "invalid duration"),
        ("1h-5m", "unknown unit"),
        ("5", "missing unit"),
        ("1d", "unknown unit"),
        ("5 s", "unknown unit"),
        ("2562047h47m16.854775808s", "is longer than 2562047h47m16.854775807s"),
    ],
)
def test_refuses_what_go_refuses(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Nanoseconds.parse(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (100_000_000, "100ms"),
        (5 * MINUTE, "5m0s"),
        (240 * HOUR, "240h0m0s"),
        (-1_500_000_000, "-1.5s"),
        (MAX_DURATION, "2562047h47m16.854775807s"),
    ],
)
def test_prints_durations_as_go_does(nanoseconds: int, text: str) -> None:
    assert str(Nanoseconds(nanoseconds)) == text
    assert format_duration(nanoseconds) == text


@given(st.integers(-MAX_DURATION, MAX_DURATION))
def test_a_printed_duration_reads_back(nanoseconds: int) -> None:
    assert Nanoseconds.parse(format_duration(nanoseconds)) == nanoseconds


def test_a_duration_has_seconds_and_a_telling_repr() -> None:
    assert Nanoseconds(1_500_000_000).seconds == 1.5
    assert repr(Nanoseconds(7)) == "Nanoseconds(7)"


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2023-07-14T08:00:00Z", 1_689_321_600 * SECOND),
        ("2023-07-14t10:00:00.5+02:00", 1_689_321_600 * SECOND + 500_000_000),
        ("2023-07-14T05:30:00.123456789123-02:30", 1_689_321_600 * SECOND + 123_456_789),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
    ],
)
def test_reads_instants(text: str, nanoseconds: int) -> None:
    assert Instant.parse(text) == nanoseconds


@pytest.mark.parametrize(
    "text", ["", "2023-07-14", "2023-07-14T08:00:00", "2023-02-30T00:00:00Z", "now"]
)
def test_refuses_other_instants(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|day"):
        Instant.parse(text)


def test_prints_instants_in_utc() -> None:
    assert str(Instant.parse("2023-07-14T10:00:00.25+02:00")) == "2023-07-14T08:00:00.25Z"
    assert format_instant(0) == "1970-01-01T00:00:00Z"
    assert repr(Instant(5)) == "Instant(5)"
    assert Instant(1_999_999_999).unix_seconds == 1


def test_takes_the_datetimes_of_toml_if_they_have_a_zone() -> None:
    moment = datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert Instant.of(moment) == 0
    assert Instant.of(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == SECOND + 5_000
    with pytest.raises(ValueError, match="no time zone"):
        Instant.of(moment.replace(tzinfo=None))
