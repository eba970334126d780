"""TransactionService: submit, parse, and what became of transactions."""

from dataclasses import replace

import grpc
import pytest

from node.base.errors import UnavailableError
from node.events import (
    AccountChanged,
    LayerApplied,
    LayerApproved,
    TransactionApplied,
    TransactionStored,
)
from node.pb.spacemesh.v1 import tx_types_pb2 as tx
from node.pb.spacemesh.v1 import types_pb2 as types
from node.store.transactions import put_transaction, put_transaction_result
from node.types.ids import NO_BLOCK, Hash32
from node.types.layer import LayerID
from node.types.transaction import TransactionResult, TransactionWithResult
from node.vm import sdk
from tests.support.api import (
    SPEND,
    TOO_MUCH,
    TWICE_TOO_MUCH,
    ApiWorld,
    parsed,
    spend,
    text_of,
)
from tests.support.vm_network import (
    DESTINATION,
    LAYER,
    VESTING_ACCOUNT,
    WALLET_ACCOUNT,
    single,
)

SERVICE = "spacemesh.v1.TransactionService"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
STATES = tx.TransactionState
ORDERED = sorted((SPEND, TOO_MUCH, TWICE_TOO_MUCH), key=lambda sent: sent.raw.id)


def ids(*wanted: bytes) -> list[types.TransactionId]:
    return [types.TransactionId(id=tx_id) for tx_id in wanted]


# Submitting


async def test_a_good_transaction_is_published(world: ApiWorld) -> None:
    raw = spend(4).raw
    async with world.serve() as api:
        request = tx.SubmitTransactionRequest(transaction=raw.raw)
        answer = await api.unary(f"{SERVICE}/SubmitTransaction", request)
        assert answer.HasField("status")
        assert answer.status.code == 0
        assert answer.txstate == STATES(
            id=types.TransactionId(id=raw.id), state=STATES.TRANSACTION_STATE_MEMPOOL
        )
        assert await api.refusal(f"{SERVICE}/SubmitTransaction", request) == (
            INVALID,
            "Failed to verify transaction: tx already exists",
        )


async def test_an_empty_transaction_is_not_published(world: ApiWorld) -> None:
    async with world.serve() as api:
        assert await api.refusal(f"{SERVICE}/SubmitTransaction") == (
            INVALID,
            "`Transaction` payload empty",
        )


async def test_a_node_that_is_not_synced_publishes_nothing(world: ApiWorld) -> None:
    world.sync.is_synced = False
    async with world.serve() as api:
        request = tx.SubmitTransactionRequest(transaction=spend(4).raw.raw)
        assert await api.refusal(f"{SERVICE}/SubmitTransaction", request) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "Cannot submit transaction, node is not in sync yet, try again later",
        )


async def test_a_transaction_that_cannot_be_sent_is_our_fault(world: ApiWorld) -> None:
    world.submit_error = UnavailableError("no network")
    async with world.serve() as api:
        request = tx.SubmitTransactionRequest(transaction=spend(4).raw.raw)
        assert await api.refusal(f"{SERVICE}/SubmitTransaction", request) == (
            grpc.StatusCode.INTERNAL,
            "Failed to publish transaction: no network",
        )


# Parsing


async def test_a_transaction_is_parsed(world: ApiWorld) -> None:
    raw = spend(4).raw
    async with world.serve() as api:
        request = tx.ParseTransactionRequest(transaction=raw.raw, verify=True)
        found = (await api.unary(f"{SERVICE}/ParseTransaction", request)).tx
    assert found.id == raw.id
    assert found.raw == raw.raw
    assert found.principal.address == text_of(WALLET_ACCOUNT)
    assert (found.method, found.nonce.counter, found.gas_price, found.max_spend) == (16, 4, 1, 7)


@pytest.mark.parametrize(
    ("raw", "verify", "refusal"),
    [
        (b"", False, (INVALID, "empty transaction")),
        (b"\x04", False, (INVALID, "malformed tx: unsupported version 1")),
        (spend(4).raw.raw[:-1] + b"\x00", True, (INVALID, "signature is invalid")),
        (
            bytes(2000),
            False,
            (grpc.StatusCode.INTERNAL, "overflows tx limit: tx size (2000) > limit (1024)"),
        ),
        (
            single(sdk.spend(DESTINATION, VESTING_ACCOUNT, 1, nonce=0, gas_price=1)).raw.raw,
            False,
            (grpc.StatusCode.NOT_FOUND, "account is not spawned"),
        ),
    ],
)
async def test_what_cannot_be_parsed_is_explained(
    world: ApiWorld, raw: bytes, verify: bool, refusal: tuple[grpc.StatusCode, str]
) -> None:
    async with world.serve() as api:
        request = tx.ParseTransactionRequest(transaction=raw, verify=verify)
        assert await api.refusal(f"{SERVICE}/ParseTransaction", request) == refusal


# States


async def test_states_are_told(world: ApiWorld) -> None:
    pending = spend(4).raw
    await world.submit(pending.raw)
    request = tx.TransactionsStateRequest(
        transaction_id=ids(SPEND.raw.id, pending.id, bytes(32), b"short"),
        include_transactions=True,
    )
    async with world.serve() as api:
        answer = await api.unary(f"{SERVICE}/TransactionsState", request)
    assert [STATES.TransactionState.Name(s.state)[18:] for s in answer.transactions_state] == [
        "PROCESSED",
        "MEMPOOL",
        "UNSPECIFIED",
        "UNSPECIFIED",
    ]
    assert [bytes(found.id) for found in answer.transactions] == [
        SPEND.raw.id,
        pending.id,
        b"",
        b"",
    ]


async def test_transactions_come_only_if_asked_for(world: ApiWorld) -> None:
    request = tx.TransactionsStateRequest(transaction_id=ids(SPEND.raw.id))
    async with world.serve() as api:
        answer = await api.unary(f"{SERVICE}/TransactionsState", request)
    assert not answer.transactions


async def test_states_of_nothing_are_refused(world: ApiWorld) -> None:
    text = "`TransactionId` must include one or more transaction IDs"
    async with world.serve() as api:
        assert await api.refusal(f"{SERVICE}/TransactionsState") == (INVALID, text)
        refusal = await api.stream_refusal(f"{SERVICE}/TransactionsStateStream")
    assert refusal == (INVALID, text)


async def test_the_stream_of_states_follows_transactions(world: ApiWorld) -> None:
    pending = parsed(world, 4)
    await world.submit(pending.raw.raw)
    request = tx.TransactionsStateStreamRequest(
        transaction_id=ids(SPEND.raw.id, pending.raw.id), include_transactions=True
    )
    async with world.serve() as api:
        stream = api.stream(f"{SERVICE}/TransactionsStateStream", request)
        await stream.initial_metadata()
        for event in (
            TransactionStored(transaction=pending, layer=LayerID(0), is_valid=True),
            TransactionStored(transaction=pending, layer=LayerID(0), is_valid=False),
            TransactionStored(transaction=TOO_MUCH, layer=LayerID(0), is_valid=True),
            LayerApproved(layer=LayerID(23), block=NO_BLOCK),
            LayerApproved(layer=LAYER, block=world.block.id),
            LayerApplied(
                layer=LayerID(22), block=NO_BLOCK, state_hash=Hash32.zero(), mesh_hash=Hash32.zero()
            ),
            LayerApplied(
                layer=LAYER,
                block=world.block.id,
                state_hash=Hash32.zero(),
                mesh_hash=Hash32.zero(),
            ),
        ):
            world.bus.publish(event)
        told = [await stream.read() for _ in range(4)]
    assert [
        (bytes(answer.transaction_state.id.id), answer.transaction_state.state) for answer in told
    ] == [
        (pending.raw.id, STATES.TRANSACTION_STATE_MEMPOOL),
        (pending.raw.id, STATES.TRANSACTION_STATE_CONFLICTING),
        (SPEND.raw.id, STATES.TRANSACTION_STATE_MESH),
        (SPEND.raw.id, STATES.TRANSACTION_STATE_PROCESSED),
    ]
    assert told[0].transaction.id == pending.raw.id


async def test_the_stream_of_states_goes_without_transactions(world: ApiWorld) -> None:
    request = tx.TransactionsStateStreamRequest(transaction_id=ids(SPEND.raw.id))
    async with world.serve() as api:
        stream = api.stream(f"{SERVICE}/TransactionsStateStream", request)
        await stream.initial_metadata()
        world.bus.publish(LayerApproved(layer=LAYER, block=world.block.id))
        assert not (await stream.read()).HasField("transaction")


# Results


async def test_results_come_by_layer_and_identifier(world: ApiWorld) -> None:
    async with world.serve() as api:
        found = [result async for result in api.stream(f"{SERVICE}/StreamResults")]
    assert [bytes(result.tx.id) for result in found] == [sent.raw.id for sent in ORDERED]
    spent = next(result for result in found if result.tx.id == SPEND.raw.id)
    assert spent.status == tx.TransactionResult.SUCCESS
    assert (spent.block, spent.layer) == (world.block.id, LAYER)
    assert text_of(DESTINATION) in spent.touched_addresses
    failed = next(result for result in found if result.tx.id == TWICE_TOO_MUCH.raw.id)
    assert failed.status == tx.TransactionResult.FAILURE
    assert failed.message


@pytest.mark.parametrize(
    ("request_message", "number"),
    [
        (tx.TransactionResultsRequest(id=SPEND.raw.id), 1),
        (tx.TransactionResultsRequest(id=b"?"), 0),
        (tx.TransactionResultsRequest(address=text_of(VESTING_ACCOUNT)), 0),
        (tx.TransactionResultsRequest(address=text_of(WALLET_ACCOUNT)), 3),
        (tx.TransactionResultsRequest(start=LAYER, end=LAYER), 3),
        (tx.TransactionResultsRequest(start=LAYER + 1), 0),
        (tx.TransactionResultsRequest(end=LAYER - 1), 0),
    ],
)
async def test_results_are_filtered(
    world: ApiWorld, request_message: tx.TransactionResultsRequest, number: int
) -> None:
    async with world.serve() as api:
        stream = api.stream(f"{SERVICE}/StreamResults", request_message)
        assert len([result async for result in stream]) == number


async def test_impossible_results_are_refused(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = tx.TransactionResultsRequest(watch=True, end=40)
        assert await api.stream_refusal(f"{SERVICE}/StreamResults", request) == (
            INVALID,
            "watch stream should have an empty End argument",
        )
        request = tx.TransactionResultsRequest(address="junk")
        code, text = await api.stream_refusal(f"{SERVICE}/StreamResults", request)
    assert code is grpc.StatusCode.UNKNOWN
    assert text is not None
    assert text.startswith("failed to parse in.Address `junk`: error decoding bech32")


async def test_who_watches_gets_later_results(world: ApiWorld) -> None:
    later = parsed(world, 4)
    result = TransactionResult(
        status=0,
        message="",
        gas=1,
        fee=1,
        block=world.block.id,
        layer=LayerID(22),
        addresses=(WALLET_ACCOUNT,),
    )
    with world.db.batch() as batch:
        put_transaction(batch, later, 1)
    with world.db.batch() as batch:
        put_transaction_result(batch, later, result)
    world.mesh.applied = LayerID(21)
    async with world.serve() as api:
        request = tx.TransactionResultsRequest(watch=True, start=LAYER)
        stream = api.stream(f"{SERVICE}/StreamResults", request)
        for _ in ORDERED:
            assert (await stream.read()).layer == LAYER
        old = replace(result, layer=LAYER)
        publish = world.bus.publish
        publish(AccountChanged(address=WALLET_ACCOUNT))
        publish(TransactionApplied(executed=TransactionWithResult(transaction=SPEND, result=old)))
        publish(
            TransactionApplied(executed=TransactionWithResult(transaction=spend(5), result=result))
        )
        publish(
            TransactionApplied(executed=TransactionWithResult(transaction=later, result=result))
        )
        live = await stream.read()
    assert (bytes(live.tx.id), live.block) == (later.raw.id, world.block.id)
