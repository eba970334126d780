"""Messages from end to end: bytes in, checked, stored, told, verdict out; on the event loop.

No handler waits for anything here, so that each figure is also the longest time for which
the loop stands still.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from node.base import scale
from node.consensus.hare.gradecast import RoundMessage
from node.consensus.hare.machine import HareMachine
from node.consensus.hare.messages import Version
from node.consensus.hare.wire import HareMessage, MessageV4, Round
from node.consensus.transactions.handler import TransactionHandler
from node.consensus.transactions.pool import TransactionPool
from node.events import Bus
from node.net.ports import PeerID
from node.store.accounts import put_account
from node.store.db import LevelDB
from node.types.ids import EdSignature, Hash32, ProposalID, SmesherID
from node.vm import sdk
from scripts.benchmarks.measurement import Measurement, Timing, duration
from tests.support import hare
from tests.support.api import StillClock
from tests.support.proposals import LAYER, ProposalWorld, propose, transaction
from tests.support.vm_network import DESTINATION, GENESIS_ID, WALLET_ACCOUNT, single, spawned_state

SAMPLES: Final = 12
"""Messages of each kind; the quickest counts."""

LOOP_BAR_MS: Final = 50.0
"""How long the event loop may stand still."""

MS: Final = 1000
TRANSACTIONS: Final = 200
PROPOSALS: Final = 50
MANY_PROPOSALS: Final = 2350
COMMITTEE: Final = 400
PEER: Final = PeerID("peer")


def measure() -> Iterator[Measurement]:
    """Yield the time of a message of each kind."""
    yield _figure(f"gossip: proposal of {TRANSACTIONS} transactions", _handle_proposals)
    for version in Version:
        for proposals in (PROPOSALS, MANY_PROPOSALS):
            yield _figure(
                f"gossip: {version.name.lower()} preround of {proposals} ids",
                partial(_handle_prerounds, version=version, proposals=proposals),
            )
    yield _figure("gossip: spend", _handle_spends)
    for name, different in (("honest", 1), ("as different as can be", COMMITTEE)):
        yield duration(
            f"hare: preround of {COMMITTEE}, {name}",
            _preround(different),
            "ms",
            2.0,
            bar=LOOP_BAR_MS,
        )


async def _timed(work: Callable[[], Awaitable[None]]) -> Timing:
    cpu, wall = time.process_time(), time.perf_counter()
    await work()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu)


def _figure(
    name: str, handle: Callable[[Path], Coroutine[None, None, list[Timing]]]
) -> Measurement:
    async def run() -> list[Timing]:
        with tempfile.TemporaryDirectory() as folder:
            return await handle(Path(folder))

    timings = asyncio.run(run())
    return Measurement(
        name,
        MS * min(timing.wall for timing in timings),
        "ms",
        MS * min(timing.cpu for timing in timings),
        bar=LOOP_BAR_MS,
    )


async def _handle_proposals(folder: Path) -> list[Timing]:
    """Reference ballots with their slots, in proposals whose transactions are known."""
    timings = []
    for number in range(SAMPLES):
        world = ProposalWorld(folder / str(number))
        known = [transaction(k) for k in range(TRANSACTIONS)]
        proposal = propose(world.ballot(1, LAYER), *map(world.add_transaction, known))
        data = scale.encode(proposal)
        timings.append(await _timed(partial(world.handler.on_gossip, PEER, data)))
        world.close()
    return timings


async def _handle_prerounds(folder: Path, version: Version, proposals: int) -> list[Timing]:
    """Preround messages of one smesher, each to a session of its own."""
    scene = hare.Scene(folder, version)
    offered = [
        hare.proposal(1, name=number.to_bytes(4, "big")) for number in range(1, proposals + 1)
    ]
    scene.node.offer(*offered)
    identifiers = sorted(proposal.id for proposal in offered)
    message = scene.message(hare.at(0, Round.PREROUND), *identifiers)
    data = scale.encode(_outgoing(scene, message))
    timings = []
    for _ in range(SAMPLES):
        scene.node.handler.open(hare.LAYER)
        timings.append(await _timed(partial(scene.node.handler.on_gossip, PEER, data)))
    scene.node.close()
    return timings


def _outgoing(scene: hare.Scene, message: HareMessage) -> HareMessage:
    return scene.node.exchange.compact(message) if isinstance(message, MessageV4) else message


async def _handle_spends(folder: Path) -> list[Timing]:
    """Spends of one account, one after the other."""
    with LevelDB(folder / "state") as db:
        with db.batch(sync=False) as batch:
            for account in spawned_state().all_accounts():
                put_account(batch, account)
        pool = TransactionPool(db=db, gas_limit=10**9, entropy=bytes)
        handler = TransactionHandler(
            db=db, clock=StillClock(), bus=Bus(), pool=pool, genesis_id=GENESIS_ID
        )
        timings = []
        for number in range(SAMPLES):
            body = sdk.spend(WALLET_ACCOUNT, DESTINATION, 1, nonce=number + 1, gas_price=1)
            raw = single(body).raw.raw
            timings.append(await _timed(partial(handler.on_gossip, PEER, raw)))
        return timings


def _preround(different: int) -> Callable[[], object]:
    """Return what judges the sets of a whole committee, of which so many differ."""
    sets = [
        tuple(_proposal_ids(first=number % different, count=PROPOSALS))
        for number in range(COMMITTEE)
    ]
    messages = [
        RoundMessage(
            sender=SmesherID(number.to_bytes(32, "big")),
            iter_round=hare.at(0, Round.PREROUND),
            proposals=proposals,
            reference=None,
            proof=hare.vrf(number),
            seats=1,
            digest=Hash32(number.to_bytes(32, "big")),
            signature=EdSignature.zero(),
            malicious=False,
        )
        for number, proposals in enumerate(sets)
    ]

    def judge() -> None:
        machine = HareMachine(threshold=COMMITTEE // 2 + 1)
        for message in messages:
            machine.on_message(message)
        hare.run_to(machine, hare.at(0, Round.PROPOSE))
        machine.on_round()

    return judge


def _proposal_ids(first: int, count: int) -> Iterator[ProposalID]:
    for number in range(first, first + count):
        yield ProposalID(number.to_bytes(20, "big"))
