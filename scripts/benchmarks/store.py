"""The database: rows of the protocol, as handlers read and write them."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from node.store.activesets import get_active_set, put_active_set
from node.store.atxs import atx_ids_in_epoch, get_atx, put_atx
from node.store.ballots import ballots_in_layer, get_ballot, put_ballot
from node.store.blocks import get_block, put_block
from node.store.db import Batch, LevelDB
from node.store.transactions import get_transaction, put_transaction
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.block import Block
from node.types.ids import AtxID
from node.types.layer import EpochID, LayerID
from scripts.benchmarks.measurement import Measurement, duration
from scripts.benchmarks.samples import fill
from tests.support import store_records as records

SECONDS: Final = 0.6
"""Time for each figure."""

ROWS: Final = 2000
BALLOTS: Final = 50
MEMBERS: Final = 100_000
LAYER: Final = 30


def measure() -> Iterator[Measurement]:
    """Yield the time of a row, and of what is read as a whole."""
    with tempfile.TemporaryDirectory() as folder, LevelDB(Path(folder) / "state") as db:
        yield from _measure_writes(db)
        yield from _measure_reads(db)


def _measure_writes(db: LevelDB) -> Iterator[Measurement]:
    numbers = count(1)
    transactions = [records.transaction(number) for number in range(1, ROWS + 1)]
    writes: tuple[tuple[str, Callable[[Batch], None]], ...] = (
        (
            "an ATX",
            lambda batch: put_atx(batch, records.atx(next(numbers) % ROWS + 1), blob=b"atx"),
        ),
        ("a ballot", lambda batch: put_ballot(batch, records.ballot(LAYER, next(numbers) % 200))),
        (
            "a transaction",
            lambda batch: put_transaction(batch, transactions[next(numbers) % ROWS], 1),
        ),
    )
    for name, put in writes:
        for sync in (False, True):
            suffix = ", on the disk" if sync else ""
            write = partial(_write, db, put, sync=sync)
            yield duration(f"store: write {name}{suffix}", write, "us", SECONDS)


def _write(db: LevelDB, put: Callable[[Batch], None], *, sync: bool) -> None:
    with db.batch(sync=sync) as batch:
        put(batch)


def _measure_reads(db: LevelDB) -> Iterator[Measurement]:
    ballots = [records.ballot(LAYER + 1, number) for number in range(1, BALLOTS + 1)]
    block: Block = fill(Block, {"rewards": 50, "tx_ids": 5000})
    members = tuple(sorted(AtxID(number.to_bytes(32, "big")) for number in range(MEMBERS)))
    digest = active_set_hash(members)
    with db.batch(sync=False) as batch:
        for number in range(1, ROWS + 1):
            put_atx(batch, records.atx(number), blob=b"atx")
            put_transaction(batch, records.transaction(number), 1)
        for ballot in ballots:
            put_ballot(batch, ballot)
        put_block(batch, block)
        put_active_set(batch, digest, EpochActiveSet(epoch=EpochID(1), atx_ids=members))
    known = records.transaction(1).raw.id
    reads: tuple[tuple[str, str, Callable[[], object]], ...] = (
        ("an ATX", "us", lambda: get_atx(db, records.atx_id(1))),
        ("a ballot", "us", lambda: get_ballot(db, ballots[0].id)),
        ("a transaction", "us", lambda: get_transaction(db, known)),
        (f"{BALLOTS} ballots of a layer", "us", lambda: list(ballots_in_layer(db, LayerID(31)))),
        ("a block of 5000 transactions", "us", lambda: get_block(db, block.id)),
        (f"the ids of {ROWS} ATXs", "us", lambda: list(atx_ids_in_epoch(db, EpochID(1)))),
        (f"an active set of {MEMBERS}", "ms", lambda: get_active_set(db, digest)),
    )
    for name, unit, read in reads:
        yield duration(f"store: read {name}", read, unit, SECONDS)
