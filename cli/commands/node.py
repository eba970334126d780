"""``smcli node``: start, stop and look at a node on this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cli.command import command, make_group
from cli.context import Context, places
from cli.errors import CheckFailedError
from node.base.errors import NotFoundError
from node.config.durations import SECOND, format_instant
from node.config.flags import parse_setting
from node.config.load import IGNORED, LoadedConfig, Override, load_config
from node.config.rules import check_config
from node.operator.daemon import (
    STOP_LIMIT_S,
    NodeSpec,
    Stopped,
    find_nodes,
    find_running,
    run_foreground,
    start_node,
    stop_node,
)
from node.operator.node_record import LOG_FILE, NodeRecord

app = make_group("Start, stop and look at a node on this machine.")

Name = Annotated[
    str | None, typer.Option("--name", help="Which node; its network's name without it.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeProcess:
    """A node that was started here."""

    name: str
    state: str
    status: str
    running: bool
    pid: int | None
    addresses: dict[str, str]
    """Listeners by name."""

    started: str
    uptime_s: int
    restarts: int
    exit_code: int | None
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPlan:
    """What a start would run."""

    name: str
    command: tuple[str, ...]
    data_folder: str


@command(app, changes=True)
def start(
    context: Context,
    *,
    preset: Annotated[
        str | None, typer.Option(help="mainnet, testnet, fastnet or standalone.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of databases, identities and keys.")
    ] = None,
    smesh: Annotated[bool, typer.Option("--smesh", help="Smesh with a supervised worker.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a key of the configuration; repeat."),
    ] = None,
    foreground: Annotated[
        bool, typer.Option("--foreground/--detach", help="Run in this terminal.")
    ] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until the API answers.")
    ] = False,
    name: Name = None,
) -> NodeProcess | StartPlan:
    """Start a node and wait until its API answers."""
    arguments, loaded = _configure(context, preset, data_dir, smesh=smesh, settings=set_ or [])
    spec = NodeSpec(
        name=name or loaded.preset,
        arguments=arguments,
        program=context.node_program,
        environment=context.environment,
    )
    if context.options.dry_run:
        return StartPlan(
            name=spec.name,
            command=(*spec.program, *spec.arguments),
            data_folder=loaded.config.main.data_folder,
        )
    if foreground:
        code = run_foreground(spec)
        raise typer.Exit(code if code >= 0 else 128 - code)
    record = start_node(
        spec,
        context.folders.nodes,
        wait=not no_wait,
        on_status=lambda status: context.output.note(f"{spec.name}: {status}"),
    )
    return _process(context, record)


@command(app, changes=True)
def stop(
    context: Context,
    *,
    name: Name = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long it may take to end.")
    ] = STOP_LIMIT_S,
    force: Annotated[
        bool, typer.Option("--force", help="Kill it if it does not end in time.")
    ] = False,
) -> Stopped:
    """Stop a node: it finishes what it writes and closes its databases."""
    record = find_running(context.folders.nodes, name)
    if context.options.dry_run:
        return Stopped(name=record.name, forced=False, seconds=0.0)
    if force:
        context.prompts.confirm(f"Kill node {record.name} if it does not end in {timeout:g} s?")
    return stop_node(record, limit_s=timeout, force=force)


@command(app)
def status(
    context: Context,
    *,
    name: Name = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 0 only if it runs and is ready.")
    ] = False,
) -> NodeProcess:
    """Show whether a node runs, and what it says about itself."""
    nodes = context.folders.nodes
    known = [record for record in find_nodes(nodes) if name in {None, record.name}]
    if not known:
        raise NotFoundError("node", name or "", hint="start one with smcli node start")
    if name is None and any(record.is_running for record in known):
        record = find_running(nodes)
    else:
        record = max(known, key=lambda one: one.started_ns)
    process = _process(context, record)
    if check and not (process.running and process.state == "ready"):
        raise CheckFailedError(f"node {record.name} is {process.state}", report=process)
    return process


def _configure(
    context: Context,
    preset: str | None,
    data_dir: Path | None,
    *,
    smesh: bool,
    settings: list[str],
) -> tuple[tuple[str, ...], LoadedConfig]:
    """Return the node's flags, and the configuration they lead to, which is checked here."""
    user = context.settings()
    file = context.options.config or user.config_file
    chosen = preset or context.options.network or user.network or None
    folder = str(data_dir.absolute()) if data_dir is not None else user.data_folder
    overrides = [Override("main.data-folder", folder, "--data-dir")] if folder else []
    overrides += [Override("smeshing.smeshing-start", "true", "--smesh")] if smesh else []
    overrides += [parse_setting(text) for text in settings]
    loaded = load_config(
        places=places(),
        preset=chosen,
        file=file,
        environment=context.environment,
        flags=overrides,
    )
    check_config(loaded.config)
    for path in loaded.ignored:
        context.output.warn(
            f"{path} has no effect: {IGNORED[path]}", code="smesh.config.ignored_key"
        )
    context.output.meta.network = loaded.preset
    arguments = ["--config", str(file.absolute())] if file is not None else []
    arguments += ["--preset", chosen] if chosen is not None else []
    for override in overrides:
        arguments += ["--set", f"{override.path}={override.value}"]
    return tuple(arguments), loaded


def _process(context: Context, record: NodeRecord) -> NodeProcess:
    running = record.is_running
    uptime_ns = context.clock() - record.started_ns if running else 0
    return NodeProcess(
        name=record.name,
        state=record.state.value,
        status=record.status,
        running=running,
        pid=record.node.pid if running and record.node is not None else None,
        addresses=dict(record.addresses),
        started=format_instant(record.started_ns // SECOND * SECOND),
        uptime_s=uptime_ns // SECOND,
        restarts=record.restarts,
        exit_code=record.exit_code,
        log=context.folders.nodes / record.name / LOG_FILE,
    )
