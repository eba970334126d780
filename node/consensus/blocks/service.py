"""Hare's output becomes a block, is certified, and goes to the mesh.

One loop takes the outputs in the order of their arrival.  Where most proposers agree on the
state, the block is made of the transactions that could be executed on it; it then waits
until the layers before are applied.

Source: go-spacemesh, blocks/generator.go; blocks digest 1.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from node.base.errors import (
    IgnoreError,
    NotFoundError,
    SpacemeshError,
    StoreError,
    UnavailableError,
)
from node.consensus.atxdata import AtxData
from node.consensus.blocks.make_block import BlockPlan, Candidate, ProposalFacts, plan_block
from node.consensus.blocks.ports import Certifier, LayerPatrol, MeshState, ProposalSource
from node.consensus.hare.ports import HareOutput
from node.net.fetch.client import Fetcher, FetchError, GivenUpError
from node.net.fetch.wire import Hint
from node.store.ballots import find_ballot
from node.store.db import Reader
from node.store.layers import find_mesh_hash
from node.store.transactions import find_transaction
from node.types.ids import NO_BLOCK, BlockID, ProposalID, TransactionID, padded
from node.types.layer import LayerID
from node.types.layer_time import LayerTime
from node.types.proposal import Proposal

POLL_S: Final = 0.5
"""How often planned layers are looked at while no output comes."""

FETCH_ATTEMPTS: Final = 5
"""How often peers are asked for proposals that hare agreed on."""

log = structlog.get_logger("blockGenerator")


@dataclass(kw_only=True)
class BlockService:
    """Makes blocks of hare's outputs."""

    db: Reader
    time: LayerTime
    atxdata: AtxData
    fetcher: Fetcher
    mesh: MeshState
    proposals: ProposalSource
    certifier: Certifier
    patrol: LayerPatrol

    gas_limit: int
    """Most gas in a block that is not optimistic."""

    threshold_percent: int
    """Share of eligibilities that must agree on the mesh for an optimistic block."""

    outputs: asyncio.Queue[HareOutput]
    """What hare agreed on, in the order of arrival; bounded, hare waits when it is full."""

    _optimistic: dict[LayerID, BlockPlan] = field(default_factory=dict)

    async def run(self) -> None:
        """Take outputs until cancelled."""
        while True:
            output = await self._next_output()
            if output is not None:
                await self._on_output(output)
            await self.execute_optimistic()

    async def _next_output(self) -> HareOutput | None:
        """Return the next output, or None when it is time to look at planned layers again."""
        try:
            async with asyncio.timeout(POLL_S):
                return await self.outputs.get()
        except TimeoutError:
            return None

    async def _on_output(self, output: HareOutput) -> None:
        try:
            await self._make_block(output)
        except StoreError:
            raise
        except SpacemeshError as error:
            log.warning("block_not_made", layer=output.layer, reason=str(error))
            self.patrol.complete(output.layer)

    async def execute_optimistic(self) -> None:
        """Execute the planned layers that follow the state without a gap."""
        layer = LayerID(self.mesh.applied + 1)
        while layer in self._optimistic:
            plan = self._optimistic.pop(layer)
            try:
                block = self.mesh.execute_optimistically(
                    layer, plan.tx_ids, plan.rewards, plan.block
                )
            except NotFoundError as error:
                log.warning("block_not_executed", layer=layer, reason=str(error))
                return
            await self._hand_over(layer, block.id)
            layer = LayerID(layer + 1)
        for passed in [known for known in self._optimistic if known <= self.mesh.applied]:
            del self._optimistic[passed]

    async def _make_block(self, output: HareOutput) -> None:
        layer = output.layer
        if not output.proposals:
            await self._hand_over(layer, NO_BLOCK)
            return
        await self._fetch(output.proposals)
        facts = self._facts(layer, self.proposals.get_many(layer, output.proposals))
        if not facts:
            raise NotFoundError("proposals of layer", layer)
        plan = plan_block(
            layer,
            facts,
            self._candidates(facts),
            own_mesh_hash=find_mesh_hash(self.db, LayerID(layer - 1)),
            threshold_percent=self.threshold_percent,
            gas_limit=self.gas_limit,
        )
        if plan.is_optimistic:
            self._optimistic[layer] = plan
            return
        block = plan.block()
        self.mesh.add_block(block)
        await self._hand_over(layer, block.id)

    async def _fetch(self, proposals: Sequence[ProposalID]) -> None:
        """Bring in proposals that hare agreed on without us, from others if a peer is silent.

        The reference asks one peer: whoever meets a silent one has no block, and where many
        do, the layer is undecided for long.
        """
        for left in reversed(range(FETCH_ATTEMPTS)):
            try:
                await self.fetcher.fetch(Hint.PROPOSAL, map(padded, proposals))
            except FetchError as error:
                if not left or not _is_unanswered(error):
                    raise
            else:
                return

    async def _hand_over(self, layer: LayerID, block: BlockID) -> None:
        """Certify, and let the mesh take the output."""
        try:
            await self.certifier.certify(layer, block)
        except (IgnoreError, NotFoundError) as error:
            log.info("layer_not_certified", layer=layer, reason=str(error))
        self.mesh.on_hare_output(layer, block)
        self.patrol.complete(layer)

    def _facts(self, layer: LayerID, proposals: Sequence[Proposal]) -> tuple[ProposalFacts, ...]:
        epoch = self.time.epoch_of(layer)
        facts = []
        for proposal in proposals:
            entry = self.atxdata.get(epoch, proposal.ballot.atx_id)
            if entry is None:
                raise NotFoundError("atx", proposal.ballot.atx_id)
            facts.append(
                ProposalFacts(
                    id=proposal.id,
                    atx_id=proposal.ballot.atx_id,
                    atx_weight=entry.weight,
                    base_tick_height=entry.base_height,
                    eligibility_count=self._eligibility_count(proposal),
                    eligibilities=len(proposal.ballot.eligibilities),
                    tx_ids=proposal.inner.tx_ids,
                    mesh_hash=proposal.inner.mesh_hash,
                )
            )
        return tuple(facts)

    def _eligibility_count(self, proposal: Proposal) -> int:
        ballot = proposal.ballot
        data = ballot.inner.epoch_data
        if data is None:
            reference = find_ballot(self.db, ballot.inner.ref_ballot)
            data = None if reference is None else reference.inner.epoch_data
        if data is None:
            raise NotFoundError("epoch data of ballot", ballot.id)
        return data.eligibility_count

    def _candidates(self, facts: Sequence[ProposalFacts]) -> dict[TransactionID, Candidate]:
        candidates: dict[TransactionID, Candidate] = {}
        for tx_id in (tx_id for proposal in facts for tx_id in proposal.tx_ids):
            stored = find_transaction(self.db, tx_id)
            if stored is None or stored.transaction.header is None:
                raise NotFoundError("transaction", tx_id)
            candidates[tx_id] = Candidate(
                id=tx_id,
                header=stored.transaction.header,
                is_applied=stored.result is not None,
            )
        return candidates


def _is_unanswered(error: FetchError) -> bool:
    """Tell whether a peer was silent: another one may answer."""
    return any(
        isinstance(reason, UnavailableError) and not isinstance(reason, GivenUpError)
        for reason in error.failures.values()
    )
