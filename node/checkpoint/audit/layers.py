"""The state: every block applied from genesis; and what layers say of their content.

Each layer is compared with what we compute from the state before it.  Where a layer cannot
be computed, or comes out different, the next one starts from the accounts as the file has
them, so that every layer is judged by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.base.errors import PreconditionError
from node.checkpoint.audit.certificates import hare_output
from node.checkpoint.audit.context import AuditContext, Cursor, KnownBlock
from node.checkpoint.audit.findings import NOTHING, ObjectKind
from node.checkpoint.audit.results import compare_results
from node.consensus.tortoise.opinion import opinion_hash, support_entry
from node.store.layers import LayerFacts
from node.store.statesql import state_rows
from node.types.account import Account
from node.types.address import Address
from node.types.block import Block
from node.types.ids import NO_BLOCK, BlockID, Hash32, SmesherID
from node.types.layer import LayerID
from node.types.reward import CoinbaseReward, Reward
from node.types.transaction import RawTransaction, Transaction
from node.vm.apply import Applied, apply
from node.vm.rewards import sort_rewards
from node.vm.state import MemoryAccounts

LONGEST_GAP: Final = 1000
"""Layers without blocks that may be missing between two rows before the digest is given up."""


@dataclass(slots=True, kw_only=True)
class LayerChecker:
    """Applies all layers; blocks, certificates and transactions have been checked."""

    context: AuditContext
    restored: LayerID | None
    """Layer at which the file was recovered from a checkpoint, if it was."""

    state: MemoryAccounts = field(default_factory=MemoryAccounts)
    first: LayerID | None = None
    """First layer that was applied."""

    last: LayerID | None = None
    state_root: Hash32 | None = None

    _mesh_hashes: tuple[bytes | None, ...] = (None,)
    """What the hash of the layer before may be: ours, and the recorded one."""

    _last_decided: int = -1

    def check(self) -> None:
        """Check all layers, accounts and rewards."""
        context = self.context
        accounts = Cursor(
            context.scan(
                ObjectKind.ACCOUNT, state_rows.ACCOUNTS, "1 ORDER BY layer_updated, address"
            ),
            lambda account: account.layer,
        )
        rewards = Cursor(
            context.scan(ObjectKind.REWARD, state_rows.REWARDS, "1 ORDER BY layer, pubkey"),
            lambda reward: reward.layer,
        )
        self._begin(accounts)
        decided = (
            layer
            for layer, blocks in context.facts.blocks.items()
            if any(block.valid is not None for block in blocks)
        )
        self._last_decided = max(decided, default=-1)
        home = {b.id: layer for layer, blocks in context.facts.blocks.items() for b in blocks}
        before: LayerID | None = None
        for row in context.scan(ObjectKind.LAYER, state_rows.LAYERS, "1 ORDER BY id"):
            if self._is_misplaced(row, before, home):
                continue
            if before is not None and row.layer > before + 1:
                self._pass_over(before + 1, row.layer - 1, accounts, rewards)
            before = row.layer
            self._tell_extra(accounts.take(row.layer - 1), rewards.take(row.layer - 1))
            recorded = {account.address: account for account in accounts.take(row.layer)}
            paid = {reward.smesher: reward for reward in rewards.take(row.layer)}
            self._check_layer(row, recorded, paid)
        self._tell_missing(before)
        for cursor in (accounts, rewards):
            while cursor.place is not None:
                self._tell_extra(accounts.take(cursor.place), rewards.take(cursor.place))

    def _tell_missing(self, last: LayerID | None) -> None:
        """Tell of layers behind the last one whose content is in the file."""
        facts = self.context.facts
        for layer in sorted(facts.blocks.keys() | facts.certified.keys()):
            if last is None or layer > last:
                has_block = layer in facts.blocks
                what = "its block" if has_block else "its certificate"
                self.context.ledger.miss(ObjectKind.LAYER, layer, what)

    # --- the beginning ---

    def _begin(self, accounts: Cursor[Account]) -> None:
        """Put up the state before the first layer."""
        ledger, kind = self.context.ledger, ObjectKind.ACCOUNT
        if self.restored is not None:
            snapshot = list(accounts.take(self.restored - 1))
            self.state.put_accounts(snapshot)
            for _ in snapshot:
                ledger.skip(kind, "out of a checkpoint")
            return
        genesis = self.context.parameters.genesis
        recorded = {account.address: account for account in accounts.take(0)}
        self._compare_accounts(genesis, recorded)
        self.state.put_accounts(genesis)

    def _is_misplaced(
        self, row: LayerFacts, before: LayerID | None, home: Mapping[BlockID, LayerID]
    ) -> bool:
        """Tell whether a row belongs to another layer: no use is made of it then."""
        ledger, kind = self.context.ledger, ObjectKind.LAYER
        theirs = None if row.applied_block is None else home.get(row.applied_block)
        if theirs is not None and theirs != row.layer:
            ledger.fail(kind, row.layer, "layer of its block", theirs, row.layer)
            return True
        genesis = self.context.parameters.time.effective_genesis
        expected = genesis if before is None else LayerID(before + 1)
        if row.layer == expected or (kind, str(expected)) in self.context.facts.unreadable:
            ledger.tallies[kind].checks["place in the sequence"] += 1
        elif row.layer > expected and home.keys() & self._named_in(expected, row.layer):
            ledger.miss(kind, expected, "its block")
        elif row.layer > expected and expected in self.context.facts.certified:
            ledger.miss(kind, expected, "its certificate")
        else:
            if row.layer > expected:
                ledger.miss(kind, expected, f"the sequence: layer {row.layer} comes next")
            ledger.fail(kind, row.layer, "place in the sequence", expected, row.layer)
        return False

    def _named_in(self, first: LayerID, after: LayerID) -> set[BlockID]:
        """Return the blocks of the layers from ``first`` up to, without, ``after``."""
        blocks = self.context.facts.blocks
        return {b.id for layer in blocks if first <= layer < after for b in blocks[layer]}

    def _pass_over(
        self, first: int, last: int, accounts: Cursor[Account], rewards: Cursor[Reward]
    ) -> None:
        """Go over layers whose rows are missing: take from the file what they left."""
        passed = list(accounts.take(last))
        self.state.put_accounts(passed)
        for _ in passed:
            self.context.ledger.skip(ObjectKind.ACCOUNT, "the row of its layer is missing")
        for _ in rewards.take(last):
            self.context.ledger.skip(ObjectKind.REWARD, "the row of its layer is missing")
        gap = [layer for layer in self.context.facts.blocks if first <= layer <= last]
        if last - first < len(gap) + LONGEST_GAP:
            for layer in range(first, last + 1):
                entries = self._entries(LayerID(layer), NO_BLOCK)
                self._mesh_hashes = tuple(
                    opinion_hash(before, entries) for before in self._mesh_hashes
                )

    def _tell_extra(self, accounts: Iterable[Account], rewards: Iterable[Reward]) -> None:
        """Tell of rows in layers that changed nothing, or are not there."""
        ledger = self.context.ledger
        for account in accounts:
            ledger.fail(ObjectKind.ACCOUNT, _name(account), "version", NOTHING, _content(account))
        for reward in rewards:
            ledger.fail(ObjectKind.REWARD, _reward_name(reward), "reward", NOTHING, _paid(reward))

    # --- one layer ---

    def _check_layer(
        self,
        row: LayerFacts,
        accounts: dict[Address, Account],
        rewards: dict[SmesherID, Reward],
    ) -> None:
        ledger, kind, layer = self.context.ledger, ObjectKind.LAYER, row.layer
        if row.weak_coin is not None:
            ledger.skip(kind, "weak coin: hare's messages are not recorded")
        is_genesis = layer <= self.context.parameters.time.effective_genesis
        if row.applied_block is None and row.state_hash is None and not is_genesis:
            ledger.skip(kind, "not applied yet")
            ledger.compare(kind, layer, "mesh hash", None, row.mesh_hash)
            self._tell_extra(accounts.values(), rewards.values())
            return
        if not row.is_processed:
            # Of several layers that are counted at once only the last one is marked.
            ledger.skip(kind, "processed: layers may be passed over")
        block = self._content_of(row)
        self._check_mesh_hash(row, block)
        if is_genesis:
            ledger.compare(kind, layer, "state root", None, row.state_hash)
            self._tell_extra(accounts.values(), rewards.values())
            return
        self.first = layer if self.first is None else self.first
        self.last = layer
        applied = self._apply(layer, block)
        if applied is None:
            ledger.skip(kind, "its block cannot be applied")
            self.state.put_accounts(accounts.values())
            self.state_root = row.state_hash
            return
        self.state_root = applied.state_root
        is_equal = ledger.compare(kind, layer, "state root", applied.state_root, row.state_hash)
        same = self._compare_accounts(applied.accounts, accounts)
        self._compare_rewards(applied.rewards, rewards)
        compare_results(self.context, applied, block)
        self.state.put_accounts(applied.accounts)
        if not is_equal and not same:
            self.state.put_accounts(accounts.values())

    def _content_of(self, row: LayerFacts) -> BlockID:
        """Return the block that is a layer's content; tell what says otherwise."""
        facts, ledger, layer = self.context.facts, self.context.ledger, row.layer
        blocks = sorted(facts.blocks.get(layer, ()), key=lambda block: (block.height, block.id))
        recorded = NO_BLOCK if row.applied_block is None else row.applied_block
        # A layer is applied with a block or with the empty one, never without saying so.
        ledger.compare(ObjectKind.LAYER, layer, "applied block", recorded, row.applied_block)
        agreed = hare_output(facts.certified.get(layer, {}))
        by_id = {block.id: block for block in blocks}
        valid = [block.id for block in blocks if block.valid]
        expected = valid[0] if valid else self._undecided(agreed, by_id)
        for block in blocks:
            self._check_decided(block, layer)
        if expected == recorded or (self.context.is_damaged(recorded) and recorded not in by_id):
            ledger.tallies[ObjectKind.LAYER].checks["applied block"] += 1
            return recorded
        if agreed == recorded and recorded in by_id | {NO_BLOCK: None}:
            # Hare and the state agree: it is the decision about the block that is wrong.
            wrong, sound = (recorded, "valid") if recorded in by_id else (expected, "not valid")
            told = {True: "valid", False: "invalid", None: "undecided"}[by_id[wrong].valid]
            ledger.fail(ObjectKind.BLOCK, wrong, "validity", sound, told)
            return recorded
        ledger.fail(ObjectKind.LAYER, layer, "applied block", expected.hex(), recorded.hex())
        return expected

    def _undecided(self, agreed: BlockID | None, by_id: dict[BlockID, KnownBlock]) -> BlockID:
        if agreed is None or agreed not in by_id or by_id[agreed].valid is False:
            return agreed if agreed is not None and self.context.is_damaged(agreed) else NO_BLOCK
        return agreed

    def _check_decided(self, block: KnownBlock, layer: LayerID) -> None:
        """Check that nothing is open before what is decided: layers are decided in order."""
        is_open = block.valid is None and layer < self._last_decided
        self.context.ledger.compare(
            ObjectKind.BLOCK,
            block.id,
            "validity",
            "decided",
            "undecided" if is_open else "decided",
        )

    def _check_mesh_hash(self, row: LayerFacts, block: BlockID) -> None:
        """Compare the digest of all layers so far with that of the blocks that count."""
        ledger, kind = self.context.ledger, ObjectKind.LAYER
        known = {one.id for one in self.context.facts.blocks.get(row.layer, ())}
        if block != NO_BLOCK and block not in known:
            ledger.skip(kind, "mesh hash: its block is damaged")
            self._mesh_hashes = (row.mesh_hash,)
            return
        entries = self._entries(row.layer, block)
        ours = [opinion_hash(before, entries) for before in self._mesh_hashes]
        recorded = row.mesh_hash
        if recorded is not None and bytes(recorded) in ours:
            ledger.tallies[kind].checks["mesh hash"] += 1
            self._mesh_hashes = (recorded,)
        else:
            ledger.fail(kind, row.layer, "mesh hash", ours[0], recorded)
            # Either the recorded digest is wrong, or the blocks are: the next layer tells.
            self._mesh_hashes = (*ours[:1], recorded)

    def _entries(self, layer: LayerID, applied: BlockID) -> list[bytes]:
        """Return what the blocks that count add to the digest of a layer."""
        blocks = sorted(
            self.context.facts.blocks.get(layer, ()), key=lambda one: (one.height, one.id)
        )
        return [
            support_entry(one.id, one.height) for one in blocks if one.valid or one.id == applied
        ]

    # --- applying ---

    def _apply(self, layer: LayerID, identifier: BlockID) -> Applied | None:
        """Apply a layer; None: something that it takes is missing or damaged."""
        transactions: Sequence[Transaction] = ()
        rewards: Sequence[CoinbaseReward] = ()
        if identifier != NO_BLOCK:
            row = self.context.find_block(identifier)
            if row is None:
                if not self.context.is_damaged(identifier):
                    self.context.ledger.fail(
                        ObjectKind.LAYER, layer, "content", identifier.hex(), NOTHING
                    )
                return None
            found = self._transactions(layer, row.block)
            shares = self._rewards(layer, row.block)
            if found is None or shares is None:
                return None
            transactions, rewards = found, shares
        try:
            return apply(layer, transactions, rewards, self.state, self.context.parameters.vm)
        except PreconditionError as error:
            self.context.ledger.fail(ObjectKind.LAYER, layer, "content", str(error), "applied")
            return None

    def _transactions(self, layer: LayerID, block: Block) -> list[Transaction] | None:
        """Return a block's transactions without those that an earlier layer applied."""
        found = []
        for identifier in block.tx_ids:
            row = self.context.find(state_rows.TRANSACTIONS, "id = ?", identifier)
            raw = None if row is None else RawTransaction.of(row.raw)
            if row is None or raw is None or raw.id != identifier:
                return None
            # A recorded result cannot hide a transaction: it has to be that of a layer whose
            # block holds it, which is compared where that layer is applied.
            if row.result is None or row.result.layer >= layer:
                found.append(Transaction(raw=raw, header=None))
        return found

    def _rewards(self, layer: LayerID, block: Block) -> Sequence[CoinbaseReward] | None:
        epoch = self.context.parameters.time.epoch_of(layer)
        shares = []
        for reward in block.rewards:
            entry = self.context.find_entry(epoch, reward.atx_id)
            if entry is None or not reward.weight.denominator or not reward.weight.numerator:
                return None
            shares.append(
                CoinbaseReward(smesher=entry.smesher, coinbase=entry.coinbase, weight=reward.weight)
            )
        return sort_rewards(shares)

    # --- comparing ---

    def _compare_accounts(self, ours: Iterable[Account], recorded: dict[Address, Account]) -> bool:
        ledger, kind, equal = self.context.ledger, ObjectKind.ACCOUNT, True
        expected = {account.address: account for account in ours}
        for address in sorted(expected.keys() | recorded.keys()):
            mine, theirs = expected.get(address), recorded.get(address)
            if mine is None or theirs is None:
                name = _name(mine or theirs or recorded[address])
                ledger.fail(kind, name, "version", _content(mine), _content(theirs))
                equal = False
                continue
            equal &= ledger.compare_all(
                kind,
                _name(mine),
                {
                    "balance": (mine.balance, theirs.balance),
                    "nonce": (mine.next_nonce, theirs.next_nonce),
                    "template": (mine.template, theirs.template),
                    "state": (mine.state, theirs.state),
                },
            )
        return equal

    def _compare_rewards(self, ours: Iterable[Reward], recorded: dict[SmesherID, Reward]) -> None:
        ledger, kind = self.context.ledger, ObjectKind.REWARD
        expected = {reward.smesher: reward for reward in ours}
        for smesher in sorted(expected.keys() | recorded.keys()):
            mine, theirs = expected.get(smesher), recorded.get(smesher)
            if mine is None or theirs is None:
                name = _reward_name(mine or theirs or recorded[smesher])
                ledger.fail(kind, name, "reward", _paid(mine), _paid(theirs))
                continue
            ledger.compare_all(
                kind,
                _reward_name(mine),
                {
                    "coinbase": (mine.coinbase, theirs.coinbase),
                    "total reward": (mine.total_reward, theirs.total_reward),
                    "layer reward": (mine.layer_reward, theirs.layer_reward),
                },
            )


def _name(account: Account) -> str:
    return f"{account.address.hex()} in layer {account.layer}"


def _content(account: Account | None) -> str:
    if account is None:
        return NOTHING
    return f"balance {account.balance}, nonce {account.next_nonce}"


def _reward_name(reward: Reward) -> str:
    return f"{reward.smesher.hex()} in layer {reward.layer}"


def _paid(reward: Reward | None) -> str:
    return NOTHING if reward is None else f"{reward.total_reward} to {reward.coinbase.hex()}"
