"""Where records go, at which level, and what must not be in them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from node.base.errors import ConfigError
from node.runtime.logs import COMPONENTS, LoggedError, Logs, configure, redact
from node.types.ids import AtxID

NOW = 1_700_000_000_123_456_789


class Capture:
    """Configured logging with what it wrote."""

    def __init__(self, logs: Logs, stream: io.StringIO) -> None:
        self.logs = logs
        self._stream = stream

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def text(self) -> str:
        return self._stream.getvalue()


@pytest.fixture
def capture() -> Iterator[Capture]:
    stream = io.StringIO()
    with configure(encoder="json", stream=stream, now_ns=lambda: NOW) as logs:
        yield Capture(logs, stream)


def test_a_record_is_an_object_with_the_references_keys(capture: Capture) -> None:
    structlog.get_logger("hare").info("session_started", layer=7, peers=["a"])
    assert capture.lines() == [
        {
            "L": "INFO",
            "T": "2023-11-14T22:13:20.123Z",
            "N": "hare",
            "M": "session_started",
            "layer": 7,
            "peers": ["a"],
        }
    ]


def test_a_logger_without_name_is_the_apps(capture: Capture) -> None:
    structlog.get_logger().warning("node_started")
    assert capture.lines()[0]["N"] == "app"
    assert capture.lines()[0]["L"] == "WARN"


def test_each_component_has_a_level(capture: Capture) -> None:
    hare, mesh = structlog.get_logger("hare"), structlog.get_logger("mesh")
    hare.debug("too_much")
    capture.logs.set_level("hare", "debug")
    capture.logs.set_level("mesh", "error")
    hare.debug("wanted")
    mesh.warning("unwanted")
    assert [line["M"] for line in capture.lines()] == ["wanted"]
    assert capture.logs.level_of("hare") == "debug"
    assert capture.logs.level_of("mesh") == "error"
    assert capture.logs.level_of("vm") == "info"


def test_a_star_means_all_components(capture: Capture) -> None:
    capture.logs.set_level("*", "fatal")
    assert {capture.logs.level_of(component) for component in COMPONENTS} == {"dpanic"}


def test_an_unknown_component_or_level_is_refused(capture: Capture) -> None:
    with pytest.raises(ConfigError, match="cannot find logger cats"):
        capture.logs.set_level("cats", "debug")
    with pytest.raises(ConfigError, match='unrecognized level: "bogus"'):
        capture.logs.set_level("hare", "bogus")
    with pytest.raises(ConfigError, match="unknown log encoder 'xml'"):
        configure(encoder="xml", stream=io.StringIO(), now_ns=lambda: NOW)


def test_levels_can_be_given_at_the_start() -> None:
    stream = io.StringIO()
    levels = {"hare": "debug"}
    with configure(levels=levels, default_level="error", stream=stream, now_ns=lambda: NOW) as logs:
        assert (logs.level_of("hare"), logs.level_of("mesh")) == ("debug", "error")


def test_secrets_are_blotted_out_at_any_depth(capture: Capture) -> None:
    structlog.get_logger("app").info(
        "opened",
        password="hunter2",
        api_token="t",
        wallet={"Mnemonic": "abandon", "name": "mine"},
        keys=[{"private_key": b"k"}],
        passed="fine",
    )
    text = capture.text()
    for secret in ("hunter2", "abandon", '"t"', "6b"):
        assert secret not in text
    line = capture.lines()[0]
    assert line["wallet"] == {"Mnemonic": "[redacted]", "name": "mine"}
    assert line["keys"] == [{"private_key": "[redacted]"}]
    assert line["passed"] == "fine"


def test_the_redaction_processor_keeps_the_rest() -> None:
    record = redact(None, "info", {"event": "x", "seed": b"s", "layer": 1})
    assert record == {"event": "x", "seed": "[redacted]", "layer": 1}


def test_identifiers_are_short(capture: Capture) -> None:
    atx = AtxID(bytes(range(32)))
    structlog.get_logger("app").info("atx", atx=atx, many=(atx,), raw=b"\x01\x02", long=bytes(40))
    line = capture.lines()[0]
    assert line["atx"] == "0001020304"
    assert line["many"] == ["0001020304"]
    assert line["raw"] == "0102"
    assert line["long"] == "00" * 16 + "..."


def test_context_is_bound_to_all_records_of_a_task(capture: Capture) -> None:
    with structlog.contextvars.bound_contextvars(node="a"):
        structlog.get_logger("app").info("inside")
    structlog.get_logger("app").info("outside")
    assert [line.get("node") for line in capture.lines()] == ["a", None]


def test_errors_can_be_watched(capture: Capture) -> None:
    seen: list[LoggedError] = []
    log = structlog.get_logger("mesh")
    with capture.logs.watch_errors(seen.append):
        log.info("fine")
        log.error("broken", layer=1)
        try:
            int("inner")
        except ValueError:
            log.exception("failed")
    log.error("unseen")
    assert [(error.level, error.component, error.message) for error in seen] == [
        ("error", "mesh", "broken"),
        ("error", "mesh", "failed"),
    ]
    assert seen[0].stack_trace == ""
    assert "ValueError: invalid literal" in seen[1].stack_trace
    assert "ValueError: invalid literal" in capture.lines()[2]["exception"]


def test_libraries_log_through_the_same_stream(capture: Capture) -> None:
    logging.getLogger("some.library").warning("it is %s", "late")
    line = capture.lines()[0]
    assert (line["L"], line["N"], line["M"]) == ("WARN", "some.library", "it is late")


def test_the_console_is_for_people() -> None:
    stream = io.StringIO()
    with configure(stream=stream, now_ns=lambda: NOW):
        structlog.get_logger("app").info("node_started", version="1")
    text = stream.getvalue()
    assert "node_started" in text
    assert "version" in text
    assert "\x1b[" not in text


def test_closing_takes_everything_back() -> None:
    stream = io.StringIO()
    before = list(logging.getLogger().handlers)
    configure(stream=stream, now_ns=lambda: NOW).close()
    assert logging.getLogger().handlers == before
    assert not structlog.is_configured()
    logging.getLogger("some.library").warning("unheard")
    assert stream.getvalue() == ""


def test_the_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with configure(encoder="json", now_ns=lambda: NOW):
        structlog.get_logger("app").info("here")
    assert json.loads(capsys.readouterr().err)["M"] == "here"
