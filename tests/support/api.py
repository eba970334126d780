"""ApiWorld: a chain of two applied layers, and the API of the node that holds it.

The effective genesis is layer 19.  Layer 20 has a block with a spend that succeeds and one
that fails, and a reward; layer 21 is empty; the clock stands in layer 22::

    world = ApiWorld(tmp_path)
    async with world.serve() as api:
        answer = await api.unary("spacemesh.v1.NodeService/Status")
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import grpc
import msgspec
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from node.api.backend import ApiBackend
from node.api.server import Endpoints, open_api
from node.base.bech32 import encode_address
from node.config.durations import Instant
from node.config.model.api import ApiConfig
from node.config.model.genesis import GenesisConfig
from node.config.model.root import NodeConfig
from node.consensus.mesh.executor import put_applied
from node.consensus.transactions.handler import TransactionHandler
from node.consensus.transactions.pool import TransactionPool
from node.consensus.transactions.rules import check_transaction
from node.events import Bus
from node.net.ports import PeerID
from node.post.engine import CPU_PROVIDER_ID, DeviceClass, Provider
from node.post.init_run import InlineRunner
from node.post.service import ServiceOptions
from node.smesher.identities import Identities, Identity
from node.smesher.post_process import SpaceWanted, SupervisedPost
from node.smesher.post_registry import PostRegistry
from node.smesher.smeshing import SupervisedSmeshing
from node.store.accounts import put_account
from node.store.atxs import put_atx
from node.store.blocks import put_block
from node.store.db import LevelDB
from node.store.layers import put_applied_block, put_mesh_hash, put_processed, put_state_hash
from node.store.transactions import put_transaction
from node.types.address import Address
from node.types.block import Block, InnerBlock
from node.types.ids import NO_BLOCK, AtxID, Hash32
from node.types.layer import EpochID, LayerID
from node.types.layer_time import LayerTime
from node.types.transaction import Transaction
from node.vm import sdk
from node.vm.apply import apply
from tests.support.chain import atx, signer
from tests.support.post_labels import hashed_engines
from tests.support.post_proofs import PARAMETERS as POST_PARAMETERS
from tests.support.vm_network import (
    DESTINATION,
    GENESIS_ID,
    LAYER,
    PARAMETERS,
    WALLET_ACCOUNT,
    share,
    single,
    spawned_state,
)

NS = 10**9
GENESIS_NS = 1_000_000 * NS
TIME = LayerTime(genesis_ns=GENESIS_NS, layer_duration_ns=10 * NS, layers_per_epoch=10)
NOW_NS = GENESIS_NS + 225 * NS
"""In the middle of layer 22."""

EMPTY_LAYER = LayerID(LAYER + 1)
MESH_HASH = Hash32(b"\xaa" * 32)
EMPTY_ROOT = Hash32(b"\xbb" * 32)

SPEND = single(sdk.spend(WALLET_ACCOUNT, DESTINATION, 1_000, nonce=1, gas_price=2))
TOO_MUCH = single(sdk.spend(WALLET_ACCOUNT, DESTINATION, 9 * 10**9, nonce=2, gas_price=1))
TWICE_TOO_MUCH = single(sdk.spend(WALLET_ACCOUNT, DESTINATION, 9 * 10**9, nonce=3, gas_price=1))

COINBASE = Address(bytes(4) + b"coinbase-of-the-test")
PROVIDER = Provider(id=CPU_PROVIDER_ID, name="[CPU] test", device_class=DeviceClass.CPU)
FIRST_ATX = atx(1, publish_epoch=EpochID(1), coinbase=COINBASE)
SECOND_ATX = atx(
    1, id=AtxID(b"\x0b" * 32), publish_epoch=EpochID(2), coinbase=COINBASE,
    previous_atx=FIRST_ATX.id, sequence=1, base_tick_height=25,
)  # fmt: skip


@dataclass
class StillClock:
    """A clock that a test sets."""

    instant_ns: int = NOW_NS

    def now_ns(self) -> int:
        """See Clock."""
        return self.instant_ns

    async def sleep_until(self, instant_ns: int) -> None:
        """See Clock."""
        self.instant_ns = max(self.instant_ns, instant_ns)


@dataclass
class Marks:
    """How far the chain is, as a test sets it."""

    latest: LayerID = EMPTY_LAYER
    processed: LayerID = EMPTY_LAYER
    applied: LayerID = EMPTY_LAYER


@dataclass
class Synced:
    """Whether the node is synced, as a test sets it."""

    is_synced: bool = True


@dataclass
class Coinbase:
    """Where rewards go."""

    address: Address = COINBASE


class NoProver:
    """Is asked for nothing."""

    async def prove(self, *_: object, **__: object) -> Any:
        raise AssertionError

    async def verify(self, *_: object, **__: object) -> None:
        raise AssertionError


class ApiWorld:
    """What the API serves, with knobs for tests."""

    def __init__(self, folder: Path, *, is_supervised: bool = True, is_empty: bool = False) -> None:
        self.folder = folder
        self.db = LevelDB(folder / "state")
        self.local = LevelDB(folder / "local")
        self.bus = Bus()
        self.clock = StillClock()
        self.mesh = Marks()
        self.sync = Synced()
        self.identities = Identities()
        self.identities.register(Identity("local.key", signer(1)))
        self.registry = PostRegistry()
        self.coinbase = Coinbase()
        self.is_empty = is_empty
        self._write_chain()
        self.pool = TransactionPool(db=self.db, gas_limit=10**9, entropy=bytes)
        self.handler = TransactionHandler(
            db=self.db,
            clock=self.clock,
            bus=self.bus,
            pool=self.pool,
            genesis_id=GENESIS_ID,
        )
        self.post = self._supervised_post()
        self.smeshing = SupervisedSmeshing(
            post=self.post if is_supervised else None,
            coinbase_account=self.coinbase,
            provider=CPU_PROVIDER_ID,
            list_providers=self._list_providers,
            measure=self._measure,
        )
        config = NodeConfig(genesis=GenesisConfig(genesis_time=Instant(GENESIS_NS)))
        main = replace_struct(
            config.main, network_hrp="sm", txs_per_proposal=700, layer_average_size=50
        )
        self.config = replace_struct(config, main=main)
        self.backend = ApiBackend(
            db=self.db,
            local=self.local,
            time=TIME,
            clock=self.clock,
            bus=self.bus,
            config=self.config,
            genesis_id=GENESIS_ID,
            mesh=self.mesh,
            pool=self.pool,
            sync=self.sync,
            identities=self.identities,
            post_registry=self.registry,
            smeshing=self.smeshing,
            submit=self.submit,
            peers=lambda: 3,
            version="v1.2.3",
            build="abcdef",
        )
        self.submit_error: Exception | None = None

    def __enter__(self) -> Self:
        """Return the world, whose databases are open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the databases."""
        self.db.close()
        self.local.close()

    async def submit(self, raw: bytes) -> None:
        """Let the pool judge a transaction, unless a test wants it to fail."""
        if self.submit_error is not None:
            raise self.submit_error
        await self.handler.on_gossip(PeerID("self"), raw)

    @asynccontextmanager
    async def serve(self, **changed: Any) -> AsyncIterator["Api"]:
        """Serve on free ports."""
        settings: dict[str, Any] = {
            "public_listener": "127.0.0.1:0",
            "private_listener": "127.0.0.1:0",
            "post_listener": "127.0.0.1:0",
            **changed,
        }
        async with open_api(self.backend, ApiConfig(**settings)) as endpoints:
            api = Api(endpoints)
            try:
                yield api
            finally:
                await api.close()

    def _write_chain(self) -> None:
        state = spawned_state()
        sent = (SPEND, TOO_MUCH, TWICE_TOO_MUCH)
        rewards = (share(5, COINBASE, 1, 1),)
        applied = apply(LAYER, sent, rewards, state, PARAMETERS)
        self.applied = applied
        self.block = block = Block(
            inner=InnerBlock(
                layer=LAYER,
                tick_height=1,
                rewards=(),
                tx_ids=tuple(transaction.raw.id for transaction in sent),
            )
        )
        if self.is_empty:
            return
        with self.db.batch(sync=False) as batch:
            for account in state.all_accounts():
                put_account(batch, account)
            put_applied_block(batch, LayerID(LAYER - 1), NO_BLOCK)
            for number, transaction in enumerate(sent):
                put_transaction(batch, transaction, number)
            put_block(batch, block)
            put_atx(batch, FIRST_ATX, blob=b"atx")
            put_atx(batch, SECOND_ATX, blob=b"atx")
        with self.db.batch(sync=False) as batch:
            put_applied(batch, applied, block.id)
            put_mesh_hash(batch, LAYER, MESH_HASH)
            put_processed(batch, LAYER)
            put_applied_block(batch, EMPTY_LAYER, NO_BLOCK)
            put_state_hash(batch, EMPTY_LAYER, EMPTY_ROOT)
            put_processed(batch, EMPTY_LAYER)

    def _supervised_post(self) -> SupervisedPost:
        directory = self.folder / "space"
        return SupervisedPost(
            smesher=signer(1).smesher_id,
            space=SpaceWanted(
                directory=directory,
                num_units=2,
                labels_per_unit=POST_PARAMETERS.labels_per_unit,
                max_file_size=4096,
                scrypt_n=POST_PARAMETERS.scrypt_n,
                batch_size=512,
                min_units=1,
                max_units=4,
            ),
            service=ServiceOptions(
                directory=directory, parameters=POST_PARAMETERS, nonces=16, threads=1
            ),
            engines=hashed_engines(),
            prover=NoProver(),
            registry=self.registry,
            bus=self.bus,
            commitment=self._commitment,
            poll_s=0,
            blocking=InlineRunner(),
        )

    async def _commitment(self) -> AtxID:
        return FIRST_ATX.id

    async def _list_providers(self) -> tuple[Provider, ...]:
        return (PROVIDER,)

    async def _measure(self, provider: Provider) -> int:
        return 1234


@dataclass
class Api:
    """Calls of a client; methods are named ``package.Service/Method``."""

    endpoints: Endpoints
    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict)

    async def close(self) -> None:
        """Close the connections."""
        for channel in self._channels.values():
            await channel.close(None)

    def channel(self, address: str) -> grpc.aio.Channel:
        """Return a connection to an address."""
        if address not in self._channels:
            self._channels[address] = grpc.aio.insecure_channel(address)
        return self._channels[address]

    async def unary(self, method: str, request: Any = None, *, on: str = "public") -> Any:
        """Return the answer of a call."""
        return await self._call(method, on)(request)

    async def refusal(
        self, method: str, request: Any = None, *, on: str = "public"
    ) -> tuple[grpc.StatusCode, str | None]:
        """Return code and text of a call that must fail."""
        try:
            answer = await self.unary(method, request, on=on)
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details()
        raise AssertionError(f"{method} answered {answer}")

    def stream(self, method: str, request: Any = None, *, on: str = "public") -> Any:
        """Return a call whose answers can be iterated; for two-way ones, ``request`` is one."""
        return self._call(method, on)(request)

    async def stream_refusal(
        self, method: str, request: Any = None, *, on: str = "public"
    ) -> tuple[grpc.StatusCode, str | None]:
        """Return code and text of a stream that must fail."""
        try:
            answers = [answer async for answer in self.stream(method, request, on=on)]
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details()
        raise AssertionError(f"{method} answered {answers}")

    def _call(self, method: str, on: str) -> Any:
        return self._method(self.channel(getattr(self.endpoints, on)), method)

    async def over(self, channel: grpc.aio.Channel, method: str) -> Any:
        """Return the answer of a call without arguments over a connection of the test's."""
        return await self._method(channel, method)(None)

    def _method(self, channel: grpc.aio.Channel, method: str) -> Any:
        service, name = method.split("/")
        described = Default().FindServiceByName(service).methods_by_name[name]
        request = GetMessageClass(described.input_type)
        response = GetMessageClass(described.output_type)
        make: Any = channel.unary_unary
        if described.client_streaming:
            make = channel.stream_stream
        elif described.server_streaming:
            make = channel.unary_stream
        call = make(
            f"/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        if described.client_streaming:
            return call
        return lambda message: call(request() if message is None else message)


def replace_struct(struct: Any, **changed: Any) -> Any:
    """Return a section of the configuration with some values changed."""
    return msgspec.structs.replace(struct, **changed)


def text_of(address: Address) -> str:
    """Return an address as the API spells it."""
    return encode_address("sm", address)


def spend(nonce: int, amount: int = 7) -> Transaction:
    """Return a spend of the wallet account, not parsed."""
    body = sdk.spend(WALLET_ACCOUNT, DESTINATION, amount, nonce=nonce, gas_price=1)
    return single(body)


def parsed(world: ApiWorld, nonce: int) -> Transaction:
    """Return a spend of the wallet account with its header."""
    return check_transaction(spend(nonce).raw, world.handler, GENESIS_ID)
