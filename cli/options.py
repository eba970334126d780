"""Options every command has, reusable parameter types, and reading what people type.

Source: product digest 2.2 and 2.7.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeAlias

import typer

from cli.formats import Format
from cli.records import SMH_DECIMALS, SMIDGE_PER_SMH, Smidge
from node.base.errors import UsageError

if TYPE_CHECKING:
    from decimal import Decimal

MAX_U64: Final = (1 << 64) - 1

BINARY_UNITS: Final = {"B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
DECIMAL_UNITS: Final = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}

_QUANTITY: Final = re.compile(r"\s*([0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)\s*([A-Za-z]*)\s*")
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_HEX: Final = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2})+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Values of the common options; None or empty: not given."""

    json: bool | None = None
    quiet: bool | None = None
    verbose: int | None = None
    no_color: bool | None = None
    config: Path | None = None
    profile: str | None = None
    node: tuple[str, ...] | None = None
    private: str | None = None
    network: str | None = None
    timeout: float | None = None
    get: str | None = None
    yes: bool | None = None
    dry_run: bool | None = None
    format: Format | None = None
    fields: str | None = None
    full: bool | None = None
    password_stdin: bool | None = None
    password_file: Path | None = None
    password_fd: int | None = None

    @classmethod
    def take(cls, values: Mapping[str, Any]) -> Self:
        """Return the options that a command's common parameters hold."""
        names = {parameter: name for name, parameter in PARAMETER_NAMES.items()}
        taken = {names.get(parameter, parameter): value for parameter, value in values.items()}
        taken["node"] = tuple(taken.get("node") or ()) or None
        taken["verbose"] = taken.get("verbose") or None
        return cls(**{name: value for name, value in taken.items() if value is not False})

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the options that variables set.

        Raises:
            UsageError: ``SMCLI_TIMEOUT`` is no number.
        """
        texts = {key: value for key, value in environment.items() if value}

        def flag(name: str) -> bool | None:
            return texts[name].lower() in _TRUE if name in texts else None

        nodes = tuple(one.strip() for one in texts.get("SMCLI_NODE", "").split(",") if one.strip())
        return cls(
            json=flag("SMCLI_JSON"),
            quiet=flag("SMCLI_QUIET"),
            yes=flag("SMCLI_YES"),
            timeout=_seconds(texts["SMCLI_TIMEOUT"]) if "SMCLI_TIMEOUT" in texts else None,
            config=Path(texts["SMCLI_CONFIG"]) if "SMCLI_CONFIG" in texts else None,
            profile=texts.get("SMCLI_PROFILE"),
            network=texts.get("SMCLI_NETWORK"),
            node=nodes or None,
            private=texts.get("SMCLI_NODE_PRIVATE"),
        )

    def over(self, weaker: Self) -> Self:
        """Return these options with the gaps filled from weaker ones."""
        return type(self)(
            **{
                field.name: getattr(self if _has(self, field.name) else weaker, field.name)
                for field in fields(self)
            }
        )


PARAMETER_NAMES: Final = {"json": "json_", "format": "format_"}
"""Names of parameters that would hide a builtin or a module."""

COMMON: Final[dict[str, tuple[Any, Any]]] = {
    "json_": (
        Annotated[bool, typer.Option("--json", "-j", help="Print one JSON document.")],
        False,
    ),
    "quiet": (Annotated[bool, typer.Option("--quiet", "-q", help="Results only.")], False),
    "verbose": (
        Annotated[int, typer.Option("--verbose", "-v", count=True, help="Tell more; twice: all.")],
        0,
    ),
    "no_color": (Annotated[bool, typer.Option("--no-color", help="No colours.")], False),
    "config": (
        Annotated[Path | None, typer.Option(help="Configuration of the node: TOML or Go JSON.")],
        None,
    ),
    "profile": (
        Annotated[str | None, typer.Option(metavar="NAME", help="Profile of the user's file.")],
        None,
    ),
    "node": (
        Annotated[
            list[str] | None,
            typer.Option(
                metavar="HOST:PORT", help="Public API; repeat for others to fall back on."
            ),
        ],
        None,
    ),
    "private": (
        Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Private API.")],
        None,
    ),
    "network": (
        Annotated[str | None, typer.Option(metavar="NAME", help="Network, such as mainnet.")],
        None,
    ),
    "timeout": (
        Annotated[float | None, typer.Option(metavar="SECONDS", min=0, help="Give up after.")],
        None,
    ),
    "get": (
        Annotated[
            str | None,
            typer.Option(metavar="PATH", help="Print one value of the JSON, such as data.address."),
        ],
        None,
    ),
}
"""Parameters of every command: name to annotation and default."""

CHANGES: Final[dict[str, tuple[Any, Any]]] = {
    "yes": (Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")], False),
    "dry_run": (
        Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, do nothing.")],
        False,
    ),
}
"""Parameters of commands that change something."""

LISTS: Final[dict[str, tuple[Any, Any]]] = {
    "format_": (
        Annotated[Format | None, typer.Option("--format", help="Form of the list.")],
        None,
    ),
    "fields": (
        Annotated[str | None, typer.Option(metavar="A,B", help="Only these fields.")],
        None,
    ),
    "full": (Annotated[bool, typer.Option("--full", "-f", help="Do not shorten.")], False),
}
"""Parameters of commands that print a list."""

UNLOCKS: Final[dict[str, tuple[Any, Any]]] = {
    "password_stdin": (
        Annotated[bool, typer.Option("--password-stdin", help="Password: a line of stdin.")],
        False,
    ),
    "password_file": (
        Annotated[Path | None, typer.Option(help="Password: first line of a file with mode 0600.")],
        None,
    ),
    "password_fd": (
        Annotated[int | None, typer.Option(help="Password: a line from a file descriptor.")],
        None,
    ),
}
"""Parameters of commands that open a wallet."""

WalletFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--wallet", metavar="FILE", envvar="SMCLI_WALLET", show_envvar=False, help="Wallet file."
    ),
]
"""The wallet a command works on; without it the only one there is."""

Prefix: TypeAlias = Annotated[
    str | None,
    typer.Option("--hrp", metavar="PREFIX", help="Prefix of addresses; the network's without it."),
]
"""Prefix of addresses as text."""


def parse_amount(text: str, *, unit: str = "", for_script: bool = False) -> Smidge:
    """Read an amount: ``1.5SMH``, ``1.5`` or ``1500000000smidge``.

    Args:
        text: as typed.
        unit: what a number without unit means; empty: SMH.
        for_script: refuse a whole number without unit, which is a mistake waiting to happen.

    Raises:
        UsageError: no amount, finer than a smidge, or too large.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no amount", hint="write 1.5SMH or 1500000000smidge")
    digits, written = match.groups()
    chosen = (written or unit or "SMH").lower()
    if for_script and not written and not unit and "." not in digits:
        raise UsageError(
            f"{text!r} has no unit, which a script must give",
            hint=f"write {text}SMH or {text}smidge",
        )
    if chosen not in {"smh", "smidge"}:
        raise UsageError(f"{written!r} is no unit of coins", hint="units are SMH and smidge")
    value = _decimal(digits) * (SMIDGE_PER_SMH if chosen == "smh" else 1)
    if value != value.to_integral_value():
        raise UsageError(
            f"{text!r} is finer than a smidge",
            hint=f"SMH have at most {SMH_DECIMALS} decimals, smidge none",
        )
    if value > MAX_U64:
        raise UsageError(f"{text!r} is more than there can be")
    return Smidge(int(value))


def parse_size(text: str, *, unit_bytes: int) -> int:
    """Read a size in bytes: ``4SU``, ``256GiB``, ``1TB`` or a number of bytes.

    Args:
        text: as typed.
        unit_bytes: bytes in a space unit of the network.

    Raises:
        UsageError: no size, or no whole number of bytes.
    """
    units = BINARY_UNITS | DECIMAL_UNITS | {"SU": unit_bytes}
    match = _QUANTITY.fullmatch(text)
    if match is None or (match.group(2) or "B").upper() not in units:
        raise UsageError(f"{text!r} is no size", hint="write 4SU, 256GiB or 1TiB")
    value = _decimal(match.group(1)) * units[(match.group(2) or "B").upper()]
    if value != value.to_integral_value():
        raise UsageError(f"{text!r} is no whole number of bytes")
    return int(value)


def parse_bytes(text: str, size: int, what: str) -> bytes:
    """Read an identifier or key: hexadecimal with or without 0x, or base64.

    Raises:
        UsageError: neither, or of another length.
    """
    stripped = text.strip()
    found = _HEX.fullmatch(stripped)
    if found is not None and len(found.group(1)) == 2 * size:
        return bytes.fromhex(found.group(1))
    try:
        decoded = base64.b64decode(stripped, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) == size:
        return decoded
    raise UsageError(
        f"{text!r} is no {what}", hint=f"{2 * size} hexadecimal digits, or {size} bytes in base64"
    )


def _decimal(digits: str) -> "Decimal":
    from decimal import Decimal

    return Decimal(digits.replace("_", ""))


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"SMCLI_TIMEOUT is {text!r}, not a number of seconds") from None


def _has(options: Options, name: str) -> bool:
    return getattr(options, name) is not None
