"""Who verifies next, and how many at once."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from node.base.errors import RejectError
from node.post.verifier_pool import PostVerifier, UncheckedPosts
from node.post.verifying import All, Mode, PostClaim, ProofParameters
from node.types.post import Post
from tests.support.post_labels import SMESHER
from tests.support.post_proofs import PARAMETERS, claim

POST = Post(nonce=1, indices=b"\x01", pow=2)


@dataclass
class Checks:
    """Verifications that end when the test says so."""

    running: list[tuple[int, asyncio.Event]] = field(default_factory=list)
    problem: RejectError | None = None

    async def verify(
        self, post: Post, claim: PostClaim, parameters: ProofParameters, mode: Mode
    ) -> None:
        done = asyncio.Event()
        entry = (post.nonce, done)
        self.running.append(entry)
        try:
            await done.wait()
        finally:
            self.running.remove(entry)
        if self.problem is not None:
            raise self.problem

    @property
    def nonces(self) -> list[int]:
        return [nonce for nonce, _ in self.running]

    def finish(self, nonce: int) -> None:
        for running, done in self.running:
            if running == nonce:
                done.set()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def ask(
    verifier: PostVerifier,
    tasks: asyncio.TaskGroup,
    nonce: int,
    *,
    prioritized: bool = False,
    smesher: bytes = bytes(32),
) -> asyncio.Task[None]:
    who = replace(claim(), smesher=smesher)
    return tasks.create_task(
        verifier.verify(replace(POST, nonce=nonce), who, PARAMETERS, All(), prioritized=prioritized)
    )


async def test_no_more_are_verified_at_once_than_there_are_workers() -> None:
    checks = Checks()
    verifier = PostVerifier(checks, workers=2)
    async with asyncio.TaskGroup() as tasks:
        for nonce in range(4):
            ask(verifier, tasks, nonce)
        await settle()
        assert checks.nonces == [0, 1]
        assert verifier.waiting == 2
        checks.finish(1)
        await settle()
        assert checks.nonces == [0, 2]
        for nonce in (0, 2):
            checks.finish(nonce)
        await settle()
        checks.finish(3)


async def test_prioritized_and_own_proofs_go_first() -> None:
    checks = Checks()
    verifier = PostVerifier(checks, workers=1)
    verifier.add_own_smesher(SMESHER)
    order: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        ask(verifier, tasks, 0)
        await settle()
        ask(verifier, tasks, 1)
        ask(verifier, tasks, 2, prioritized=True)
        ask(verifier, tasks, 3, smesher=SMESHER)
        for _ in range(4):
            await settle()
            order += checks.nonces
            checks.finish(checks.nonces[0])
    assert order == [0, 2, 3, 1]


async def test_fewer_are_verified_while_we_prove() -> None:
    checks = Checks()
    verifier = PostVerifier(checks, workers=3, min_workers=1)
    async with asyncio.TaskGroup() as tasks:
        verifier.on_proving_started(b"one")
        verifier.on_proving_started(b"two")
        assert verifier.workers == 1
        for nonce in range(3):
            ask(verifier, tasks, nonce)
        await settle()
        assert checks.nonces == [0]
        verifier.on_proving_ended(b"one")
        await settle()
        assert checks.nonces == [0]
        verifier.on_proving_ended(b"two")
        await settle()
        assert checks.nonces == [0, 1, 2]
        assert verifier.workers == 3
        for nonce in range(3):
            checks.finish(nonce)


async def test_a_caller_that_gives_up_leaves_no_trace() -> None:
    checks = Checks()
    verifier = PostVerifier(checks, workers=1)
    async with asyncio.TaskGroup() as tasks:
        first = ask(verifier, tasks, 0)
        waiting = ask(verifier, tasks, 1)
        await settle()
        waiting.cancel()
        await settle()
        assert verifier.waiting == 0
        first.cancel()
        await settle()
        assert checks.nonces == []
        ask(verifier, tasks, 2)
        await settle()
        assert checks.nonces == [2]
        checks.finish(2)


async def test_a_caller_that_gives_up_in_its_turn_passes_it_on() -> None:
    checks = Checks()
    verifier = PostVerifier(checks, workers=1)
    async with asyncio.TaskGroup() as tasks:
        ask(verifier, tasks, 0)
        await settle()
        unlucky = ask(verifier, tasks, 1)
        ask(verifier, tasks, 2)
        await settle()
        checks.finish(0)
        # The turn is granted when the first one ends, before the next one runs again.
        for _ in range(10):
            if not checks.nonces:
                break
            await asyncio.sleep(0)
        unlucky.cancel()
        await settle()
        assert checks.nonces == [2]
        checks.finish(2)


async def test_a_turn_is_not_given_to_a_caller_that_gives_up_at_that_moment() -> None:
    checks = Checks()
    verifier = PostVerifier(checks, workers=2, min_workers=1)
    verifier.on_proving_started(SMESHER)
    async with asyncio.TaskGroup() as tasks:
        ask(verifier, tasks, 0)
        unlucky = ask(verifier, tasks, 1)
        ask(verifier, tasks, 2)
        await settle()
        unlucky.cancel()
        verifier.on_proving_ended(SMESHER)
        await settle()
        assert checks.nonces == [0, 2]
        checks.finish(0)
        checks.finish(2)


async def test_errors_reach_the_caller_and_free_the_worker() -> None:
    checks = Checks(problem=RejectError("bad"))
    verifier = PostVerifier(checks, workers=1)

    async def caught(nonce: int) -> None:
        with pytest.raises(RejectError, match="bad"):
            await verifier.verify(replace(POST, nonce=nonce), claim(), PARAMETERS, All())

    async with asyncio.TaskGroup() as tasks:
        for nonce in range(2):
            tasks.create_task(caught(nonce))
        for nonce in range(2):
            await settle()
            checks.finish(nonce)


async def test_disabled_verification_lets_everything_pass() -> None:
    await UncheckedPosts().verify(POST, claim(), PARAMETERS, All(), prioritized=True)
