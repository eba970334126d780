"""Fetches objects by hash: one question for each, however many wait for the answer.

Source: go-spacemesh, fetch/fetch.go and mesh_data.go; sync digest section 2.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import structlog

from node.base import scale
from node.base.errors import (
    DecodeError,
    IgnoreError,
    RejectError,
    SpacemeshError,
    UnavailableError,
    WrongObjectError,
)
from node.net.fetch.planner import FetchPlanner, PlannedBatch
from node.net.fetch.wire import ACTIVE_SETS, HASHES, Hint, ResponseBatch
from node.net.ports import AskedPeers, PeerID
from node.types.ids import Hash32

log = structlog.get_logger("fetcher")

KNOWN_PEERS: Final = 100
"""Peers whose knowledge of hashes is made use of."""
QUEUE_SIZE: Final = 20
"""Hashes that fill the queue, by default."""
ATXS_AT_ONCE: Final = 100
"""ATXs under way at the same time, by default."""

Validator: TypeAlias = Callable[[Hash32, PeerID, bytes], Awaitable[None]]
"""Judges and stores an object that a peer sent for a hash."""


class GivenUpError(UnavailableError):
    """Many answers came, and none with the object."""

    default_code = "smesh.unavailable.given_up"


class FetchError(SpacemeshError):
    """Some hashes could not be fetched.

    Attributes:
        failures: why, by hash.
    """

    default_code = "smesh.fetch"

    def __init__(self, failures: dict[Hash32, SpacemeshError]) -> None:
        first = next(iter(failures.values()))
        super().__init__(f"{len(failures)} objects could not be fetched: {first}")
        self.failures = failures

    @property
    def is_ignorable(self) -> bool:
        """Tell whether every object came but was invalid or unwanted: no use to retry."""
        return all(
            isinstance(error, DecodeError | RejectError | IgnoreError)
            or (isinstance(error, FetchError) and error.is_ignorable)
            for error in self.failures.values()
        )


def _padded(identifier: bytes) -> Hash32:
    return Hash32(identifier.ljust(Hash32.SIZE, b"\0"))


def _objects(data: bytes, batch_id: Hash32) -> dict[Hash32, bytes]:
    response = scale.decode(ResponseBatch, data)
    if response.id != batch_id:
        raise DecodeError("mismatched response")
    return {answer.hash: answer.data for answer in response.responses}


@dataclass
class Fetcher:
    """The client of the hash protocol."""

    network: AskedPeers
    planner: FetchPlanner
    has: Callable[[Hint, Hash32], bool]
    """Whether an object is in the store."""

    batch_timeout_s: float = 0.05
    """How long hashes are gathered before they are asked for."""

    queue_size: int = QUEUE_SIZE
    """Hashes that are asked for at once, without waiting for more."""

    atxs_at_once: int = ATXS_AT_ONCE
    """Places for those who limit themselves."""

    _places: asyncio.Semaphore = field(init=False)
    _validators: dict[Hint, Validator] = field(default_factory=dict)
    _chosen: dict[Hash32, Validator] = field(default_factory=dict)
    _waiting: dict[Hash32, asyncio.Future[None]] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _full: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Make the places."""
        self._places = asyncio.Semaphore(self.atxs_at_once)

    def register(self, hint: Hint, validator: Validator) -> None:
        """Let ``validator`` judge objects of a kind."""
        self._validators[hint] = validator

    def register_holder(self, peer: PeerID, hashes: Iterable[bytes]) -> None:
        """Remember that a peer has these objects; our own id is never remembered."""
        if peer != self.network.local:
            self.planner.register_holder(peer, map(_padded, hashes))

    async def fetch(
        self,
        hint: Hint,
        hashes: Iterable[bytes],
        *,
        validator: Validator | None = None,
        limited: bool = False,
        from_holders: bool = False,
    ) -> None:
        """Return when all objects are in the store.

        Args:
            hint: their kind.
            hashes: their identifiers; 20-byte ones are padded here.
            validator: judges them instead of the one registered for the kind; of several
                callers that wait for one object, the first one's is used.
            limited: ask for no more than ``atxs_at_once`` at a time.  Never from a validator,
                whose object holds one of these places itself.
            from_holders: believe those who are registered as holders that there is no such
                object if they have none.

        Raises:
            FetchError: at least one is not.
        """
        futures: dict[Hash32, asyncio.Future[None]] = {}
        for identifier in hashes:
            key = _padded(identifier)
            if self.has(hint, key) or key in futures:
                continue
            if limited and key not in self._waiting:
                await self._places.acquire()
                if self.has(hint, key) or key in self._waiting:
                    self._places.release()
                else:
                    wanted = self._want(hint, key, validator, from_holders=from_holders)
                    wanted.add_done_callback(self._free_place)
            if key in self._waiting or not self.has(hint, key):
                futures[key] = self._want(hint, key, validator, from_holders=from_holders)
        failures: dict[Hash32, SpacemeshError] = {}
        for key, future in futures.items():
            try:
                await asyncio.shield(future)
            except SpacemeshError as error:
                failures[key] = error
        if failures:
            raise FetchError(failures)

    def _want(
        self, hint: Hint, key: Hash32, validator: Validator | None, *, from_holders: bool
    ) -> asyncio.Future[None]:
        """Return what all who want an object wait for."""
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
            if validator is not None:
                self._chosen[key] = validator
            self.planner.want(hint, key, from_holders=from_holders)
            self._wake.set()
            if self.planner.unsent >= self.queue_size:
                self._full.set()
        return self._waiting[key]

    def _free_place(self, _: asyncio.Future[None]) -> None:
        self._places.release()

    async def run(self) -> None:
        """Send batches until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wake.wait()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.batch_timeout_s):
                        await self._full.wait()
                self._wake.clear()
                self._full.clear()
                batches = self.planner.plan(self.network.best(KNOWN_PEERS))
                for batch in batches:
                    tasks.create_task(self._ask(batch))
                if not batches:
                    self._fail_unsent(UnavailableError("no peers to ask"))

    def _fail_unsent(self, error: SpacemeshError) -> None:
        """Tell those whose objects nobody can be asked for; answers under way may still come."""
        for key in self.planner.take_unsent():
            self._settle(key, error)

    async def _ask(self, batch: PlannedBatch) -> None:
        peer, message = PeerID(batch.peer), batch.message()
        alone = batch.wanted[0].hint is Hint.ACTIVE_SET
        protocol = ACTIVE_SETS if alone else HASHES
        try:
            data = await self.network.request(peer, protocol, scale.encode(message))
            found = _objects(data, message.id)
        except (UnavailableError, DecodeError) as error:
            if isinstance(error, DecodeError):
                self.network.drop(peer, str(error))
            for wanted in batch.wanted:
                self.planner.on_failed(wanted.hash)
                self._settle(wanted.hash, error)
            return
        for wanted in batch.wanted:
            if wanted.hash in found:
                continue
            if self.has(wanted.hint, wanted.hash):
                self.planner.on_answered(wanted.hash)
                self._settle(wanted.hash, None)
            else:
                given_up = GivenUpError("fetch failed after max retries for request")
                self._try_again(wanted.hash, given_up)
        async with asyncio.TaskGroup() as tasks:
            for wanted in batch.wanted:
                if wanted.hash in found:
                    tasks.create_task(self._take(wanted.hint, wanted.hash, peer, found))

    async def _take(
        self, hint: Hint, key: Hash32, peer: PeerID, found: dict[Hash32, bytes]
    ) -> None:
        try:
            validator = self._chosen.get(key) or self._validators[hint]
            await validator(key, peer, found[key])
        except (DecodeError, WrongObjectError) as error:
            # It says nothing of the object itself: others may have the right one.
            self.network.drop(peer, str(error))
            self._try_again(key, error)
        except SpacemeshError as error:
            if isinstance(error, RejectError):
                self.network.drop(peer, str(error))
            self.planner.on_answered(key)
            self._settle(key, error)
        else:
            self.planner.on_answered(key)
            self._settle(key, None)

    def _try_again(self, key: Hash32, error: SpacemeshError) -> None:
        if self.planner.on_missing(key):
            self._wake.set()
        else:
            self._settle(key, error)

    def _settle(self, key: Hash32, error: SpacemeshError | None) -> None:
        self._chosen.pop(key, None)
        future = self._waiting.pop(key, None)
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
            return
        future.set_exception(error)
        # Whoever waited may be cancelled by now; the failure is then of no interest.
        future.exception()
