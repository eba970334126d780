"""A PoET server in this process: registrations, rounds on the clock, proofs.

Gather, judge, commit: a submission is judged by ``registration``, its place in the round
by what is stored and pending; rounds follow ``round``'s machine, whose outputs are acted
on synchronously, so that nothing runs between fixing the members of a round and writing
its statement.  The work itself is a ``Prover``'s.

Queues: submissions wait in one batch until it is written, at most ``flush_interval_ns``
or ``max_batch`` of them; rounds to execute wait in the machine, one at a time leaves it.

Source: spacemeshos/poet, server; PoET digest section 6.
"""

import asyncio
import contextlib
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias, assert_never

import structlog

from node.base.errors import NotFoundError, PreconditionError, UnavailableError
from node.crypto.ed25519 import private_key_of, public_key_of
from node.poet.prover import Prover
from node.poet.proving import EndAtLeaves, EndAtTime, WorkEnd, WorkTask
from node.poet.registration import (
    Admission,
    Certifier,
    PowParams,
    SubmitRequest,
    check_deadline,
    check_place,
    check_request,
)
from node.poet.round import (
    CloseRound,
    ExecuteRound,
    Output,
    Phase,
    RoundMachine,
    RoundSchedule,
    RoundStatus,
    SkipRound,
)
from node.poet.round_store import RoundStore
from node.poet.tree import compute_statement
from node.types.ids import PublicKey
from node.types.poet import PoetProof

log = structlog.get_logger("poet")

NS_PER_S: Final = 1_000_000_000
ROUND_ID: Final = re.compile("0|[1-9][0-9]{0,9}")
"""How clients name rounds."""
NO_ROUND: Final = 1 << 32
"""Round numbers are below this."""
ENTROPY_SIZE: Final = 32
"""Random bytes of a service key or a first pow challenge."""
RETRY_DELAY_NS: Final = 2 * NS_PER_S
"""After a worker died."""
MAX_FAILURES: Final = 5
"""Workers in a row that may die without a single leaf."""
LONGEST_SLEEP_NS: Final = 3600 * NS_PER_S
"""The clock is looked at again after this: it may have been set meanwhile."""
SHORTEST_SLEEP_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetConfig:
    """What an operator decides."""

    schedule: RoundSchedule

    pow_difficulty: int = 0
    """Leading zero bits that a proof of work must have."""

    max_round_members: int = 1 << 32

    certifier: Certifier | None = None
    trusted_keys: tuple[bytes, ...] = ()
    """Keys of further certifiers."""

    max_batch: int = 1000
    """Submissions written at once."""

    flush_interval_ns: int = NS_PER_S // 10
    """How long a submission may wait for others before it is written."""

    round_leaves: int | None = None
    """Work of a round in leaves; None: until the round ends.  The proof appears when the
    round ends in either case.  For simulations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetInfo:
    """What a server tells of itself."""

    service_pubkey: PublicKey
    phase_shift_ns: int
    cycle_gap_ns: int
    certifier: Certifier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReceipt:
    """A smesher is in a round."""

    round_id: str

    round_end_ns: int
    """From now until the round ends: a duration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundProof:
    """A round's proof with those it counts for."""

    proof: PoetProof

    members: tuple[bytes, ...]
    """Challenges, in the order of the statement's tree."""

    service_pubkey: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class PoetStatus:
    """What a server is doing, for displays."""

    open_round: int
    open_members: int
    """Smeshers registered for it, written and pending."""

    open_until_ns: int
    """Unix; when its work begins."""

    executing_round: int | None
    leaf_count: int
    """Of the executing round, as last told."""

    executing_until_ns: int
    """Unix; 0 while nothing is executed."""


@dataclass(frozen=True, slots=True)
class RoundExecuting:
    """The work of a round begins, or goes on after a restart."""

    round_id: int
    member_count: int


@dataclass(frozen=True, slots=True)
class RoundFinished:
    """A proof can be fetched."""

    round_id: int
    leaf_count: int


@dataclass(frozen=True, slots=True)
class RoundSkipped:
    """A round will have no proof."""

    round_id: int
    reason: str


PoetEvent: TypeAlias = RoundExecuting | RoundFinished | RoundSkipped


@dataclass
class _Batch:
    """Submissions that are written together."""

    challenges: dict[bytes, bytes] = field(default_factory=dict)
    """By smesher."""

    written: asyncio.Event = field(default_factory=asyncio.Event)
    failed: bool = False


class PoetServer:
    """One server; ``run`` drives it, everything else may be called meanwhile."""

    def __init__(
        self,
        config: PoetConfig,
        store: RoundStore,
        work_directory: Path,
        prover: Prover,
        *,
        now_ns: Callable[[], int],
        entropy: Callable[[int], bytes],
        announce: Callable[[PoetEvent], None] = lambda _: None,
    ) -> None:
        """Load or make the identity; nothing runs yet.

        Args:
            config: what the operator decided.
            store: the server's own database.
            work_directory: takes a folder for each round while it is executed.
            prover: does the work.
            now_ns: unix time.
            entropy: random bytes, asked for once in a server's life.
            announce: told what happened to rounds; must not fail.
        """
        self._config = config
        self._schedule = config.schedule
        self._store = store
        self._work_directory = work_directory
        self._prover = prover
        self._now_ns = now_ns
        self._announce = announce
        private_key = store.service_key(private_key_of(entropy(ENTROPY_SIZE)))
        self._service_pubkey = public_key_of(private_key)
        self._pow_challenges = store.pow_challenges(entropy(ENTROPY_SIZE))
        self._machine = RoundMachine(self._schedule)
        self._members: dict[bytes, bytes] = {}
        self._batch = _Batch()
        self._has_pending = asyncio.Event()
        self._is_full = asyncio.Event()
        self._execute: asyncio.Queue[ExecuteRound] = asyncio.Queue(maxsize=1)
        self._order: ExecuteRound | None = None
        self._leaf_count = 0
        self._is_running = False

    async def run(self) -> None:
        """Take registrations, execute rounds and publish proofs until cancelled.

        Raises:
            StoreError: a write failed, or a round's folder is damaged.
        """
        self._recover()
        self._is_running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow_clock())
                tasks.create_task(self._write_batches())
                tasks.create_task(self._execute_rounds())
        finally:
            self._is_running = False
            self._batch.failed = True
            self._batch.written.set()

    def info(self) -> PoetInfo:
        """Return what clients need to know before they register."""
        return PoetInfo(
            service_pubkey=self._service_pubkey,
            phase_shift_ns=self._schedule.phase_shift_ns,
            cycle_gap_ns=self._schedule.cycle_gap_ns,
            certifier=self._config.certifier,
        )

    def pow_params(self) -> PowParams:
        """Return what a proof of work must satisfy now."""
        return self._admission().pow_params[0]

    def status(self) -> PoetStatus:
        """Return what is going on."""
        open_round = self._machine.open_round
        return PoetStatus(
            open_round=open_round,
            open_members=len(self._members) + len(self._batch.challenges),
            open_until_ns=self._schedule.start_ns(open_round),
            executing_round=self._machine.executing,
            leaf_count=self._leaf_count,
            executing_until_ns=self._order.end_ns if self._order else 0,
        )

    async def submit(self, request: SubmitRequest) -> SubmitReceipt:
        """Register a smesher's challenge for the open round; return when it is on disk.

        Raises:
            RegistrationError: the server does not take it.
            PreconditionError: the server is not running, or stopped meanwhile.
        """
        if not self._is_running:
            raise PreconditionError("the PoET server is not running")
        check_request(request, self._admission(), self._now_ns())
        round_id = self._machine.open_round
        end_ns = self._schedule.end_ns(round_id)
        check_deadline(request, end_ns)
        batch = self._batch
        if check_place(request, self._members, batch.challenges, self._config.max_round_members):
            batch.challenges[request.pubkey] = request.challenge
            self._has_pending.set()
            if len(batch.challenges) >= self._config.max_batch:
                self._is_full.set()
        if request.pubkey in batch.challenges:
            await batch.written.wait()
            if batch.failed:
                raise PreconditionError("the PoET server stopped before the registration")
        return SubmitReceipt(round_id=str(round_id), round_end_ns=end_ns - self._now_ns())

    def proof(self, round_id: str) -> RoundProof:
        """Return the proof of a finished round.

        Raises:
            NotFoundError: it has none, or none yet.
        """
        number = int(round_id) if ROUND_ID.fullmatch(round_id) else -1
        proof = self._store.find_proof(number) if 0 <= number < NO_ROUND else None
        if proof is None:
            raise NotFoundError("proof of PoET round", round_id)
        members = self._store.members(number)
        return RoundProof(
            proof=proof,
            members=tuple(members.values()),
            service_pubkey=self._service_pubkey,
        )

    def _admission(self) -> Admission:
        return Admission(
            pow_params=tuple(
                PowParams(difficulty=self._config.pow_difficulty, challenge=challenge)
                for challenge in self._pow_challenges
            ),
            certifier=self._config.certifier,
            trusted_keys=self._config.trusted_keys,
        )

    def _recover(self) -> None:
        """Take up the rounds that an earlier process left behind."""
        self._remove_old_folders()
        outputs = self._machine.restore(self._store.unfinished(), self._now_ns())
        self._members = self._store.members(self._machine.open_round)
        self._act(outputs)

    def _remove_old_folders(self) -> None:
        """Remove the work of rounds whose proofs are stored, if a crash left it."""
        for directory in sorted(self._work_directory.glob("*")):
            number = directory.name
            if ROUND_ID.fullmatch(number) and self._store.find_proof(int(number)):
                shutil.rmtree(directory, ignore_errors=True)

    async def _follow_clock(self) -> None:
        while True:
            self._act(self._machine.on_time(self._now_ns()))
            await self._wait_until(self._machine.deadline_ns)

    async def _wait_until(self, instant_ns: int) -> None:
        while (left_ns := instant_ns - self._now_ns()) > 0:
            sleep_ns = min(max(left_ns, SHORTEST_SLEEP_NS), LONGEST_SLEEP_NS)
            await asyncio.sleep(sleep_ns / NS_PER_S)

    def _act(self, outputs: Iterable[Output]) -> None:
        """Do what the machine says; synchronous, see the module."""
        for output in outputs:
            match output:
                case CloseRound(round_id):
                    self._close(round_id)
                case ExecuteRound(round_id, statement):
                    self._store.put_round(RoundStatus(round_id, Phase.EXECUTING, statement))
                    self._execute.put_nowait(output)
                case SkipRound(round_id, statement, reason):
                    self._store.put_round(RoundStatus(round_id, Phase.SKIPPED, statement))
                    log.info("round_skipped", round=round_id, reason=reason)
                    self._announce(RoundSkipped(round_id, reason))
                case _:
                    assert_never(output)

    def _close(self, round_id: int) -> None:
        """Fix the members of a round: those that are written, and those pending."""
        self._flush(round_id)
        members = self._store.members(round_id)
        statement = compute_statement(list(members.values()))
        self._store.put_round(RoundStatus(round_id, Phase.CLOSED, statement))
        self._members = self._store.members(self._machine.open_round)
        self._act(self._machine.on_statement(round_id, statement, self._now_ns()))

    async def _write_batches(self) -> None:
        while True:
            await self._has_pending.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.flush_interval_ns / NS_PER_S):
                    await self._is_full.wait()
            self._flush(self._machine.open_round)

    def _flush(self, round_id: int) -> None:
        """Write the pending submissions and let their senders know."""
        batch = self._batch
        if not batch.challenges:
            return
        self._store.add_members(round_id, batch.challenges)
        self._members.update(batch.challenges)
        self._batch = _Batch()
        self._has_pending.clear()
        self._is_full.clear()
        batch.written.set()

    async def _execute_rounds(self) -> None:
        while True:
            order = await self._execute.get()
            self._order = order
            self._leaf_count = 0
            members = self._store.members(order.round_id)
            log.info("round_executing", round=order.round_id, members=len(members))
            self._announce(RoundExecuting(order.round_id, len(members)))
            proof = await self._prove(order)
            await self._wait_until(order.end_ns)
            self._publish(order, proof)

    async def _prove(self, order: ExecuteRound) -> PoetProof:
        """Have the work done; start workers again that die."""
        end: WorkEnd = EndAtTime(order.end_ns)
        if self._config.round_leaves is not None:
            end = EndAtLeaves(self._config.round_leaves)
        directory = self._round_directory(order.round_id)
        task = WorkTask(directory=directory, statement=order.statement, end=end)
        failures = 0
        while True:
            before = self._leaf_count
            try:
                return await self._prover.prove(task, self._on_leaves)
            except UnavailableError as error:
                failures = failures + 1 if self._leaf_count == before else 1
                if failures >= MAX_FAILURES:
                    raise
                log.warning("poet_worker_died", round=order.round_id, reason=str(error))
                await self._wait_until(self._now_ns() + RETRY_DELAY_NS)

    def _on_leaves(self, leaf_count: int) -> None:
        self._leaf_count = leaf_count

    def _publish(self, order: ExecuteRound, proof: PoetProof) -> None:
        """Store a proof, once, and go on to the next round."""
        self._store.finish_round(order.round_id, order.statement, proof)
        self._pow_challenges = (proof.merkle_proof.root, self._pow_challenges[0])
        self._leaf_count = proof.leaf_count
        self._order = None
        shutil.rmtree(self._round_directory(order.round_id), ignore_errors=True)
        log.info("round_finished", round=order.round_id, leaves=proof.leaf_count)
        outputs = self._machine.on_proof(order.round_id, self._now_ns())
        self._announce(RoundFinished(order.round_id, proof.leaf_count))
        self._act(outputs)

    def _round_directory(self, round_id: int) -> Path:
        return self._work_directory / str(round_id)
