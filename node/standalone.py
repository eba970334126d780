"""One process is the whole network: a node, its PoET, its PoST worker, nobody else.

Everything is what the live network runs; only the links to other machines are missing.
The work of PoET, PoST and RandomX happens in processes of their own.

Source: go-spacemesh, node/node.go (standalone); node digest section 11.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.api.backend import ApiBackend
from node.app import Node
from node.base.bech32 import decode_address
from node.base.errors import ConfigError
from node.base.hashing import hash32
from node.checkpoint.bootstrap import FOLDER as BOOTSTRAP_FOLDER
from node.checkpoint.bootstrap import BootstrapFiles, HttpUpdates
from node.config.durations import Instant
from node.config.genesis import GENESIS_FILE, check_genesis, encode_genesis
from node.config.model.root import NodeConfig
from node.config.model.smeshing import CPU_PROVIDER
from node.consensus.activation.parameters import proof_parameters
from node.crypto.ed25519 import Signer
from node.environment import Environment
from node.layer_ticker import Clock
from node.net.memory import MemoryNetwork
from node.poet.client import LocalPoetClient, poet_backoff
from node.poet.prover import ProcessProver
from node.poet.prover import Prover as PoetProver
from node.poet.round import RoundSchedule
from node.poet.round_store import RoundStore
from node.poet.server import PoetConfig, PoetServer
from node.poet.work import ClearEngine
from node.post.difficulty import check_vrf_nonce, compute_vrf_difficulty
from node.post.engine import LabelSource
from node.post.engine_host import EngineWorker
from node.post.engine_messages import WorkerOptions
from node.post.init_engines import open_engines
from node.post.labels import MAX_INDEX, make_commitment
from node.post.process import PostProcess
from node.post.service import ServiceOptions
from node.post.verifier_pool import PostVerifier
from node.runtime.files import locked, make_folder, write_new
from node.runtime.http import open_http
from node.runtime.workers import thread_workers
from node.smesher.certificates import HttpCertifier
from node.smesher.identities import Identities, Identity
from node.smesher.keyfile import create_identity, read_identities
from node.smesher.post_process import SpaceWanted, SupervisedPost
from node.smesher.smeshing import SupervisedSmeshing
from node.store.layers import find_weak_coin, put_weak_coin
from node.store.migrate import open_local, open_state
from node.types.address import Address
from node.types.ids import AtxID, Beacon, SmesherID
from node.types.layer import EpochID, LayerID
from node.vm.genesis import genesis_accounts

OWN_NAME = "self"
"""Our name on the in-memory network."""
MAX_PEERS = 1 << 16
LAST_PART = 8
"""In the last of so many parts of a layer no weak coin is thrown any more."""
POLL_S = 0.2
"""How often the node asks its own PoST worker whether a proof is done."""


@dataclass
class Coinbase:
    """Where rewards go; the operator may change it while the node runs."""

    address: Address


@dataclass(kw_only=True)
class SourceNonces:
    """Checks VRF nonces with a label worker, which ends when it is idle."""

    source: LabelSource

    async def check_nonce(
        self, smesher: SmesherID, commitment_atx: AtxID, *, num_labels: int, nonce: int
    ) -> None:
        """See NonceVerifier."""
        compute_vrf_difficulty(num_labels)
        label = b""
        if nonce != MAX_INDEX:
            commitment = make_commitment(smesher, commitment_atx)
            label = await self.source.labels(commitment, nonce, 1)
        check_vrf_nonce(smesher=smesher, num_labels=num_labels, nonce=nonce, label=label)


@dataclass(kw_only=True)
class Standalone:
    """The running parts of a standalone network."""

    node: Node
    network: MemoryNetwork
    poet: PoetServer
    post: PostProcess
    supervised: SupervisedPost
    smeshing: SupervisedSmeshing

    def api_backend(self, version: str) -> ApiBackend:
        """Return what the API reads and calls."""
        node = self.node
        environment = node.environment
        return ApiBackend(
            db=node.db,
            local=environment.local,
            time=node.time,
            clock=node.clock,
            bus=node.bus,
            config=node.config,
            genesis_id=node.genesis_id,
            mesh=node.mesh,
            pool=node.transactions,
            sync=node.sync,
            identities=environment.identities,
            post_registry=node.post_registry,
            smeshing=self.smeshing,
            submit=node.submit,
            peers=lambda: len(environment.network.best(MAX_PEERS)),
            version=version,
            build=version,
        )

    async def run(self) -> None:
        """Run everything until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.network.run())
            tasks.create_task(self.post.run())
            tasks.create_task(self.poet.run())
            tasks.create_task(self.supervised.run())
            tasks.create_task(self.node.run())
            tasks.create_task(keep_beacons(self.node))
            tasks.create_task(keep_coins(self.node))


def check_standalone(config: NodeConfig) -> Instant:
    """Return the genesis time of a configuration that can be run here.

    Raises:
        ConfigError: it describes a network of several machines, or has no genesis time.
    """
    if not config.main.standalone:
        raise ConfigError(
            "this version runs a network in one process only",
            path="main.standalone",
            code="smesh.config.standalone",
            hint="use --preset standalone; links to other machines come with a later version",
        )
    if config.genesis.genesis_time is None:
        raise ConfigError(
            "genesis-time is not set",
            path="genesis.genesis-time",
            code="smesh.config.genesis",
            hint="give --genesis-time, some 30 seconds ahead",
        )
    return config.genesis.genesis_time


@asynccontextmanager
async def open_standalone(
    config: NodeConfig,
    *,
    clock: Clock,
    entropy: Callable[[int], bytes] = os.urandom,
    poet_prover: PoetProver | None = None,
) -> AsyncIterator[Standalone]:
    """Open everything a standalone network needs; nothing runs yet.

    Raises:
        ConfigError: the configuration cannot be run, or the folder is another network's.
        PreconditionError: another process uses the folder.
        StoreError: the folder is damaged or cannot be written.
    """

    def random_below(bound: int) -> int:
        return int.from_bytes(entropy(8), "little") % bound

    genesis_time = check_standalone(config)
    folder = Path(config.main.data_folder)
    with _explained(folder, "main.data-folder"):
        make_folder(folder)
    async with AsyncExitStack() as stack:
        lock = Path(config.main.filelock)
        with _explained(lock, "main.filelock"):
            make_folder(lock.parent)
            stack.enter_context(locked(lock))
        _check_folder(folder, config)
        db = stack.enter_context(open_state(folder))
        local = stack.enter_context(open_local(folder))
        workers = stack.enter_context(thread_workers(1))
        post = PostProcess()
        nonces = EngineWorker(WorkerOptions(kind="cpu", scrypt_n=config.smeshing.opts.scrypt.n))
        await stack.enter_async_context(nonces)
        poet = PoetServer(
            PoetConfig(schedule=poet_schedule(config, int(genesis_time))),
            stack.enter_context(RoundStore(folder / "poet" / "db")),
            make_folder(folder / "poet" / "rounds"),
            poet_prover or ProcessProver(),
            now_ns=clock.now_ns,
            entropy=entropy,
        )
        http = await stack.enter_async_context(open_http())
        network = MemoryNetwork(strict=False)
        coinbase = Coinbase(_coinbase(config))
        identities = Identities()
        environment = Environment(
            config=config,
            db=db,
            local=local,
            network=network.join(OWN_NAME),
            clock=clock,
            entropy=entropy,
            workers=workers,
            post_verifier=PostVerifier(
                post, workers=config.smeshing.verifying.workers_on(os.cpu_count() or 1)
            ),
            prover=post,
            nonces=SourceNonces(source=nonces),
            poet_engine=ClearEngine(),
            poets=(
                LocalPoetClient(
                    poet,
                    config.main.poet_servers[0].address,
                    poet_backoff(config.poet),
                    random_below,
                ),
            ),
            identities=identities,
            genesis_accounts=genesis_accounts(
                (Address(decode_address(text, config.main.network_hrp)), amount)
                for text, amount in config.genesis.accounts.items()
            ),
            coinbase=lambda: coinbase.address,
            bootstrap=BootstrapFiles(source=HttpUpdates(http), folder=folder / BOOTSTRAP_FOLDER),
            certifiers=HttpCertifier(
                client=http, config=config.certifier.client, random_below=random_below
            ),
        )
        genesis_id = Node.genesis_id_of(config)
        for key in read_identities(folder) or (create_identity(folder, entropy),):
            identities.register(Identity(key.name, Signer(key.private_key, genesis_id)))
        node = Node(environment)
        supervised = await _supervised(node, post, stack)
        preset_beacon(node)
        bridge_beacons(node)
        yield Standalone(
            node=node,
            network=network,
            poet=poet,
            post=post,
            supervised=supervised,
            smeshing=SupervisedSmeshing(
                post=supervised,
                coinbase_account=coinbase,
                provider=_provider(config),
            ),
        )


async def _supervised(node: Node, post: PostProcess, stack: AsyncExitStack) -> SupervisedPost:
    config = node.config
    opts = config.smeshing.opts
    (identity,) = node.environment.identities.all()
    smesher = identity.signer.smesher_id
    directory = Path(opts.data_dir)
    engines = await stack.enter_async_context(open_engines(_provider(config), opts.scrypt.n))
    proving = config.smeshing.proving
    supervised = SupervisedPost(
        smesher=smesher,
        space=SpaceWanted(
            directory=directory,
            num_units=opts.num_units,
            labels_per_unit=config.post.labels_per_unit,
            max_file_size=opts.max_file_size,
            scrypt_n=opts.scrypt.n,
            batch_size=opts.compute_batch_size,
            min_units=config.post.min_num_units,
            max_units=config.post.max_num_units,
            throttle=opts.throttle,
        ),
        service=ServiceOptions(
            directory=directory,
            parameters=proof_parameters(config),
            nonces=proving.nonces,
            threads=proving.threads_on(os.cpu_count() or 1),
            fast=proving.randomx_mode == "fast",
        ),
        engines=engines,
        prover=post,
        registry=node.post_registry,
        bus=node.bus,
        commitment=lambda: node.positioning.find_commitment_atx(smesher),
        poll_s=POLL_S,
    )
    if config.smeshing.start:
        supervised.start()
    return supervised


def _provider(config: NodeConfig) -> int:
    """Return the number of the device that makes labels."""
    chosen = config.smeshing.opts.provider
    return CPU_PROVIDER if chosen is None else chosen


def poet_schedule(config: NodeConfig, genesis_ns: int) -> RoundSchedule:
    """Return when the rounds of the network's PoET start and end."""
    return RoundSchedule(
        genesis_ns=genesis_ns,
        epoch_ns=config.main.layer_duration * config.main.layers_per_epoch,
        phase_shift_ns=config.poet.phase_shift,
        cycle_gap_ns=config.poet.cycle_gap,
    )


@contextmanager
def _explained(path: Path, key: str) -> Iterator[None]:
    """Name the setting when the file system refuses what it asks for.

    Raises:
        ConfigError: it does.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be used: {error.strerror}",
            path=key,
            code="smesh.config.folder",
            hint=f"let {key.rpartition('.')[2]} be where this user may write",
        ) from error


def _check_folder(folder: Path, config: NodeConfig) -> None:
    """Write the genesis of a new data folder; refuse one of another network."""
    file = folder / GENESIS_FILE
    if file.exists():
        check_genesis(file.read_bytes(), config.genesis)
    else:
        write_new(file, encode_genesis(config.genesis), mode=0o644)


def _coinbase(config: NodeConfig) -> Address:
    text = config.smeshing.coinbase
    if not text:
        raise ConfigError(
            "smeshing enabled but no coinbase account provided",
            path="smeshing.smeshing-coinbase",
            hint="give --smeshing-coinbase and an address of your wallet",
        )
    return Address(decode_address(text, config.main.network_hrp))


def preset_beacon(node: Node) -> None:
    """Set the first beacon: no protocol could have run before it is needed.

    The tortoise is told at every start, because of an epoch without ATXs it reads the beacon
    only if that epoch is running or next.
    """
    epoch = EpochID(node.time.epoch_of(node.time.effective_genesis) + 1)
    known = node.beacon.find_beacon(epoch)
    if known is None:
        node.beacon.set_beacon(epoch, Beacon(node.genesis_id[: Beacon.SIZE]))
    else:
        node.tortoise.on_beacon(epoch, known)


def bridge_beacons(node: Node, *, ahead: int = 1) -> None:
    """Set the beacons of this epoch and the next one that a stop has kept from being computed.

    The protocol runs at the start of an epoch only, and nobody else could tell its outcome;
    without a beacon an epoch has no ballots, and a network of one does not come back.

    Args:
        node: whose beacons they are.
        ahead: how many of the next epochs; those of which the protocol cannot be running.
    """
    time = node.time
    first = EpochID(time.epoch_of(time.effective_genesis) + 1)
    current = time.epoch_of(time.layer_at(node.clock.now_ns()))
    for number in range(max(current, first + 1), current + ahead + 1):
        epoch = EpochID(number)
        if node.beacon.find_beacon(epoch) is None:
            digest = hash32(node.genesis_id, number.to_bytes(4, "little"))
            node.beacon.set_beacon(epoch, Beacon(digest[: Beacon.SIZE]))


async def keep_beacons(node: Node) -> None:
    """Bridge every epoch that begins without a beacon, until cancelled.

    An epoch that nobody has an ATX for lets the protocol come to nothing, and would take
    the one after it along.
    """
    while True:
        current = node.time.epoch_of(node.time.layer_at(node.clock.now_ns()))
        await node.clock.sleep_until(node.time.epoch_start(EpochID(current + 1)))
        bridge_beacons(node, ahead=0)


async def keep_coins(node: Node) -> None:
    """Throw the weak coin of every layer that ends without one, until cancelled.

    Hare throws it, if anybody may speak there; nobody may before the first ballot of an
    epoch.  A ballot in turn may need the coin, to vote on a block that was not decided when
    the network stopped: a network that slept through an epoch would sleep for ever.
    """
    time = node.time
    early_ns = time.layer_duration_ns // LAST_PART
    while True:
        layer = time.layer_at(node.clock.now_ns() + early_ns)
        await node.clock.sleep_until(time.start_of(LayerID(layer + 1)) - early_ns)
        if layer > time.effective_genesis and find_weak_coin(node.db, layer) is None:
            coin = bool(hash32(node.genesis_id, layer.to_bytes(4, "little"))[0] & 1)
            with node.db.batch() as batch:
                put_weak_coin(batch, layer, coin=coin)
            node.tortoise.on_weak_coin(layer, coin=coin)
