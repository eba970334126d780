"""A client that asks a real API, served from a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.base import scale
from node.base.bech32 import encode_address
from node.base.errors import (
    NotFoundError,
    PreconditionError,
    UnavailableError,
    UsageError,
)
from node.client import grpc as client
from node.client.events import BeaconComputed, NodeEvent
from node.client.grpc import open_node_api
from node.client.ports import NodeApi
from node.client.records import (
    KnownTransaction,
    LayerStatus,
    OutcomeStatus,
    SendContents,
    SetupOptions,
    SetupState,
    TransactionState,
    WorkerState,
)
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.events import BeaconDecided
from node.store.atxs import put_atx
from node.store.blocks import put_block
from node.store.identities import Malfeasance, put_malfeasance
from node.store.layers import put_layer
from node.store.rewards import put_rewards
from node.types.address import Address
from node.types.block import Block, InnerBlock
from node.types.ids import AtxID, Beacon, SmesherID, TransactionID
from node.types.layer import EpochID, LayerID
from node.types.reward import Reward
from node.vm import sdk
from node.vm.sdk import TransactionKind
from tests.support.api import (
    COINBASE,
    EMPTY_LAYER,
    EMPTY_ROOT,
    FIRST_ATX,
    GENESIS_NS,
    MESH_HASH,
    NS,
    SECOND_ATX,
    SPEND,
    TIME,
    TOO_MUCH,
    TWICE_TOO_MUCH,
    ApiWorld,
)
from tests.support.chain import atx, signer
from tests.support.malfeasance import multiple_ballots
from tests.support.served_api import NEXT_SPEND, Served, served
from tests.support.vm_network import DESTINATION, GENESIS_ID, LAYER, WALLET_ACCOUNT

APPLIED = sorted([SPEND.raw.id, TOO_MUCH.raw.id, TWICE_TOO_MUCH.raw.id])
STRANGER = Address(bytes(4) + b"s" * 20)


def text(address: Address) -> str:
    return encode_address("sm", address)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Served]:
    with ApiWorld(tmp_path) as world, served(world) as node:
        yield node


@pytest.fixture
def api(node: Served) -> Iterator[NodeApi]:
    with open_node_api(
        node.endpoints.public, private=node.endpoints.private, post=node.endpoints.post
    ) as api:
        yield api


def test_a_node_tells_about_itself(node: Served, api: NodeApi) -> None:
    status = api.status()
    assert status.synced
    assert (status.peers, status.current_layer) == (3, 22)
    assert status.latest_layer == status.applied_layer == status.processed_layer == EMPTY_LAYER
    node.world.sync.is_synced = False
    assert not api.status().synced
    assert (api.version().version, api.version().build) == ("v1.2.3", "abcdef")
    assert api.endpoint == node.endpoints.public


def test_a_network_tells_its_constants(api: NodeApi) -> None:
    network = api.network()
    assert network.genesis_id == GENESIS_ID
    assert (network.genesis_ns, network.layer_duration_ns) == (GENESIS_NS, 10 * NS)
    assert network.time == TIME
    assert network.address_prefix == "sm"


def test_accounts_come_in_the_order_they_were_asked_for(
    api: NodeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    addresses = [text(STRANGER), text(DESTINATION), text(WALLET_ACCOUNT)]
    stranger, payee, payer = api.accounts(addresses)
    assert [one.address for one in (stranger, payee, payer)] == addresses
    assert (stranger.balance, stranger.next_nonce, stranger.layer) == (0, 0, 0)
    assert not payee.is_spawned
    assert payer.is_spawned
    assert payer.next_nonce == payer.projected_nonce == 4
    assert api.account(text(WALLET_ACCOUNT)) == payer
    with pytest.raises(UsageError, match="bech32"):
        api.account("junk")


def test_the_state_hash_is_that_of_the_last_applied_layer(api: NodeApi) -> None:
    state = api.state_hash()
    assert (state.layer, state.root) == (EMPTY_LAYER, EMPTY_ROOT)


def test_rewards_are_read_page_by_page(
    node: Served, api: NodeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    smesher = SmesherID(b"\x05" * 32)
    with node.world.db.batch(sync=False) as batch:
        for layer in range(30, 35):
            reward = Reward(
                layer=LayerID(layer),
                coinbase=COINBASE,
                smesher=smesher,
                total_reward=7,
                layer_reward=5,
            )
            put_rewards(batch, [reward])
    monkeypatch.setattr(client, "PAGE", 2)
    assert [one.layer for one in api.rewards(coinbase=text(COINBASE))] == [LAYER, *range(30, 35)]
    mine = list(api.rewards(smesher=smesher, last=LayerID(32), newest_first=True))
    assert [one.layer for one in mine] == [32, 31, 30]
    assert (mine[0].total, mine[0].layer_reward, mine[0].smesher) == (7, 5, smesher)
    assert mine[0].coinbase == text(COINBASE)
    assert list(api.rewards(last=LayerID(0))) == []
    assert len(list(api.rewards(first=LayerID(34)))) == 1


def test_a_transaction_is_submitted_and_found(node: Served, api: NodeApi) -> None:
    raw = NEXT_SPEND.raw.raw
    assert api.transaction(NEXT_SPEND.raw.id) is None
    assert api.submit(raw) == NEXT_SPEND.raw.id
    pending = api.transaction(NEXT_SPEND.raw.id)
    assert pending is not None
    assert (pending.state, pending.outcome) == (TransactionState.MEMPOOL, None)
    with pytest.raises(PreconditionError, match="already exists"):
        api.submit(raw)
    node.world.sync.is_synced = False
    with pytest.raises(PreconditionError, match="not in sync"):
        api.submit(raw)


def test_what_became_of_a_transaction_is_told(node: Served, api: NodeApi) -> None:
    done = api.transaction(SPEND.raw.id)
    assert done is not None
    assert done.state is TransactionState.PROCESSED
    assert done.outcome is not None
    assert done.outcome.status is OutcomeStatus.SUCCESS
    assert (done.outcome.layer, done.outcome.block) == (LAYER, node.world.block.id)
    assert done.outcome.touched == (text(WALLET_ACCOUNT), text(DESTINATION))
    assert done.outcome.fee == 2 * done.outcome.gas
    parsed = done.transaction
    assert (parsed.id, parsed.raw) == (SPEND.raw.id, SPEND.raw.raw)
    assert parsed.kind is TransactionKind.SINGLE_SIG_SEND
    assert parsed.contents == SendContents(destination=text(DESTINATION), amount=1_000)
    assert parsed.max_fee == parsed.max_gas * 2
    failed = api.transaction(TWICE_TOO_MUCH.raw.id)
    assert failed is not None
    assert failed.outcome is not None
    assert failed.outcome.status is OutcomeStatus.FAILURE
    assert failed.outcome.message


def test_histories_hold_what_was_applied(api: NodeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    api.submit(NEXT_SPEND.raw.raw)
    monkeypatch.setattr(client, "PAGE", 2)

    def ids(found: Iterator[KnownTransaction]) -> list[TransactionID]:
        return [one.transaction.id for one in found]

    assert ids(api.transactions()) == APPLIED
    assert ids(api.transactions(newest_first=True)) == APPLIED
    assert ids(api.transactions(address=text(WALLET_ACCOUNT))) == APPLIED
    assert ids(api.transactions(first=LayerID(LAYER + 1))) == []
    assert ids(api.transactions(last=LayerID(0))) == []
    both = [NEXT_SPEND.raw.id, SPEND.raw.id]
    assert ids(api.transactions(ids=both)) == both


def test_a_transaction_is_followed_to_its_end(node: Served, api: NodeApi) -> None:
    [done] = api.follow_transaction(SPEND.raw.id)
    assert done.outcome is not None
    with pytest.raises(NotFoundError) as caught:
        next(api.follow_transaction(NEXT_SPEND.raw.id))
    assert "on its way" in caught.value.hint
    api.submit(NEXT_SPEND.raw.raw)
    following = api.follow_transaction(NEXT_SPEND.raw.id, interval_s=0)
    assert next(following).state is TransactionState.MEMPOOL
    with node.world.db.batch(sync=False) as batch:
        for key in [
            key for key in node.world.db.keys(b"") if bytes(NEXT_SPEND.raw.id) in bytes(key)
        ]:
            batch.delete(key)
    with pytest.raises(NotFoundError) as caught:
        next(following)
    assert "dropped" in caught.value.hint


def test_closing_ends_the_wait_for_a_transaction(node: Served) -> None:
    with open_node_api(node.endpoints.public) as api:
        api.submit(NEXT_SPEND.raw.raw)
        following = api.follow_transaction(NEXT_SPEND.raw.id, interval_s=100)
        assert next(following).outcome is None
        closer = threading.Thread(target=api.close)
        closer.start()
        assert list(following) == []
        closer.join()


def test_closing_ends_the_question_for_a_transaction(
    node: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_node_api(node.endpoints.public) as api:
        api.submit(NEXT_SPEND.raw.raw)
        following = api.follow_transaction(NEXT_SPEND.raw.id, interval_s=0)
        assert next(following).outcome is None

        def fail(_: TransactionID) -> None:
            raise UnavailableError("gone")

        monkeypatch.setattr(api, "transaction", fail)
        with pytest.raises(UnavailableError, match="gone"):
            next(following)

        def close(_: TransactionID) -> None:
            api.close()
            raise UnavailableError("closed")

        monkeypatch.setattr(api, "transaction", close)
        assert list(api.follow_transaction(NEXT_SPEND.raw.id)) == []


def test_a_raw_transaction_is_parsed(api: NodeApi) -> None:
    parsed = api.parse(SPEND.raw.raw, verify=True)
    assert parsed.id == SPEND.raw.id
    assert (parsed.principal, parsed.nonce, parsed.method) == (text(WALLET_ACCOUNT), 1, 16)
    assert api.estimate_gas(SPEND.raw.raw) == parsed.max_gas
    with pytest.raises(UsageError, match="signature is invalid"):
        api.parse(SPEND.raw.raw[:-1] + b"\xff", verify=True)
    with pytest.raises(UsageError, match="malformed"):
        api.estimate_gas(SPEND.raw.raw[:30])


def test_an_account_that_is_not_spawned_is_named(api: NodeApi) -> None:
    raw = sdk.spend(STRANGER, DESTINATION, 1, nonce=1, gas_price=1)
    asks: tuple[Callable[[bytes], object], ...] = (api.parse, api.estimate_gas)
    for ask in asks:
        with pytest.raises(NotFoundError, match=text(STRANGER)) as caught:
            ask(raw)
        assert "spawn" in caught.value.hint


def test_layers_are_listed_once(
    node: Served, api: NodeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Block(inner=InnerBlock(layer=LayerID(LAYER), tick_height=2, rewards=(), tx_ids=()))
    with node.world.db.batch(sync=False) as batch:
        put_block(batch, second)
        put_layer(batch, LayerID(0))
    monkeypatch.setattr(client, "PAGE", 2)
    assert [one.number for one in api.layers()] == [0, LAYER - 1, LAYER, EMPTY_LAYER]
    newest = list(api.layers(first=LayerID(LAYER), newest_first=True))
    assert [one.number for one in newest] == [EMPTY_LAYER, LAYER]
    assert newest[1].mesh_hash == MESH_HASH
    assert newest[1].block == node.world.block.id
    assert newest[1].status is LayerStatus.VERIFIED
    assert newest[0].block is None
    assert [one.number for one in api.layers(last=LayerID(0))] == [0]
    assert api.layer(EMPTY_LAYER) == newest[0]
    assert api.layer(LayerID(99)) is None


def test_activations_are_listed(node: Served, api: NodeApi) -> None:
    assert [one.id for one in api.activations()] == [FIRST_ATX.id, SECOND_ATX.id]
    first = next(api.activations(last_epoch=EpochID(1)))
    assert (first.smesher, first.publish_epoch) == (signer(1).smesher_id, 1)
    assert first.height == FIRST_ATX.tick_height
    assert list(api.activations(last_epoch=EpochID(0))) == []
    assert [one.id for one in api.activations(ids=[SECOND_ATX.id])] == [SECOND_ATX.id]
    assert len(list(api.activations(coinbase=text(COINBASE), first_epoch=EpochID(2)))) == 1
    assert list(api.activations(smeshers=[signer(2).smesher_id])) == []
    assert (api.activations_count(), api.activations_count(EpochID(0))) == (2, 0)
    with node.world.db.batch(sync=False) as batch:
        put_atx(batch, atx(2, id=AtxID(b"\x0c" * 32), tick_count=999), blob=b"atx")
    highest = api.highest_activation()
    assert highest is not None
    assert highest.id == b"\x0c" * 32


def test_what_is_proven_against_an_identity_is_told(node: Served, api: NodeApi) -> None:
    smesher = signer(1).smesher_id
    assert api.conviction(smesher) is None

    proof = scale.encode(MalfeasanceProof(layer=LayerID(9), data=multiple_ballots()))
    with node.world.db.batch(sync=False) as batch:
        put_malfeasance(batch, Malfeasance(smesher=smesher, proof=proof, received_ns=1))
    told = api.conviction(smesher)
    assert told is not None
    assert told.startswith("generate layer: 9\nsmesher id:")


def test_there_may_be_no_highest_activation(node: Served, api: NodeApi) -> None:
    with node.world.db.batch(sync=False) as batch:
        for key in list(node.world.db.keys(b"")):
            batch.delete(key)
    assert api.highest_activation() is None


def test_events_are_followed(node: Served, api: NodeApi) -> None:
    first = BeaconDecided(epoch=EpochID(2), beacon=Beacon(b"beac"))
    node.publish(first)
    heard: list[NodeEvent] = []
    came = threading.Event()

    def listen() -> None:
        for event in api.events():
            heard.append(event)
            came.set()

    listener = threading.Thread(target=listen)
    listener.start()
    came.wait()
    came.clear()
    node.publish(BeaconDecided(epoch=EpochID(3), beacon=Beacon(b"eacb")))
    came.wait()
    api.close()
    listener.join()
    assert [one.details for one in heard] == [
        BeaconComputed(epoch=EpochID(2), beacon=Beacon(b"beac")),
        BeaconComputed(epoch=EpochID(3), beacon=Beacon(b"eacb")),
    ]


def test_a_smesher_is_looked_at_and_operated(node: Served, api: NodeApi) -> None:
    status = api.smeshing()
    assert status.is_supervised
    assert not status.is_smeshing
    assert status.smeshers == (signer(1).smesher_id,)
    assert status.coinbase == text(COINBASE)
    assert status.setup.state is SetupState.NOT_STARTED
    api.set_coinbase(text(DESTINATION))
    assert api.smeshing().coinbase == text(DESTINATION)
    with pytest.raises(UsageError, match="bech32"):
        api.set_coinbase("junk")
    nowhere = SetupOptions(data_folder="", num_units=2, max_file_size=4096)
    with pytest.raises(UsageError):
        api.start_smeshing(text(COINBASE), nowhere)
    space = node.world.post.space
    options = SetupOptions(
        data_folder=str(space.directory),
        num_units=space.num_units,
        max_file_size=space.max_file_size,
        provider=None,
        throttle=True,
    )
    api.start_smeshing(text(COINBASE), options)
    assert api.smeshing().is_smeshing
    with pytest.raises(PreconditionError, match="already started"):
        api.start_smeshing(text(COINBASE), options)
    api.stop_smeshing(delete_files=True)
    assert not api.smeshing().is_smeshing


def test_space_and_devices_are_told(api: NodeApi) -> None:
    config = api.post_config()
    assert config.bits_per_label == 128
    [device] = api.setup_providers()
    assert (device.model, device.is_gpu, device.labels_per_second) == ("[CPU] test", False, 0)
    assert api.setup_providers(benchmark=True)[0].labels_per_second == 1234


def test_workers_are_told(api: NodeApi) -> None:
    [worker] = api.post_workers()
    assert (worker.smesher, worker.name) == (signer(1).smesher_id, "local.key")
    assert worker.state is WorkerState.IDLE


def test_a_node_without_a_smesher_is_understood(tmp_path: Path) -> None:
    with (
        ApiWorld(tmp_path) as world,
        served(world) as node,
        open_node_api(node.endpoints.public, private=node.endpoints.private) as api,
    ):
        world.smeshing.post = None
        status = api.smeshing()
        assert not status.is_supervised
        assert not status.is_smeshing
        assert status.setup.state is SetupState.UNKNOWN
        options = SetupOptions(data_folder="x", num_units=2, max_file_size=4096)
        with pytest.raises(PreconditionError, match="supervised"):
            api.start_smeshing(text(COINBASE), options)


def test_addresses_that_are_not_known_are_asked_for(node: Served) -> None:
    with open_node_api(node.endpoints.public) as api:
        with pytest.raises(PreconditionError, match="private API") as caught:
            api.smeshing()
        assert caught.value.code == "smesh.precondition.endpoint"
        with pytest.raises(PreconditionError, match="private API"):
            next(api.events())
        with pytest.raises(PreconditionError, match="PoST API"):
            api.post_workers()
    with open_node_api(node.endpoints.public, private=node.endpoints.public) as api:
        with pytest.raises(PreconditionError, match="has no") as caught:
            api.set_coinbase(text(COINBASE))
        assert "private" in caught.value.hint


def test_of_several_nodes_the_first_that_answers_is_asked(node: Served) -> None:
    with open_node_api("127.0.0.1:1", node.endpoints.public, "127.0.0.1:2") as api:
        assert api.endpoint == node.endpoints.public
        assert api.status().synced


def test_silent_nodes_are_named() -> None:
    with (
        pytest.raises(UnavailableError, match=r"none of 2 nodes answers: 127\.0\.0\.1:1"),
        open_node_api("127.0.0.1:1", "127.0.0.1:2"),
    ):
        raise AssertionError
    with open_node_api("127.0.0.1:1") as api, pytest.raises(UnavailableError, match="no node"):
        api.status()


def test_an_address_is_needed() -> None:
    with pytest.raises(UsageError, match="no address"), open_node_api():
        raise AssertionError
