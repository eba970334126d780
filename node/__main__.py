"""``smnode``, ``python -m node``: runs a node until it is told to stop.

    smnode --preset standalone --genesis-time … --smeshing-coinbase …
    smnode version

Exit codes are those of ``smcli`` (product digest 2.4): 0, or 130 and 143 after a signal, 2
for wrong arguments, 7 where another process has the folder, 8 for a wrong configuration.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog

from node.api.server import open_api
from node.base.errors import (
    ConfigError,
    PreconditionError,
    SpacemeshError,
    StoreError,
    UsageError,
)
from node.config.flags import make_parser, read_flags, spell_booleans
from node.config.load import LoadedConfig, Places, load_config, to_tree
from node.config.model.root import NodeConfig
from node.config.rules import check_config
from node.events import Bus, PublicationRefused
from node.layer_ticker import Clock, SystemClock
from node.runtime.collector import eased_collector, settle
from node.runtime.logs import COMPONENTS, configure
from node.runtime.notify import notify
from node.standalone import open_standalone

EXIT_CODES: Final = (
    (UsageError, 2),
    (PreconditionError, 7),
    (ConfigError, 8),
    (StoreError, 1),
)
SIGNAL_BASE: Final = 128

log = structlog.get_logger("app")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = spell_booleans(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["version"]:
        sys.stdout.write(f"{version('spacemesh')}\n")
        return 0
    try:
        loaded = _load(given)
        return asyncio.run(_run(loaded))
    except SpacemeshError as error:
        return _report(error)


def _load(given: Sequence[str]) -> LoadedConfig:
    flags = read_flags(make_parser("smnode").parse_args(given))
    loaded = load_config(
        places=Places(home=Path.home(), temporary=Path(tempfile.gettempdir())),
        preset=flags.preset,
        file=flags.config_file,
        environment=os.environ,
        flags=flags.overrides,
    )
    check_config(loaded.config)
    return loaded


async def _run(loaded: LoadedConfig) -> int:
    """Run the node until a signal comes or a part of it fails."""
    clock = SystemClock()
    config = loaded.config
    levels = {key: level for key, level in to_tree(config)["logging"].items() if key in COMPONENTS}
    with configure(encoder=config.logging.encoder, levels=levels, now_ns=clock.now_ns):
        for path in loaded.ignored:
            log.warning("setting_ignored", key=path)
        main_task = asyncio.current_task()
        received: list[int] = []

        def stop(number: int) -> None:
            if received:
                os._exit(SIGNAL_BASE + number)
            received.append(number)
            if main_task is not None:
                main_task.cancel()

        with _signals(stop), eased_collector():
            try:
                await _serve(config, clock)
            except asyncio.CancelledError:
                if not received:
                    raise
            except BaseExceptionGroup as group:
                raise _first(group) from group
        notify(os.environ, {"STOPPING": "1"})
        log.info("node_stopped")
        return SIGNAL_BASE + received[0] if received else 0


async def _serve(config: NodeConfig, clock: Clock) -> None:
    """Run the network and its API; tell whoever started us when the API answers."""
    async with open_standalone(config, clock=clock) as standalone:
        backend = standalone.api_backend(version("spacemesh"))
        async with open_api(backend, config.api) as endpoints:
            # What was read at the start stays until the end.
            settle()
            log.info("node_started", api=endpoints.public, operator_api=endpoints.private)
            notify(
                os.environ,
                {
                    "READY": "1",
                    "STATUS": f"runs {config.preset or 'a network'} of one node",
                    "X_SMESH_PUBLIC": endpoints.public,
                    "X_SMESH_PRIVATE": endpoints.private,
                },
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(tell_refusals(standalone.node.bus, os.environ))
                await standalone.run()


async def tell_refusals(bus: Bus, environment: Mapping[str, str]) -> None:
    """Tell whoever started us why an identity of ours says nothing, until cancelled."""
    with bus.subscribe(PublicationRefused) as refused:
        async for event in refused:
            notify(environment, {"STATUS": f"{event.reason}; {event.hint}"})


@contextlib.contextmanager
def _signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM end the node in order, and the second one at once."""
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGINT, signal.SIGTERM)
    for number in wanted:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group of groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _report(error: SpacemeshError) -> int:
    sys.stderr.write(f"{error.code}: {error}\n")
    if error.hint:
        sys.stderr.write(f"  {error.hint}\n")
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


if __name__ == "__main__":
    sys.exit(main())
