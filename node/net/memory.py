"""An in-memory network: any number of nodes in one process, joined by links.

Messages flood as on the real network: a node relays what its handler accepts, once.
How long a link takes, and whether a message is lost on it, is the network's ``Links``
argument.  A node alone on the network is the standalone network.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeAlias

from node.base.errors import IgnoreError, SpacemeshError, UnavailableError
from node.base.hashing import hash32
from node.net.ports import GossipHandler, PeerID, RequestHandler
from node.net.verdict import Verdict, judge

REMEMBERED_MESSAGES: Final = 1 << 14
"""Gossip messages a node recognises as seen; older ones are forgotten."""


class Links(Protocol):
    """What lies between two nodes."""

    def delay_s(self, sender: PeerID, receiver: PeerID) -> float | None:
        """Return the seconds a message takes, or None if it is lost."""


class Passage(StrEnum):
    """What became of a message."""

    HEARD = "heard"
    """Gossip: it is the first time that it comes."""

    AGAIN = "again"
    """Gossip: it came before."""

    ASKED = "asked"
    ANSWERED = "answered"

    LOST = "lost"
    """The link swallowed it."""


Watch: TypeAlias = Callable[[Passage, PeerID, PeerID, str, bytes], None]
"""Sees every message pass: (what became of it, sender, receiver, topic, data); of a lost
answer there are no data."""


def watch_nothing(
    _passage: Passage, _sender: PeerID, _receiver: PeerID, _topic: str, _data: bytes
) -> None:
    """Do not look."""


def never_again(_receiver: PeerID) -> float | None:
    """Let every message come once."""
    return None


class Flooded(NamedTuple):
    """A gossip message on its way through the network."""

    topic: str
    data: bytes

    key: bytes
    """What it is recognised by."""

    @classmethod
    def of(cls, topic: str, data: bytes) -> "Flooded":
        """Return a message with its key."""
        return cls(topic, data, hash32(topic.encode(), data))


class PerfectLinks:
    """Nothing is lost, and nothing takes time."""

    def delay_s(self, sender: PeerID, receiver: PeerID) -> float | None:
        """See Links."""
        return 0.0


@dataclass
class MemoryNetwork:
    """Joins any number of ends; owns the tasks that carry messages.

    Use it as an async context manager: leaving ends every message under way.
    """

    links: Links = field(default_factory=PerfectLinks)
    ends: dict[PeerID, "MemoryEnd"] = field(default_factory=dict)
    strict: bool = True
    watch: Watch = watch_nothing

    again_s: Callable[[PeerID], float | None] = never_again
    """How long after a gossip message its receiver gets it once more, by when real ends have
    forgotten that they saw it; None: not at all."""

    reconnect_s: float = math.inf
    """How long an end refuses a peer that it dropped: real ones find each other again."""

    async def run(self) -> None:
        """Carry messages until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for end in self.ends.values():
                end.start(tasks)
            await asyncio.Event().wait()

    def join(self, name: str) -> "MemoryEnd":
        """Add a node; before ``run``, or start the end with tasks of its own."""
        end = MemoryEnd(local=PeerID(name), network=self)
        self.ends[end.local] = end
        return end


@dataclass
class MemoryEnd:
    """One node's end of the network; implements ``node.net.ports.Network``."""

    local: PeerID
    network: MemoryNetwork
    _topics: dict[str, GossipHandler] = field(default_factory=dict)
    _protocols: dict[str, RequestHandler] = field(default_factory=dict)
    _seen: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    _coming: dict[bytes, float] = field(default_factory=dict)
    """When each message under way to us arrives first: another way that takes longer
    cannot matter, so nothing is sent on it."""

    _dropped: dict[PeerID, float] = field(default_factory=dict)
    """Until when a peer is refused, by the loop's clock."""

    _tasks: asyncio.TaskGroup | None = None

    _context: Context | None = None
    """Ours, not that of whoever sends us something: logs name the node by it."""

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Take part from now on; ``tasks`` carry what comes in."""
        self._tasks, self._context = tasks, copy_context()

    def stop(self) -> None:
        """Take part no longer: messages to this end are lost."""
        self._tasks = None
        self._coming.clear()

    def register(self, topic: str, handler: GossipHandler) -> None:
        """See Gossip."""
        self._topics[topic] = handler

    async def publish(self, topic: str, data: bytes) -> None:
        """See Gossip."""
        message = Flooded.of(topic, data)
        if not self._remember(message.key):
            raise IgnoreError(f"message of {topic} was published before")
        try:
            await self._topics[topic](self.local, data)
        except SpacemeshError:
            # It went nowhere: it may be offered again when we are ready for it.
            self._seen.pop(message.key, None)
            raise
        self._relay(message, source=self.local)

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """See Requests."""
        self._protocols[protocol] = handler

    async def request(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        """See Requests."""
        end = self.network.ends.get(peer)
        there = self.network.links.delay_s(self.local, peer)
        back = self.network.links.delay_s(peer, self.local)
        if end is None or not self._is_connected(end):
            raise UnavailableError(f"peer {peer} is not connected")
        watch = self.network.watch
        if there is None or back is None:
            sides = (self.local, peer) if there is None else (peer, self.local)
            watch(Passage.LOST, *sides, protocol, data if there is None else b"")
            raise UnavailableError(f"peer {peer} did not answer")
        await asyncio.sleep(there)
        watch(Passage.ASKED, self.local, peer, protocol, data)
        answer = await end.answer(self.local, protocol, data)
        await asyncio.sleep(back)
        watch(Passage.ANSWERED, peer, self.local, protocol, answer)
        return answer

    async def answer(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        """Answer a request of another end; the work is ours, and ends when we do.

        Raises:
            UnavailableError: we do not take part any more, do not speak the protocol, or the
                answer is an error.
        """
        handler = self._protocols.get(protocol)
        if handler is None:
            raise UnavailableError(f"peer {self.local} does not speak {protocol}")
        if self._tasks is None:
            raise UnavailableError(f"peer {self.local} is not connected")
        answered: asyncio.Future[bytes | SpacemeshError | None] = (
            asyncio.get_running_loop().create_future()
        )
        context = None if self._context is None else self._context.copy()
        task = self._tasks.create_task(_outcome(handler, peer, data), context=context)
        task.add_done_callback(partial(_pass_on, answered))
        answer = await answered
        if answer is None:
            raise UnavailableError(f"peer {self.local} is gone")
        if isinstance(answer, SpacemeshError):
            raise UnavailableError(f"peer {self.local} answered: {answer}") from answer
        return answer

    @property
    def is_running(self) -> bool:
        """Tell whether this end takes part."""
        return self._tasks is not None

    def has_dropped(self, peer: PeerID) -> bool:
        """Tell whether this end refuses a peer."""
        until_s = self._dropped.get(peer)
        if until_s is None:
            return False
        return until_s == math.inf or asyncio.get_running_loop().time() < until_s

    def has_seen(self, message: Flooded) -> bool:
        """Tell whether this end has had a message."""
        return message.key in self._seen

    def best(self, count: int) -> tuple[PeerID, ...]:
        """See Peers."""
        return tuple(sorted(end.local for end in self._connected()))[:count]

    def drop(self, peer: PeerID, reason: str) -> None:
        """See Peers."""
        if peer != self.local:
            refused_s = self.network.reconnect_s
            now_s = 0.0 if refused_s == math.inf else asyncio.get_running_loop().time()
            self._dropped[peer] = now_s + refused_s

    def forget(self) -> None:
        """Forget which messages were seen, as real ends do after some minutes."""
        self._seen.clear()

    def _connected(self) -> "list[MemoryEnd]":
        return [end for end in self.network.ends.values() if self._is_connected(end)]

    def _is_connected(self, end: "MemoryEnd") -> bool:
        return (
            end.is_running
            and end is not self
            and not self.has_dropped(end.local)
            and not end.has_dropped(self.local)
        )

    def _remember(self, key: bytes) -> bool:
        """Tell whether a message is new, and take note of it."""
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > REMEMBERED_MESSAGES:
            self._seen.popitem(last=False)
        return True

    def _relay(self, message: Flooded, source: PeerID) -> None:
        for end in self._connected():
            # That a peer has a message already costs nothing to find out here.
            if end.local == source or end.has_seen(message):
                continue
            delay = self.network.links.delay_s(self.local, end.local)
            if delay is None:
                self.network.watch(Passage.LOST, self.local, end.local, message.topic, message.data)
            else:
                end.receive_message_later(self.local, message, delay)

    def receive_later(self, sender: PeerID, topic: str, data: bytes, delay_s: float) -> None:
        """Take a message that is ``delay_s`` away; it is lost if this end has stopped."""
        self.receive_message_later(sender, Flooded.of(topic, data), delay_s)

    def receive_message_later(self, sender: PeerID, message: Flooded, delay_s: float) -> None:
        """See ``receive_later``; nothing happens where it comes by another way sooner."""
        if self._tasks is None:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + delay_s
        first = self._coming.get(message.key)
        if first is None or at < first:
            self._coming[message.key] = at
            loop.call_at(at, self._arrive, sender, message, context=self._context)

    def _arrive(self, sender: PeerID, message: Flooded) -> None:
        self._coming.pop(message.key, None)
        if self._tasks is None or not self._remember(message.key):
            return
        self._take(Passage.HEARD, sender, message)
        again_s = self.network.again_s(self.local)
        if again_s is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(again_s, self._take, Passage.AGAIN, sender, message)

    def _take(self, passage: Passage, sender: PeerID, message: Flooded) -> None:
        handler = self._topics.get(message.topic)
        if handler is None or self._tasks is None:
            return
        self.network.watch(passage, sender, self.local, message.topic, message.data)
        self._tasks.create_task(self._handle(handler, sender, message))

    async def _handle(self, handler: GossipHandler, sender: PeerID, message: Flooded) -> None:
        topic, data = message.topic, message.data
        verdict = await judge(handler, topic, sender, data, strict=self.network.strict)
        if verdict is Verdict.ACCEPT:
            self._relay(message, source=sender)
        elif verdict is Verdict.REJECT:
            self.drop(sender, f"invalid message of {topic}")


async def _outcome(handler: RequestHandler, peer: PeerID, data: bytes) -> bytes | SpacemeshError:
    """Return an answer or its error, which must not end the tasks beside it."""
    try:
        return await handler(peer, data)
    except SpacemeshError as error:
        return error


def _pass_on(
    answered: "asyncio.Future[bytes | SpacemeshError | None]",
    task: "asyncio.Task[bytes | SpacemeshError]",
) -> None:
    """Tell who asked, if anyone still waits; None: the one who was asked is gone."""
    if not answered.done():
        is_gone = task.cancelled() or task.exception() is not None
        answered.set_result(None if is_gone else task.result())
