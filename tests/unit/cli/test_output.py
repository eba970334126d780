"""Documents, lines and tables."""

import io
import json
from dataclasses import dataclass
from typing import Any

import pytest

from cli.errors import CheckFailedError
from cli.formats import Format
from cli.output import Meta, Output, Style, wants_color
from cli.records import Identifier, Result, Smidge, Table
from node.base.errors import NotFoundError, UnavailableError, UsageError
from tests.support.cli import TerminalStream


@dataclass(frozen=True)
class Record:
    name: str
    balance: Smidge


def make_output(*, terminal: bool = False, streams: bool = False, **style: Any) -> Output:
    stream = TerminalStream if terminal else io.StringIO
    return Output(
        stdout=stream(), stderr=io.StringIO(), style=Style(**style), streams=streams, meta=Meta()
    )


def text_of(stream: object) -> str:
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def test_a_document_has_all_its_members() -> None:
    output = make_output(json=True)
    output.meta.network = "testnet"
    output.meta.genesis_id = b"\x01\x02"
    output.warn("careful", code="smesh.x", hint="do this")

    output.result("account.show", Record("a", Smidge(5)))

    assert json.loads(text_of(output.stdout)) == {
        "v": 1,
        "ok": True,
        "cmd": "account.show",
        "data": {"name": "a", "balance": "5"},
        "warnings": [
            {
                "code": "smesh.x",
                "message": "careful",
                "hint": "do this",
                "cause": [],
                "retryable": False,
            }
        ],
        "meta": {
            "network": "testnet",
            "genesis_id": "0102",
            "node": None,
            "layer": None,
            "epoch": None,
            "synced": None,
            "took_ms": 0,
        },
    }
    assert text_of(output.stderr) == ""


def test_streams_print_lines_with_types() -> None:
    output = make_output(json=True, streams=True)
    output.event("layer 5", {"layer": 5})
    with output.progress() as progress:
        progress.update("init", 1, 1, "labels")
    output.result("demo", {"done": True})

    lines = [json.loads(line) for line in text_of(output.stdout).splitlines()]
    assert [line["type"] for line in lines] == ["event", "progress", "result"]
    assert lines[0] == {"v": 1, "type": "event", "layer": 5}


def test_errors_tell_why_and_what_to_do() -> None:
    output = make_output()
    error = UnavailableError("node 127.0.0.1:9092 does not answer", hint="start it")
    error.__cause__ = ConnectionRefusedError("connection refused")

    output.failure("node.status", error)

    assert text_of(output.stderr) == (
        "error: node 127.0.0.1:9092 does not answer\n"
        "  because: connection refused\n"
        "  try: start it\n"
        "  code: smesh.unavailable\n"
    )
    assert text_of(output.stdout) == ""


def test_errors_as_documents() -> None:
    output = make_output(json=True, get="data.x")

    output.failure("node.status", UnavailableError("gone"))

    document = json.loads(text_of(output.stdout))
    assert (document["ok"], document["cmd"]) == (False, "node.status")
    assert document["error"]["code"] == "smesh.unavailable"
    assert document["error"]["retryable"] is True
    assert "data" not in document


def test_a_failed_check_shows_its_report() -> None:
    report = Record("a", Smidge(5))
    output = make_output(json=True)
    output.failure("db.audit", CheckFailedError("1 difference", report=Result(data=report)))
    assert json.loads(text_of(output.stdout))["data"] == {"name": "a", "balance": "5"}

    output = make_output()
    output.failure("db.audit", CheckFailedError("1 difference", report=report))
    assert text_of(output.stdout).startswith("name     a\n")
    assert text_of(output.stderr).startswith("error: 1 difference\n")


def test_warnings_and_notes_go_to_stderr() -> None:
    output = make_output()
    output.warn("careful", code="x", hint="do this")
    output.warn("again", code="x")
    output.note("hello")
    output.event("layer 5", {"layer": 5})
    assert text_of(output.stderr) == "warning: careful\n  try: do this\nwarning: again\nhello\n"
    assert text_of(output.stdout) == "layer 5\n"

    quiet = make_output(quiet=True)
    quiet.note("hello")
    assert text_of(quiet.stderr) == ""


def test_records_texts_and_nothing() -> None:
    output = make_output()
    output.result("x", Record("a", Smidge(10**9)))
    output.result("x", "text")
    output.result("x", 5)
    output.result("x", b"\xab")
    output.result("x", None)
    output.result("x", Result(data={"a": 1}, human="for people"))
    output.result("x", [])

    assert text_of(output.stdout) == (
        "name     a\nbalance  1 SMH (1000000000 smidge)\ntext\n5\nab\nfor people\nnone\n"
    )


def test_chosen_fields_of_a_record() -> None:
    output = make_output(fields=("balance",))
    output.result("x", Record("a", Smidge(10**9)))
    assert text_of(output.stdout) == "balance  1 SMH (1000000000 smidge)\n"


def test_plain_tables_where_no_terminal_is() -> None:
    table = Table(
        rows=[{"id": Identifier("a" * 30), "n": 1}],
        columns={"id": "smesher", "n": "slots"},
        title="Slots",
        notes=("end",),
    )
    output = make_output()
    output.result("x", Result(data=table.rows, human=table))
    full = make_output(full=True)
    full.result("x", Result(data=table.rows, human=table))

    assert text_of(output.stdout) == (
        "Slots\nSMESHER               SLOTS\naaaaaaaaaaaaa..aaaaa  1\nend\n"
    )
    assert "a" * 30 in text_of(full.stdout)


def test_boxed_tables_on_a_terminal() -> None:
    output = make_output(terminal=True, color=False)
    output.result("x", [Record("[bold]a", Smidge(5))])

    assert "[bold]a" in text_of(output.stdout)
    assert "┃" in text_of(output.stdout)
    assert "\x1b[3" not in text_of(output.stdout)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Format.CSV, "name,balance\na,5\n"),
        (Format.TSV, "name\tbalance\na\t5\n"),
        (Format.YAML, '- name: "a"\n  balance: "5"\n'),
    ],
)
def test_other_formats_of_lists(form: Format, text: str) -> None:
    output = make_output(format=form)
    output.result("x", [Record("a", Smidge(5))])
    assert text_of(output.stdout) == text


def test_a_record_is_no_list() -> None:
    with pytest.raises(UsageError, match="prints no list, so csv does not fit"):
        make_output(format=Format.CSV).result("x", Record("a", Smidge(5)))
    output = make_output(format=Format.YAML)
    output.result("x", Record("a", Smidge(5)))
    assert text_of(output.stdout) == 'name: "a"\nbalance: "5"\n'


def test_one_value() -> None:
    output = make_output(get="balance")
    output.result("x", Record("a", Smidge(5)))
    assert text_of(output.stdout) == "5\n"
    with pytest.raises(NotFoundError):
        make_output(get="nothing").result("x", Record("a", Smidge(5)))


def test_progress_fits_where_it_is_shown() -> None:
    def kind(**choices: Any) -> str:
        return type(make_output(**choices).progress().display).__name__

    terminal = make_output()
    terminal.stderr = TerminalStream()
    assert type(terminal.progress().display).__name__ == "BarDisplay"
    assert kind() == "LineDisplay"
    assert kind(quiet=True) == "QuietDisplay"
    assert kind(json=True) == "QuietDisplay"
    assert kind(json=True, streams=True) == "JsonDisplay"


def test_colours_can_be_refused() -> None:
    assert wants_color({}, no_color=False)
    assert not wants_color({}, no_color=True)
    assert not wants_color({"NO_COLOR": "1"}, no_color=False)
    assert not wants_color({"SMCLI_NO_COLOR": "1"}, no_color=False)
