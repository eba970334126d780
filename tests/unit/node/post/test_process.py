"""The owner's side of the worker: what is asked, what comes back, what survives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.base.errors import InvalidPostError, PreconditionError, RejectError, UnavailableError
from node.post import process
from node.post.process import (
    LARGE_PAGES,
    TUNABLES,
    Child,
    PostProcess,
    start_subprocess,
    with_large_pages,
)
from node.post.proving import ProofProgress
from node.post.verifying import All, InvalidMsb, InvalidPow, One
from node.post.worker_wire import (
    LENGTH_SIZE,
    Advanced,
    CancelTask,
    Failed,
    Proved,
    ProveTask,
    Task,
    VerifyTask,
    decode_task,
    make_verdict,
)
from node.types.post import Post
from tests.support.post_proofs import OPTIONS, PARAMETERS, claim
from tests.support.post_worker import ScriptedChild

POST = Post(nonce=1, indices=b"\x01", pow=2)
BAD = InvalidMsb(index=9, ordinal=3, msb=200, difficulty_msb=1, label=bytes(16))
PROGRESS = ProofProgress(first_nonce=0, end_nonce=16, pows=1, position_bytes=3, total_bytes=9)


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until something is so."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never became so")


class Children:
    """Starts scripted workers."""

    def __init__(self) -> None:
        self.started: list[ScriptedChild] = []
        self.problem: UnavailableError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def start(self, verifiers: int) -> Child:
        await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        self.started.append(ScriptedChild())
        return self.started[-1]

    async def wait_task(self, child: int, number: int) -> Task:
        """Wait until a worker was sent so many tasks; return the last."""
        await until(lambda: len(self.started) > child and len(self.started[child].sent) >= number)
        return decode_task(self.started[child].sent[number - 1][LENGTH_SIZE:])


@asynccontextmanager
async def running(
    idle_ns: int = 10**12,
) -> AsyncIterator[tuple[PostProcess, Children, asyncio.TaskGroup]]:
    children = Children()
    post_process = PostProcess(idle_ns=idle_ns, start=children.start)
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(post_process.run())
        yield post_process, children, tasks
        run.cancel()


async def verify(post_process: PostProcess) -> None:
    await post_process.verify(POST, claim(), PARAMETERS, All())


async def test_the_first_request_starts_the_worker() -> None:
    async with running() as (post_process, children, tasks):
        await asyncio.sleep(0)
        assert children.started == []
        assert not post_process.is_running
        asked = tasks.create_task(verify(post_process))
        task = await children.wait_task(0, 1)
        assert isinstance(task, VerifyTask)
        assert (task.post, task.claim, task.parameters) == (POST, claim(), PARAMETERS)
        children.started[0].say(make_verdict(task.id, None))
        await asked
        assert post_process.is_running
    assert not post_process.is_running


async def test_answers_find_their_callers_in_any_order() -> None:
    async with running() as (post_process, children, tasks):
        first = tasks.create_task(post_process.find_fault(POST, claim(), PARAMETERS, One(1)))
        second = tasks.create_task(post_process.find_fault(POST, claim(), PARAMETERS, All()))
        one = await children.wait_task(0, 1)
        two = await children.wait_task(0, 2)
        children.started[0].say(make_verdict(two.id, BAD))
        children.started[0].say(make_verdict(two.id, None))
        children.started[0].say(make_verdict(99, InvalidPow()))
        children.started[0].say(make_verdict(one.id, None))
        assert (await first, await second) == (None, BAD)


async def test_a_bad_label_is_raised_with_its_place() -> None:
    async with running() as (post_process, children, tasks):

        async def caught() -> int:
            with pytest.raises(InvalidPostError) as error:
                await verify(post_process)
            return error.value.index

        asked = tasks.create_task(caught())
        task = await children.wait_task(0, 1)
        children.started[0].say(make_verdict(task.id, BAD))
        assert await asked == 3


async def test_lengths_are_checked_without_a_worker() -> None:
    post_process = PostProcess(start=Children().start)
    with pytest.raises(RejectError, match="empty"):
        await post_process.verify(replace(POST, indices=b""), claim(), PARAMETERS, All())


async def test_a_proof_is_made_with_progress() -> None:
    async with running() as (post_process, children, tasks):
        seen: list[ProofProgress] = []
        asked = tasks.create_task(
            post_process.prove(
                Path("data"), OPTIONS, fast=True, remote_pow="url", progress=seen.append
            )
        )
        task = await children.wait_task(0, 1)
        assert task == ProveTask(
            id=task.id, directory="data", options=OPTIONS, fast=True, remote_pow="url"
        )
        child = children.started[0]
        child.say(Advanced(id=task.id, progress=PROGRESS))
        child.say(Proved(id=task.id, post=POST))
        assert await asked == POST
        assert seen == [PROGRESS]

        silent = tasks.create_task(post_process.prove(Path("data"), OPTIONS))
        task = await children.wait_task(0, 2)
        child.say(Advanced(id=task.id, progress=PROGRESS))
        child.say(Proved(id=task.id, post=POST))
        assert await silent == POST


async def test_an_error_of_the_worker_is_raised_again() -> None:
    async with running() as (post_process, children, tasks):

        async def caught() -> str:
            with pytest.raises(PreconditionError) as error:
                await post_process.prove(Path("data"), OPTIONS)
            return error.value.code

        asked = tasks.create_task(caught())
        task = await children.wait_task(0, 1)
        children.started[0].say(
            Failed(id=task.id, kind="PreconditionError", code="smesh.post.x", message="no")
        )
        assert await asked == "smesh.post.x"


async def test_a_cancelled_request_is_cancelled_in_the_worker() -> None:
    async with running() as (post_process, children, tasks):
        asked = tasks.create_task(post_process.prove(Path("data"), OPTIONS))
        task = await children.wait_task(0, 1)
        asked.cancel()
        assert await children.wait_task(0, 2) == CancelTask(id=task.id)
        children.started[0].say(Proved(id=task.id, post=POST))
        other = tasks.create_task(verify(post_process))
        task = await children.wait_task(0, 3)
        children.started[0].say(make_verdict(task.id, None))
        await other


async def test_a_request_cancelled_before_the_start_is_not_sent() -> None:
    async with running() as (post_process, children, tasks):
        children.gate.clear()
        asked = tasks.create_task(post_process.prove(Path("data"), OPTIONS))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        children.gate.set()
        await until(lambda: bool(children.started))
        await asyncio.sleep(0)
        assert children.started[0].sent == []


async def test_a_request_cancelled_at_once_starts_nothing() -> None:
    async with running() as (post_process, children, _):
        post_process._wanted.set()
        await until(lambda: not post_process._wanted.is_set())
        assert children.started == []


async def test_an_idle_worker_ends_and_the_next_request_starts_another() -> None:
    async with running(idle_ns=1) as (post_process, children, tasks):
        for child in (0, 1):
            asked = tasks.create_task(verify(post_process))
            task = await children.wait_task(child, 1)
            # However long it takes, a worker that is busy is not idle.
            for _ in range(100):
                await asyncio.sleep(0)
            assert post_process.is_running
            children.started[child].say(make_verdict(task.id, None))
            await asked
            await until(lambda: not post_process.is_running)
            assert not children.started[child].killed


async def test_what_a_dead_worker_was_doing_fails_and_the_rest_goes_on() -> None:
    async with running() as (post_process, children, tasks):

        async def caught() -> str:
            with pytest.raises(UnavailableError) as error:
                await verify(post_process)
            return str(error.value)

        lost = tasks.create_task(caught())
        await children.wait_task(0, 1)
        children.started[0].exit_code = 70
        children.started[0].leave()
        assert await lost == "the PoST worker ended with exit code 70"
        asked = tasks.create_task(verify(post_process))
        task = await children.wait_task(1, 1)
        children.started[1].say(make_verdict(task.id, None))
        await asked


async def test_a_worker_that_cannot_be_started_fails_the_requests() -> None:
    async with running() as (post_process, children, tasks):
        children.problem = UnavailableError("no room")

        async def caught() -> str:
            with pytest.raises(UnavailableError) as error:
                await verify(post_process)
            return str(error.value)

        assert await tasks.create_task(caught()) == "no room"


async def test_a_worker_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ENDING_LIMIT_S", 0.001)
    async with running(idle_ns=1) as (post_process, children, tasks):
        asked = tasks.create_task(verify(post_process))
        task = await children.wait_task(0, 1)
        children.started[0].ends_when_told = False
        children.started[0].say(make_verdict(task.id, None))
        await asked
        await until(lambda: children.started[0].killed)


async def test_being_cancelled_twice_kills_the_worker_at_once() -> None:
    async with asyncio.TaskGroup() as tasks:
        children = Children()
        post_process = PostProcess(start=children.start)
        run = tasks.create_task(post_process.run())

        async def caught() -> None:
            with pytest.raises(UnavailableError, match="closed"):
                await verify(post_process)

        asked = tasks.create_task(caught())
        await children.wait_task(0, 1)
        children.started[0].ends_when_told = False
        run.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        run.cancel()
        await asked
        assert children.started[0].killed


async def test_a_closed_worker_takes_no_requests() -> None:
    async with running() as (post_process, _, _):
        await asyncio.sleep(0)
    with pytest.raises(UnavailableError, match="closed"):
        await verify(post_process)


async def test_closing_fails_what_is_waiting() -> None:
    async with asyncio.TaskGroup() as tasks:
        children = Children()
        post_process = PostProcess(start=children.start)
        run = tasks.create_task(post_process.run())

        async def caught() -> str:
            with pytest.raises(UnavailableError) as error:
                await verify(post_process)
            return str(error.value)

        asked = tasks.create_task(caught())
        await children.wait_task(0, 1)
        run.cancel()
        assert "ended with exit code 0" in await asked


@pytest.mark.parametrize("is_proof", [True, False])
async def test_an_answer_to_another_question_is_an_error(*, is_proof: bool) -> None:
    async with running() as (post_process, children, tasks):

        async def caught() -> None:
            with pytest.raises(UnavailableError, match="answered a"):
                await (
                    post_process.prove(Path("data"), OPTIONS) if is_proof else verify(post_process)
                )

        asked = tasks.create_task(caught())
        task = await children.wait_task(0, 1)
        answer = make_verdict(task.id, None) if is_proof else Proved(id=task.id, post=POST)
        children.started[0].say(answer)
        await asked


class FakeSubprocess(SimpleNamespace):
    """What asyncio returns for a started process."""

    async def wait(self) -> int:
        return 7


async def start_with(
    monkeypatch: pytest.MonkeyPatch, create: Callable[..., Awaitable[object]]
) -> Child:
    monkeypatch.setattr(asyncio, "create_subprocess_exec", create)
    return await start_subprocess(3)


async def test_the_worker_is_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    pipe = SimpleNamespace(write=calls.append, close=lambda: calls.append("closed"))
    made = FakeSubprocess(
        stdin=pipe, stdout="answers", returncode=None, kill=lambda: calls.append("killed")
    )

    async def create(*arguments: object, **_: object) -> FakeSubprocess:
        calls.append(arguments[1:])
        return made

    child = await start_with(monkeypatch, create)
    child.send(b"task")
    child.end()
    child.kill()
    made.returncode = 7
    child.kill()
    assert await child.wait() == 7
    assert calls == [
        ("-P", "-m", "node.post.worker", "--verifiers", "3"),
        b"task",
        "closed",
        "killed",
    ]


async def test_a_system_without_room_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> object:
        raise OSError(11, "Resource temporarily unavailable")

    with pytest.raises(UnavailableError, match="temporarily unavailable"):
        await start_with(monkeypatch, refuse)


async def test_a_process_without_pipes_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def create(*_: object, **__: object) -> object:
        return FakeSubprocess(stdin=None, stdout=None)

    with pytest.raises(UnavailableError, match="no pipes"):
        await start_with(monkeypatch, create)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, LARGE_PAGES),
        ({TUNABLES: "glibc.malloc.check=1"}, f"glibc.malloc.check=1:{LARGE_PAGES}"),
        ({TUNABLES: "glibc.malloc.hugetlb=0"}, "glibc.malloc.hugetlb=0"),
    ],
)
def test_a_worker_asks_for_large_pages_unless_the_operator_decided(
    said: dict[str, str], told: str
) -> None:
    environment = {"HOME": "/home", **said}
    assert with_large_pages(environment) == {"HOME": "/home", TUNABLES: told}
