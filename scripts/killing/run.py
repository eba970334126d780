"""``scripts/kill [--count N] [--seed S] [--folder F] [--json]``.

Runs a standalone network, kills its process with SIGKILL at instants drawn from the seed,
while a wallet pays all the time, starts it again and looks at what is left.  Each time the
node must start, must have said nothing twice, must hold every transaction that it accepted,
and its helpers must have ended with it; at the end it must apply all of them, and its state
must follow from its blocks.  Exit code 11 when something does not hold.

The instants follow from the seed; what happens at them does not, for the clock is real.
"""

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from node.app import Node
from node.base.hashing import hash32
from node.config.flags import make_parser, read_flags
from node.config.load import Places, load_config
from node.config.model.root import NodeConfig
from node.types.ids import GenesisID
from scripts.killing.inspection import Seen, digest_of_space, inspect, replay
from scripts.killing.network import Life, Network, last_words, living
from scripts.killing.wallet import Wallet

STARTING: Final = 0.2
"""Share of the kills that come while the node starts."""
LONGEST_START_S: Final = 4.0
LONGEST_S: Final = 15.0
"""Longest time from when the API answers to the kill, on a machine that has time for it."""
LONGEST_IN_STARTS: Final = 2.0
"""On a busy one it is so many times what the start took: a proof takes longer there, too."""
SETTLE_LIMIT_S: Final = 480.0
"""How long the last life has to apply what was accepted: some epochs."""
RICH: Final = 10**18
EARLY: Final = 10
"""One kill of so many, and one more, comes before the network has its first block."""
EXIT_FOUND: Final = 11
SIGNAL_BASE: Final = 128
NOISE: Final = ("Traceback (most recent call last)", "BrokenPipeError")
"""What nobody wants to find in a log, however a process ended."""


@dataclass(kw_only=True)
class Round:
    """One life of the node, ended by a kill."""

    number: int
    at_start: bool
    """Killed so many seconds after its start, else after its API answered."""

    after_s: float
    ready_s: float | None
    layer: int
    accepted: int
    applied: int
    atxs: int
    ballots: int
    problems: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Report:
    """All of it."""

    seed: int
    rounds: list[Round] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    accepted: int = 0
    applied: int = 0
    seconds: float = 0.0

    @property
    def held(self) -> bool:
        """Tell whether nothing was found."""
        return not self.problems and not any(one.problems for one in self.rounds)


@dataclass(kw_only=True)
class Killing:
    """A network that is killed again and again."""

    seed: int
    folder: Path
    quiet: bool = False

    def __post_init__(self) -> None:
        """Plan the network."""
        self.wallet = Wallet(seed=hash32(b"kill wallet %d" % self.seed))
        self.network = Network.begin(
            self.folder,
            coinbase=self.wallet.address_text,
            rich=self.wallet.address_text,
            balance=RICH,
        )
        self.config = _config(self.network)
        self.genesis_id: GenesisID = Node.genesis_id_of(self.config)
        self._space: bytes | None = None
        self._start_s = 0.0

    def lifetime(self, number: int, start_s: float) -> tuple[bool, float]:
        """Return whether a life ends while it begins, and after how many seconds.

        Else they count from when the API answers.

        Args:
            number: of the life.
            start_s: what the last start took.
        """
        digest = hash32(b"kill %d, %d" % (self.seed, number))
        which, when = (
            int.from_bytes(part, "little") / 2**64 for part in (digest[:8], digest[8:16])
        )
        if which < STARTING:
            return True, when * LONGEST_START_S
        return False, when * max(LONGEST_S, start_s * LONGEST_IN_STARTS)

    def run(self, count: int) -> Report:
        """Kill it so many times, then let it come to an end of its own."""
        began = time.monotonic()
        report = Report(seed=self.seed)
        early = count // EARLY + 1
        for number in range(count):
            one = self._live_and_die(number, is_long=number == early)
            report.rounds.append(one)
            self._tell(one)
        report.problems = self._finish()
        report.accepted = len(self.wallet.accepted)
        report.applied = self._inspect().applied
        report.seconds = time.monotonic() - began
        return report

    def _live_and_die(self, number: int, *, is_long: bool) -> Round:
        """Run the node and kill it; a long life begins to count when it can take payments."""
        at_start, wanted_s = self.lifetime(number, self._start_s)
        at_start &= not is_long
        with living(self.network) as (life, receiver):
            killer = threading.Timer(wanted_s, life.kill)
            if at_start:
                killer.start()
            is_ready = life.wait_ready(receiver)
            if is_long and is_ready:
                self.wallet.spawn(life, self.genesis_id, SETTLE_LIMIT_S)
            if not at_start:
                killer.start()
            if is_ready:
                self.wallet.pay_while(life, self.genesis_id)
            killer.join()
            code = life.process.wait()
        self._start_s = life.ready_s or self._start_s
        layer = self.network.layer_now()
        problems = []
        if code != -signal.SIGKILL:
            words = last_words(self.network)
            problems.append(f"the node ended by itself, exit code {code}\n{words}")
        problems += self._after(life)
        seen = self._inspect()
        return Round(
            number=number,
            at_start=at_start,
            after_s=round(wanted_s, 2),
            ready_s=None if life.ready_s is None else round(life.ready_s, 2),
            layer=layer,
            accepted=len(self.wallet.accepted),
            applied=seen.applied,
            atxs=seen.atxs,
            ballots=seen.ballots,
            problems=[*problems, *seen.problems],
        )

    def _finish(self) -> list[str]:
        """Let the node run until all is applied, end it in order, apply all again."""
        problems: list[str] = []
        with living(self.network) as (life, receiver):
            if not life.wait_ready(receiver):
                return [f"the node does not start any more\n{last_words(self.network)}"]
            if not self.wallet.wait_applied(life, SETTLE_LIMIT_S):
                problems.append(f"not all payments are applied after {SETTLE_LIMIT_S:g} s")
            code = life.stop()
        if code != SIGNAL_BASE + signal.SIGTERM:
            words = last_words(self.network)
            problems.append(f"the node does not end in order, exit code {code}\n{words}")
        problems += self._after(life)
        seen = self._inspect()
        problems += seen.problems
        problems += replay(self.network.data, self.config, self.genesis_id)
        problems += self.wallet.refusals
        if self.wallet.accepted and not (seen.atxs and seen.ballots):
            problems.append(f"the network had {seen.atxs} ATXs and {seen.ballots} ballots")
        return problems

    def _after(self, life: Life) -> list[str]:
        """Look at what a life has left besides the databases."""
        problems = []
        for mark in life.left_behind():
            process = mark.find()
            if process is not None:
                command = " ".join(process.cmdline())
                problems.append(f"{command} outlived the node that started it")
                process.kill()
        log = self.network.log.read_text(encoding="utf-8", errors="replace")
        problems += [f"the log has a {noise}" for noise in NOISE if noise in log]
        space = digest_of_space(self.network.data / "post")
        if self._space is not None and space != self._space:
            problems.append("the PoST data have changed")
        self._space = space
        return problems

    def _inspect(self) -> Seen:
        return inspect(self.network.data, self.wallet.accepted)

    def _tell(self, one: Round) -> None:
        if self.quiet:
            return
        ready = "never" if one.ready_s is None else f"{one.ready_s:.1f} s"
        print(
            f"{one.number:>3}  killed {one.after_s:>5.2f} s after its "
            f"{'start' if one.at_start else 'API  '} in layer {one.layer:>4}, "
            f"ready: {ready:>6}, accepted {one.accepted:>5}, applied layer {one.applied:>4}, "
            f"{one.atxs:>3} ATXs, {one.ballots:>4} ballots",
            flush=True,
        )
        for problem in one.problems:
            print(f"     {problem}", flush=True)


def _config(network: Network) -> NodeConfig:
    flags = read_flags(make_parser("smnode").parse_args(network.arguments()))
    places = Places(home=network.folder, temporary=network.folder)
    return load_config(places=places, preset=flags.preset, flags=flags.overrides).config


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(SIGNAL_BASE + number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/kill", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="how often")
    parser.add_argument("--seed", type=int, default=0, help="determines the instants")
    parser.add_argument("--folder", type=Path, help="empty folder for the network, kept")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        # Whoever ends this program, even one in the background, ends its node as well.
        signal.signal(number, _end)
    with ExitStack() as stack:
        folder = options.folder
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="kill-")
            folder = Path(stack.enter_context(temporary))
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            parser.error(f"{folder} is not empty: another network may run there")
        report = Killing(seed=options.seed, folder=folder, quiet=options.json).run(options.count)
    if options.json:
        print(json.dumps({**asdict(report), "held": report.held}, indent=2))
    else:
        for problem in report.problems:
            print(problem)
        print(
            f"seed {report.seed}: {len(report.rounds)} kills, {report.accepted} transactions "
            f"accepted, layer {report.applied} applied, {report.seconds:.0f} s: "
            f"{'all held' if report.held else 'SOMETHING DID NOT HOLD'}"
        )
    return 0 if report.held else EXIT_FOUND


if __name__ == "__main__":
    sys.exit(main())
