"""An API served from a thread of its own, for clients that block."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from node.api.server import Endpoints
from node.events import Event
from node.vm import sdk
from tests.support.api import ApiWorld
from tests.support.vm_network import DESTINATION, WALLET_ACCOUNT, single

NEXT_SPEND = single(sdk.spend(WALLET_ACCOUNT, DESTINATION, 7, nonce=4, gas_price=1))
"""Not stored; the next one that the pool of an ApiWorld takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running API."""

    world: ApiWorld
    endpoints: Endpoints
    loop: asyncio.AbstractEventLoop

    def publish(self, event: Event) -> None:
        """Announce an event in the node's thread."""
        self.loop.call_soon_threadsafe(self.world.bus.publish, event)


@contextmanager
def served(world: ApiWorld) -> Iterator[Served]:
    """Serve a world for the length of the block."""
    ready = threading.Event()
    found: list[Served] = []
    stops: list[asyncio.Event] = []

    async def serve() -> None:
        stop = asyncio.Event()
        stops.append(stop)
        async with world.serve() as api:
            loop = asyncio.get_running_loop()
            found.append(Served(world=world, endpoints=api.endpoints, loop=loop))
            ready.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="served-api")
    thread.start()
    ready.wait()
    try:
        yield found[0]
    finally:
        if found:
            found[0].loop.call_soon_threadsafe(stops[0].set)
        thread.join()
