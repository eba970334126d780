"""Blocks: identifiers, rewards by the ballots of the layer, transactions and their order."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from node.base.rational import to_words
from node.checkpoint.audit.ballots import BallotChecker
from node.checkpoint.audit.certificates import certify_signature
from node.checkpoint.audit.context import AuditContext, KnownBlock
from node.checkpoint.audit.findings import NOTHING, ObjectKind
from node.store.statesql import state_rows
from node.types.block import AnyReward, Block
from node.types.ids import PADDED_SIZE, BlockID
from node.types.layer import LayerID


@dataclass(slots=True)
class BlockChecker:
    """Checks the blocks of one epoch after the other, after its ballots."""

    context: AuditContext
    ballots: BallotChecker

    def check(self, rows: Iterable[state_rows.BlockRow]) -> None:
        """Check blocks of an epoch."""
        for row in rows:
            self._check(row)

    def _check(self, row: state_rows.BlockRow) -> None:
        block, context, ledger = row.block, self.context, self.context.ledger
        kind, facts = ObjectKind.BLOCK, self.context.facts
        if not ledger.compare(kind, row.id, "identifier", block.id, row.id):
            facts.damage(row.id)
            if not _is_named(context, block):
                ledger.skip(kind, "its content is damaged")
                return
            facts.moved_blocks[block.id] = row.id.ljust(PADDED_SIZE, b"\0")
        ledger.compare(kind, row.id, "layer", block.layer, row.layer)
        known = KnownBlock(block.id, block.tick_height, row.valid)
        facts.blocks.setdefault(block.layer, []).append(known)
        atxs = [reward.atx_id for reward in block.rewards]
        ledger.compare_all(
            kind,
            row.id,
            {
                "order of rewards": (tuple(sorted(set(atxs))), tuple(atxs)),
                "distinct transactions": (len(set(block.tx_ids)), len(block.tx_ids)),
            },
        )
        self._check_height(block)
        for reward in block.rewards:
            self._check_reward(block, reward)
        self._check_transactions(block)

    def _check_height(self, block: Block) -> None:
        entries = [self.context.find_atx(reward.atx_id) for reward in block.rewards]
        heights = [atx.base_tick_height for atx in entries if atx is not None]
        if len(heights) < len(entries) or not heights:
            self.context.ledger.skip(ObjectKind.BLOCK, "an ATX of it is not known")
            return
        self.context.ledger.compare(
            ObjectKind.BLOCK, block.id, "tick height", max(heights), block.tick_height
        )

    def _check_reward(self, block: Block, reward: AnyReward) -> None:
        """Compare a share with the eligibilities of a ballot in the layer."""
        ledger, kind = self.context.ledger, ObjectKind.BLOCK
        atx = self.context.find_atx(reward.atx_id)
        cast = [
            one for one in self.ballots.cast.get(block.layer, ()) if one.atx_id == reward.atx_id
        ]
        if atx is None or not cast:
            if self._may_be_damaged(block.layer, reward):
                ledger.skip(kind, "a ballot or an ATX of it is damaged")
            elif atx is not None and (self._is_supported(block) or self._is_certified(block)):
                # The votes, or the committee, prove that the block is as it was made.
                name = f"of ATX {reward.atx_id.hex()} in layer {block.layer}"
                ledger.miss(ObjectKind.BALLOT, name, f"block {block.id.hex()}")
            else:
                ledger.fail(kind, block.id, "rewards", NOTHING, reward.atx_id)
            return
        shares = {to_words(Fraction(atx.weight, one.count) * one.eligibilities) for one in cast}
        told = (reward.weight.numerator, reward.weight.denominator)
        ledger.compare(kind, block.id, "rewards", told if told in shares else min(shares), told)

    def _is_supported(self, block: Block) -> bool:
        """Tell whether a ballot votes for a block."""
        time = self.context.parameters.time
        last = block.layer + time.layers_per_epoch
        rows = self.context.look(
            state_rows.BALLOTS, "layer > ? AND layer <= ? ORDER BY layer", block.layer, last
        )
        return any(vote.block == block.id for row in rows for vote in row.ballot.votes.support)

    def _is_certified(self, block: Block) -> bool:
        """Tell whether somebody of a committee signed for a block."""
        row = self.context.find(
            state_rows.CERTIFICATES, "layer = ? AND block = ?", block.layer, block.id
        )
        if row is None or row.certificate is None:
            return False
        return any(
            message.content.block_id == block.id
            and self.context.is_good(certify_signature(self.context, message))
            for message in row.certificate.signatures
        )

    def _may_be_damaged(self, layer: LayerID, reward: AnyReward) -> bool:
        """Tell whether a reward may be that of something we could not judge."""
        context = self.context
        if context.is_damaged(reward.atx_id):
            return True
        known = context.facts.ballots.get(context.parameters.time.epoch_of(layer), {})
        judged = {i for i, one in known.items() if one.info.layer == layer}
        rows = context.look(state_rows.BALLOTS, "layer = ?", layer)
        return len(judged) < sum(1 for _ in rows) or context.has_findings(ObjectKind.BALLOT)

    def _check_transactions(self, block: Block) -> None:
        context, ledger, kind = self.context, self.context.ledger, ObjectKind.BLOCK_TRANSACTION
        for identifier in block.tx_ids:
            row = context.find(
                state_rows.BLOCK_TRANSACTIONS,
                "tid = ? AND bid = ?",
                identifier,
                block.id.ljust(PADDED_SIZE, b"\0"),
            )
            if row is None:
                ledger.fail(kind, identifier, "row for each of a block", block.id.hex(), NOTHING)
            else:
                ledger.compare(kind, identifier, "layer", block.layer, row.layer)
            if context.find(state_rows.TRANSACTIONS, "id = ?", identifier) is not None:
                continue
            if context.is_damaged(identifier):
                ledger.skip(ObjectKind.BLOCK, "a transaction of it is damaged")
            else:
                ledger.miss(ObjectKind.TRANSACTION, identifier, f"block {block.id.hex()}")
                context.facts.damage(identifier)


def _is_named(context: AuditContext, block: Block) -> bool:
    """Tell whether anybody knows a block by the identifier of its content."""
    identifier = block.id
    return (
        context.find(state_rows.CERTIFICATES, "layer = ? AND block = ?", block.layer, identifier)
        is not None
        or context.find(state_rows.LAYERS, "id = ? AND applied_block = ?", block.layer, identifier)
        is not None
    )


def check_block_transactions(context: AuditContext) -> None:
    """Look for rows that say a block holds a transaction that it does not hold."""
    ledger, kind = context.ledger, ObjectKind.BLOCK_TRANSACTION
    current: BlockID | None = None
    held: frozenset[bytes] | None = None
    where = "1 ORDER BY layer, bid"
    for row in context.scan(kind, state_rows.BLOCK_TRANSACTIONS, where):
        if row.block != current:
            current = row.block
            block = context.find_block(row.block)
            held = None if block is None else frozenset(block.block.tx_ids)
        if held is not None:
            ledger.compare(
                kind,
                row.transaction,
                "held by its block",
                row.block.hex() if row.transaction in held else NOTHING,
                row.block.hex(),
            )
        elif context.is_damaged(row.block):
            ledger.skip(kind, "its block is damaged")
        else:
            ledger.fail(kind, row.transaction, "block", NOTHING, row.block.hex())
