"""Plays a demo: keeps the node, reads it, spends what it earns, shows it all.

Synchronous, with one look at everything per tick; whoever interrupts it finds the node ended
in order.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from cli.demo.diary import Diary
from cli.demo.feed import Feed
from cli.demo.process import RunningNode
from cli.demo.purse import Move, Purse, Step
from cli.demo.report import DemoReport, make_report
from cli.demo.story import Story, short
from cli.errors import CheckFailedError
from node.base.errors import PreconditionError, UnavailableError
from node.client.ports import NodeApi
from node.operator.node_record import NodeRecord

LOST: Final = "smesh.demo.lost"
"""Code of the error of a network that cannot go on."""

TICK_S: Final = 1.0

PATIENCE: Final = 15
"""Looks in a row without an answer of a living node after which it is given up."""


class Process(Protocol):
    """The node as a process."""

    def start(self, on_status: Callable[[str], None]) -> RunningNode:
        """Start the node or find it running; return when its API answers."""

    def wait(self, on_status: Callable[[str], None]) -> RunningNode:
        """Return when the API answers (again)."""

    def check(self) -> NodeRecord:
        """Return what is known of the node.

        Raises:
            UnavailableError: it has ended for good.
        """

    def last_words(self) -> str:
        """Return the end of its log."""


class Stage(Protocol):
    """Where the story is shown."""

    def show(self, story: Story, now_ns: int) -> None:
        """Show how things are, and take the news."""


@dataclass(slots=True, kw_only=True)
class Demo:
    """One run."""

    process: Process
    open_api: Callable[[RunningNode], AbstractContextManager[NodeApi]]
    story: Story
    purse: Purse
    stage: Stage
    save: Callable[[Diary], None]
    warn: Callable[[str], None]
    """Is told what should not have happened, though the demo goes on."""

    now_ns: Callable[[], int]
    sleep: Callable[[float], None]
    setup_s: float | None
    until_spent: bool
    endpoint: str = ""
    """Address of the public API that answered last."""

    _silent: int = 0
    """Looks in a row that had no answer."""

    def run(self) -> DemoReport:
        """Play until the coins are spent, or for ever.

        Raises:
            UnavailableError: the node ended, or does not answer any more.
            CheckFailedError: a transaction of the demo failed.
            PreconditionError: the node is of another network, or its network cannot go on
                (code ``smesh.demo.lost``).
        """
        self.stage.show(self.story, self.now_ns())
        node = self.process.start(self._say)
        while True:
            with (
                self.open_api(node) as api,
                Feed(api=api, story=self.story, now_ns=self.now_ns) as feed,
            ):
                self.endpoint = api.endpoint
                if self._follow(feed, node):
                    return self._report(feed)
            words = self.process.last_words()
            self.sleep(TICK_S)
            before, node = node, self.process.wait(self._say)
            if before.pid != node.pid:
                self.warn(f"the node ended and was started again{words}")

    def _follow(self, feed: Feed, node: RunningNode) -> bool:
        """Look at a node until the demo is over; False: it is gone, or does not answer."""
        while True:
            record = self.process.check()
            if record.node is None or record.node.pid != node.pid:
                return False
            try:
                if self._tick(feed):
                    return True
            except UnavailableError as error:
                self._silent += 1
                if self._silent > PATIENCE:
                    raise
                self._say(f"no answer: {error}")
                return False
            self._silent = 0
            self.sleep(TICK_S)

    def _tick(self, feed: Feed) -> bool:
        """Look at everything once; return whether the demo is over."""
        before = dict(self.story.diary.instants), dict(self.story.diary.beacons)
        feed.poll()
        if self.story.is_lost:
            raise PreconditionError("nobody proposed for a whole epoch", code=LOST)
        if not self.story.is_spent:
            self._act(feed)
        if before != (self.story.diary.instants, self.story.diary.beacons):
            self.save(self.story.diary)
        self.stage.show(self.story, self.now_ns())
        return self.until_spent and self.story.is_spent

    def _report(self, feed: Feed) -> DemoReport:
        return make_report(feed.api, self.story.diary, self.purse.addresses, self.setup_s)

    def _act(self, feed: Feed) -> None:
        """Do what the wallet has to do now."""
        failed = self.story.failed_step
        if failed is not None and failed.outcome is not None:
            raise CheckFailedError(
                f"transaction {failed.transaction.id.hex()} failed in layer "
                f"{failed.outcome.layer}: {failed.outcome.message}",
                report=self._report(feed),
            )
        if not self.story.accounts:
            return
        match self.purse.next_move(self.story.accounts[0], self.story.spawned, self.story.sent):
            case Move.SPAWN:
                self._submit(feed, self.purse.spawn)
            case Move.SEND:
                self._submit(feed, self.purse.send)
            case Move.WAIT | Move.NOTHING:
                return

    def _submit(self, feed: Feed, step: Step) -> None:
        try:
            tx_id = feed.api.submit(step.raw)
        except PreconditionError as error:
            self._say(f"cannot {step.title} yet: {error}")
            return
        self._say(f"transaction {short(tx_id)} sent to {step.title}")
        feed.read_again()

    def _say(self, text: str) -> None:
        self.story.tell(text, self.now_ns())
        self.stage.show(self.story, self.now_ns())
