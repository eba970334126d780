"""Logging: structlog over the standard library, one level for each component.

Components log ``structlog.get_logger("hare").info("session_started", layer=7)``: a
constant event name and data under keys.  The process entry configures once where records
go; simulations and tests leave it.  What identifies a node in a process with several is
bound as context.

Keys that name secrets are blotted out, identifiers are shortened, whatever the renderer.

Source: go-spacemesh, log; node digest section 3 (logging), style digest section 4.11.
"""

import json
import logging
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from node.base.errors import ConfigError

ROOT: Final = "spacemesh"
"""Parent of all components among the standard library's loggers."""

COMPONENTS: Final = (
    "app",
    "clock",
    "p2p",
    "post",
    "postService",
    "stateDb",
    "beacon",
    "cachedDb",
    "poetDb",
    "trtl",
    "atxHandler",
    "atxBuilder",
    "mesh",
    "sync",
    "hareOracle",
    "hare",
    "blockCert",
    "blockGenerator",
    "blockHandler",
    "txHandler",
    "proposalStore",
    "proposalBuilder",
    "proposalListener",
    "nipostBuilder",
    "nipostValidator",
    "fetcher",
    "timesync",
    "vm",
    "grpc",
    "conState",
    "executor",
    "malfeasance",
    "bootstrap",
    "poet",
    "web",
)
"""Names with a level of their own; all but the last two are the reference's."""

LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "dpanic": logging.CRITICAL,
    "panic": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}
"""The reference's names of levels."""

ALL_COMPONENTS: Final = "*"

SECRET_WORDS: Final = ("password", "passphrase", "mnemonic", "seed", "secret", "private", "token")
"""A key that contains one of these is never shown."""
BLOT: Final = "[redacted]"
SHORT_BYTES: Final = 16
"""Longer bytes are cut in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedError:
    """A record of level error or above, for those who watch errors."""

    level: str
    component: str
    message: str
    stack_trace: str


class Logs:
    """The process's logging; made by ``configure``.

    Levels can change at run time, and errors can be watched.
    """

    def __init__(self, handler: logging.Handler) -> None:
        self._handler = handler
        self._watchers: list[Callable[[LoggedError], None]] = []

    def set_level(self, component: str, level: str) -> None:
        """Change the level of a component, or of all with ``*``.

        Raises:
            ConfigError: there is no such component or level.
        """
        number = parse_level(level)
        if component == ALL_COMPONENTS:
            for name in COMPONENTS:
                _logger(name).setLevel(number)
        elif component in COMPONENTS:
            _logger(component).setLevel(number)
        else:
            raise ConfigError(f"cannot find logger {component}", path=f"logging.{component}")

    def level_of(self, component: str) -> str:
        """Return the name of a component's level."""
        number = _logger(component).getEffectiveLevel()
        return next((name for name, value in LEVELS.items() if value >= number), "fatal")

    @contextmanager
    def watch_errors(self, watcher: Callable[[LoggedError], None]) -> Generator[None, None, None]:
        """Call ``watcher`` with every error for the length of the block; it must not fail."""
        self._watchers.append(watcher)
        try:
            yield
        finally:
            self._watchers.remove(watcher)

    def close(self) -> None:
        """Undo ``configure``."""
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()
        structlog.reset_defaults()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def tell_watchers(self, _logger: WrappedLogger, method: str, record: EventDict) -> EventDict:
        """Processor: hand errors on."""
        if LEVELS.get(_level_name(method), logging.INFO) >= logging.ERROR:
            error = LoggedError(
                level=_level_name(method),
                component=str(record.get("component", "")),
                message=str(record.get("event", "")),
                stack_trace=str(record.get("exception", "")),
            )
            for watcher in tuple(self._watchers):
                watcher(error)
        return record


def configure(
    *,
    encoder: str = "console",
    levels: Mapping[str, str] | None = None,
    default_level: str = "info",
    stream: TextIO | None = None,
    now_ns: Callable[[], int],
) -> Logs:
    """Send the records of this process to a stream.

    Args:
        encoder: ``console`` for people, ``json`` for programs, one object a line with the
            reference's keys L, T, N and M.
        levels: component to level.
        default_level: of the components not in ``levels``.
        stream: where to; the standard error output by default.
        now_ns: the instant to stamp records with, nanoseconds since the Unix epoch.

    Raises:
        ConfigError: no such encoder, component or level.
    """
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    logs = Logs(handler)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.format_exc_info,
        _Stamp(now_ns),
        redact,
        shorten,
        logs.tell_watchers,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(encoder, colors=target.isatty()),
            ],
            foreign_pre_chain=[_name_foreign, *shared],
        )
    )
    for component in COMPONENTS:
        _logger(component).setLevel(parse_level(default_level))
    for component, level in (levels or {}).items():
        logs.set_level(component, level)
    root = logging.getLogger()
    root.addHandler(handler)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            _name_component,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=_make_logger,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return logs


def parse_level(level: str) -> int:
    """Return the standard library's number of a level.

    Raises:
        ConfigError: there is no such level.
    """
    number = LEVELS.get(level.lower())
    if number is None:
        raise ConfigError(
            f'parse level: unrecognized level: "{level}"',
            path="logging",
            hint=f"one of {', '.join(LEVELS)}",
        )
    return number


def redact(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
    """Processor: blot out what stands under a key that names a secret, at any depth."""
    return {key: _redacted(key, value) for key, value in record.items()}


def shorten(_logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
    """Processor: write identifiers in short form, and other bytes as short hexadecimal."""
    return {key: _shortened(value) for key, value in record.items()}


class _Stamp:
    """Processor: the instant of the record, RFC 3339 with milliseconds."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns

    def __call__(self, _logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
        seconds, nanoseconds = divmod(self._now_ns(), 10**9)
        instant = datetime.fromtimestamp(seconds, UTC)
        record["timestamp"] = f"{instant:%Y-%m-%dT%H:%M:%S}.{nanoseconds // 10**6:03}Z"
        return record


def _redacted(key: str, value: Any) -> Any:
    if any(word in key.lower() for word in SECRET_WORDS):
        return BLOT
    if isinstance(value, Mapping):
        return {name: _redacted(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", inner) for inner in value]
    return value


def _shortened(value: Any) -> Any:
    if isinstance(value, bytes):
        if type(value).__str__ is not bytes.__str__:
            return str(value)
        cut = "" if len(value) <= SHORT_BYTES else "..."
        return value[:SHORT_BYTES].hex() + cut
    if isinstance(value, list | tuple):
        return [_shortened(inner) for inner in value]
    return value


def _logger(component: str) -> logging.Logger:
    return logging.getLogger(f"{ROOT}.{component}")


def _make_logger(*names: Any) -> logging.Logger:
    """Return the logger behind ``structlog.get_logger(name)``; without a name, the app's."""
    return _logger(str(names[0]) if names else "app")


def _name_component(logger: WrappedLogger, method: str, record: EventDict) -> EventDict:
    record["component"] = logger.name.removeprefix(f"{ROOT}.")
    record["level"] = _level_name(method)
    return record


def _name_foreign(_logger: WrappedLogger, method: str, record: EventDict) -> EventDict:
    """Processor: name the library that logged through the standard library itself."""
    record["component"] = record["_record"].name
    record["level"] = _level_name(method)
    return record


def _level_name(method: str) -> str:
    return {"warning": "warn", "exception": "error", "critical": "fatal"}.get(method, method)


def _renderer(encoder: str, *, colors: bool) -> Processor:
    match encoder:
        case "console":
            return structlog.dev.ConsoleRenderer(
                colors=colors,
                exception_formatter=structlog.dev.plain_traceback,
                sort_keys=False,
            )
        case "json":
            return _render_json
        case _:
            raise ConfigError(
                f"unknown log encoder {encoder!r}",
                path="logging.log-encoder",
                hint="console or json",
            )


def _render_json(_logger: WrappedLogger, _method: str, record: EventDict) -> str:
    head = {
        "L": str(record.pop("level", "")).upper(),
        "T": record.pop("timestamp", ""),
        "N": record.pop("component", ""),
        "M": record.pop("event", ""),
    }
    return json.dumps({**head, **record}, default=str)
