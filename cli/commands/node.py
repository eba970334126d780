"""``smcli node``: start, stop and look at a node on this machine."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.command import command, make_group
from cli.context import Context, places
from cli.errors import CheckFailedError
from cli.formats import record_lines
from cli.node_api import PUBLIC, NodeConnection, connect, endpoints_of
from cli.records import Identifier, Result, members
from node.base.errors import NotFoundError, UnavailableError
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
from node.types.layer import LayerID

app = make_group("Start, stop and look at a node on this machine.")

MAX_LAG: Final = 2
"""Layers that a healthy node may be behind the clock."""

Name = Annotated[
    str | None, typer.Option("--name", help="Which node; its network's name without it.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiStatus:
    """What a node says about itself."""

    endpoint: str
    version: str
    network: str
    genesis_id: Identifier
    synced: bool
    peers: int
    epoch: int
    current_layer: int
    layer_ends: str
    latest_layer: int
    """Highest layer of which the node has seen anything."""

    applied_layer: int
    """Last layer in the state."""

    processed_layer: int
    """Highest layer up to which votes were counted."""

    lag: int
    """Layers between the clock and the state."""


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
    api: ApiStatus | None = None
    """What its API says; None where none answers."""


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
) -> Result | StartPlan:
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
    process = _process(context, record)
    return Result(data=process, human=_lines(process))


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
        bool, typer.Option("--check", help="Exit 0 only if it is synced and keeps up.")
    ] = False,
) -> Result:
    """Show whether a node runs, and what it says about itself; --node asks another one."""
    if context.options.node:
        with connect(context) as connection:
            said = _api_status(connection)
        return _checked(said, said, "the node") if check else Result(data=said)
    nodes = context.folders.nodes
    known = [record for record in find_nodes(nodes) if name in {None, record.name}]
    if not known:
        raise NotFoundError("node", name or "", hint="start one with smcli node start")
    if name is None and any(record.is_running for record in known):
        record = find_running(nodes)
    else:
        record = max(known, key=lambda one: one.started_ns)
    process = replace(_process(context, record), api=_ask(context, record))
    shown = Result(data=process, human=_lines(process))
    if not check:
        return shown
    if not (process.running and process.state == "ready"):
        raise CheckFailedError(f"node {record.name} is {process.state}", report=shown)
    return _checked(process.api, shown, f"node {record.name}")


def _checked(said: ApiStatus | None, report: object, subject: str) -> Result:
    """Return a report on a node that is fit for use.

    Raises:
        CheckFailedError: it is not.
    """
    if said is None:
        problem = "does not answer"
    elif not said.synced:
        problem = f"is not synced: layer {said.applied_layer} of {said.current_layer}"
    elif said.lag > MAX_LAG:
        problem = f"is {said.lag} layers behind"
    else:
        return report if isinstance(report, Result) else Result(data=report)
    raise CheckFailedError(f"{subject} {problem}", report=report, code="smesh.node.behind")


def _ask(context: Context, record: NodeRecord) -> ApiStatus | None:
    """Return what a node's API says, None where it does not answer."""
    if not record.is_running or PUBLIC not in record.addresses:
        return None
    try:
        with connect(context, endpoints_of(record)) as connection:
            return _api_status(connection)
    except UnavailableError as error:
        context.output.warn(
            f"the API of node {record.name} does not answer: {error}", code="smesh.node.api"
        )
        return None


def _api_status(connection: NodeConnection) -> ApiStatus:
    said, time = connection.status, connection.info.time
    return ApiStatus(
        endpoint=connection.api.endpoint,
        version=connection.api.version().version,
        network=connection.network.name,
        genesis_id=Identifier(connection.network.genesis_id.hex()),
        synced=said.synced,
        peers=said.peers,
        epoch=time.epoch_of(said.current_layer),
        current_layer=said.current_layer,
        layer_ends=format_instant(time.start_of(LayerID(said.current_layer + 1))),
        latest_layer=said.latest_layer,
        applied_layer=said.applied_layer,
        processed_layer=said.processed_layer,
        lag=max(0, said.current_layer - said.applied_layer),
    )


def _lines(process: NodeProcess) -> str:
    """Return a node for people, with the answers of its API as lines of their own."""
    values = dict(members(process))
    del values["api"]
    return record_lines(values | (dict(members(process.api)) if process.api is not None else {}))


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
