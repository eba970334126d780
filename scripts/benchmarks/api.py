"""Streams and lists of the API, over a connection: what a second brings to one client."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from node.consensus.mesh.executor import put_applied
from node.events import TransactionApplied
from node.pb.spacemesh.v1 import mesh_types_pb2 as mesh_v1
from node.pb.spacemesh.v1 import tx_types_pb2 as tx_v1
from node.pb.spacemesh.v1 import types_pb2 as types_v1
from node.pb.spacemesh.v2alpha1 import tx_pb2 as tx_v2
from node.store.blocks import put_block
from node.store.transactions import put_transaction
from node.types.block import Block, InnerBlock
from node.types.layer import LayerID
from node.types.transaction import TransactionWithResult
from node.vm import sdk
from node.vm.apply import apply
from scripts.benchmarks.measurement import Measurement, Timing
from tests.support.api import EMPTY_LAYER, Api, ApiWorld
from tests.support.vm_network import DESTINATION, PARAMETERS, WALLET_ACCOUNT, single, spawned_state

CALLS: Final = 8
"""Calls of each kind; the quickest counts."""

SPENDS: Final = 1000
PAGE: Final = 100
LIVE: Final = 200
"""Fewer than a slow client may leave unread."""

V1: Final = "spacemesh.v1.TransactionService"
MESH: Final = "spacemesh.v1.MeshService"
V2: Final = "spacemesh.v2alpha1.TransactionService"

Call: TypeAlias = Callable[[], Awaitable[int]]
"""Returns how many things came."""


def measure() -> Iterator[Measurement]:
    """Yield what streams and lists bring."""
    yield from asyncio.run(_measure())


async def _measure() -> list[Measurement]:
    with tempfile.TemporaryDirectory() as folder, ApiWorld(Path(folder)) as world:
        executed = _fill(world)
        async with world.serve() as api:
            return [
                await _rate("api: results of a stream", "results/s", lambda: _stream(api)),
                await _rate("api: transactions of a layer", "transactions/s", lambda: _layer(api)),
                await _rate("api: transactions of a list", "transactions/s", lambda: _page(api)),
                await _rate("api: live results", "results/s", lambda: _live(api, world, executed)),
            ]


def _fill(world: ApiWorld) -> tuple[TransactionWithResult, ...]:
    """Store a layer with a block of spends; return what became of them."""
    spends = tuple(
        single(sdk.spend(WALLET_ACCOUNT, DESTINATION, 1, nonce=number + 1, gas_price=1))
        for number in range(SPENDS)
    )
    applied = apply(EMPTY_LAYER, spends, (), spawned_state(), PARAMETERS)
    block = Block(
        inner=InnerBlock(
            layer=EMPTY_LAYER,
            tick_height=1,
            rewards=(),
            tx_ids=tuple(done.transaction.raw.id for done in applied.results),
        )
    )
    with world.db.batch(sync=False) as batch:
        for number, sent in enumerate(spends):
            put_transaction(batch, sent, number)
        put_block(batch, block)
        put_applied(batch, applied, block.id)
    return applied.results


async def _rate(name: str, unit: str, call: Call) -> Measurement:
    """Return how many things a second a call brings, both ends of it counted."""
    best = Timing(float("inf"), float("inf"))
    for _ in range(CALLS):
        cpu, wall = time.process_time(), time.perf_counter()
        came = await call()
        taken = Timing(time.perf_counter() - wall, time.process_time() - cpu)
        best = Timing(min(best.wall, taken.wall / came), min(best.cpu, taken.cpu / came))
    return Measurement(name, 1 / best.wall, unit, 1 / best.cpu)


async def _stream(api: Api) -> int:
    request = tx_v1.TransactionResultsRequest(start=EMPTY_LAYER, end=EMPTY_LAYER)
    return len([result async for result in api.stream(f"{V1}/StreamResults", request)])


async def _layer(api: Api) -> int:
    number = types_v1.LayerNumber(number=EMPTY_LAYER)
    request = mesh_v1.LayersQueryRequest(start_layer=number, end_layer=number)
    answer = await api.unary(f"{MESH}/LayersQuery", request)
    return sum(len(block.transactions) for layer in answer.layer for block in layer.blocks)


async def _page(api: Api) -> int:
    request = tx_v2.TransactionRequest(
        start_layer=EMPTY_LAYER, end_layer=EMPTY_LAYER, limit=PAGE, include_result=True
    )
    return len((await api.unary(f"{V2}/List", request)).transactions)


async def _live(api: Api, world: ApiWorld, executed: tuple[TransactionWithResult, ...]) -> int:
    """Watch results that are announced while the stream is open."""
    world.mesh.applied = LayerID(EMPTY_LAYER - 1)
    request = tx_v1.TransactionResultsRequest(start=EMPTY_LAYER, watch=True)
    async with _watched(api, request) as stream:
        for one in executed[:LIVE]:
            world.bus.publish(TransactionApplied(executed=one))
        for _ in range(LIVE):
            await stream.read()
    return LIVE


@asynccontextmanager
async def _watched(api: Api, request: tx_v1.TransactionResultsRequest) -> AsyncIterator[Any]:
    stream = api.stream(f"{V1}/StreamResults", request)
    try:
        await stream.initial_metadata()
        yield stream
    finally:
        stream.cancel()
