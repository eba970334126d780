"""A server on a virtual clock: registration, rounds, proofs, restarts."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import NotFoundError, PreconditionError, StoreError, UnavailableError
from node.crypto.ed25519 import private_key_of, public_key_of, sign_bytes
from node.poet.client import LocalPoetClient, make_proof_message
from node.poet.engines import make_engine
from node.poet.prover import InlineProver, Prover
from node.poet.proving import EndAtLeaves, EndAtTime, WorkTask
from node.poet.registration import (
    PowParams,
    Refusal,
    RegistrationError,
    SubmitRequest,
    find_pow_nonce,
)
from node.poet.round import Phase, RoundSchedule, RoundStatus
from node.poet.round_store import RoundStore
from node.poet.server import (
    PoetConfig,
    PoetEvent,
    PoetServer,
    RoundExecuting,
    RoundFinished,
    RoundSkipped,
)
from node.poet.tree import compute_statement
from node.poet.verifying import check_proof_message
from node.types.poet import PoetProof
from tests.support.virtual_clock import run_virtually

S = 10**9
ENGINE = make_engine()
SCHEDULE = RoundSchedule(genesis_ns=0, epoch_ns=60 * S, phase_shift_ns=30 * S, cycle_gap_ns=20 * S)
CONFIG = PoetConfig(schedule=SCHEDULE, round_leaves=200)


@dataclass
class World:
    """One server, and what is around it."""

    folder: Path
    config: PoetConfig = CONFIG
    prover: Prover = field(default_factory=lambda: InlineProver(ENGINE))
    events: list[PoetEvent] = field(default_factory=list)

    @contextmanager
    def opened(self, now_ns: Callable[[], int]) -> Iterator[PoetServer]:
        with RoundStore(self.folder / "db") as store:
            yield PoetServer(
                self.config,
                store,
                self.folder / "work",
                self.prover,
                now_ns=now_ns,
                entropy=lambda size: b"e" * size,
                announce=self.events.append,
            )

    def play(
        self, script: Callable[[PoetServer, "Clock"], Coroutine[Any, Any, None]], start_s: float = 0
    ) -> None:
        """Run a server and a script beside it until the script ends."""

        async def main(since_ns: Callable[[], int]) -> None:
            clock = Clock(lambda: since_ns() + round(start_s * S))
            with self.opened(clock.now_ns) as server:
                async with asyncio.TaskGroup() as tasks:
                    running = tasks.create_task(server.run())
                    await asyncio.sleep(0)
                    await script(server, clock)
                    running.cancel()

        run_virtually(main)


@dataclass
class Clock:
    now_ns: Callable[[], int]

    async def wait_until(self, instant_s: float) -> None:
        await asyncio.sleep(instant_s - self.now_ns() / S)


@dataclass
class ScriptedProver:
    """Does what it is told, call by call."""

    calls: list[Exception | None]
    tasks: list[WorkTask] = field(default_factory=list)

    async def prove(self, task: WorkTask, report: Callable[[int], None]) -> PoetProof:
        self.tasks.append(task)
        outcome = self.calls.pop(0) if self.calls else None
        if outcome is not None:
            raise outcome
        return await InlineProver(ENGINE).prove(replace(task, end=EndAtLeaves(150)), report)


def make_request(number: int, server: PoetServer, challenge: bytes = b"") -> SubmitRequest:
    key = private_key_of(bytes([number]) * 32)
    wanted = challenge or bytes([number]) * 32
    return SubmitRequest(
        challenge=wanted,
        pubkey=public_key_of(key),
        signature=sign_bytes(key, wanted),
        pow_params=server.pow_params(),
    )


async def register_many(server: PoetServer, numbers: range) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in numbers:
            tasks.create_task(server.submit(make_request(number, server)))


def test_a_round_is_proved_and_its_members_stand_in_node_id_order(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def script(server: PoetServer, clock: Clock) -> None:
        await register_many(server, range(1, 8))
        status = server.status()
        assert (status.open_round, status.open_members, status.open_until_ns) == (0, 7, 30 * S)
        await clock.wait_until(69.9)
        assert server.status().executing_round == 0
        assert server.status().executing_until_ns == 70 * S
        with pytest.raises(NotFoundError):
            server.proof("0")
        await clock.wait_until(70.1)
        assert server.status().executing_round is None

        answer = server.proof("0")
        keys = sorted((public_key_of(private_key_of(bytes([k]) * 32)), k) for k in range(1, 8))
        assert answer.members == tuple(bytes([k]) * 32 for _, k in keys)
        message = make_proof_message(answer, "0")
        assert message.statement == compute_statement(answer.members)
        assert message.poet_service_id == server.info().service_pubkey
        check_proof_message(message, ENGINE)

    world.play(script)

    assert world.events == [RoundExecuting(0, 7), RoundFinished(0, 200)]
    assert not (tmp_path / "work" / "0").exists()


def test_info_is_the_schedule_and_the_key(tmp_path: Path) -> None:
    with World(tmp_path).opened(lambda: 0) as server:
        info = server.info()

    assert (info.phase_shift_ns, info.cycle_gap_ns, info.certifier) == (30 * S, 20 * S, None)
    assert info.service_pubkey == public_key_of(private_key_of(b"e" * 32))


def test_a_receipt_names_the_round_and_the_time_left_when_it_is_written(tmp_path: Path) -> None:
    async def script(server: PoetServer, clock: Clock) -> None:
        await clock.wait_until(5)
        receipt = await server.submit(make_request(1, server))
        assert (receipt.round_id, receipt.round_end_ns) == ("0", 65 * S - S // 10)
        await clock.wait_until(31)
        assert (await server.submit(make_request(1, server))).round_id == "1"

    World(tmp_path).play(script)


def test_a_full_batch_is_written_at_once(tmp_path: Path) -> None:
    async def script(server: PoetServer, clock: Clock) -> None:
        await register_many(server, range(1, 4))
        assert clock.now_ns() == 0

    World(tmp_path, replace(CONFIG, max_batch=3)).play(script)


def test_repeats_are_answered_and_conflicts_refused_pending_or_written(tmp_path: Path) -> None:
    async def script(server: PoetServer, clock: Clock) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(2):
                tasks.create_task(server.submit(make_request(1, server)))
            await asyncio.sleep(0)
            with pytest.raises(RegistrationError):
                await server.submit(make_request(1, server, b"o" * 32))
        written_ns = clock.now_ns()
        await server.submit(make_request(1, server))
        assert clock.now_ns() == written_ns
        with pytest.raises(RegistrationError) as error:
            await server.submit(make_request(1, server, b"o" * 32))
        assert error.value.refusal is Refusal.ALREADY_EXISTS
        assert server.status().open_members == 1

    World(tmp_path).play(script)


def test_pending_submissions_belong_to_the_round_that_closes(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def script(server: PoetServer, clock: Clock) -> None:
        await clock.wait_until(29.95)
        receipt = await server.submit(make_request(1, server))
        assert (receipt.round_id, clock.now_ns()) == ("0", 30 * S)
        await clock.wait_until(71)
        assert len(server.proof("0").members) == 1

    world.play(script)


def test_a_round_without_members_is_skipped(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def script(server: PoetServer, clock: Clock) -> None:
        await clock.wait_until(31)
        assert server.status().open_round == 1

    world.play(script)

    assert world.events == [RoundSkipped(0, "no members")]


def test_the_root_of_a_proof_is_the_next_pow_challenge_and_the_one_before_counts(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, replace(CONFIG, pow_difficulty=1))

    async def script(server: PoetServer, clock: Clock) -> None:
        first = server.pow_params()
        assert first == PowParams(difficulty=1, challenge=b"e" * 32)
        request = make_request(1, server)
        nonce = find_pow_nonce(first, request.pubkey, request.challenge)
        request = replace(request, nonce=nonce)
        assert (await server.submit(request)).round_id == "0"
        await clock.wait_until(71)
        root = server.proof("0").proof.merkle_proof.root
        assert server.pow_params() == PowParams(difficulty=1, challenge=root)
        assert (await server.submit(request)).round_id == "1"

    world.play(script)

    async def after_restart(server: PoetServer, clock: Clock) -> None:
        assert server.pow_params().challenge == server.proof("0").proof.merkle_proof.root
        assert clock.now_ns() == 75 * S

    world.play(after_restart, start_s=75)


@pytest.mark.parametrize("round_id", ["5", "-1", "00", "0x0", "", "4294967296", "\u0660"])
def test_what_names_no_proof_is_not_found(tmp_path: Path, round_id: str) -> None:
    with World(tmp_path).opened(lambda: 0) as server, pytest.raises(NotFoundError):
        server.proof(round_id)


async def test_a_server_that_does_not_run_takes_nobody(tmp_path: Path) -> None:
    with World(tmp_path).opened(lambda: 0) as server, pytest.raises(PreconditionError):
        await server.submit(make_request(1, server))


def test_who_waits_when_the_server_stops_is_told(tmp_path: Path) -> None:
    async def main(now_ns: Callable[[], int]) -> None:
        with World(tmp_path).opened(now_ns) as server:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(server.run())
                await asyncio.sleep(0)
                waiting = tasks.create_task(refused(server))
                await asyncio.sleep(0)
                running.cancel()
            assert "stopped before" in waiting.result()

    async def refused(server: PoetServer) -> str:
        with pytest.raises(PreconditionError) as error:
            await server.submit(make_request(1, server))
        return str(error.value)

    run_virtually(main)


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    prover = ScriptedProver([UnavailableError("killed"), UnavailableError("killed"), None])
    world = World(tmp_path, replace(CONFIG, round_leaves=None), prover)

    async def script(server: PoetServer, clock: Clock) -> None:
        await server.submit(make_request(1, server))
        await clock.wait_until(71)
        assert server.proof("0").proof.leaf_count == 150

    world.play(script)

    assert [task.end for task in prover.tasks] == [EndAtTime(70 * S)] * 3
    assert world.events == [RoundExecuting(0, 1), RoundFinished(0, 150)]


@pytest.mark.parametrize(
    ("calls", "error"),
    [
        ([UnavailableError("killed")] * 5, UnavailableError),
        ([StoreError("damaged")], StoreError),
    ],
    ids=["dies again and again", "finds its folder damaged"],
)
def test_a_worker_that_cannot_work_stops_the_server(
    tmp_path: Path, calls: list[Exception | None], error: type[Exception]
) -> None:
    world = World(tmp_path, CONFIG, ScriptedProver(calls))

    async def script(server: PoetServer, clock: Clock) -> None:
        await server.submit(make_request(1, server))
        await clock.wait_until(69)

    with pytest.raises(BaseExceptionGroup) as group:
        world.play(script)
    assert group.group_contains(error)


def test_a_round_that_was_executing_goes_on_after_a_restart_and_is_proved_once(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)

    async def until_killed(server: PoetServer, clock: Clock) -> None:
        await server.submit(make_request(1, server))
        await clock.wait_until(50)

    world.play(until_killed)
    assert (tmp_path / "work" / "0" / "proof").exists()

    async def after(server: PoetServer, clock: Clock) -> None:
        await clock.wait_until(61)
        with pytest.raises(NotFoundError):
            server.proof("0")
        await clock.wait_until(71)
        assert server.proof("0").proof.leaf_count == 200

    world.play(after, start_s=60)
    assert world.events == [RoundExecuting(0, 1), RoundExecuting(0, 1), RoundFinished(0, 200)]


def test_members_of_a_round_that_started_meanwhile_are_not_lost(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def until_killed(server: PoetServer, clock: Clock) -> None:
        await register_many(server, range(1, 3))
        await clock.wait_until(10)

    async def after(server: PoetServer, clock: Clock) -> None:
        assert server.status().open_round == 1
        assert server.status().open_members == 0
        await clock.wait_until(71)
        assert len(server.proof("0").members) == 2

    world.play(until_killed)
    world.play(after, start_s=40)


def test_members_of_the_open_round_are_still_there_after_a_restart(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def until_killed(server: PoetServer, clock: Clock) -> None:
        await register_many(server, range(1, 3))
        assert clock.now_ns() < S

    async def after(server: PoetServer, clock: Clock) -> None:
        assert server.status().open_members == 2
        await server.submit(make_request(1, server))
        with pytest.raises(RegistrationError):
            await server.submit(make_request(1, server, b"o" * 32))
        assert clock.now_ns() == 20 * S

    world.play(until_killed)
    world.play(after, start_s=20)


def test_work_that_a_crash_left_beside_its_stored_proof_is_removed(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def first(server: PoetServer, clock: Clock) -> None:
        await server.submit(make_request(1, server))
        await clock.wait_until(71)

    async def second(server: PoetServer, clock: Clock) -> None:
        assert server.status().open_round == 1
        assert clock.now_ns() == 72 * S

    world.play(first)
    for name in ("0", "1", "other"):
        (tmp_path / "work" / name).mkdir()
    world.play(second, start_s=72)

    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["1", "other"]


def test_a_closed_round_that_was_never_begun_is_skipped_after_its_end(tmp_path: Path) -> None:
    world = World(tmp_path)
    with RoundStore(tmp_path / "db") as store:
        store.put_round(RoundStatus(0, Phase.CLOSED, b"s" * 32))

    async def script(server: PoetServer, clock: Clock) -> None:
        assert server.status().executing_round is None
        assert clock.now_ns() == 80 * S

    world.play(script, start_s=80)

    assert world.events == [RoundSkipped(0, "its end is past")]


async def test_the_local_client_is_the_server(tmp_path: Path) -> None:
    with World(tmp_path).opened(lambda: 0) as server:
        client = LocalPoetClient(server)

        assert await client.info() == server.info()
        assert await client.pow_params() == server.pow_params()
        with pytest.raises(NotFoundError):
            await client.proof("0")
        assert client.address == "in-process"
