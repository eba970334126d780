"""The mesh: makes the state follow the tortoise's opinion, layer by layer.

Everything but the download of missing blocks is synchronous: two layers are never
processed at once, and no reader sees half of a layer.

Source: go-spacemesh, mesh/mesh.go; tortoise digest 13.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from node.base.errors import SpacemeshError
from node.base.hashing import EMPTY_HASH
from node.consensus.mesh.executor import Executor, check_next, put_applied
from node.consensus.mesh.plan import (
    LayerStep,
    MeshPlan,
    ProcessedLayers,
    make_plan,
    plan_hare_output,
)
from node.consensus.mesh.ports import TransactionsListener
from node.consensus.tortoise.machine import Tortoise
from node.events import (
    AccountChanged,
    BlockStored,
    Bus,
    LayerApplied,
    LayerApproved,
    LayersReverted,
    LayerVerified,
    RewardApplied,
    TransactionApplied,
)
from node.net.fetch.client import Fetcher
from node.net.fetch.wire import Hint
from node.store.accounts import has_accounts, put_account, revert_accounts
from node.store.ballots import find_latest_ballot_layer
from node.store.blocks import (
    find_latest_block_layer,
    get_block,
    has_block,
    put_block,
    put_block_validity,
)
from node.store.certificates import certificate_rows, put_hare_output
from node.store.db import Database
from node.store.layers import (
    applied_blocks,
    clear_applied,
    find_applied_layer,
    find_mesh_hash,
    find_processed_layer,
    find_state_hash,
    put_applied_block,
    put_mesh_hash,
    put_processed,
)
from node.store.rewards import revert_rewards
from node.store.transactions import put_in_block, revert_transactions
from node.types.account import Account
from node.types.block import AnyReward, Block
from node.types.ids import NO_BLOCK, BlockID, Hash32, TransactionID
from node.types.layer import LayerID
from node.types.layer_time import LayerTime
from node.vm.apply import Applied

log = structlog.get_logger("mesh")


@dataclass(kw_only=True)
class Mesh:
    """The five marks of the chain: latest, processed, applied, and what is behind them."""

    db: Database
    time: LayerTime
    bus: Bus
    tortoise: Tortoise
    executor: Executor
    transactions: TransactionsListener
    fetcher: Fetcher

    latest: LayerID = field(init=False)
    """Highest layer of which anything was seen."""

    applied: LayerID = field(init=False)
    """Last layer in the state."""

    _processed: ProcessedLayers = field(init=False)
    _missing: dict[BlockID, LayerID] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Take up where the store left off."""
        genesis = self.time.effective_genesis
        self.applied = find_applied_layer(self.db) or genesis
        self._processed = ProcessedLayers(find_processed_layer(self.db) or genesis)
        seen = (find_latest_ballot_layer(self.db), find_latest_block_layer(self.db), self.applied)
        self.latest = max(layer for layer in (*seen, genesis) if layer is not None)

    @property
    def processed(self) -> LayerID:
        """Highest layer up to which the tortoise has counted all layers."""
        return self._processed.processed

    @property
    def verified(self) -> LayerID:
        """Highest layer that the tortoise decided, with all layers before."""
        return self.tortoise.latest_complete

    def initialise(self, accounts: Iterable[Account]) -> None:
        """Write the genesis accounts and the genesis layer, once in the life of a database."""
        genesis = self.time.effective_genesis
        if has_accounts(self.db) or find_applied_layer(self.db) is not None:
            return
        with self.db.batch() as batch:
            for account in accounts:
                put_account(batch, account)
            put_processed(batch, genesis)
            put_applied_block(batch, genesis, NO_BLOCK)
            put_mesh_hash(batch, genesis, Hash32(EMPTY_HASH))

    def on_seen(self, layer: LayerID) -> None:
        """Something of ``layer`` was stored."""
        self.latest = max(self.latest, layer)

    def add_block(self, block: Block) -> None:
        """Store a block whose transactions and ATXs are here; known ones are let be."""
        self.on_seen(block.layer)
        self.tortoise.on_block(block.vote())
        if has_block(self.db, block.id):
            return
        with self.db.batch() as batch:
            put_block(batch, block)
            put_in_block(batch, block.tx_ids, block.layer, block.id)
        self.transactions.on_block(block.layer, block.id, block.tx_ids)
        self.bus.publish(BlockStored(layer=block.layer, block=block.id))

    def execute_optimistically(
        self,
        layer: LayerID,
        tx_ids: Sequence[TransactionID],
        rewards: Sequence[AnyReward],
        make_block: Callable[[tuple[TransactionID, ...]], Block],
    ) -> Block:
        """Apply an ordered list of transactions, and make a block of those that were charged.

        Raises:
            PreconditionError: the layer is not the next one to apply.
            NotFoundError: a transaction or an ATX is not here.
        """
        check_next(layer, self.applied)
        applied = self.executor.execute_optimistic(layer, tx_ids, rewards)
        block = make_block(tuple(entry.transaction.raw.id for entry in applied.results))
        with self.db.batch() as batch:
            put_block(batch, block)
            put_in_block(batch, block.tx_ids, block.layer, block.id)
            put_applied(batch, applied, block.id)
        self.on_seen(block.layer)
        self.tortoise.on_block(block.vote())
        self.bus.publish(BlockStored(layer=block.layer, block=block.id))
        self._after_applied(applied)
        return block

    def on_hare_output(self, layer: LayerID, block: BlockID) -> None:
        """Hare agreed on a block, or on none; process the layer.

        Missing blocks are downloaded in the background.
        """
        self.bus.publish(LayerApproved(layer=layer, block=block))
        rows = {row.block: row.is_valid for row in certificate_rows(self.db, layer)}
        plan = plan_hare_output(block, rows)
        if plan.store_as_valid is not None:
            with self.db.batch() as batch:
                put_hare_output(batch, layer, block, valid=plan.store_as_valid)
        if plan.tell_tortoise:
            self.tortoise.on_hare_output(layer, block)
        else:
            log.warning("hare_output_conflicts", layer=layer, block=block)
        missing = self.process_layer(layer)
        if missing:
            self._want(missing, layer)

    def process_layer(self, layer: LayerID, *, first: LayerID | None = None) -> tuple[BlockID, ...]:
        """Count the votes up to a layer and let the state follow; return missing blocks.

        Args:
            layer: the layer.
            first: lowest of the layers that are processed by this; by default only this one is.
        """
        self.tortoise.tally_votes(layer)
        before = self._processed.processed
        for number in range(layer if first is None else first, layer + 1):
            self._processed.add(LayerID(number))
        moved = self._processed.processed
        if moved != before:
            with self.db.batch(sync=False) as batch:
                put_processed(batch, moved)
        plan = self._plan()
        if plan.revert_to is not None:
            self._revert(plan.revert_to)
        for step in plan.steps:
            self._take(step)
        return plan.missing

    async def run(self) -> None:
        """Download blocks that the tortoise counts on and we lack, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            wanted = tuple(sorted(self._missing))
            layer = max(self._missing.values(), default=self.processed)
            try:
                await self.fetcher.fetch(Hint.BLOCK, wanted)
            except SpacemeshError as error:
                log.info("blocks_not_fetched", count=len(wanted), reason=str(error))
            for block in wanted:
                self._missing.pop(block, None)
            self.process_layer(layer)

    def _want(self, blocks: Iterable[BlockID], layer: LayerID) -> None:
        self._missing.update(dict.fromkeys(blocks, layer))
        self._wake.set()

    def _plan(self) -> MeshPlan:
        results = self.tortoise.updates()
        if not results:
            return MeshPlan()
        first, last = results[0].layer, results[-1].layer
        return make_plan(results, self.applied, dict(applied_blocks(self.db, first, last)))

    def _revert(self, layer: LayerID) -> None:
        """Make the state that of ``layer`` again: a later layer was applied with a wrong block."""
        log.warning("mesh_reverted", layer=layer, applied=self.applied)
        with self.db.batch() as batch:
            revert_accounts(batch, self.db, layer)
            revert_rewards(batch, self.db, layer)
            revert_transactions(batch, self.db, layer)
            clear_applied(batch, self.db, LayerID(layer + 1))
        self.applied = layer
        self.transactions.on_reverted(layer)
        self.bus.publish(LayersReverted(to_layer=layer))

    def _take(self, step: LayerStep) -> None:
        """Apply one layer, and write what the tortoise thinks of it."""
        applied: Applied | None = None
        is_new = step.execute or find_mesh_hash(self.db, step.layer) is None
        if step.execute:
            check_next(step.layer, self.applied)
            block = None if step.block == NO_BLOCK else get_block(self.db, step.block)
            applied = self.executor.execute(step.layer, block)
        with self.db.batch() as batch:
            if applied is not None:
                put_applied(batch, applied, step.block)
            put_mesh_hash(batch, step.layer, step.opinion)
            for valid in step.valid:
                put_block_validity(batch, step.layer, valid, valid=True)
            for invalid in step.invalid:
                put_block_validity(batch, step.layer, invalid, valid=False)
        if applied is not None:
            self._after_applied(applied)
        if is_new:
            self._announce(step)
        if step.verified:
            self.tortoise.on_applied(step.layer, step.opinion)
            self.bus.publish(LayerVerified(layer=step.layer, mesh_hash=step.opinion))

    def _announce(self, step: LayerStep) -> None:
        state_hash = find_state_hash(self.db, step.layer)
        if state_hash is not None:
            self.bus.publish(
                LayerApplied(
                    layer=step.layer,
                    block=step.block,
                    state_hash=state_hash,
                    mesh_hash=step.opinion,
                )
            )

    def _after_applied(self, applied: Applied) -> None:
        self.applied = max(self.applied, applied.layer)
        self.transactions.on_applied(applied)
        for entry in applied.results:
            self.bus.publish(TransactionApplied(executed=entry))
        for reward in applied.rewards:
            self.bus.publish(RewardApplied(reward=reward))
        for account in applied.accounts:
            self.bus.publish(AccountChanged(address=account.address))
