"""The power of one simulated process, and what it feeds: databases and network end.

Every write of a node, to whichever of its databases, is counted with its layer.  Before a
chosen one the power fails: that write and all later ones do not happen, nothing leaves the
node any more, and whatever of it still runs is unwound by ``PowerLost``.  What had been
written stays, or, where the machine itself went down, only what the disk had confirmed:
batches that nobody waited for are taken back from the newest on, never a part of one.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from node.base.errors import UnavailableError
from node.net.ports import GossipHandler, Network, PeerID, RequestHandler
from node.store.db import Batch, Database, Reader
from node.types.layer import LayerID

ALL = 1 << 62
"""More writes than there are."""


class PowerLost(BaseException):
    """The process is no more: raised in whatever it still tries to do.

    It is no Exception, because nothing of the node may take it for an error and go on.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One batch that was, or was about to be, written."""

    layer: LayerID
    """By the clock of the node."""

    number: int
    """How many writes of the layer came before."""

    database: str
    sync: bool

    prefixes: tuple[bytes, ...]
    """First bytes of the keys, ascending: which tables it changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BetweenWrites:
    """A node goes down between two writes of a layer.

    If the layer has fewer writes, it happens before the next one after the layer.
    """

    node: int
    layer: LayerID

    write: int
    """How many writes of the layer still happen."""

    unsynced_kept: int = ALL
    """How many of the writes that nobody waited for are still there, in each database: all
    where a process was killed, fewer where the machine lost its power."""

    down_ns: int = 0
    """How long until the node is started again."""


@dataclass(kw_only=True)
class Meter:
    """Counts the writes of one node, whatever number of times it is started."""

    faults: list[BetweenWrites]
    """Still to come, by layer and write."""

    writes: list[Write] = field(default_factory=list)
    _layer: LayerID | None = None
    _number: int = 0

    def next_write(
        self, layer: LayerID, database: str, *, sync: bool, keys: Sequence[bytes]
    ) -> Write:
        """Return what is about to be written in a layer, with its number."""
        if layer != self._layer:
            self._layer, self._number = layer, 0
        prefixes = tuple(sorted({key[:1] for key in keys}))
        return Write(
            layer=layer, number=self._number, database=database, sync=sync, prefixes=prefixes
        )

    def take_fault(self, write: Write) -> BetweenWrites | None:
        """Return the fault that comes before a write, once."""
        if self.faults:
            first = self.faults[0]
            if (first.layer, first.write) <= (write.layer, write.number):
                return self.faults.pop(0)
        return None

    def note(self, write: Write) -> None:
        """A write has happened."""
        self.writes.append(write)
        self._number += 1


@dataclass(kw_only=True)
class Power:
    """What one process of a node runs on, until it fails."""

    meter: Meter
    layer_now: Callable[[], LayerID]

    on_lost: Callable[[BetweenWrites], None]
    """Told when it fails."""

    is_on: bool = True
    databases: "list[PoweredDatabase]" = field(default_factory=list)

    def check(self) -> None:
        """Unwind whoever asks after the power failed.

        Raises:
            PowerLost: it did.
        """
        if not self.is_on:
            raise PowerLost

    def before_write(self, database: str, *, sync: bool, keys: Sequence[bytes]) -> Write:
        """Return what may be written now.

        Raises:
            PowerLost: the power has failed, or does so here.
        """
        self.check()
        write = self.meter.next_write(self.layer_now(), database, sync=sync, keys=keys)
        fault = self.meter.take_fault(write)
        if fault is not None:
            self.fail(fault)
            raise PowerLost
        return write

    def fail(self, fault: BetweenWrites) -> None:
        """Let the power fail now."""
        self.is_on = False
        for database in self.databases:
            database.lose_unsynced(fault.unsynced_kept)
        self.on_lost(fault)


class _PoweredReader:
    """Reads as long as there is power."""

    def __init__(self, reader: Reader, power: Power) -> None:
        self._reader = reader
        self._power = power

    def get(self, key: bytes) -> bytes | None:
        """See Reader."""
        self._power.check()
        return self._reader.get(key)

    def scan(
        self,
        prefix: bytes,
        *,
        start: bytes = b"",
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """See Reader."""
        self._power.check()
        return self._reader.scan(prefix, start=start, stop=stop, reverse=reverse)

    def keys(
        self,
        prefix: bytes,
        *,
        start: bytes = b"",
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[bytes]:
        """See Reader."""
        self._power.check()
        return self._reader.keys(prefix, start=start, stop=stop, reverse=reverse)


class PoweredDatabase(_PoweredReader):
    """A database whose process may end between any two of its batches."""

    def __init__(self, name: str, database: Database, power: Power) -> None:
        """Feed ``database``, called ``name`` in reports, from ``power``."""
        super().__init__(database, power)
        self._name = name
        self._database = database
        self._unsynced: list[dict[bytes, bytes | None]] = []
        power.databases.append(self)

    @contextmanager
    def batch(self, *, sync: bool = True) -> Generator[Batch, None, None]:
        """See Database."""
        collected = _Collected()
        yield collected
        changes = collected.changes
        write = self._power.before_write(self._name, sync=sync, keys=tuple(changes))
        before = {key: self._database.get(key) for key in changes}
        _write(self._database, changes, sync=sync)
        # A disk that confirms a batch has all that came before it in the same file.
        self._unsynced = [] if sync else [*self._unsynced, before]
        self._power.meter.note(write)

    def snapshot(self) -> AbstractContextManager[Reader]:
        """See Database."""
        return self._snapshot()

    @contextmanager
    def _snapshot(self) -> Generator[Reader, None, None]:
        self._power.check()
        with self._database.snapshot() as reader:
            yield _PoweredReader(reader, self._power)

    def lose_unsynced(self, kept: int) -> None:
        """Take back the batches that nobody waited for, but for the ``kept`` oldest."""
        while len(self._unsynced) > kept:
            _write(self._database, self._unsynced.pop(), sync=False)


class _Collected:
    """Changes that have not been written yet."""

    def __init__(self) -> None:
        self.changes: dict[bytes, bytes | None] = {}

    def put(self, key: bytes, value: bytes) -> None:
        """See Batch."""
        self.changes[key] = value

    def delete(self, key: bytes) -> None:
        """See Batch."""
        self.changes[key] = None


def _write(database: Database, changes: dict[bytes, bytes | None], *, sync: bool) -> None:
    with database.batch(sync=sync) as batch:
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)


class PoweredNetwork:
    """A network end that falls silent in the instant in which the power fails."""

    def __init__(
        self, network: Network, power: Power, saw: Callable[[PeerID, str, bytes], None]
    ) -> None:
        """Feed ``network`` from ``power``; ``saw`` is told of every gossip of other nodes."""
        self._network = network
        self._power = power
        self._saw = saw

    @property
    def local(self) -> PeerID:
        """See Peers."""
        return self._network.local

    def best(self, count: int) -> tuple[PeerID, ...]:
        """See Peers."""
        self._power.check()
        return self._network.best(count)

    def drop(self, peer: PeerID, reason: str) -> None:
        """See Peers."""
        self._power.check()
        self._network.drop(peer, reason)

    def register(self, topic: str, handler: GossipHandler) -> None:
        """See Gossip."""

        async def handle(peer: PeerID, data: bytes) -> None:
            self._power.check()
            if peer != self.local:
                self._saw(peer, topic, data)
            await handler(peer, data)
            # What was judged in time may have been overtaken; nothing is relayed any more.
            self._power.check()

        self._network.register(topic, handle)

    async def publish(self, topic: str, data: bytes) -> None:
        """See Gossip."""
        self._power.check()
        await self._network.publish(topic, data)

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """See Requests."""

        async def handle(peer: PeerID, data: bytes) -> bytes:
            try:
                self._power.check()
                answer = await handler(peer, data)
                self._power.check()
            except PowerLost:
                # Whoever asked is another process, and lives on.
                raise UnavailableError(f"peer {self.local} is gone") from None
            return answer

        self._network.serve(protocol, handle)

    async def request(self, peer: PeerID, protocol: str, data: bytes) -> bytes:
        """See Questions."""
        self._power.check()
        answer = await self._network.request(peer, protocol, data)
        self._power.check()
        return answer
