"""A network in which one node crashes at a chosen write, and what must hold afterwards.

A run begins from the folders that an earlier one has left, so that each of some hundred
crashes costs a few layers and not a network's life.  Meanwhile a wallet pays through the
node that crashes; what that node has accepted may never be lost.
"""

import asyncio
import shutil
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node.app import Node
from node.base.errors import IgnoreError, SpacemeshError
from node.crypto.ed25519 import private_key_of, public_key_of
from node.sim.crash import Crashes
from node.sim.links import Randomness, SeededLinks
from node.sim.posts import InlinePosts
from node.sim.power import BetweenWrites, PowerLost, Write
from node.sim.virtual_time import simulate
from node.sim.world import GENESIS_NS, SimulatedNode, World, world_config
from node.store.atxs import atxs_in_epoch
from node.store.identities import malicious_smeshers
from node.store.layers import find_applied_block, find_state_hash
from node.store.transactions import find_transaction
from node.types.account import Account
from node.types.ids import PublicKey, TransactionID
from node.types.layer import EpochID, LayerID
from node.types.transaction import RawTransaction
from node.vm.sdk import self_spawn, sign, spend, wallet_address
from node.vm.templates import wallet
from node.vm.wire import WalletSpawnArguments

NS_PER_S: Final = 10**9
WAKE_BEFORE_NS: Final = 20 * NS_PER_S
"""How long before an epoch a run begins: time to find peers and to be synced."""
PAYMENTS_NS: Final = (NS_PER_S // 2, 4 * NS_PER_S, 9 * NS_PER_S)
"""Instants of a layer at which the wallet pays."""
SETTLE_LAYERS: Final = 3
"""Layers after the crash in which all that was accepted must be applied."""
BALANCE: Final = 10**15


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPlan:
    """The network of all runs, and where crashes are tried."""

    seed: int
    first: LayerID
    last: LayerID
    nodes: int = 3
    victim: int = 1
    preset: str = "fastnet"

    @property
    def end(self) -> LayerID:
        """Layer at whose start a run is over."""
        return LayerID(self.last + SETTLE_LAYERS + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashReport:
    """What became of one crash."""

    fault: BetweenWrites
    happened: bool

    problems: tuple[str, ...]
    """Everything that must not be."""


@dataclass(kw_only=True)
class Purse:
    """A wallet that pays through one node, and remembers what that has accepted."""

    private_key: bytes
    genesis_id: bytes
    nonce: int = 0
    accepted: list[TransactionID] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def public_key(self) -> PublicKey:
        """What the account's address is made of."""
        return PublicKey(public_key_of(self.private_key))

    @property
    def account(self) -> Account:
        """The wallet's account at genesis."""
        return Account(
            layer=LayerID(0),
            address=wallet_address(self.public_key),
            next_nonce=0,
            balance=BALANCE,
            template=None,
            state=b"",
        )

    async def pay(self, node: Node) -> None:
        """Send the next transaction, if the node takes any; after a crash the same one again."""
        if not node.sync.listens_to_gossip:
            return
        raw = RawTransaction.of(self._next())
        try:
            await node.submit(raw.raw)
        except PowerLost:
            # Nobody answers: whether it was taken shows when it is sent again.
            return
        except IgnoreError as error:
            if find_transaction(node.db, raw.id) is None:
                self.refusals.append(f"payment {self.nonce} was refused: {error}")
                return
        self.accepted.append(raw.id)
        self.nonce += 1

    def _next(self) -> bytes:
        address = self.account.address
        if self.nonce == 0:
            arguments = WalletSpawnArguments(public_key=self.public_key)
            body = self_spawn(wallet.ADDRESS, arguments, nonce=0, gas_price=1)
        else:
            body = spend(address, address, self.nonce, nonce=self.nonce, gas_price=1)
        return sign(body, self.genesis_id, self.private_key)


class CrashRuns:
    """Runs of one plan: the one they all begin from, the one without a crash, the others."""

    def __init__(self, plan: CrashPlan, folder: Path) -> None:
        """Keep everything under ``folder``, which is empty."""
        self.plan = plan
        self._origin = folder / "origin"
        self._run = folder / "run"
        settings = {"syncer.malfeasance-sync.min-sync-peers": str(max(1, plan.nodes - 1))}
        self.config = world_config(folder, settings, preset=plan.preset)
        self._private_key = private_key_of(Randomness(b"purse %d" % plan.seed)(32))
        self._nonce = 0
        # What checks proofs has to be compiled: once for all runs.
        self._posts = InlinePosts()

    def prepare(self) -> None:
        """Run the network up to where all other runs begin."""
        self._origin.mkdir()
        world, crashes, purse = self._world(self._origin, [], start_before_ns=20 * NS_PER_S)

        async def main() -> None:
            for number in range(self.plan.nodes):
                world.add_node(number)
            async with world.running():
                first_paid = world.nodes["node0"].node.time.effective_genesis + 1
                await world.until_layer(first_paid)
                await purse.pay(self._victim(world).node)
                await world.clock.sleep_until(self._begin_ns)

        self._simulate(world, main())
        self._nonce = purse.nonce
        if not purse.accepted or crashes.happened:
            raise SpacemeshError(f"the network of seed {self.plan.seed} could not be prepared")

    def writes(self) -> tuple[Write, ...]:
        """Return the writes of the victim in the layers of the plan, where nothing crashes."""
        report, crashes = self._crash(None)
        if report:
            raise SpacemeshError(f"seed {self.plan.seed}: without any crash: {'; '.join(report)}")
        wanted = range(self.plan.first, self.plan.last + 1)
        return tuple(write for write in crashes.writes(self.plan.victim) if write.layer in wanted)

    def crash(self, fault: BetweenWrites) -> CrashReport:
        """Let the victim crash once; return what is wrong afterwards."""
        problems, crashes = self._crash(fault)
        return CrashReport(
            fault=fault, happened=crashes.happened == [fault], problems=tuple(problems)
        )

    @property
    def _begin_ns(self) -> int:
        """When runs begin: a network that sleeps at the start of an epoch gets no beacon."""
        main = self.config.main
        epoch = self.plan.first // main.layers_per_epoch
        return GENESIS_NS + epoch * main.layers_per_epoch * main.layer_duration - WAKE_BEFORE_NS

    def _crash(self, fault: BetweenWrites | None) -> tuple[list[str], Crashes]:
        shutil.rmtree(self._run, ignore_errors=True)
        shutil.copytree(self._origin, self._run)
        faults = [] if fault is None else [fault]
        world, crashes, purse = self._world(
            self._run, faults, start_before_ns=GENESIS_NS - self._begin_ns
        )
        purse.nonce = self._nonce
        run = _Run(plan=self.plan, world=world, crashes=crashes, purse=purse)
        self._simulate(world, run.main())
        return run.problems, crashes

    def _world(
        self, folder: Path, faults: list[BetweenWrites], *, start_before_ns: int
    ) -> tuple[World, Crashes, Purse]:
        genesis_id = Node.genesis_id_of(self.config)
        purse = Purse(private_key=self._private_key, genesis_id=genesis_id)
        crashes = Crashes(faults, self.config)
        world = World(
            folder=folder,
            seed=self.plan.seed,
            config=self.config,
            accounts=(purse.account,),
            links=SeededLinks(Randomness(b"links %d" % self.plan.seed)),
            start_before_ns=start_before_ns,
            adjust=crashes.adjust,
            posts=self._posts,
        )
        return world, crashes, purse

    def _victim(self, world: World) -> SimulatedNode:
        return world.nodes[f"node{self.plan.victim}"]

    @staticmethod
    def _simulate(world: World, main: Coroutine[None, None, None]) -> None:
        try:
            simulate(main)
        finally:
            world.close()


@dataclass(kw_only=True)
class _Run:
    """One run, from the folders of the origin to the comparison at its end."""

    plan: CrashPlan
    world: World
    crashes: Crashes
    purse: Purse
    problems: list[str] = field(default_factory=list)

    @property
    def victim(self) -> Node:
        return self.world.nodes[f"node{self.plan.victim}"].node

    async def main(self) -> None:
        for number in range(self.plan.nodes):
            self.world.add_node(number)
        async with self.world.running(), asyncio.TaskGroup() as tasks:
            service = tasks.create_task(self.crashes.run(self.world))
            await self._pay()
            await self.world.until_layer(self.plan.end)
            await self.world.clock.sleep_until(self.world.clock.now_ns() + NS_PER_S)
            self._compare()
            service.cancel()

    async def _pay(self) -> None:
        duration_ns = self.world.config.main.layer_duration
        for layer in range(self.plan.first, self.plan.last + 1):
            for offset_ns in PAYMENTS_NS:
                await self.world.clock.sleep_until(GENESIS_NS + layer * duration_ns + offset_ns)
                await self.purse.pay(self.victim)
                if self.crashes.is_up(self.plan.victim):
                    self._check_kept()

    def _check_kept(self) -> None:
        """Look for what was accepted: it waits in the pool, or was applied."""
        for accepted in self.purse.accepted:
            if find_transaction(self.victim.db, accepted) is None:
                self._note(f"transaction {accepted} was accepted and lost")
        nonce, _ = self.victim.transactions.projected(self.purse.account.address)
        if nonce < self.purse.nonce:
            self._note(f"the pool goes on from nonce {nonce}, the wallet from {self.purse.nonce}")

    def _compare(self) -> None:
        nodes = list(self.world.nodes.values())
        self.problems += self.purse.refusals
        self.problems += map(str, self.crashes.witness.doubles)
        if self.crashes.witness.accusations:
            self._note("a proof of misbehaviour was published")
        for one in nodes:
            if list(malicious_smeshers(one.node.db)):
                self._note(f"{one.name} holds somebody malicious")
            if not one.node.sync.is_synced:
                self._note(f"{one.name} is not synced")
            if one.node.mesh.applied < self.plan.end - 2:
                self._note(f"{one.name} has applied {one.node.mesh.applied} of {self.plan.end}")
            for accepted in self.purse.accepted:
                stored = find_transaction(one.node.db, accepted)
                if stored is None or stored.result is None:
                    self._note(f"{one.name} has not applied transaction {accepted}")
        self._compare_states(nodes)
        self._compare_epochs(nodes)
        self._check_voice()

    def _compare_states(self, nodes: list[SimulatedNode]) -> None:
        applied = min(one.node.mesh.applied for one in nodes)
        for number in range(self.plan.first - 1, applied + 1):
            layer = LayerID(number)
            if len({find_state_hash(one.node.db, layer) for one in nodes}) != 1:
                self._note(f"states of layer {layer} differ")
            if len({find_applied_block(one.node.db, layer) for one in nodes}) != 1:
                self._note(f"blocks of layer {layer} differ")

    def _compare_epochs(self, nodes: list[SimulatedNode]) -> None:
        """Compare ATXs of all epochs: nobody may have lost one."""
        per_epoch = self.world.config.main.layers_per_epoch
        for number in range(1, (self.plan.end - 1) // per_epoch + 1):
            for one in nodes:
                authors = [atx.smesher for atx in atxs_in_epoch(one.node.db, EpochID(number))]
                if len(set(authors)) != len(authors) or len(authors) != self.plan.nodes:
                    self._note(f"{one.name} has ATXs of {len(authors)} smeshers in {number}")

    def _check_voice(self) -> None:
        """See that the victim takes part again.

        In the first layer of an epoch it may have to learn the beacon from others' ballots.
        """
        smesher = self.victim.environment.identities.signers()[0].smesher_id
        layers = {layer for (layer,) in self.crashes.witness.heard("ballot", smesher)}
        for layer in range(self.plan.last + 2, self.plan.end + 1):
            if layer not in layers and not self.victim.time.is_first_in_epoch(LayerID(layer)):
                self._note(f"the node has no ballot in layer {layer}")

    def _note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)
