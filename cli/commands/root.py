"""Commands without a noun: ``smcli version``."""

import platform
from dataclasses import dataclass
from importlib.metadata import version as installed_version

import typer

from cli.command import command
from cli.context import Context

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What is installed."""

    spacemesh: str
    python: str
    platform: str


@command(app)
def version(_context: Context) -> Versions:
    """Show versions."""
    return Versions(
        spacemesh=installed_version("spacemesh"),
        python=platform.python_version(),
        platform=platform.platform(),
    )
