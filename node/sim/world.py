"""Whole nodes in one process and on one virtual clock, from one seed.

A world has a network, PoETs and any number of nodes; each node has a folder of its own
with real databases and real PoST data.  What differs from the daemon: links, clock and
randomness come from the seed; work is done at once and takes no time on the clock; labels
and the proof of work of a PoST have the least cost (``posts``); what one node has verified
is not computed again for the next (``shared_checks``); PoETs are asked without HTTP; and no
write waits for the disk, because machines lose their power only where ``power`` says so.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from node.app import Node
from node.config.durations import Instant
from node.config.load import Override, Places, load_config
from node.config.model.root import NodeConfig
from node.consensus.activation.parameters import proof_parameters
from node.consensus.eligibility import Distributions
from node.crypto.ed25519 import Signer, private_key_of
from node.environment import Environment
from node.layer_ticker import LoopClock
from node.net.memory import Links, MemoryEnd, MemoryNetwork, PerfectLinks
from node.poet.client import LocalPoetClient, poet_backoff
from node.poet.prover import InlineProver
from node.poet.round_store import RoundStore
from node.poet.server import PoetConfig, PoetServer
from node.poet.work import ClearEngine
from node.post.init_run import InlineRunner
from node.post.service import ServiceOptions
from node.runtime.workers import InlineWorkers
from node.sim.links import Randomness
from node.sim.posts import SCRYPT_N, InlinePosts
from node.sim.power import PowerLost
from node.sim.shared_checks import SharedEngine, SharedVerifier
from node.smesher.identities import Identities, Identity
from node.smesher.post_process import SpaceWanted, SupervisedPost
from node.standalone import poet_schedule, preset_beacon
from node.store.migrate import open_local, open_state
from node.types.account import Account
from node.types.address import Address

GENESIS_NS = 1_700_000_000 * 10**9
"""When layer 0 of every world starts; the clock begins before it."""
NS_PER_S = 10**9
START_BEFORE_NS = 20 * NS_PER_S
ROUND_LEAVES = 400
"""Work of a PoET round: enough for a few ticks, little enough for the event loop."""
POLL_S = 1.0

log = structlog.get_logger("sim")


def world_config(
    folder: Path, settings: Mapping[str, str] | None = None, preset: str = "standalone"
) -> NodeConfig:
    """Return the configuration of a world's nodes: a preset at the least cost."""
    cheap = {
        "genesis.genesis-time": str(Instant(GENESIS_NS)),
        "smeshing.smeshing-opts.smeshing-opts-scrypt.N": str(SCRYPT_N),
        **(settings or {}),
    }
    return load_config(
        places=Places(home=folder, temporary=folder),
        preset=preset,
        flags=[Override(key, value, "world") for key, value in cheap.items()],
    ).config


@dataclass(kw_only=True)
class SimulatedNode:
    """A node, its end of the network and its PoST worker."""

    name: str
    number: int
    node: Node
    end: MemoryEnd
    supervised: SupervisedPost

    databases: ExitStack
    """Closes the node's databases."""

    task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Run the node until cancelled, or until its power fails."""
        try:
            async with asyncio.TaskGroup() as tasks:
                # What the node logs from here on names it.
                structlog.contextvars.bind_contextvars(node=self.name)
                self.end.start(tasks)
                try:
                    tasks.create_task(self.supervised.run())
                    await self.node.run()
                finally:
                    self.end.stop()
        except* PowerLost:
            log.info("power_lost", node=self.name)


@dataclass(kw_only=True)
class World:
    """Nodes that share a network, PoETs and a clock."""

    folder: Path
    seed: int
    config: NodeConfig
    accounts: tuple[Account, ...] = ()

    links: Links = field(default_factory=PerfectLinks)
    """What lies between the nodes."""

    reconnect_s: float = math.inf
    """How long nodes refuse a peer that they dropped."""

    skew_ns: Callable[[int], int] = field(default=lambda _number: 0)
    """How far the clock of a node is ahead, by its number."""

    start_before_ns: int = START_BEFORE_NS
    """How long before genesis the clock begins."""

    adjust: Callable[[int, Environment], Environment] = field(
        default=lambda _number, environment: environment
    )
    """Gives a node, by its number, something else to stand on than the others have."""

    poet_count: int = 1
    """How many PoETs every node registers with; their addresses are poet0, poet1 ..."""

    poet_leaves: Callable[[int], int] = field(default=lambda _number: ROUND_LEAVES)
    """How much a PoET works in a round, by its number."""

    network: MemoryNetwork = field(init=False)
    random: Randomness = field(init=False)
    clock: LoopClock = field(init=False)
    posts: InlinePosts = field(default_factory=InlinePosts)
    nodes: dict[str, SimulatedNode] = field(default_factory=dict)
    poets: tuple[PoetServer, ...] = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)
    _tasks: asyncio.TaskGroup = field(init=False)
    _distributions: Distributions = field(default_factory=Distributions)
    _verifier: SharedVerifier = field(init=False)
    _engine: SharedEngine = field(default_factory=lambda: SharedEngine(ClearEngine()))
    _built: int = 0

    def __post_init__(self) -> None:
        """Make clock, network and PoETs."""
        self.random = Randomness(b"world %d" % self.seed)
        self.clock = LoopClock(GENESIS_NS - self.start_before_ns)
        self.network = MemoryNetwork(links=self.links, reconnect_s=self.reconnect_s)
        self._verifier = SharedVerifier(Node.genesis_id_of(self.config))
        self.poets = tuple(self._poet(number) for number in range(self.poet_count))

    def _poet(self, number: int) -> PoetServer:
        folder = self.folder / ("poet" if number == 0 else f"poet{number}")
        return PoetServer(
            PoetConfig(
                schedule=poet_schedule(self.config, GENESIS_NS),
                round_leaves=self.poet_leaves(number),
            ),
            self._stack.enter_context(RoundStore(folder / "db")),
            folder / "rounds",
            InlineProver(ClearEngine()),
            now_ns=self.clock.now_ns,
            entropy=self.random,
        )

    def signer(self, number: int) -> Signer:
        """Return the key of smesher ``number`` in this world."""
        seed = Randomness(b"smesher %d of %d" % (number, self.seed))(32)
        return Signer(private_key_of(seed), Node.genesis_id_of(self.config))

    def add_node(self, number: int) -> SimulatedNode:
        """Build a node with one smesher; it runs once the world does, or ``start`` is called."""
        with ExitStack() as databases:
            made = self._build(number, databases)
            made.databases = databases.pop_all()
        self.nodes[made.name] = made
        self._built += 1
        return made

    def _build(self, number: int, databases: ExitStack) -> SimulatedNode:
        """Build a node on databases that the caller closes if that fails."""
        name = f"node{number}"
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        signer = self.signer(number)
        identities = Identities()
        identities.register(Identity(f"{name}.key", signer))
        coinbase = Address(bytes(4) + signer.smesher_id[:20])
        end = self.network.join(name)
        environment = Environment(
            config=self.config,
            db=databases.enter_context(open_state(folder, durable=False)),
            local=databases.enter_context(open_local(folder, durable=False)),
            network=end,
            clock=LoopClock(GENESIS_NS - self.start_before_ns + self.skew_ns(number)),
            entropy=Randomness(b"%s of %d, %d" % (name.encode(), self.seed, self._built)),
            workers=InlineWorkers(),
            post_verifier=self.posts,
            prover=self.posts,
            nonces=self.posts,
            poet_engine=self._engine,
            poets=tuple(
                LocalPoetClient(
                    poet,
                    address=f"poet{index}",
                    backoff=poet_backoff(self.config.poet),
                    random_below=self.random.below,
                )
                for index, poet in enumerate(self.poets)
            ),
            identities=identities,
            genesis_accounts=self.accounts,
            coinbase=lambda: coinbase,
            verifier=lambda _genesis: self._verifier,
        )
        node = Node(self.adjust(number, environment))
        preset_beacon(node)
        # All nodes draw from the same lotteries, which take long to work out.
        node.oracle.distributions = self._distributions
        return SimulatedNode(
            name=name,
            number=number,
            node=node,
            end=end,
            supervised=self._supervised(node, folder, signer),
            databases=databases,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the PoETs and all nodes for the length of the block."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            running = [tasks.create_task(poet.run()) for poet in self.poets]
            for name in self.nodes:
                self.start(name)
            try:
                yield
            finally:
                for poet in running:
                    poet.cancel()
                for node in self.nodes.values():
                    if node.task is not None:
                        node.task.cancel()

    def start(self, name: str) -> None:
        """Let a node of the running world run."""
        node = self.nodes[name]
        node.task = self._tasks.create_task(node.run())

    async def stop(self, name: str) -> None:
        """End a node at once, as if its process died, and take it off the network."""
        node = self.nodes[name]
        if node.task is not None:
            node.task.cancel()
            await asyncio.wait([node.task])
        node.databases.close()

    async def restart(self, name: str) -> None:
        """End a node and start it again from what is on its disk."""
        number = self.nodes[name].number
        await self.stop(name)
        self.add_node(number)
        self.start(name)

    async def until_layer(self, layer: int) -> None:
        """Return when a layer starts."""
        start_ns = GENESIS_NS + layer * self.config.main.layer_duration
        await self.clock.sleep_until(start_ns)

    def close(self) -> None:
        """Close every database."""
        for node in self.nodes.values():
            node.databases.close()
        self._stack.close()

    def _supervised(self, node: Node, folder: Path, signer: Signer) -> SupervisedPost:
        opts = node.config.smeshing.opts
        directory = folder / "post"
        supervised = SupervisedPost(
            smesher=signer.smesher_id,
            space=SpaceWanted(
                directory=directory,
                num_units=opts.num_units,
                labels_per_unit=self.config.post.labels_per_unit,
                max_file_size=opts.max_file_size,
                scrypt_n=SCRYPT_N,
                batch_size=opts.compute_batch_size,
                min_units=self.config.post.min_num_units,
                max_units=self.config.post.max_num_units,
            ),
            service=ServiceOptions(
                directory=directory,
                parameters=proof_parameters(self.config),
                nonces=self.config.smeshing.proving.nonces,
                threads=1,
            ),
            engines=self.posts.engines(),
            prover=self.posts,
            registry=node.post_registry,
            bus=node.bus,
            commitment=lambda: node.positioning.find_commitment_atx(signer.smesher_id),
            poll_s=POLL_S,
            blocking=InlineRunner(),
        )
        supervised.start()
        return supervised
