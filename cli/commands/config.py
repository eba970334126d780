"""``smcli config``: what a configuration is, and where each value comes from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.command import command, make_group
from cli.context import Context, places
from cli.errors import CheckFailedError
from cli.records import Result, Table
from node.config.load import IGNORED, OriginKind, Setting, load_config
from node.config.rules import problems
from node.config.schema import documentation, environment_name, leaves

app = make_group("Explain and check configurations.")

SECRETS: Final = frozenset({"public-metrics.metrics-push-pass"})
"""Keys whose values are not shown."""

HIDDEN: Final = "(hidden)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One of the values a key was given."""

    origin: str
    value: object
    wins: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """A key with its value."""

    key: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something a node would not run on."""

    key: str
    problem: str
    hint: str


@command(app, lists=True)
def explain(
    context: Context,
    *,
    key: Annotated[str, typer.Argument(help="Such as main.layer-duration.")],
) -> Result:
    """Show every value a key was given, what it means, and which one counts."""
    settings = context.config().explain(key)
    leaf = leaves()[key.lower()]
    rows = [
        Layer(
            origin=str(setting.origin),
            value=_value(leaf.path, setting),
            wins=setting is settings[-1],
        )
        for setting in settings
    ]
    notes = [documentation(leaf), f"Variable: {environment_name(leaf.path)}"]
    if leaf.path in IGNORED:
        notes.append(f"Has no effect: {IGNORED[leaf.path]}.")
    table = Table(
        rows=rows,
        columns={"origin": "origin", "value": "value", "wins": "counts"},
        key="layers",
        title=leaf.path,
        notes=tuple(notes),
    )
    data = {
        "key": leaf.path,
        "meaning": documentation(leaf),
        "variable": environment_name(leaf.path),
        "ignored": IGNORED.get(leaf.path),
        "layers": rows,
    }
    return Result(data=data, human=table)


@command(app, lists=True)
def list_(
    context: Context,
    *,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what differs from the defaults.")
    ] = False,
) -> Result:
    """List the values of all keys with their origins."""
    loaded = context.config()
    rows = [
        Knob(
            key=path,
            value=_value(path, settings[-1]),
            origin=str(settings[-1].origin),
        )
        for path, settings in loaded.settings.items()
        if not changed or settings[-1].origin.kind is not OriginKind.DEFAULT
    ]
    columns = {"key": "key", "value": "value", "origin": "origin"}
    return Result(data=rows, human=Table(rows=rows, columns=columns))


@command(app, lists=True)
def validate(
    context: Context,
    *,
    file: Annotated[
        Path | None, typer.Argument(help="Configuration file; the chosen one without it.")
    ] = None,
) -> Result:
    """Check that a node would run on a configuration."""
    loaded = (
        context.config()
        if file is None
        else load_config(places=places(), preset=context.options.network, file=file)
    )
    rows = [
        Problem(key=key, problem=problem, hint=hint)
        for key, problem, hint in problems(loaded.config)
    ]
    for path in loaded.ignored:
        context.output.warn(
            f"{path} has no effect: {IGNORED[path]}", code="smesh.config.ignored_key"
        )
    columns = {"key": "key", "problem": "problem", "hint": "hint"}
    data = {"preset": loaded.preset, "valid": not rows, "problems": rows}
    if not rows:
        return Result(data=data, human=f"fine: a node would run on it (preset {loaded.preset})")
    report = Result(data=data, human=Table(rows=rows, columns=columns, key="problems"))
    raise CheckFailedError(
        f"{len(rows)} of the values are wrong" if len(rows) > 1 else "one of the values is wrong",
        report=report,
        code="smesh.config.value",
    )


def _value(path: str, setting: Setting) -> object:
    return HIDDEN if path in SECRETS and setting.value else setting.value
