"""The flags of postcli: parsed, explained and shown the way Go programs do it.

Source: post for Go, cmd/postcli; Go's ``flag`` package; digest post 16.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from node.base.errors import UsageError
from node.post.init_options import DEFAULT_BATCH_SIZE, DEFAULT_FILE_SIZE
from node.post.labels import MAINNET_SCRYPT_N

LABELS_PER_UNIT: Final = 1 << 32
"""Labels of one space unit on mainnet."""

MIN_UNITS: Final = 4
"""Smallest space on mainnet."""

MAX_UNITS: Final = 1 << 20
"""Largest space that postcli takes for mainnet's."""

K1: Final = 26
"""Expected number of good labels for one nonce on mainnet."""

K2: Final = 37
"""Good labels that a proof names on mainnet."""

POW_DIFFICULTY: Final = bytes.fromhex("000dfb23b0979b4b" + 48 * "0")
"""Difficulty of the proof of work for one unit on mainnet."""

LOG_LEVELS: Final = ("debug", "info", "warn", "error", "dpanic", "panic", "fatal")
"""What ``-logLevel`` takes, least important first."""

_MAX_UINT_64: Final = 2**64 - 1
_MAX_INT_64: Final = 2**63 - 1

Value: TypeAlias = bool | int | float | str


class FlagKind(Enum):
    """Type of a flag, with the word that the usage text has for it."""

    BOOL = ""
    FLOAT = "float"
    INT = "int"
    UINT = "uint"
    STRING = "string"
    LEVEL = "value"


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag."""

    name: str
    kind: FlagKind
    text: str
    default: Value = ""


def make_flags(data_directory: str) -> tuple[Flag, ...]:
    """Return all flags by name.

    Args:
        data_directory: the default of ``-datadir``.
    """
    level = f"log level ({', '.join(LOG_LEVELS)})"
    flags = (
        Flag("commitmentAtxId", FlagKind.STRING, "commitment atx id, in hex (required)"),
        Flag("datadir", FlagKind.STRING, "filesystem datadir path", data_directory),
        Flag(
            "fraction",
            FlagKind.FLOAT,
            "how much % of POS data to verify. Sane values are < 1.0",
            0.2,
        ),
        Flag("fromFile", FlagKind.INT, "index of the first file to init (inclusive)", 0),
        Flag(
            "genproof",
            FlagKind.BOOL,
            "generate proof as a sanity test, after initialization",
            default=False,
        ),
        Flag(
            "id",
            FlagKind.STRING,
            "miner's id (public key), in hex (will be auto-generated if not provided)",
        ),
        Flag("labelsPerUnit", FlagKind.UINT, "the number of labels per unit", LABELS_PER_UNIT),
        Flag("logLevel", FlagKind.LEVEL, level, "info"),
        Flag("maxFileSize", FlagKind.UINT, "max file size", DEFAULT_FILE_SIZE),
        Flag("numUnits", FlagKind.UINT, "number of units (required)", 0),
        Flag("printConfig", FlagKind.BOOL, "print the used config and options", default=False),
        Flag(
            "printNumFiles",
            FlagKind.BOOL,
            "print the total number of files that would be initialized",
            default=False,
        ),
        Flag("printProviders", FlagKind.BOOL, "print the list of compute providers", default=False),
        Flag("provider", FlagKind.UINT, "compute provider id (required)", 0),
        Flag(
            "reset",
            FlagKind.BOOL,
            "whether to reset the datadir before starting",
            default=False,
        ),
        Flag("scryptN", FlagKind.UINT, "scrypt N parameter", MAINNET_SCRYPT_N),
        Flag(
            "searchForNonce",
            FlagKind.BOOL,
            "search for VRF nonce in already initialized files",
            default=False,
        ),
        Flag(
            "toFile",
            FlagKind.INT,
            "index of the last file to init (inclusive). Will init to the end of declared space "
            "if not provided.",
            0,
        ),
        Flag("verify", FlagKind.BOOL, "verify initialized data", default=False),
        Flag("yes", FlagKind.BOOL, "confirm potentially dangerous actions", default=False),
    )
    return tuple(sorted(flags, key=lambda flag: flag.name))


@dataclass(slots=True)
class ParsedFlags:
    """The values of a command line, with defaults for what it does not name."""

    values: dict[str, Value]
    named: set[str] = field(default_factory=set)
    """Flags that are on the command line."""

    def text(self, name: str) -> str:
        """Return the value of a string flag."""
        return str(self.values[name])

    def number(self, name: str) -> int:
        """Return the value of a number flag."""
        return int(self.values[name])

    def is_set(self, name: str) -> bool:
        """Return the value of a switch."""
        return bool(self.values[name])

    @property
    def to_file(self) -> int | None:
        """The last file, if one is named."""
        return self.number("toFile") if "toFile" in self.named else None


def parse_flags(arguments: Sequence[str], flags: Sequence[Flag]) -> ParsedFlags:
    """Parse a command line the way Go does; what follows the flags is ignored there too.

    Raises:
        UsageError: a flag is not known, lacks its value or cannot have it.
    """
    known = {flag.name: flag for flag in flags}
    parsed = ParsedFlags({flag.name: flag.default for flag in flags})
    rest = list(arguments)
    while rest and len(rest[0]) > 1 and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, has_value, text = word.removeprefix("-").removeprefix("-").partition("=")
        if not name or name.startswith("-"):
            raise UsageError(f"bad flag syntax: {word}")
        flag = known.get(name)
        if flag is None:
            raise UsageError(f"flag provided but not defined: -{name}")
        if flag.kind is FlagKind.BOOL:
            text = text if has_value else "true"
        elif not has_value:
            if not rest:
                raise UsageError(f"flag needs an argument: -{name}")
            text = rest.pop(0)
        parsed.values[name] = _parse_value(flag, text)
        parsed.named.add(name)
    return parsed


def usage(flags: Sequence[Flag]) -> str:
    """Return the explanation of all flags."""
    lines = ["Usage of postcli:"]
    for flag in flags:
        lines.append(f"  -{flag.name} {flag.kind.value}".rstrip())
        shown = f'"{flag.default}"' if flag.kind is FlagKind.STRING else str(flag.default)
        default = f" (default {shown})" if flag.default else ""
        lines.append(f"    \t{flag.text}{default}")
    return "\n".join(lines) + "\n"


def show_config(parsed: ParsedFlags) -> str:
    """Return the configuration as a dump of the Go program's structures."""
    text = parsed.text("datadir")
    dump = "\n".join(
        f"  {start:08x}  {_hex_columns(POW_DIFFICULTY[start : start + 16])}"
        for start in range(0, len(POW_DIFFICULTY), 16)
    )
    to_file = parsed.to_file
    last = "(<nil>)" if to_file is None else f"({id(parsed):#x})({to_file})"
    return f"""(config.Config) {{
 MinNumUnits: (uint32) {MIN_UNITS},
 MaxNumUnits: (uint32) {MAX_UNITS},
 LabelsPerUnit: (uint64) {parsed.number("labelsPerUnit")},
 K1: (uint) {K1},
 K2: (uint) {K2},
 PowDifficulty: ([32]uint8) (len=32 cap=32) {{
{dump}
 }}
}}
(config.InitOpts) {{
 DataDir: (string) (len={len(text.encode())}) "{text}",
 NumUnits: (uint32) {parsed.number("numUnits") % 2**32},
 MaxFileSize: (uint64) {parsed.number("maxFileSize")},
 ProviderID: (*uint32)({id(parsed.values):#x})({parsed.number("provider") % 2**32}),
 Throttle: (bool) false,
 Scrypt: (config.ScryptParams) {{
  N: (uint) {parsed.number("scryptN")},
  R: (uint) 1,
  P: (uint) 1
 }},
 ComputeBatchSize: (uint64) {DEFAULT_BATCH_SIZE},
 FromFileIdx: (int) {parsed.number("fromFile")},
 ToFileIdx: (*int){last}
}}
"""


def _hex_columns(row: bytes) -> str:
    shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004
    return f"{row[:8].hex(' ')}  {row[8:].hex(' ')}  |{shown}|"


def _parse_value(flag: Flag, text: str) -> Value:
    match flag.kind:
        case FlagKind.STRING:
            return text
        case FlagKind.BOOL:
            if text in {"1", "t", "T", "true", "TRUE", "True"}:
                return True
            if text in {"0", "f", "F", "false", "FALSE", "False"}:
                return False
            raise UsageError(f'invalid boolean value "{text}" for -{flag.name}: parse error')
        case FlagKind.LEVEL:
            if text.lower() in LOG_LEVELS:
                return text.lower()
            raise UsageError(
                f'invalid value "{text}" for flag -{flag.name}: unrecognized level: "{text}"'
            )
        case FlagKind.FLOAT:
            try:
                return float(text)
            except ValueError:
                raise _bad_value(flag, text, "parse error") from None
        case FlagKind.INT | FlagKind.UINT:
            return _parse_number(flag, text)


def _parse_number(flag: Flag, text: str) -> int:
    signed = flag.kind is FlagKind.INT
    digits = text.removeprefix("-") if signed else text
    if signed and digits == text:
        digits = text.removeprefix("+")
    # Go takes an octal number with a bare leading zero, Python does not.
    if digits[:1] == "0" and digits[1:].isdecimal():
        digits = f"0o{digits[1:]}"
    try:
        # A second sign would be taken by Python alone.
        number = int(digits, 0) if digits[:1].isdecimal() else None
    except ValueError:
        number = None
    if number is None:
        raise _bad_value(flag, text, "parse error")
    number = -number if signed and text.startswith("-") else number
    if number > (_MAX_INT_64 if signed else _MAX_UINT_64) or number < -_MAX_INT_64 - 1:
        raise _bad_value(flag, text, "value out of range")
    return number


def _bad_value(flag: Flag, text: str, reason: str) -> UsageError:
    return UsageError(f'invalid value "{text}" for flag -{flag.name}: {reason}')
