"""Transactions under load: through different nodes, in any order, with gaps in the nonces.

Whatever a node accepted is applied once, in the order of the nonces, and no coin appears or
disappears but by the rules.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.app import Node
from node.base.errors import IgnoreError
from node.crypto.ed25519 import private_key_of, public_key_of
from node.sim.links import Randomness, SeededLinks
from node.sim.virtual_time import simulate
from node.sim.world import World
from node.store.accounts import accounts_at, find_account
from node.store.blocks import get_block
from node.store.layers import get_applied_block
from node.store.rewards import rewards_between
from node.store.transactions import find_transaction_result, get_transaction
from node.types.address import Address
from node.types.ids import NO_BLOCK, TransactionID
from node.types.layer import LayerID
from node.types.transaction import RawTransaction
from node.vm.genesis import genesis_accounts
from node.vm.rewards import compute_layer_subsidy
from node.vm.sdk import self_spawn, sign, spend, wallet_address
from node.vm.templates import wallet
from node.vm.wire import WalletSpawnArguments
from tests.support.scenarios import FIRST_LAYER, check_equal_states, make_world, nodes_of

RICH = 4
BALANCE = 10**12
BATCHES = 3
OFFSETS = (1, 2, 5, 6, 7, 9)
"""Nonces of one batch, above ten times its number: 3, 4, 8 and 10 are never used."""
DISPUTED = 6
"""Two transactions with this nonce, of which one pays more."""
LAST = FIRST_LAYER + 14

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A transaction that somebody sends."""

    raw: bytes
    sender: Address
    nonce: int
    price: int
    receiver: Address | None = None
    amount: int = 0

    @property
    def id(self) -> TransactionID:
        """Return its identifier."""
        return RawTransaction.of(self.raw).id


@dataclass
class Purse:
    """Someone who sends."""

    number: int
    genesis_id: bytes

    def __post_init__(self) -> None:
        """Derive key and address."""
        self.key = private_key_of(bytes([self.number + 1]) * 32)
        self.public = public_key_of(self.key)
        self.address = wallet_address(self.public)

    def spawn(self) -> Sent:
        """Return the transaction that spawns the wallet."""
        arguments = WalletSpawnArguments(public_key=self.public)
        body = self_spawn(wallet.ADDRESS, arguments, nonce=0, gas_price=1)
        raw = sign(body, self.genesis_id, self.key)
        return Sent(raw=raw, sender=self.address, nonce=0, price=1)

    def send(self, to: Address, amount: int, nonce: int, price: int = 1) -> Sent:
        """Return a transaction that sends coins."""
        body = spend(self.address, to, amount, nonce=nonce, gas_price=price)
        raw = sign(body, self.genesis_id, self.key)
        return Sent(
            raw=raw, sender=self.address, nonce=nonce, price=price, receiver=to, amount=amount
        )


@dataclass
class Load:
    """What is sent, and what became of it."""

    world: World
    random: Randomness = field(default_factory=lambda: Randomness(b"load"))
    accepted: dict[TransactionID, Sent] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)

    async def submit(self, number: int, sent: Sent) -> None:
        """Send a transaction to a node, as its API does."""
        try:
            await self.world.nodes[f"node{number}"].node.submit(sent.raw)
        except IgnoreError as error:
            self.refused[error.code] += 1
        else:
            self.accepted[sent.id] = sent

    async def submit_all(self, batch: Sequence[Sent]) -> None:
        """Send transactions in a random order to random nodes, every third one twice."""
        queue = [sent for place, sent in enumerate(batch) for _ in range(1 + (place % 3 == 0))]
        for last in range(len(queue) - 1, 0, -1):
            other = self.random.below(last + 1)
            queue[last], queue[other] = queue[other], queue[last]
        for sent in queue:
            await self.submit(self.random.below(len(self.world.nodes)), sent)
            await asyncio.sleep(0.01)

    def due(self) -> dict[TransactionID, Sent]:
        """Return what must be applied: of several with one nonce the one that pays most."""
        best: dict[tuple[Address, int], Sent] = {}
        for sent in self.accepted.values():
            place = sent.sender, sent.nonce
            if place not in best or sent.price > best[place].price:
                best[place] = sent
        return {sent.id: sent for sent in best.values()}


def _batch(purses: Sequence[Purse], number: int) -> list[Sent]:
    batch = []
    for purse in purses:
        for offset in OFFSETS:
            to = purses[(purse.number + offset) % len(purses)].address
            nonce = 10 * number + offset
            batch.append(purse.send(to, 1000 + nonce, nonce))
            if offset == DISPUTED:
                batch.append(purse.send(to, 500 + nonce, nonce, price=2))
    return batch


def _applied_in_order(node: Node) -> list[TransactionID]:
    """Return what blocks had executed, in the order of execution."""
    applied: list[TransactionID] = []
    for layer in map(LayerID, range(FIRST_LAYER, node.mesh.applied + 1)):
        block = get_applied_block(node.db, layer)
        for tx_id in () if block == NO_BLOCK else get_block(node.db, block).tx_ids:
            result = find_transaction_result(node.db, tx_id)
            if result is not None and result.layer == layer:
                applied.append(tx_id)
    return applied


def _check_order(node: Node, due: dict[TransactionID, Sent]) -> None:
    """Check that everything was executed once, every account's by its nonces."""
    applied = _applied_in_order(node)
    assert len(applied) == len(set(applied))
    assert set(applied) == set(due)
    nonces: dict[Address, list[int]] = {}
    for tx_id in applied:
        nonces.setdefault(due[tx_id].sender, []).append(due[tx_id].nonce)
    for of_account in nonces.values():
        assert of_account == sorted(set(of_account))


def _check_coins(node: Node, genesis: int) -> None:
    """Check that there are as many coins as there were at first, and were issued since."""
    last = node.mesh.applied
    rewards = list(rewards_between(node.db, LayerID(0), last))
    fees = sum(_fee(node, tx_id) for tx_id in _applied_in_order(node))
    coins = sum(account.balance for account in accounts_at(node.db, last))
    assert coins == genesis + sum(reward.total_reward for reward in rewards) - fees
    for layer in map(LayerID, range(FIRST_LAYER, last + 1)):
        paid = [reward for reward in rewards if reward.layer == layer]
        subsidy = compute_layer_subsidy(layer, node.time.first_effective_genesis)
        assert 0 <= subsidy - sum(reward.layer_reward for reward in paid) < len(paid)
    # Rounded down once for each smesher: less than one smidge of each is burnt.
    paid_fees = sum(reward.total_reward - reward.layer_reward for reward in rewards)
    assert abs(fees - paid_fees) <= 2 * len(rewards)


def _fee(node: Node, tx_id: TransactionID) -> int:
    result = get_transaction(node.db, tx_id).result
    assert result is not None
    return result.fee


def _check_balances(node: Node, due: dict[TransactionID, Sent], rich: Sequence[Purse]) -> None:
    expected: Counter[Address] = Counter({purse.address: BALANCE for purse in rich})
    for tx_id, sent in due.items():
        expected[sent.sender] -= sent.amount + _fee(node, tx_id)
        if sent.receiver is not None:
            expected[sent.receiver] += sent.amount
    for address, balance in expected.items():
        account = find_account(node.db, address)
        assert account is not None
        assert account.balance == balance
        assert account.next_nonce == 1 + max(
            sent.nonce for sent in due.values() if sent.sender == address
        )


async def _send(load: Load, links: SeededLinks, purses: Sequence[Purse]) -> None:
    """Send everything, each batch in the middle of a layer."""
    *rich, poor = purses
    world = load.world
    await world.until_layer(FIRST_LAYER)
    await asyncio.sleep(3)
    await load.submit_all([purse.spawn() for purse in rich])
    for number in range(BATCHES):
        await world.until_layer(FIRST_LAYER + 2 + number)
        await asyncio.sleep(3)
        await load.submit_all(_batch(rich, number))
    await load.submit(0, rich[0].send(poor.address, 10**9, 10 * BATCHES))
    before = load.refused.copy()
    await load.submit(1, rich[1].send(poor.address, 2 * BALANCE, 10 * BATCHES))
    await load.submit(2, poor.spawn())
    await load.submit(0, rich[2].send(poor.address, 1, 1))
    assert load.refused - before == Counter(
        {"smesh.transaction.balance": 2, "smesh.transaction.nonce": 1}
    )
    # A node that nobody hears accepts some, and dies at once.
    await world.until_layer(FIRST_LAYER + 2 + BATCHES)
    await asyncio.sleep(3)
    for other in ("node0", "node2"):
        links.separate(world.nodes["node1"].end.local, world.nodes[other].end.local)
    for offset in (4, 2, 7):
        await load.submit(1, rich[3].send(poor.address, 5, 10 * BATCHES + offset))
    await world.restart("node1")
    links.heal()
    assert world.nodes["node1"].node.transactions.count() >= 3
    await world.until_layer(FIRST_LAYER + 4 + BATCHES)
    await asyncio.sleep(3)
    await load.submit(0, poor.spawn())
    await world.until_layer(FIRST_LAYER + 5 + BATCHES)
    await asyncio.sleep(3)
    await load.submit_all([poor.send(rich[0].address, 7, 3)])


def test_accepted_transactions_are_applied_once_and_in_order(tmp_path: Path) -> None:
    links = SeededLinks(Randomness(b"links 48"))
    # A proposal takes one for each slot: a batch does not fit into a layer.
    world = make_world(tmp_path, 48, {"main.txs-per-proposal": "1"})
    world.network.links = links
    purses = [Purse(number, world.signer(0).genesis_id) for number in range(RICH + 1)]
    rich = purses[:RICH]
    world.accounts = genesis_accounts((purse.address, BALANCE) for purse in rich)
    load = Load(world)

    async def main() -> None:
        for number in range(3):
            world.add_node(number)
        async with world.running():
            await _send(load, links, purses)
            await world.until_layer(LAST + 1)

    simulate(main())
    nodes = nodes_of(world)
    check_equal_states(nodes, FIRST_LAYER, LAST)
    due = load.due()
    # Every account's spawn and batches, and what was sent one by one; the loser of each dispute
    # was accepted as well, and is never applied.
    assert len(due) == RICH * (1 + BATCHES * len(OFFSETS)) + 1 + 3 + 2
    assert len(load.accepted) == len(due) + RICH * BATCHES
    for node in nodes:
        assert node.transactions.count() == 0
        _check_order(node, due)
        _check_coins(node, RICH * BALANCE)
        _check_balances(node, due, rich)
    world.close()
