"""What every leaf command shares: common options, one printer, errors to exit codes.

A command is a function from the context and its own arguments to a record; the decorator
adds the options, prints the record and maps errors, so that no command prints or catches.
"""

import inspect
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NoReturn, TypeVar

import typer
from typer.core import TyperCommand

from cli.context import Context
from cli.errors import (
    CheckFailedError,
    InterruptError,
    TimedOutError,
    exit_code,
    first_expected,
)
from cli.options import CHANGES, COMMON, LISTS, UNLOCKS, Options
from cli.output import NANOSECONDS_PER_MILLISECOND
from node.base.errors import SpacemeshError

F = TypeVar("F", bound=Callable[..., object])

TRACEBACK_VERBOSITY: Final = 2
"""``-v`` this often shows where an error came from."""


class LeafCommand(TyperCommand):
    """Lists a command's own options before those that all commands have."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write two sections of options and one of arguments."""
        sections: dict[str, list[tuple[str, str]]] = {
            "Arguments": [],
            "Options": [],
            "Common options": [],
        }
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                sections["Arguments"].append(record)
            elif parameter.name in COMMON or parameter.name == "help":
                sections["Common options"].append(record)
            else:
                sections["Options"].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def make_group(help_text: str) -> typer.Typer:
    """Return an empty group of commands; it stays a group even with a single one."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help=help_text,
    )

    @app.callback(help=help_text)
    def group() -> None:
        """Hold the group's help text; options belong to commands."""

    return app


def command(
    app: typer.Typer,
    name: str | None = None,
    *,
    changes: bool = False,
    lists: bool = False,
    unlocks: bool = False,
    streams: bool = False,
) -> Callable[[F], F]:
    """Register a function ``(context, ...) -> record`` as a leaf command of ``app``.

    Args:
        app: group it belongs to.
        name: spelling; the function's name without it.
        changes: it changes something: adds ``--yes`` and ``--dry-run``.
        lists: it prints a list: adds ``--format``, ``--fields`` and ``--full``.
        unlocks: it opens a wallet: adds the options for its password.
        streams: with ``--json`` it prints lines: events, progress, then the result.

    A parameter of the function's own takes the place of a common one of the same name.
    """
    shared = dict(COMMON)
    for wanted, parameters in ((unlocks, UNLOCKS), (lists, LISTS), (changes, CHANGES)):
        if wanted:
            shared = parameters | shared

    def register(function: F) -> F:
        own = list(inspect.signature(function).parameters.values())[1:]
        taken = {parameter.name for parameter in own}
        added = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=form)
            for key, (form, value) in shared.items()
            if key not in taken
        ]

        def leaf(ctx: typer.Context, **values: Any) -> None:
            context = ctx.ensure_object(Context)
            words = ctx.command_path.split()[1:]
            options = Options.take({one.name: values.pop(one.name) for one in added})
            run_command(
                context,
                ".".join(words),
                options,
                lambda: function(context, **values),
                streams=streams,
            )

        first = inspect.Parameter(
            "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
        )
        parameters = [first, *(p.replace(kind=p.KEYWORD_ONLY) for p in own), *added]
        vars(leaf)["__signature__"] = inspect.Signature(parameters)
        leaf.__annotations__ = {p.name: p.annotation for p in parameters}
        leaf.__doc__ = function.__doc__
        spelling = name or function.__name__.strip("_").replace("_", "-")
        app.command(spelling, cls=LeafCommand)(leaf)
        return function

    return register


def run_command(
    context: Context,
    command_name: str,
    options: Options,
    work: Callable[[], object],
    *,
    streams: bool,
) -> None:
    """Do the work of a command and print its result or error.

    Raises:
        typer.Exit: it failed; holds the exit code.
    """
    context.begin(command_name, options, streams=streams)
    started_ns = context.monotonic()
    with _exit_codes(context):
        with time_limit(context.options.timeout):
            result = work()
        context.output.meta.took_ms = (
            context.monotonic() - started_ns
        ) // NANOSECONDS_PER_MILLISECOND
        context.output.result(command_name, result)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Interrupt the block after so many seconds; None: never.

    A timer signal does it, so that it works in synchronous code too, waits included.

    Raises:
        TimedOutError: the time is up.
    """
    if not seconds:
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise TimedOutError(f"not done after {seconds:g} s", hint="give --timeout more seconds")

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def _exit_codes(context: Context) -> Iterator[None]:
    try:
        yield
    except SpacemeshError as error:
        _fail(context, error)
    except BaseExceptionGroup as group:
        error_of_group = first_expected(group)
        if error_of_group is None:
            raise
        _fail(context, error_of_group)
    except KeyboardInterrupt:
        _fail(context, InterruptError("interrupted"))


def _fail(context: Context, error: SpacemeshError) -> None:
    verbose = context.output.style.verbose >= TRACEBACK_VERBOSITY
    if verbose or context.environment.get("SMCLI_DEBUG"):
        context.output.stderr.write("".join(traceback.format_exception(error)))
    try:
        context.output.failure(context.command, error)
    except SpacemeshError as second:
        context.output.failure(context.command, _without_report(second))
    raise typer.Exit(int(exit_code(error))) from error


def _without_report(error: SpacemeshError) -> SpacemeshError:
    if isinstance(error, CheckFailedError):
        return SpacemeshError(str(error), code=error.code, hint=error.hint)
    return error
