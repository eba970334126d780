"""A recorded network, and nodes that stand in the middle of it.

A simulated network of two runs for some layers.  What it gossips is recorded, and the
database of one node is copied before each of the layers that matter.  A *stage* is a whole
node over such a copy, its clock stopped, beside an honest peer that has everything.
"""

import asyncio
import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node.app import Node
from node.config.model.root import NodeConfig
from node.crypto.ed25519 import Signer, private_key_of
from node.environment import Environment
from node.layer_ticker import Clock
from node.net.memory import MemoryEnd, MemoryNetwork
from node.net.ports import GossipHandler, PeerID, RequestHandler
from node.poet.work import ClearEngine
from node.runtime.workers import InlineWorkers
from node.sim.links import Randomness
from node.sim.posts import InlinePosts
from node.sim.virtual_time import simulate
from node.sim.world import GENESIS_NS, World, world_config
from node.smesher.identities import Identities, Identity
from node.store.db import Batch, Database, Reader
from node.store.migrate import DatabaseName, open_local, open_state
from node.sync.state import SyncState
from node.types.account import Account
from node.types.address import Address
from node.types.ids import PublicKey, SmesherID
from node.types.layer import EpochID, LayerID
from node.vm import sdk
from node.vm.templates import wallet
from node.vm.wire import WalletSpawnArguments

SEED: Final = 5
"""Of the recorded network; the cases have seeds of their own."""
SMESHERS: Final = 2
FIRST: Final = LayerID(20)
"""First layer with ballots; hare 3 agrees on it."""
SECOND: Final = LayerID(21)
"""Hare 4 agrees on this and all later ones."""
LAST: Final = LayerID(23)
"""The recording ends here: in the second round of the beacon protocol."""
EPOCH: Final = EpochID(2)
BEACON_ROUND: Final = 1
OWN_NUMBER: Final = 9
"""The node on the stage has an identity that is not of the recorded network."""

HONEST: Final = PeerID("honest")
"""Sends every message; has all that the network had."""
FUZZED: Final = PeerID("fuzzed")

BALANCE: Final = 10**12
SETTINGS: Final = {
    "hare3.disable-layer": str(SECOND),
    "hare4.enable": "true",
    "hare4.enable-layer": str(SECOND),
    "hare4.preround-delay": "1s",
    "hare4.round-duration": "100ms",
}
MOMENT_NS: Final = 10**6
"""How long before a layer the database is copied."""
MIDDLE_NS: Final = 3 * 10**9
"""Where in its layer the stopped clock stands: hare has ended, votes go on."""


@dataclass
class OpenEnd(MemoryEnd):
    """An end whose handlers can be called, and that keeps what they were called with."""

    handlers: dict[str, GossipHandler] = field(default_factory=dict)
    served: dict[str, RequestHandler] = field(default_factory=dict)
    heard: dict[str, list[bytes]] = field(default_factory=dict)

    def register(self, topic: str, handler: GossipHandler) -> None:
        """See Gossip."""
        self.handlers[topic] = handler

        async def record(peer: PeerID, data: bytes) -> None:
            self.heard.setdefault(topic, []).append(data)
            await handler(peer, data)

        super().register(topic, record)

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """See Requests."""
        self.served[protocol] = handler
        super().serve(protocol, handler)


class ServingEnd(MemoryEnd):
    """An end that answers requests and hears no gossip."""

    def register(self, topic: str, handler: GossipHandler) -> None:
        """See Gossip: nothing of it reaches the node."""


@dataclass
class OpenNetwork(MemoryNetwork):
    """A network of ends whose handlers can be called."""

    def join(self, name: str) -> OpenEnd:
        """Add a node."""
        end = OpenEnd(local=PeerID(name), network=self)
        self.ends[end.local] = end
        return end


@dataclass
class StoppedClock:
    """A clock at which nothing ever becomes due."""

    instant_ns: int

    def now_ns(self) -> int:
        """See Clock."""
        return self.instant_ns

    async def sleep_until(self, instant_ns: int) -> None:
        """See Clock."""
        if instant_ns > self.instant_ns:
            await asyncio.Event().wait()


class _WatchedBatch:
    def __init__(self, batch: Batch, written: list[bytes]) -> None:
        self._batch, self._written = batch, written

    def put(self, key: bytes, value: bytes) -> None:
        self._written.append(key)
        self._batch.put(key, value)

    def delete(self, key: bytes) -> None:
        self._written.append(key)
        self._batch.delete(key)


@dataclass
class WatchedDatabase:
    """A database that tells which keys were written."""

    inner: Database
    written: list[bytes] = field(default_factory=list)
    """Keys of all batches that were committed."""

    batches: int = 0
    """How many were."""

    def get(self, key: bytes) -> bytes | None:
        """See Reader."""
        return self.inner.get(key)

    def scan(
        self,
        prefix: bytes,
        *,
        start: bytes = b"",
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """See Reader."""
        return self.inner.scan(prefix, start=start, stop=stop, reverse=reverse)

    def keys(
        self,
        prefix: bytes,
        *,
        start: bytes = b"",
        stop: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[bytes]:
        """See Reader."""
        return self.inner.keys(prefix, start=start, stop=stop, reverse=reverse)

    @contextmanager
    def batch(self, *, sync: bool = True) -> Generator[Batch, None, None]:
        """See Database."""
        written: list[bytes] = []
        with self.inner.batch(sync=False) as batch:
            yield _WatchedBatch(batch, written)
        if written:
            self.written += written
            self.batches += 1

    @contextmanager
    def snapshot(self) -> Generator[Reader, None, None]:
        """See Database."""
        with self.inner.snapshot() as reader:
            yield reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a simulated network said, and its databases on the way."""

    folder: Path
    config: NodeConfig
    accounts: tuple[Account, ...]
    messages: dict[str, tuple[bytes, ...]]
    """By topic, in the order in which the first node heard them."""

    transactions: tuple[bytes, ...]
    """That can be accepted: a spawn and a spend."""

    signers: dict[SmesherID, Signer]
    wallets: tuple[bytes, ...]
    """Private keys of the accounts, as ``accounts``."""

    own: Signer
    """Smesher of the node on the stage."""

    posts: InlinePosts
    """Shared: its engine is compiled on first use."""


@dataclass(kw_only=True)
class Stage:
    """A node amid the recorded network."""

    recording: Recording
    node: Node
    end: OpenEnd
    db: WatchedDatabase
    honest: Node

    @property
    def now_ns(self) -> int:
        """The instant at which the node stands."""
        return self.node.clock.now_ns()


def record(folder: Path) -> Recording:
    """Run the network in ``folder`` and record it; takes some seconds."""
    config = world_config(folder, SETTINGS)
    keys = tuple(private_key_of(Randomness(b"wallet %d" % number)(32)) for number in range(3))
    accounts = tuple(_account(key, spawned=number > 0) for number, key in enumerate(keys))
    world = World(folder=folder, seed=SEED, config=config, accounts=accounts)
    world.network = OpenNetwork()
    genesis_id = Node.genesis_id_of(config)
    simulate(_run(world, sdk.sign(_spend(accounts[2]), genesis_id, keys[2])))
    end = world.network.ends[PeerID("node0")]
    heard = end.heard if isinstance(end, OpenEnd) else {}
    signers = [world.signer(number) for number in range(SMESHERS)]
    recording = Recording(
        folder=folder,
        config=config,
        accounts=accounts,
        messages={topic: tuple(dict.fromkeys(data)) for topic, data in heard.items()},
        transactions=(
            sdk.sign(_spawn(keys[0]), genesis_id, keys[0]),
            sdk.sign(_spend(accounts[1]), genesis_id, keys[1]),
        ),
        signers={signer.smesher_id: signer for signer in signers},
        wallets=keys,
        own=world.signer(OWN_NUMBER),
        posts=world.posts,
    )
    world.close()
    return recording


async def _run(world: World, transaction: bytes) -> None:
    for number in range(SMESHERS):
        world.add_node(number)
    state = world.folder / "node0" / DatabaseName.STATE
    async with world.running():
        for layer in (FIRST, SECOND):
            starts_ns = GENESIS_NS + layer * world.config.main.layer_duration
            await world.clock.sleep_until(starts_ns - MOMENT_NS)
            if layer == FIRST:
                await world.nodes["node0"].node.submit(transaction)
            # Nothing is awaited meanwhile, so the copy is of one instant.
            shutil.copytree(state, _copy_of(world.folder, layer) / DatabaseName.STATE)
        await world.until_layer(LAST)
        await asyncio.sleep(1)
    shutil.copytree(state, _copy_of(world.folder, LAST) / DatabaseName.STATE)


def _copy_of(folder: Path, layer: LayerID) -> Path:
    return folder / f"layer{layer}"


def _arguments(key: bytes) -> WalletSpawnArguments:
    return WalletSpawnArguments(public_key=PublicKey(key[32:]))


def _account(key: bytes, *, spawned: bool) -> Account:
    return Account(
        layer=LayerID(0),
        address=sdk.wallet_address(key[32:]),
        next_nonce=0,
        balance=BALANCE,
        template=wallet.ADDRESS if spawned else None,
        state=key[32:] if spawned else b"",
    )


def _spawn(key: bytes) -> bytes:
    return sdk.self_spawn(wallet.ADDRESS, _arguments(key), nonce=0, gas_price=1)


def _spend(account: Account) -> bytes:
    return sdk.spend(account.address, Address(bytes(24)), 1, nonce=0, gas_price=1)


def _node(
    recording: Recording, end: MemoryEnd, db: Database, local: Database, clock: Clock
) -> Node:
    posts = recording.posts
    identities = Identities()
    identities.register(Identity("own.key", recording.own))
    return Node(
        Environment(
            config=recording.config,
            db=db,
            local=local,
            network=end,
            clock=clock,
            entropy=Randomness(end.local.encode()),
            workers=InlineWorkers(),
            post_verifier=posts,
            prover=posts,
            nonces=posts,
            poet_engine=ClearEngine(),
            poets=(),
            identities=identities,
            genesis_accounts=recording.accounts,
            coinbase=lambda: recording.accounts[0].address,
        )
    )


class Theatre:
    """Makes stages; keeps what they share."""

    def __init__(self, recording: Recording) -> None:
        """Open the honest peer's databases."""
        self.recording = recording
        self._stack = ExitStack()
        home = _copy_of(recording.folder, LAST)
        self._full = self._stack.enter_context(open_state(home))
        self._full_local = self._stack.enter_context(open_local(home))
        self._number = 0

    def close(self) -> None:
        """Close everything."""
        self._stack.close()

    @contextmanager
    def stage(self, layer: LayerID) -> Generator[Stage, None, None]:
        """Build a node that stands in ``layer``; it is gone afterwards."""
        recording = self.recording
        self._number += 1
        home = recording.folder / f"stage{self._number}"
        shutil.copytree(_copy_of(recording.folder, layer), home)
        network = MemoryNetwork()
        end = OpenEnd(local=FUZZED, network=network)
        serving = ServingEnd(local=HONEST, network=network)
        network.ends.update({FUZZED: end, HONEST: serving})
        starts_ns = GENESIS_NS + layer * recording.config.main.layer_duration
        # A node that starts within a layer takes no proposals of it.
        clock = StoppedClock(starts_ns - MOMENT_NS)
        with open_state(home) as state, open_local(home) as local:
            db = WatchedDatabase(state)
            node = _node(recording, end, db, local, clock)
            honest = _node(recording, serving, self._full, self._full_local, clock)
            clock.instant_ns = starts_ns + MIDDLE_NS
            _enter(node, layer)
            db.written.clear()
            db.batches = 0
            yield Stage(recording=recording, node=node, end=end, db=db, honest=honest)
        shutil.rmtree(home)


def _enter(node: Node, layer: LayerID) -> None:
    """Put a node into the middle of everything: synced, hare and beacon under way."""
    node.sync.state = SyncState.SYNCED
    node.sync.atxs_synced = True
    for hare in node.hares:
        hare.handler.open(layer)
    node.beacon.running = EPOCH
    node.beacon.machine(EPOCH).start_round(0, node.clock.now_ns())
    node.beacon.coin.start_epoch(EPOCH)
    node.beacon.coin.start_round(BEACON_ROUND)
