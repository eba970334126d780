"""``smcli demo``: the standalone network on screen, from an empty folder to a spent coin."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from cli.command import command, time_limit
from cli.context import Context, places
from cli.errors import TimedOutError
from cli.records import Result
from node.base.errors import PreconditionError, UsageError

if TYPE_CHECKING:
    from cli.demo.diary import Diary
    from cli.demo.driver import Stage
    from cli.demo.folder import DemoFolder
    from cli.demo.process import NodeProcess
    from cli.demo.purse import Purse
    from cli.demo.report import DemoReport
    from node.wallet.contents import Wallet

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

SETUP_VARIABLE: Final = "SMCLI_SETUP_SECONDS"
"""How long ``scripts/run`` took to set up."""

UNTIL_SPENT_LIMIT_S: Final = 900.0
"""How long ``--until-spent`` goes on without ``--timeout``."""

NAME: Final = "demo"
"""Of the demo's folder and of its node."""


@command(app)
def demo(
    context: Context,
    *,
    until_spent: Annotated[
        bool, typer.Option("--until-spent", help="End once coins were sent and received.")
    ] = False,
    data_folder: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Where network and wallet are; the user's state without it."
        ),
    ] = None,
) -> Result:
    """Run a whole Spacemesh network in one process, and spend what it earns.

    A folder that has a network goes on with it. Ctrl-C ends the node in order.
    """
    from cli.demo.driver import LOST
    from cli.demo.folder import DemoFolder

    folder = DemoFolder(path=(data_folder or context.folders.state / NAME).absolute())
    own_limit = UNTIL_SPENT_LIMIT_S if until_spent and not context.options.timeout else None
    with _interruptions(), time_limit(own_limit):
        while True:
            diary, is_new = folder.open_diary(context.clock())
            going = "a new network" if is_new else "going on with the network"
            try:
                report = _play(context, folder, diary, going, until_spent=until_spent)
            except PreconditionError as error:
                if error.code != LOST:
                    raise
                kept = folder.retire_network(diary.genesis_ns)
                context.output.warn(
                    f"{error}, so this network cannot go on; it is kept in {kept}", code=LOST
                )
            else:
                return _result(report, folder)


def _play(
    context: Context, folder: "DemoFolder", diary: "Diary", going: str, *, until_spent: bool
) -> "DemoReport":
    """Run the network of a folder to the end of the demo, and end its node."""
    from cli.demo.driver import Demo
    from cli.demo.story import Story
    from node.client.grpc import open_node_api

    purse = _open_purse(context, folder.open_wallet(context.random, context.clock()), diary)
    process = _process(context, folder, purse, diary)
    story = Story(diary=diary, addresses=purse.addresses, steps=purse.ids)
    story.tell(f"{going} in {folder.path}", context.clock())
    with ExitStack() as stack:
        stack.callback(_stop, context, process)
        played = Demo(
            process=process,
            open_api=lambda node: open_node_api(node.public, private=node.private),
            story=story,
            purse=purse,
            stage=stack.enter_context(_stage(context, until_spent=until_spent)),
            save=lambda changed: changed.write(folder.diary),
            warn=lambda text: context.output.warn(text, code="smesh.demo.restarted"),
            now_ns=context.clock,
            sleep=process.sleep,
            setup_s=_setup_seconds(context),
            until_spent=until_spent,
        )
        try:
            report = played.run()
        except TimedOutError as error:
            raise TimedOutError(
                f"{error}: waiting for {story.waits_for()}", hint=f"see {process.log}"
            ) from None
    meta = context.output.meta
    meta.node = played.endpoint
    meta.layer, meta.epoch = report.layers, report.epochs
    meta.synced = story.status.synced if story.status is not None else None
    return report


def _open_purse(context: Context, wallet: "Wallet", diary: "Diary") -> "Purse":
    from cli.demo.process import PRESET
    from cli.demo.purse import Purse
    from node.config.durations import Instant
    from node.config.genesis import genesis_id
    from node.config.load import load_config

    config = load_config(
        places=places(), preset=PRESET, file=None, environment=context.environment
    ).config
    context.output.meta.network = PRESET
    known = genesis_id(Instant(diary.genesis_ns), config.genesis.extra_data)
    context.output.meta.genesis_id = known
    return Purse.open(wallet, known, config.main.network_hrp)


def _process(
    context: Context, folder: "DemoFolder", purse: "Purse", diary: "Diary"
) -> "NodeProcess":
    """Return the node as a process; the one of the usual folder is known to ``smcli node``."""
    from cli.demo.process import NodeProcess, node_arguments
    from node.operator.daemon import NodeSpec

    usual = folder.path == (context.folders.state / NAME).absolute()
    return NodeProcess(
        spec=NodeSpec(
            name=NAME,
            arguments=node_arguments(folder.node, diary.genesis_ns, purse.addresses[0]),
            program=context.node_program,
            environment=context.environment,
        ),
        nodes=context.folders.nodes if usual else folder.path / "nodes",
    )


def _stop(context: Context, process: "NodeProcess") -> None:
    context.output.note("ending the node")
    stopped = process.stop()
    if stopped is not None:
        context.output.note(f"the node ended in {stopped.seconds:.1f} s; run again to go on")


@contextmanager
def _interruptions() -> Iterator[None]:
    """Let Ctrl-C and a closed terminal end the demo.

    A shell lets jobs in the background ignore Ctrl-C, and a script that sends it has no other
    way to end us in order.  ``nohup`` is heeded.
    """

    def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    numbers = [signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _stage(context: Context, *, until_spent: bool) -> Iterator["Stage"]:
    """Yield where the story is shown, by options and terminal."""
    from cli.demo.stages import EventStage, LineStage, QuietStage, ScreenStage

    output = context.output
    if output.style.quiet:
        yield QuietStage()
    elif output.style.json or output.style.get is not None:
        # Without an end there is no document, so the events are the result.
        yield LineStage(stream=output.stderr) if until_spent else EventStage(emit=output.event)
    elif output.stdout.isatty():
        from rich.console import Console
        from rich.live import Live

        console = Console(file=output.stdout, no_color=not output.style.color or None)
        with Live(console=console, auto_refresh=False) as live:
            yield ScreenStage(live=live)
    else:
        yield LineStage(stream=output.stdout)


def _setup_seconds(context: Context) -> float | None:
    text = context.environment.get(SETUP_VARIABLE)
    try:
        return float(text) if text else None
    except ValueError:
        raise UsageError(f"{SETUP_VARIABLE} is {text!r}, not a number of seconds") from None


def _result(report: "DemoReport", folder: "DemoFolder") -> Result:
    lines = [
        f"{one.kind} {one.id}: {one.status} in layer {one.layer}, fee {int(one.fee)} smidge"
        for one in report.transactions
    ]
    lines += [f"{one.address}: {one.balance}, nonce {one.nonce}" for one in report.accounts]
    lines += [
        f"state root of layer {report.layers}: {report.state_root}",
        f"coins spent after {report.seconds.spent} s; wallet {folder.wallet}",
    ]
    return Result(data=report, human="\n".join(lines))
