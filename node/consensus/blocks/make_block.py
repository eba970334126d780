"""From agreed proposals to a block: rewards, height, and the order of its transactions.

Everything here is consensus: equal inputs must give an equal block on every node.

Source: go-spacemesh, blocks/generator.go, blocks/utils.go and txs; blocks digest 1 and 2.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from node.base.errors import IgnoreError
from node.base.hashing import hash32
from node.base.rational import to_words
from node.consensus.blocks.shuffle import shuffled
from node.types.address import Address
from node.types.amounts import MAX_U64
from node.types.block import AnyReward, Block, InnerBlock, RationalWeight
from node.types.ids import AtxID, Hash32, ProposalID, TransactionID, padded
from node.types.layer import LayerID
from node.types.transaction import TransactionHeader

MAX_PER_NONCE: Final = 100
"""Transactions of an account with one nonce that are considered; the rest is dropped."""
MAX_PER_ACCOUNT: Final = 100
"""Transactions of an account in a block."""
PERCENT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFacts:
    """What a block takes from one of the agreed proposals."""

    id: ProposalID
    atx_id: AtxID

    atx_weight: int
    base_tick_height: int
    """Tick height of the ATX's positioning ATX."""

    eligibility_count: int
    """Eligibilities that the smesher declared for the epoch."""

    eligibilities: int
    """Eligibilities proven in this proposal."""

    tx_ids: tuple[TransactionID, ...]

    mesh_hash: Hash32
    """The proposer's mesh hash of the layer before; zero if it had none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A transaction that a block may hold."""

    id: TransactionID
    header: TransactionHeader

    is_applied: bool
    """An earlier layer has applied it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlan:
    """A block to be: rewards and height are fixed, the transactions are in order."""

    layer: LayerID
    tick_height: int
    rewards: tuple[AnyReward, ...]
    tx_ids: tuple[TransactionID, ...]

    is_optimistic: bool
    """Most proposers agree on the mesh: what cannot be executed is left out."""

    def block(self, tx_ids: tuple[TransactionID, ...] | None = None) -> Block:
        """Return the block, with other transactions if they are given."""
        return Block(
            inner=InnerBlock(
                layer=self.layer,
                tick_height=self.tick_height,
                rewards=self.rewards,
                tx_ids=self.tx_ids if tx_ids is None else tx_ids,
            )
        )


def block_seed(proposals: Iterable[ProposalID]) -> bytes:
    """Return the seed of a block's order: the hare reference of its proposals."""
    return hash32(b"".join(padded(proposal) for proposal in sorted(proposals)))


def make_rewards(proposals: Sequence[ProposalFacts]) -> tuple[AnyReward, ...]:
    """Return the shares of the proposals' ATXs, ascending by id.

    Raises:
        IgnoreError: two proposals have the same ATX.
    """
    weights: dict[AtxID, Fraction] = {}
    for proposal in proposals:
        if proposal.atx_id in weights:
            raise IgnoreError(f"multiple proposals with atx {proposal.atx_id}")
        per_slot = Fraction(proposal.atx_weight, proposal.eligibility_count)
        weights[proposal.atx_id] = per_slot * proposal.eligibilities
    return tuple(
        AnyReward(atx_id=atx_id, weight=_wire_weight(weights[atx_id])) for atx_id in sorted(weights)
    )


def _wire_weight(weight: Fraction) -> RationalWeight:
    numerator, denominator = to_words(weight)
    return RationalWeight(numerator=numerator, denominator=denominator)


def majority_mesh_hash(proposals: Sequence[ProposalFacts], threshold_percent: int) -> Hash32 | None:
    """Return the mesh hash that enough eligibilities name, or None."""
    seats: dict[Hash32, int] = {}
    for proposal in proposals:
        named = seats.get(proposal.mesh_hash, 0)
        seats[proposal.mesh_hash] = named + proposal.eligibilities
    needed = threshold_percent * sum(seats.values())
    enough = [h for h, n in seats.items() if h != Hash32.zero() and n * PERCENT >= needed]
    return max(enough, key=lambda h: (seats[h], h), default=None)


def plan_block(
    layer: LayerID,
    proposals: Sequence[ProposalFacts],
    candidates: Mapping[TransactionID, Candidate],
    *,
    own_mesh_hash: Hash32 | None,
    threshold_percent: int,
    gas_limit: int,
) -> BlockPlan:
    """Return the block that the proposals of a layer make.

    Args:
        layer: the layer.
        proposals: what hare agreed on, in the order of their ids; at least one.
        candidates: every transaction the proposals name.
        own_mesh_hash: our mesh hash of the layer before, if we have one.
        threshold_percent: share of eligibilities that makes a majority.
        gas_limit: most gas in a block that is not optimistic.

    Raises:
        IgnoreError: the proposers agree on another mesh than ours, or an ATX repeats.
    """
    majority = majority_mesh_hash(proposals, threshold_percent)
    if majority is not None and own_mesh_hash != majority:
        raise IgnoreError(f"layer {layer}: node has a different mesh hash than {majority}")
    first_seen = dict.fromkeys(tx_id for p in proposals for tx_id in p.tx_ids)
    ordered = order_transactions(
        [candidates[tx_id] for tx_id in first_seen],
        block_seed(proposal.id for proposal in proposals),
        gas_limit=0 if majority is not None else gas_limit,
    )
    return BlockPlan(
        layer=layer,
        tick_height=max(proposal.base_tick_height for proposal in proposals),
        rewards=make_rewards(proposals),
        tx_ids=ordered,
        is_optimistic=majority is not None,
    )


def order_transactions(
    candidates: Iterable[Candidate], seed: bytes, *, gas_limit: int
) -> tuple[TransactionID, ...]:
    """Return a block's transactions in the order of execution.

    Accounts keep their nonce order; the places they get are shuffled by the seed.

    Args:
        candidates: in the order in which the proposals name them, each once.
        seed: the block's seed, 32 bytes.
        gas_limit: 0 for no limit.
    """
    queues = {p: _queue(nonces, seed) for p, nonces in _by_principal(candidates).items()}
    places = sorted(
        ((c.id, principal) for principal, queue in queues.items() for c in queue),
    )
    remaining = {principal: iter(queue) for principal, queue in queues.items()}
    ordered = [next(remaining[principal]) for _, principal in shuffled(places, seed)]
    return tuple(c.id for c in _prune(ordered, gas_limit))


def _by_principal(candidates: Iterable[Candidate]) -> dict[Address, dict[int, list[Candidate]]]:
    accounts: dict[Address, dict[int, list[Candidate]]] = {}
    for candidate in candidates:
        header = candidate.header
        same = accounts.setdefault(header.principal, {}).setdefault(header.nonce, [])
        if len(same) < MAX_PER_NONCE:
            same.append(candidate)
    return accounts


def _queue(nonces: Mapping[int, Sequence[Candidate]], seed: bytes) -> list[Candidate]:
    """Return the best transaction of each nonce, without those that are applied already.

    The account's real balance is not asked for: whatever a block says was in its proposals.
    """
    balance, chosen = MAX_U64, list[Candidate]()
    for nonce in sorted(nonces):
        affordable = [c for c in nonces[nonce] if _spending(c) <= balance]
        if not affordable or len(chosen) == MAX_PER_ACCOUNT:
            continue
        best = min(affordable, key=lambda c: (-_fee(c), hash32(seed, c.id)))
        chosen.append(best)
        balance -= _spending(best)
    applied = next((k for k, c in enumerate(chosen) if not c.is_applied), len(chosen))
    return chosen[applied:]


def _fee(candidate: Candidate) -> int:
    return candidate.header.fee & MAX_U64


def _spending(candidate: Candidate) -> int:
    return _fee(candidate) + candidate.header.max_spend & MAX_U64


def _prune(ordered: Sequence[Candidate], gas_limit: int) -> Sequence[Candidate]:
    """Cut where the gas is used up; a last one that exceeds it wraps the counter around."""
    if gas_limit == 0:
        return ordered
    remaining = gas_limit
    for number, candidate in enumerate(ordered):
        if remaining < 1:
            return ordered[:number]
        remaining = remaining - candidate.header.max_gas & MAX_U64
    return ordered
