"""Fetches objects by hash: one question for each, however many wait for the answer.

Source: go-spacemesh, fetch/fetch.go and mesh_data.go; sync digest section 2.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
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
)
from node.net.fetch.planner import FetchPlanner, PlannedBatch
from node.net.fetch.wire import Hint, ResponseBatch
from node.net.ports import Network, PeerID
from node.types.ids import Hash32

log = structlog.get_logger("fetcher")

HASH_PROTOCOL: Final = "hs/1"
ACTIVE_SET_PROTOCOL: Final = "as/1"
ASKED_PEERS: Final = 5
"""Peers among which hashes are distributed."""

Validator: TypeAlias = Callable[[Hash32, PeerID, bytes], Awaitable[None]]
"""Judges and stores an object that a peer sent for a hash."""


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


def _objects(data: bytes, batch_id: Hash32) -> dict[Hash32, bytes]:
    response = scale.decode(ResponseBatch, data)
    if response.id != batch_id:
        raise DecodeError("mismatched response")
    return {answer.hash: answer.data for answer in response.responses}


@dataclass
class Fetcher:
    """The client of the hash protocol."""

    network: Network
    planner: FetchPlanner
    has: Callable[[Hint, Hash32], bool]
    """Whether an object is in the store."""

    batch_timeout_s: float = 0.05
    """How long hashes are gathered before they are asked for."""

    _validators: dict[Hint, Validator] = field(default_factory=dict)
    _chosen: dict[Hash32, Validator] = field(default_factory=dict)
    _waiting: dict[Hash32, asyncio.Future[None]] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def register(self, hint: Hint, validator: Validator) -> None:
        """Let ``validator`` judge objects of a kind."""
        self._validators[hint] = validator

    def register_holder(self, peer: PeerID, hashes: Iterable[bytes]) -> None:
        """Remember that a peer has these objects; our own id is never remembered."""
        if peer != self.network.local:
            self.planner.register_holder(peer, hashes)

    async def fetch(
        self, hint: Hint, hashes: Iterable[bytes], *, validator: Validator | None = None
    ) -> None:
        """Return when all objects are in the store.

        Args:
            hint: their kind.
            hashes: their identifiers; 20-byte ones are padded here.
            validator: judges them instead of the one registered for the kind; of several
                callers that wait for one object, the first one's is used.

        Raises:
            FetchError: at least one is not.
        """
        futures: dict[Hash32, asyncio.Future[None]] = {}
        for identifier in hashes:
            key = Hash32(identifier.ljust(Hash32.SIZE, b"\0"))
            if self.has(hint, key) or key in futures:
                continue
            if key not in self._waiting:
                self._waiting[key] = asyncio.get_running_loop().create_future()
                if validator is not None:
                    self._chosen[key] = validator
                self.planner.want(hint, key)
                self._wake.set()
            futures[key] = self._waiting[key]
        failures: dict[Hash32, SpacemeshError] = {}
        for key, future in futures.items():
            try:
                await asyncio.shield(future)
            except SpacemeshError as error:
                failures[key] = error
        if failures:
            raise FetchError(failures)

    async def run(self) -> None:
        """Send batches until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wake.wait()
                await asyncio.sleep(self.batch_timeout_s)
                self._wake.clear()
                batches = self.planner.plan(self.network.best(ASKED_PEERS))
                for batch in batches:
                    tasks.create_task(self._ask(batch))
                if not batches:
                    self._fail_all(UnavailableError("no peers to ask"))

    def _fail_all(self, error: SpacemeshError) -> None:
        for key in tuple(self._waiting):
            self.planner.on_failed(key)
            self._settle(key, error)

    async def _ask(self, batch: PlannedBatch) -> None:
        peer, message = PeerID(batch.peer), batch.message()
        alone = batch.wanted[0].hint is Hint.ACTIVE_SET
        protocol = ACTIVE_SET_PROTOCOL if alone else HASH_PROTOCOL
        try:
            data = await self.network.request(peer, protocol, scale.encode(message))
            found = _objects(data, message.id)
        except (UnavailableError, DecodeError) as error:
            for wanted in batch.wanted:
                self.planner.on_failed(wanted.hash)
                self._settle(wanted.hash, error)
            return
        for wanted in batch.wanted:
            if wanted.hash in found:
                self.planner.on_answered(wanted.hash)
            elif self.has(wanted.hint, wanted.hash):
                self.planner.on_answered(wanted.hash)
                self._settle(wanted.hash, None)
            elif self.planner.on_missing(wanted.hash):
                self._wake.set()
            else:
                given_up = UnavailableError("fetch failed after max retries for request")
                self._settle(wanted.hash, given_up)
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
        except (DecodeError, RejectError) as error:
            self.network.drop(peer, str(error))
            self._settle(key, error)
        except SpacemeshError as error:
            self._settle(key, error)
        else:
            self._settle(key, None)

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
