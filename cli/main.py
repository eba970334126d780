"""Root of the command tree; groups are imported when they are used.

``COMMANDS`` is the table of contents: a module is not imported to be listed.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from cli.context import Context
from cli.errors import ExitCode
from cli.options import COMMON, Options
from cli.output import ENVELOPE_VERSION

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "wallet": ("cli.commands.wallet", "Make, restore and read wallet files."),
    "account": ("cli.commands.account", "Accounts of a wallet and their addresses."),
    "tx": ("cli.commands.tx", "Build, sign, send and watch transactions."),
    "post": ("cli.commands.post", "Make, check and use the space a smesher proves."),
    "smesh": ("cli.commands.smesh", "What a node does as a smesher, and where its rewards go."),
    "node": ("cli.commands.node", "Start, stop and look at a node."),
    "config": ("cli.commands.config", "Explain and check configurations."),
    "genesis": ("cli.commands.genesis", "Check genesis data."),
    "demo": ("cli.commands.demo", "Run a whole network in one process and spend what it earns."),
    "db": ("cli.commands.db", "Look into the databases of nodes."),
    "sim": ("cli.commands.sim", "Simulate networks of nodes in one process."),
    "version": ("cli.commands.root", "Show versions."),
}
"""Name of a group or command to its module and one line of help."""

PROGRAM: Final = "smcli"


class RootGroup(TyperGroup):
    """A group whose members are imported on use."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what lists and completes: a name and a line of help."""
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1], rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the module of the command that is to run."""
        self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}
        name, found, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name is not None else found, rest


def load_command(name: str) -> Any:
    """Import a group or a single command of the table."""
    return typer.main.get_command(importlib.import_module(COMMANDS[name][0]).app)


app = typer.Typer(
    cls=RootGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the form of Typer's callbacks
    if wanted:
        from importlib.metadata import version

        typer.echo(f"{PROGRAM} {version('spacemesh')}")
        raise typer.Exit


def _root(ctx: typer.Context, **values: Any) -> None:
    context = ctx.ensure_object(Context)
    values.pop("version_")
    context.options = Options.take(values)


def _give_signature() -> None:
    """Let the root take the common options too; there they are defaults for the command."""
    import inspect

    kind = inspect.Parameter.KEYWORD_ONLY
    shown = typer.Option(
        "--version", help="Show the version.", is_eager=True, callback=_show_version
    )
    parameters = [
        inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        inspect.Parameter("version_", kind, default=False, annotation=Annotated[bool, shown]),
        *(
            inspect.Parameter(name, kind, default=default, annotation=form)
            for name, (form, default) in COMMON.items()
        ),
    ]
    vars(_root)["__signature__"] = inspect.Signature(parameters)
    _root.__annotations__ = {p.name: p.annotation for p in parameters}


_give_signature()
app.callback(help="Spacemesh: wallets, accounts, transactions, space and nodes.")(_root)


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    root = typer.main.get_command(app)
    try:
        code = root.main(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as error:
        _show_usage_error(error, arguments)
        return error.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.OK


def run() -> NoReturn:
    """Run the command line of this process."""
    sys.excepthook = report_bug
    signal.signal(signal.SIGTERM, _terminate)
    with contextlib.suppress(AttributeError, ValueError):
        # A reader that closes the pipe ends us silently, as it ends other tools.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))


def report_bug(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Keep the traceback of an unexpected error in a file and name it on stderr."""
    text = "".join(traceback.format_exception(kind, error, trace))
    if os.environ.get("SMCLI_DEBUG"):
        sys.stderr.write(text)
    where = _keep(text)
    sys.stderr.write(
        f"error: this is a bug of {PROGRAM}: {kind.__name__}: {error}\n"
        f"  try: report it with {where or 'SMCLI_DEBUG=1'}\n  code: smesh.internal\n"
    )


def _keep(text: str) -> Path | None:
    from node.operator.settings import find_folders

    folder = find_folders(os.environ).state
    file = folder / "last-traceback.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError:
        return None
    return file


def _show_usage_error(error: typer.TyperException, arguments: Sequence[str]) -> None:
    """Print what is wrong with the words; for scripts as a document."""
    wants_json = bool({"--json", "-j"} & set(arguments)) or os.environ.get("SMCLI_JSON")
    message = error.format_message()
    if wants_json and message:
        document = {
            "v": ENVELOPE_VERSION,
            "ok": False,
            "cmd": "",
            "error": {
                "code": "smesh.usage",
                "message": message,
                "hint": f"{PROGRAM} --help",
                "cause": [],
                "retryable": False,
            },
            "warnings": [],
            "meta": {},
        }
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        show = getattr(error, "show", lambda: sys.stderr.write(f"error: {message}\n"))
        show()


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(ExitCode.TERMINATED)
