"""The only module that writes to the terminal: results, errors, notes, events, progress.

Results go to stdout, everything else to stderr; with ``--json`` stdout holds one document,
or one line per event where a command streams.

    {"v": 1, "ok": true, "cmd": "wallet.read", "data": ..., "warnings": [], "meta": {...}}

Source: product digest 2.2, 2.3, 2.13.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, TextIO

from cli.errors import RETRYABLE, CheckFailedError, causes
from cli.formats import (
    Format,
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
from cli.records import Result, Table, members, plain
from node.base.errors import SpacemeshError, UsageError

if TYPE_CHECKING:
    from cli.progress import Display, Progress

ENVELOPE_VERSION: Final = 1
NANOSECONDS_PER_MILLISECOND: Final = 1_000_000


@dataclass(slots=True, kw_only=True)
class Meta:
    """What a document says about where its data come from; commands fill in what they know."""

    network: str | None = None
    genesis_id: bytes | None = None
    node: str | None = None
    """Endpoint that answered."""

    layer: int | None = None
    epoch: int | None = None
    synced: bool | None = None
    took_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How to print, from the options."""

    json: bool = False
    quiet: bool = False
    verbose: int = 0
    color: bool = True
    full: bool = False
    """Do not shorten identifiers in tables."""

    format: Format = Format.TABLE
    fields: tuple[str, ...] = ()
    get: str | None = None


@dataclass(slots=True, kw_only=True)
class Output:
    """Prints for one command."""

    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    style: Style = Style()
    streams: bool = False
    """The command prints JSON lines rather than one document."""

    monotonic: Callable[[], int] = time.monotonic_ns
    meta: Meta = field(default_factory=Meta)
    _warnings: list[dict[str, object]] = field(default_factory=list)

    def result(self, command: str, value: object) -> None:
        """Print what a command returned.

        Raises:
            UsageError: the chosen format or fields do not fit.
            NotFoundError: ``--get`` names nothing.
        """
        result = value if isinstance(value, Result) else Result(data=value)
        table = as_table(result)
        if self.style.json or self.style.get is not None:
            data = keep_fields(plain(result.data), table, self.style.fields)
            self._document({"ok": True, "cmd": command, "data": data}, "result")
        elif self.style.format is not Format.TABLE:
            self._write(self._formatted(result, table))
        elif isinstance(result.human, str):
            self._write(result.human)
        elif table is not None:
            self._table(choose_columns(table, self.style.fields))
        elif result.data is not None:
            self._record(result.data)

    def failure(self, command: str, error: SpacemeshError) -> None:
        """Print an error: a document on stdout with ``--json``, else lines on stderr."""
        report = error.report if isinstance(error, CheckFailedError) else None
        if self.style.json:
            document: dict[str, Any] = {"ok": False, "cmd": command}
            if report is not None:
                shown = report.data if isinstance(report, Result) else report
                document["data"] = plain(shown)
            self._document({**document, "error": describe(error)}, "error", select=False)
            return
        if report is not None:
            self.result(command, report)
        lines = [f"error: {error}", *(f"  because: {cause}" for cause in causes(error))]
        lines += [f"  try: {error.hint}"] if error.hint else []
        lines.append(f"  code: {error.code}")
        self._note("\n".join(lines))

    def warn(self, message: str, *, code: str, hint: str = "") -> None:
        """Tell something the user should know though the command goes on."""
        warning = SpacemeshError(message, code=code, hint=hint)
        self._warnings.append(describe(warning))
        if not self.style.json:
            self._note(f"warning: {message}" + (f"\n  try: {hint}" if hint else ""))

    def note(self, message: str) -> None:
        """Tell people what happens; silent with ``--quiet`` and ``--json``."""
        if not self.style.quiet and not self.style.json:
            self._note(message)

    def event(self, text: str, data: object) -> None:
        """Print one event of a stream: a JSON line, or its text for people."""
        if self.style.json:
            self._json({"v": ENVELOPE_VERSION, "type": "event", **plain(data)})
        else:
            self._write(text)

    def progress(self) -> "Progress":
        """Return a reporter of progress that fits the terminal; use it in ``with``."""
        from cli.progress import BarDisplay, JsonDisplay, LineDisplay, Progress, QuietDisplay

        display: Display
        if self.style.json:
            display = JsonDisplay(self._progress_line) if self.streams else QuietDisplay()
        elif self.style.quiet:
            display = QuietDisplay()
        elif self.stderr.isatty():
            display = BarDisplay(self.stderr)
        else:
            display = LineDisplay(self.stderr)
        return Progress(display, self.monotonic)

    def _formatted(self, result: Result, table: Table | None) -> str:
        if self.style.format is Format.YAML:
            return as_yaml(keep_fields(plain(result.data), table, self.style.fields))
        if table is None:
            raise UsageError(
                f"this command prints no list, so {self.style.format} does not fit",
                hint="use --json or --format yaml",
            )
        delimiter = "," if self.style.format is Format.CSV else "\t"
        return separated(choose_columns(table, self.style.fields), delimiter)

    def _document(self, content: dict[str, Any], kind: str, *, select: bool = True) -> None:
        document = {
            "v": ENVELOPE_VERSION,
            **({"type": kind} if self.streams else {}),
            **content,
            "warnings": self._warnings,
            "meta": {f.name: plain(getattr(self.meta, f.name)) for f in fields(self.meta)},
        }
        if select and self.style.get is not None:
            self._write(bare(get_path(document, self.style.get)))
        else:
            self._json(document)

    def _record(self, record: object) -> None:
        if isinstance(record, str | int | float | bytes):
            self._write(str(record) if not isinstance(record, bytes) else record.hex())
        else:
            values = dict(members(record))
            self._write(record_lines(keep_fields(values, None, self.style.fields)))

    def _table(self, table: Table) -> None:
        rows = cells(table, full=self.style.full)
        headings = list(table.columns.values())
        if self.stdout.isatty() and rows:
            self._boxed(table, headings, rows)
        else:
            if table.title:
                self._write(table.title)
            self._write(aligned([[h.upper() for h in headings], *rows]) if rows else "none")
        for line in table.notes:
            self._write(line)

    def _boxed(self, table: Table, headings: list[str], rows: list[list[str]]) -> None:
        from rich.console import Console
        from rich.table import Table as RichTable
        from rich.text import Text

        drawn = RichTable(title=table.title or None, title_justify="left")
        for heading in headings:
            drawn.add_column(heading, overflow="fold")
        for row in rows:
            drawn.add_row(*map(Text, row))
        console = Console(file=self.stdout, no_color=not self.style.color or None)
        console.print(drawn)

    def _progress_line(self, kind: str, data: dict[str, object]) -> None:
        self._json({"v": ENVELOPE_VERSION, "type": kind, **data})

    def _json(self, document: dict[str, Any]) -> None:
        self._write(json.dumps(document, ensure_ascii=False))

    def _write(self, text: str) -> None:
        self.stdout.write(text + "\n")
        self.stdout.flush()

    def _note(self, text: str) -> None:
        self.stderr.write(text + "\n")
        self.stderr.flush()


def describe(error: SpacemeshError) -> dict[str, object]:
    """Return an error as it stands in an envelope."""
    return {
        "code": error.code,
        "message": str(error),
        "hint": error.hint,
        "cause": causes(error),
        "retryable": isinstance(error, RETRYABLE),
    }


def wants_color(environment: Mapping[str, str], *, no_color: bool) -> bool:
    """Return whether colours may be used, by option and environment."""
    return not (no_color or environment.get("NO_COLOR") or environment.get("SMCLI_NO_COLOR"))
