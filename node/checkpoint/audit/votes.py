"""What the ballots say of the blocks: the tortoise counts again, from genesis.

A node decides about a block once, and again when votes come late; what it has decided at the
end is what all the votes say.  So the votes are counted in the order of the layers, and what
they say of a block is compared before it leaves the window.

Where a ballot, a block, an ATX or a beacon is not what it should be, the votes are not
counted: the damage is told where it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from node.base.errors import IgnoreError, RejectError
from node.checkpoint.audit.certificates import hare_output
from node.checkpoint.audit.context import AuditContext
from node.checkpoint.audit.findings import ObjectKind
from node.consensus.atxdata import AtxData
from node.consensus.tortoise.ballots import BallotData
from node.consensus.tortoise.machine import Tortoise
from node.store.statesql import state_rows
from node.types.ballot import Vote
from node.types.ids import BlockID
from node.types.layer import EpochID, LayerID

COUNTED_WITH: Final = (
    ObjectKind.ATX,
    ObjectKind.BALLOT,
    ObjectKind.BEACON,
    ObjectKind.BLOCK,
    ObjectKind.CERTIFICATE,
    ObjectKind.MALFEASANCE,
)
"""What has to be in order before votes are counted."""
KEPT_EPOCHS: Final = 2
"""Epochs whose ATXs are in memory beside the one in work."""


@dataclass(slots=True)
class VoteChecker:
    """Counts the votes of all ballots; blocks and certificates have been checked."""

    context: AuditContext
    _atxs: AtxData = field(default_factory=AtxData)
    _compared: int = -1
    """Last layer whose blocks were compared."""

    def check(self) -> None:
        """Count all votes."""
        context = self.context
        blocks, certified = context.facts.blocks, context.facts.certified
        last = max((*blocks, *certified), default=-1)
        if any(context.has_findings(kind) for kind in COUNTED_WITH):
            context.ledger.skip(ObjectKind.BLOCK, "votes: what they rest on differs")
            return
        if context.parameters.time.restored_layer is not None:
            # What was voted before the recovery is not in the file.
            context.ledger.skip(ObjectKind.BLOCK, "votes: the file begins after genesis")
            return
        parameters = context.parameters.tortoise
        tortoise = Tortoise(parameters, self._atxs)
        for smesher in sorted(context.facts.malicious):
            tortoise.on_malfeasance(smesher)
        self._compared = parameters.effective_genesis
        for layer in range(parameters.effective_genesis + 1, last + 1):
            self._count(tortoise, LayerID(layer))
            self._compare(tortoise, layer - parameters.window_at(layer) + 1)
        self._compare(tortoise, last)

    def _count(self, tortoise: Tortoise, layer: LayerID) -> None:
        """Hand a layer to the tortoise, and let it count."""
        context, parameters = self.context, self.context.parameters.tortoise
        epoch = parameters.epoch_of(layer)
        if layer % parameters.layers_per_epoch == 0:
            self._load_epoch(tortoise, epoch)
        for block in context.facts.blocks.get(layer, ()):
            tortoise.on_block(Vote(block=block.id, layer=layer, height=block.height))
        output = hare_output(context.facts.certified.get(layer, {}))
        if output is not None:
            tortoise.on_hare_output(layer, output)
        for ballot in self._ballots(layer):
            try:
                tortoise.store_ballot(tortoise.decode_ballot(ballot))
            except (IgnoreError, RejectError):
                # Out of an epoch whose ATXs or ballots the file lacks, which was told.
                context.ledger.skip(ObjectKind.BALLOT, "votes: they cannot be counted")
        row = context.find(state_rows.LAYERS, "id = ?", layer)
        if row is not None and row.weak_coin is not None:
            tortoise.on_weak_coin(layer, coin=row.weak_coin)
        tortoise.tally_votes(layer)

    def _load_epoch(self, tortoise: Tortoise, epoch: EpochID) -> None:
        context = self.context
        for identifier in sorted(context.weights(epoch)):
            entry = context.find_entry(epoch, identifier)
            if entry is not None and self._atxs.add(epoch, identifier, entry):
                tortoise.on_atx(epoch, identifier, entry)
        beacon = context.find_beacon(epoch)
        if beacon is not None:
            tortoise.on_beacon(epoch, beacon)
        self._atxs.evict(EpochID(max(0, epoch - KEPT_EPOCHS)))

    def _ballots(self, layer: LayerID) -> Iterator[BallotData]:
        """Yield the ballots of a layer, those that others refer to first."""
        malicious = self.context.facts.malicious
        rows = self.context.look(state_rows.BALLOTS, "layer = ? ORDER BY id", layer)
        ballots = [
            BallotData.of(row.ballot, malicious=row.ballot.smesher in malicious) for row in rows
        ]
        yield from sorted(ballots, key=lambda ballot: ballot.epoch_data is None)

    def _compare(self, tortoise: Tortoise, last: int) -> None:
        """Compare what is decided of the blocks up to a layer."""
        first = self._compared + 1
        if last < first:
            return
        self._compared = last
        for result in tortoise.results(LayerID(first), LayerID(last)):
            if result.verified:
                decided = {
                    vote.header.block: vote.valid
                    for vote in result.blocks
                    if vote.valid or vote.invalid
                }
                self._compare_layer(result.layer, decided.items())

    def _compare_layer(self, layer: LayerID, decided: Iterable[tuple[BlockID, bool]]) -> None:
        recorded = {block.id: block.valid for block in self.context.facts.blocks.get(layer, ())}
        told = {True: "valid", False: "not valid"}
        for identifier, valid in decided:
            ours = recorded.get(identifier)
            if ours is not None:
                self.context.ledger.compare(
                    ObjectKind.BLOCK, identifier, "votes", told[valid], told[ours]
                )
