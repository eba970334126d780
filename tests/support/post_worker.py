"""A PoST worker in a thread of the test, with pipes of the system."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from node.post.k2pow import RandomX
from node.post.verifying import LabelLookup
from node.post.worker import Worker
from node.post.worker_wire import (
    LENGTH_SIZE,
    Advanced,
    Answer,
    Task,
    decode_answer,
    encode_frame,
    read_length,
)
from tests.support.post_proofs import look_up


@dataclass
class RunningWorker:
    """The test's end of the pipes."""

    tasks: BinaryIO
    answers: BinaryIO
    crashes: list[None]
    advances: list[Advanced] = field(default_factory=list)

    def send(self, task: Task) -> None:
        """Hand over a task."""
        self.write(encode_frame(task))

    def write(self, data: bytes) -> None:
        """Write any bytes."""
        self.tasks.write(data)
        self.tasks.flush()

    def receive(self) -> Answer:
        """Wait for an answer; progress is put aside."""
        while True:
            header = self.answers.read(LENGTH_SIZE)
            answer = decode_answer(self.answers.read(read_length(header)))
            if not isinstance(answer, Advanced):
                return answer
            self.advances.append(answer)


@contextmanager
def running_worker(
    *, verifiers: int = 1, labels: LabelLookup = look_up, randomx: RandomX | None = None
) -> Iterator[RunningWorker]:
    """Run a worker until the test leaves."""
    tasks_read, tasks_write = os.pipe()
    answers_read, answers_write = os.pipe()
    crashes: list[None] = []
    with (
        os.fdopen(tasks_read, "rb") as worker_tasks,
        os.fdopen(answers_write, "wb") as worker_answers,
        os.fdopen(answers_read, "rb") as answers,
    ):
        worker = Worker(
            worker_tasks,
            worker_answers,
            verifiers=verifiers,
            crashed=lambda: crashes.append(None),
            randomx=randomx or RandomX(flags=8),
            labels=labels,
        )
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            with os.fdopen(tasks_write, "wb") as tasks:
                yield RunningWorker(tasks, answers, crashes)
        finally:
            thread.join(30)
            assert not thread.is_alive()


@dataclass
class ScriptedChild:
    """A worker that the test plays: what it is sent is kept, what it says is given."""

    answers: asyncio.StreamReader = field(default_factory=asyncio.StreamReader)
    sent: list[bytes] = field(default_factory=list)
    exit_code: int = 0
    ends_when_told: bool = True
    killed: bool = False
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, data: bytes) -> None:
        """Take what the owner sends."""
        self.sent.append(data)

    def end(self) -> None:
        """The input is closed."""
        if self.ends_when_told:
            self.leave()

    def kill(self) -> None:
        """End at once."""
        self.killed = True
        self.exit_code = -9
        self.leave()

    async def wait(self) -> int:
        """Wait for the end."""
        await self._ended.wait()
        return self.exit_code

    def leave(self) -> None:
        """End."""
        if not self._ended.is_set():
            self.answers.feed_eof()
            self._ended.set()

    def say(self, answer: Answer) -> None:
        """Give an answer."""
        self.answers.feed_data(encode_frame(answer))
