"""An in-memory network: any number of nodes in one process, joined by links.

Messages flood as on the real network: a node relays what its handler accepts, once.
How long a link takes, and whether a message is lost on it, is the network's ``Links``
argument.  A node alone on the network is the standalone network.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Protocol

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
    _dropped: set[PeerID] = field(default_factory=set)
    _tasks: asyncio.TaskGroup | None = None

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Take part from now on; ``tasks`` carry what comes in."""
        self._tasks = tasks

    def stop(self) -> None:
        """Take part no longer: messages to this end are lost."""
        self._tasks = None

    def register(self, topic: str, handler: GossipHandler) -> None:
        """See Gossip."""
        self._topics[topic] = handler

    async def publish(self, topic: str, data: bytes) -> None:
        """See Gossip."""
        if not self._remember(topic, data):
            raise IgnoreError(f"message of {topic} was published before")
        await self._topics[topic](self.local, data)
        self._relay(topic, data, source=self.local)

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
        if there is None or back is None:
            raise UnavailableError(f"peer {peer} did not answer")
        await asyncio.sleep(there)
        answer = await end.answer(self.local, protocol, data)
        await asyncio.sleep(back)
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
        task = self._tasks.create_task(_outcome(handler, peer, data))
        await asyncio.wait([task])
        if task.cancelled():
            raise UnavailableError(f"peer {self.local} is gone")
        answer = task.result()
        if isinstance(answer, SpacemeshError):
            raise UnavailableError(f"peer {self.local} answered: {answer}") from answer
        return answer

    @property
    def is_running(self) -> bool:
        """Tell whether this end takes part."""
        return self._tasks is not None

    def has_dropped(self, peer: PeerID) -> bool:
        """Tell whether this end refuses a peer."""
        return peer in self._dropped

    def best(self, count: int) -> tuple[PeerID, ...]:
        """See Peers."""
        return tuple(sorted(self._connected()))[:count]

    def drop(self, peer: PeerID, reason: str) -> None:
        """See Peers."""
        if peer != self.local:
            self._dropped.add(peer)

    def _connected(self) -> list[PeerID]:
        return [end.local for end in self.network.ends.values() if self._is_connected(end)]

    def _is_connected(self, end: "MemoryEnd") -> bool:
        return (
            end is not self
            and end.is_running
            and end.local not in self._dropped
            and not end.has_dropped(self.local)
        )

    def _remember(self, topic: str, data: bytes) -> bool:
        """Tell whether a message is new, and take note of it."""
        key = hash32(topic.encode(), data)
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > REMEMBERED_MESSAGES:
            self._seen.popitem(last=False)
        return True

    def _relay(self, topic: str, data: bytes, source: PeerID) -> None:
        for peer in self._connected():
            delay = self.network.links.delay_s(self.local, peer)
            if peer != source and delay is not None:
                self.network.ends[peer].receive_later(self.local, topic, data, delay)

    def receive_later(self, sender: PeerID, topic: str, data: bytes, delay_s: float) -> None:
        """Take a message that is ``delay_s`` away; it is lost if this end has stopped."""
        if self._tasks is not None:
            self._tasks.create_task(self._receive(sender, topic, data, delay_s))

    async def _receive(self, sender: PeerID, topic: str, data: bytes, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        handler = self._topics.get(topic)
        if handler is None or self._tasks is None or not self._remember(topic, data):
            return
        verdict = await judge(handler, topic, sender, data, strict=self.network.strict)
        if verdict is Verdict.ACCEPT:
            self._relay(topic, data, source=sender)
        elif verdict is Verdict.REJECT:
            self.drop(sender, f"invalid message of {topic}")


async def _outcome(handler: RequestHandler, peer: PeerID, data: bytes) -> bytes | SpacemeshError:
    """Return an answer or its error, which must not end the tasks beside it."""
    try:
        return await handler(peer, data)
    except SpacemeshError as error:
        return error
