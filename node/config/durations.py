"""Durations and instants of configuration files, as integer nanoseconds.

Durations are written as in Go, ``1h30m`` or ``1.5s``; instants as RFC 3339.  Arithmetic is
exact: no value passes through a float.

Source: Go, time.ParseDuration, Duration.String, time.RFC3339; node-config digest section 1.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Self

MICROSECOND: Final = 1_000
"""Nanoseconds in a microsecond."""
MILLISECOND: Final = 1_000_000
"""Nanoseconds in a millisecond."""
SECOND: Final = 1_000_000_000
"""Nanoseconds in a second."""
MINUTE: Final = 60 * SECOND
"""Nanoseconds in a minute."""
HOUR: Final = 60 * MINUTE
"""Nanoseconds in an hour."""

MAX_DURATION: Final = (1 << 63) - 1
"""Longest duration Go can hold, some 292 years; stands for "never"."""

_UNITS: Final = {
    "ns": 1,
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "μs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_PART: Final = re.compile(r"([0-9]*)(\.[0-9]*)?([^0-9.]*)")
_INSTANT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)"
)
_NANOSECOND_DIGITS: Final = 9


class Nanoseconds(int):
    """A length of time in nanoseconds; prints as Go prints a duration."""

    __slots__ = ()

    def __str__(self) -> str:
        return format_duration(int(self))

    def __repr__(self) -> str:
        return f"Nanoseconds({int(self)})"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``1h30m``, ``500ms``, ``-1.5s`` or ``0``.

        Raises:
            ValueError: no duration, or more than 292 years.
        """
        sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
        if rest == "0":
            return cls(0)
        if not rest:
            raise ValueError(f'invalid duration "{text}"')
        total = 0
        position = 0
        while position < len(rest):
            part = _PART.match(rest, position)
            if part is None or not any(c.isdigit() for c in part.group(1) + (part.group(2) or "")):
                raise ValueError(f'invalid duration "{text}"')
            whole, fraction, unit = part.groups()
            if not unit:
                raise ValueError(f'missing unit in duration "{text}"')
            if unit not in _UNITS:
                raise ValueError(f'unknown unit "{unit}" in duration "{text}"')
            digits = (fraction or ".")[1:]
            total += int(whole or "0") * _UNITS[unit]
            total += int(digits or "0") * _UNITS[unit] // 10 ** len(digits)
            position = part.end()
        if total > MAX_DURATION:
            raise ValueError(f'duration "{text}" is longer than {format_duration(MAX_DURATION)}')
        return cls(sign * total)

    @property
    def seconds(self) -> float:
        """The same length in seconds, for time limits of the event loop."""
        return int(self) / SECOND


class Instant(int):
    """A point in time: nanoseconds since the Unix epoch; prints as RFC 3339 in UTC."""

    __slots__ = ()

    def __str__(self) -> str:
        return format_instant(int(self))

    def __repr__(self) -> str:
        return f"Instant({int(self)})"

    @property
    def unix_seconds(self) -> int:
        """Whole seconds since the Unix epoch, the part of a second dropped."""
        return int(self) // SECOND

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read RFC 3339, such as ``2023-07-14T08:00:00Z``.

        Raises:
            ValueError: another form, no zone, or a day that does not exist.
        """
        match = _INSTANT.fullmatch(text)
        if match is None:
            raise ValueError(f'"{text}" is no RFC 3339 time such as 2023-07-14T08:00:00Z')
        *fields, fraction, zone = match.groups()
        year, month, day, hour, minute, second = map(int, fields)
        moment = datetime(year, month, day, hour, minute, second, tzinfo=_zone(zone))
        digits = (fraction or "")[:_NANOSECOND_DIGITS].ljust(_NANOSECOND_DIGITS, "0")
        return cls(_whole_seconds(moment) * SECOND + int(digits))

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """Return the instant of a datetime that knows its zone.

        Raises:
            ValueError: ``moment`` has no zone.
        """
        if moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} has no time zone; append Z for UTC")
        return cls(_whole_seconds(moment) * SECOND + moment.microsecond * MICROSECOND)


def format_duration(nanoseconds: int) -> str:
    """Return a duration as Go prints it: ``5m0s``, ``1.5s``, ``100ms``, ``0s``."""
    if nanoseconds == 0:
        return "0s"
    sign = "-" if nanoseconds < 0 else ""
    size = abs(nanoseconds)
    for unit, length in (("ns", 1), ("µs", MICROSECOND), ("ms", MILLISECOND)):
        if size < length * 1000:
            return f"{sign}{_decimal(size, length)}{unit}"
    hours, rest = divmod(size, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    text = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{text}{_decimal(rest, SECOND)}s"


def format_instant(nanoseconds: int) -> str:
    """Return an instant as RFC 3339 in UTC, with the part of a second only if there is one."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + digits + "Z"


def _decimal(size: int, unit: int) -> str:
    whole, rest = divmod(size, unit)
    if not rest:
        return str(whole)
    width = len(str(unit)) - 1
    return f"{whole}." + f"{rest:0{width}d}".rstrip("0")


def _zone(text: str) -> timezone:
    if text in {"Z", "z"}:
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _whole_seconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400 + since.seconds
