"""Lists of version 2: filters, orders, pages, and what they refuse."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from node.api.v2alpha1.catalog import PUBLIC
from node.base.bech32 import encode_address
from node.pb.spacemesh.v2alpha1 import (
    account_pb2,
    activation_pb2,
    block_pb2,
    layer_pb2,
    reward_pb2,
    tx_pb2,
    v2alpha1_pb2,
)
from node.store.atxs import put_atx
from node.store.blocks import put_block
from node.store.layers import put_applied_block, put_layer
from node.store.rewards import put_rewards
from node.types.address import Address
from node.types.block import Block, InnerBlock
from node.types.ids import AtxID, BlockID, SmesherID
from node.types.layer import EpochID, LayerID
from node.types.reward import Reward
from node.vm.templates import wallet
from tests.support.api import (
    COINBASE,
    EMPTY_LAYER,
    EMPTY_ROOT,
    FIRST_ATX,
    MESH_HASH,
    SECOND_ATX,
    SPEND,
    TOO_MUCH,
    TWICE_TOO_MUCH,
    Api,
    ApiWorld,
)
from tests.support.chain import atx, signer
from tests.support.served_api import NEXT_SPEND
from tests.support.vm_network import DESTINATION, LAYER, WALLET_ACCOUNT

V2 = "spacemesh.v2alpha1"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
DESC = v2alpha1_pb2.DESC

LISTS = [
    ("AccountService", account_pb2.AccountRequest),
    ("ActivationService", activation_pb2.ActivationRequest),
    ("LayerService", layer_pb2.LayerRequest),
    ("RewardService", reward_pb2.RewardRequest),
    ("TransactionService", tx_pb2.TransactionRequest),
]
APPLIED = [SPEND.raw.id, TOO_MUCH.raw.id, TWICE_TOO_MUCH.raw.id]
PAID = sorted([SPEND.raw.id, TOO_MUCH.raw.id])
"""What touched the destination."""


def text(address: Address) -> str:
    return encode_address("sm", address)


async def listed(api: Api, service: str, request: Any) -> Any:
    return await api.unary(f"{V2}.{service}/List", request)


async def tx_ids(api: Api, **wanted: Any) -> list[bytes]:
    request = tx_pb2.TransactionRequest(**{"limit": 100, **wanted})
    return [one.tx.id for one in (await listed(api, "TransactionService", request)).transactions]


@pytest.mark.parametrize(("service", "request_type"), LISTS, ids=[name for name, _ in LISTS])
async def test_pages_have_one_to_a_hundred_objects(
    world: ApiWorld, service: str, request_type: Any
) -> None:
    async with world.serve() as api:
        assert await api.refusal(f"{V2}.{service}/List") == (
            INVALID,
            "limit must be set to <= 100",
        )
        assert await api.refusal(f"{V2}.{service}/List", request_type(limit=101)) == (
            INVALID,
            "limit is capped at 100",
        )


@pytest.mark.parametrize(
    ("service", "request_"),
    [
        ("AccountService", account_pb2.AccountRequest(addresses=["junk"], limit=1)),
        ("ActivationService", activation_pb2.ActivationRequest(coinbase="junk", limit=1)),
        ("RewardService", reward_pb2.RewardRequest(coinbase="junk")),
        ("TransactionService", tx_pb2.TransactionRequest(address="junk", limit=1)),
    ],
    ids=["account", "coinbase", "rewards of, before the limit", "transactions of"],
)
async def test_what_is_no_address_is_refused(world: ApiWorld, service: str, request_: Any) -> None:
    async with world.serve() as api:
        assert await api.refusal(f"{V2}.{service}/List", request_) == (
            INVALID,
            "error decoding bech32: invalid bech32 string length 4",
        )


def test_every_service_has_a_name_of_its_own(world: ApiWorld) -> None:
    names = {make(world.backend).descriptor.full_name for make in PUBLIC.values()}
    assert len(names) == len(PUBLIC)


async def test_accounts_changed_last_come_first(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = account_pb2.AccountRequest(limit=100)
        accounts = (await listed(api, "AccountService", request)).accounts
        layers = [one.current.layer for one in accounts]
        assert layers == sorted(layers, reverse=True)

        wanted = [text(WALLET_ACCOUNT), text(DESTINATION), text(Address(bytes(4) + b"x" * 20))]
        request = account_pb2.AccountRequest(addresses=wanted, limit=100)
        found = (await listed(api, "AccountService", request)).accounts
    by_address = {one.address: one for one in found}
    assert set(by_address) == set(wanted[:2])
    payer, payee = (by_address[address] for address in wanted[:2])
    assert payer.template == text(wallet.ADDRESS)
    assert payee.template == ""
    assert payee.current.balance == payee.projected.balance >= 1_000
    assert payer.current.counter == 4
    assert payer.current.layer == LAYER
    assert payer.projected.layer == 0


async def test_a_pending_payment_is_projected(world: ApiWorld) -> None:
    async with world.serve() as api:
        submit = tx_pb2.SubmitTransactionRequest(transaction=NEXT_SPEND.raw.raw)
        await api.unary(f"{V2}.TransactionService/SubmitTransaction", submit)
        request = account_pb2.AccountRequest(addresses=[text(WALLET_ACCOUNT)], limit=1)
        [account] = (await listed(api, "AccountService", request)).accounts
    assert account.projected.counter == account.current.counter + 1
    assert account.projected.balance < account.current.balance


async def test_offsets_skip_objects(world: ApiWorld) -> None:
    async with world.serve() as api:
        every = (
            await listed(api, "AccountService", account_pb2.AccountRequest(limit=100))
        ).accounts
        request = account_pb2.AccountRequest(offset=1, limit=2)
        some = (await listed(api, "AccountService", request)).accounts
        request = account_pb2.AccountRequest(offset=1000, limit=2)
        none = (await listed(api, "AccountService", request)).accounts
    assert list(some) == list(every)[1:3]
    assert not none


def _activation_filters() -> Iterator[tuple[str, dict[str, Any], list[AtxID]]]:
    first, second = FIRST_ATX.id, SECOND_ATX.id
    other = AtxID(bytes(31) + b"\x01")
    yield "all", {}, [first, other, second]
    yield "from an epoch on", {"start_epoch": 2}, [second]
    yield "to an epoch", {"end_epoch": 1}, [first, other]
    yield "by identifier", {"id": [second, first, b"\x00", bytes(32)]}, [first, second]
    yield "by smesher", {"smesher_id": [signer(1).smesher_id, b"\x00"]}, [first, second]
    yield "by coinbase", {"coinbase": text(COINBASE)}, [first, second]
    yield (
        "by smesher, coinbase and epoch",
        {"smesher_id": [signer(2).smesher_id], "coinbase": text(COINBASE), "end_epoch": 3},
        [],
    )
    yield "one page", {"offset": 1, "limit": 1}, [other]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(wanted, ids) for _, wanted, ids in _activation_filters()],
    ids=[name for name, _, _ in _activation_filters()],
)
async def test_activations_are_filtered_and_ordered(
    world: ApiWorld, wanted: dict[str, Any], expected: list[AtxID]
) -> None:
    other = atx(
        2,
        id=AtxID(bytes(31) + b"\x01"),
        publish_epoch=EpochID(1),
        coinbase=Address(bytes(4) + b"y" * 20),
    )
    with world.db.batch(sync=False) as batch:
        put_atx(batch, other, blob=b"atx")
    async with world.serve() as api:
        request = activation_pb2.ActivationRequest(**{"limit": 100, **wanted})
        found = (await listed(api, "ActivationService", request)).activations
    known = {FIRST_ATX.id: FIRST_ATX, SECOND_ATX.id: SECOND_ATX, other.id: other}
    in_order = sorted(expected, key=lambda one: (known[one].publish_epoch, one))
    if "offset" in wanted:
        ordered = sorted(known.values(), key=lambda one: (one.publish_epoch, one.id))
        in_order = [ordered[1].id]
    assert [one.id for one in found] == in_order
    for one in found:
        assert one.height == known[AtxID(one.id)].tick_height
        assert one.weight == known[AtxID(one.id)].weight


async def test_activations_are_counted(world: ApiWorld) -> None:
    method = f"{V2}.ActivationService/ActivationsCount"
    async with world.serve() as api:

        async def count(**epoch: int) -> int:
            request = activation_pb2.ActivationsCountRequest(**epoch)
            answer: activation_pb2.ActivationsCountResponse = await api.unary(method, request)
            return answer.count

        assert await count() == 2
        assert await count(epoch=0) == 0
        assert await count(epoch=2) == 1
        assert await count(epoch=99) == 0


async def test_the_highest_activation_has_the_most_ticks(world: ApiWorld) -> None:
    method = f"{V2}.ActivationService/Highest"
    async with world.serve() as api:
        assert (await api.unary(method)).activation.id == SECOND_ATX.id
        with world.db.batch(sync=False) as batch:
            for prefix_key in list(world.db.keys(b"")):
                batch.delete(prefix_key)
        golden = (await api.unary(method)).activation
    assert golden == activation_pb2.Activation(id=world.backend.golden_atx)


async def test_layers_tell_how_far_they_are(world: ApiWorld) -> None:
    with world.db.batch(sync=False) as batch:
        put_layer(batch, LayerID(LAYER + 2))
        put_applied_block(batch, LayerID(LAYER + 3), BlockID(b"\x01" * 20))
    async with world.serve() as api:
        answer = await listed(api, "LayerService", layer_pb2.LayerRequest(limit=100))
        last = layer_pb2.LayerRequest(
            start_layer=LAYER, end_layer=EMPTY_LAYER, limit=1, sort_order=DESC
        )
        [newest] = (await listed(api, "LayerService", last)).layers
    statuses = layer_pb2.Layer
    genesis, full, empty, known, unproven = answer.layers
    assert genesis.number == LAYER - 1
    assert full == layer_pb2.Layer(
        number=LAYER,
        status=statuses.LAYER_STATUS_VERIFIED,
        consensus_hash=MESH_HASH[:5].hex(),
        state_hash=world.applied.state_root,
        cumulative_state_hash=MESH_HASH,
        block=block_pb2.Block(id=world.block.id),
    )
    assert empty.status == statuses.LAYER_STATUS_VERIFIED
    assert empty.state_hash == EMPTY_ROOT
    assert (empty.consensus_hash, empty.cumulative_state_hash) == ("", b"")
    assert not empty.HasField("block")
    assert known.status == statuses.LAYER_STATUS_UNSPECIFIED
    assert unproven.status == statuses.LAYER_STATUS_APPLIED
    assert newest == empty


async def test_a_layer_with_several_blocks_is_listed_for_each(world: ApiWorld) -> None:
    second = Block(inner=InnerBlock(layer=LayerID(LAYER), tick_height=2, rewards=(), tx_ids=()))
    with world.db.batch(sync=False) as batch:
        put_block(batch, second)
    async with world.serve() as api:
        request = layer_pb2.LayerRequest(start_layer=LAYER, end_layer=LAYER, limit=100)
        layers = (await listed(api, "LayerService", request)).layers
    assert [one.number for one in layers] == [LAYER, LAYER]
    assert {one.block.id for one in layers} == {bytes(world.block.id)}


@pytest.mark.parametrize(
    ("wanted", "layers"),
    [
        ({}, [LAYER, 21, 22]),
        ({"sort_order": DESC}, [22, 21, LAYER]),
        ({"coinbase": text(COINBASE)}, [LAYER, 22]),
        ({"smesher": b"\x05" * 32}, [21, 22]),
        ({"smesher": b"\x05" * 32, "sort_order": DESC, "limit": 1}, [22]),
        ({"smesher": b"\x00"}, []),
        ({"start_layer": 21, "end_layer": 21}, [21]),
        ({"coinbase": text(COINBASE), "start_layer": 21}, [22]),
    ],
    ids=str,
)
async def test_rewards_are_filtered_and_ordered(
    world: ApiWorld, wanted: dict[str, Any], layers: list[int]
) -> None:
    with world.db.batch(sync=False) as batch:
        for layer, coinbase in ((21, DESTINATION), (22, COINBASE)):
            reward = Reward(
                layer=LayerID(layer),
                coinbase=coinbase,
                smesher=SmesherID(b"\x05" * 32),
                total_reward=7,
                layer_reward=5,
            )
            put_rewards(batch, [reward])
    async with world.serve() as api:
        request = reward_pb2.RewardRequest(**{"limit": 100, **wanted})
        found = (await listed(api, "RewardService", request)).rewards
    assert [one.layer for one in found] == layers
    for one in found:
        if one.layer > LAYER:
            assert (one.total, one.layer_reward) == (7, 5)


async def test_pending_transactions_count_as_oldest(world: ApiWorld) -> None:
    async with world.serve() as api:
        submit = tx_pb2.SubmitTransactionRequest(transaction=NEXT_SPEND.raw.raw)
        await api.unary(f"{V2}.TransactionService/SubmitTransaction", submit)
        pending = NEXT_SPEND.raw.id
        assert await tx_ids(api) == [pending, *sorted(APPLIED)]
        assert await tx_ids(api, sort_order=DESC) == [*sorted(APPLIED), pending]
        assert await tx_ids(api, start_layer=0) == sorted(APPLIED)
        assert await tx_ids(api, end_layer=LAYER, sort_order=DESC) == sorted(APPLIED)
        assert await tx_ids(api, start_layer=LAYER + 1) == []
        assert await tx_ids(api, offset=1, limit=1) == sorted(APPLIED)[:1]


async def test_transactions_of_an_address_are_those_that_touched_it(world: ApiWorld) -> None:
    async with world.serve() as api:
        assert await tx_ids(api, address=text(WALLET_ACCOUNT)) == sorted(APPLIED)
        assert await tx_ids(api, address=text(DESTINATION), sort_order=DESC) == PAID
        assert await tx_ids(api, address=text(COINBASE)) == []


async def test_transactions_are_found_by_identifier(world: ApiWorld) -> None:
    async with world.serve() as api:
        wanted = [TWICE_TOO_MUCH.raw.id, SPEND.raw.id, b"\x00", bytes(32), SPEND.raw.id]
        found = sorted([TWICE_TOO_MUCH.raw.id, SPEND.raw.id])
        assert await tx_ids(api, txid=wanted) == found
        assert await tx_ids(api, txid=wanted, sort_order=DESC) == found
        assert await tx_ids(api, txid=wanted, start_layer=LAYER + 1) == []
        assert await tx_ids(api, txid=wanted, address=text(DESTINATION)) == [SPEND.raw.id]
        submit = tx_pb2.SubmitTransactionRequest(transaction=NEXT_SPEND.raw.raw)
        await api.unary(f"{V2}.TransactionService/SubmitTransaction", submit)
        pending = NEXT_SPEND.raw.id
        assert await tx_ids(api, txid=[SPEND.raw.id, pending]) == [pending, SPEND.raw.id]
        assert await tx_ids(api, txid=[pending], address=text(DESTINATION)) == []


async def test_results_and_states_are_told_on_request(world: ApiWorld) -> None:
    async with world.serve() as api:

        async def one(tx_id: bytes, **wanted: Any) -> tx_pb2.TransactionResponse:
            request = tx_pb2.TransactionRequest(txid=[tx_id], limit=1, **wanted)
            [found] = (await listed(api, "TransactionService", request)).transactions
            assert isinstance(found, tx_pb2.TransactionResponse)
            return found

        plain = await one(SPEND.raw.id)
        assert not plain.HasField("tx_result")
        assert not plain.HasField("tx_state")
        assert plain.tx.contents.send.amount == 1_000
        assert plain.tx.type == tx_pb2.Transaction.TRANSACTION_TYPE_SINGLE_SIG_SEND
        done = await one(SPEND.raw.id, include_result=True, include_state=True)
        assert done.tx_state == tx_pb2.TRANSACTION_STATE_PROCESSED
        assert done.tx_result.status == tx_pb2.TransactionResult.TRANSACTION_STATUS_SUCCESS
        assert done.tx_result.block == world.block.id
        assert list(done.tx_result.touched_addresses) == [text(WALLET_ACCOUNT), text(DESTINATION)]
        failed = await one(TWICE_TOO_MUCH.raw.id, include_result=True)
        assert failed.tx_result.status == tx_pb2.TransactionResult.TRANSACTION_STATUS_FAILURE
        assert failed.tx_result.message
        submit = tx_pb2.SubmitTransactionRequest(transaction=NEXT_SPEND.raw.raw)
        await api.unary(f"{V2}.TransactionService/SubmitTransaction", submit)
        pending = await one(NEXT_SPEND.raw.id, include_result=True, include_state=True)
        assert pending.tx_state == tx_pb2.TRANSACTION_STATE_MEMPOOL
        assert not pending.HasField("tx_result")
