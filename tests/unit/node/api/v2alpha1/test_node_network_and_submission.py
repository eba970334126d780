"""Node, network, and raw transactions of version 2."""

from typing import Any

import grpc
import pytest

from node.api.convert.contents import transaction_contents
from node.base.bech32 import encode_address
from node.base.errors import UnavailableError
from node.pb.spacemesh.v2alpha1 import network_pb2, node_pb2, tx_pb2
from node.types.ids import PublicKey
from node.types.layer import LayerID
from node.vm import sdk
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.wire import VaultSpawnArguments, WalletSpawnArguments
from tests.support.api import EMPTY_LAYER, GENESIS_NS, NS, SPEND, ApiWorld
from tests.support.served_api import NEXT_SPEND
from tests.support.vm_network import DESTINATION, GENESIS_ID, WALLET_ACCOUNT

SERVICE = "spacemesh.v2alpha1.TransactionService"
KIND = tx_pb2.Transaction
INVALID = grpc.StatusCode.INVALID_ARGUMENT


async def test_the_node_tells_how_far_it_is(world: ApiWorld) -> None:
    world.mesh.processed = LayerID(20)
    async with world.serve() as api:
        answer = await api.unary("spacemesh.v2alpha1.NodeService/Status")
        world.sync.is_synced = False
        behind = await api.unary("spacemesh.v2alpha1.NodeService/Status")
    assert answer == node_pb2.NodeStatusResponse(
        connected_peers=3,
        status=node_pb2.NodeStatusResponse.SYNC_STATUS_SYNCED,
        latest_layer=EMPTY_LAYER,
        applied_layer=EMPTY_LAYER,
        processed_layer=20,
        current_layer=22,
    )
    assert behind.status == node_pb2.NodeStatusResponse.SYNC_STATUS_SYNCING


async def test_the_network_tells_its_constants(world: ApiWorld) -> None:
    async with world.serve() as api:
        info: network_pb2.NetworkInfoResponse = await api.unary(
            "spacemesh.v2alpha1.NetworkService/Info"
        )
    assert info.genesis_time.ToNanoseconds() == GENESIS_NS
    assert info.layer_duration.ToNanoseconds() == 10 * NS
    assert info.genesis_id == GENESIS_ID
    assert (info.hrp, info.effective_genesis_layer, info.layers_per_epoch) == ("sm", 19, 10)
    assert info.labels_per_unit == world.config.post.labels_per_unit


@pytest.mark.parametrize(
    ("method", "request_type"),
    [
        ("ParseTransaction", tx_pb2.ParseTransactionRequest),
        ("SubmitTransaction", tx_pb2.SubmitTransactionRequest),
        ("EstimateGas", tx_pb2.EstimateGasRequest),
    ],
)
async def test_an_empty_transaction_is_refused(
    world: ApiWorld, method: str, request_type: Any
) -> None:
    async with world.serve() as api:
        assert await api.refusal(f"{SERVICE}/{method}", request_type()) == (
            INVALID,
            "transaction is empty",
        )


async def test_a_transaction_is_submitted(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = tx_pb2.SubmitTransactionRequest(transaction=NEXT_SPEND.raw.raw)
        answer = await api.unary(f"{SERVICE}/SubmitTransaction", request)
        assert answer.HasField("status")
        assert answer.status.code == 0
        assert answer.tx_id == NEXT_SPEND.raw.id
        assert await api.refusal(f"{SERVICE}/SubmitTransaction", request) == (
            INVALID,
            "Failed to verify transaction: tx already exists",
        )


async def test_submitting_can_fail(world: ApiWorld) -> None:
    request = tx_pb2.SubmitTransactionRequest(transaction=NEXT_SPEND.raw.raw)
    async with world.serve() as api:
        world.submit_error = UnavailableError("nobody listens")
        assert await api.refusal(f"{SERVICE}/SubmitTransaction", request) == (
            grpc.StatusCode.INTERNAL,
            "Failed to publish transaction: nobody listens",
        )
        world.sync.is_synced = False
        assert await api.refusal(f"{SERVICE}/SubmitTransaction", request) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "Cannot submit transaction, node is not in sync yet, try again later",
        )


async def test_a_transaction_is_parsed(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = tx_pb2.ParseTransactionRequest(transaction=SPEND.raw.raw, verify=True)
        answer: tx_pb2.ParseTransactionResponse = await api.unary(
            f"{SERVICE}/ParseTransaction", request
        )
        gas = tx_pb2.EstimateGasRequest(transaction=SPEND.raw.raw)
        estimate = await api.unary(f"{SERVICE}/EstimateGas", gas)
    assert not answer.HasField("status")
    assert answer.tx.id == b""
    assert answer.tx.raw == SPEND.raw.raw
    assert answer.tx.principal == encode_address("sm", WALLET_ACCOUNT)
    assert answer.tx.template == encode_address("sm", wallet.ADDRESS)
    assert (answer.tx.method, answer.tx.nonce.counter, answer.tx.gas_price) == (16, 1, 2)
    assert answer.tx.max_spend == 1_000
    assert estimate.recommended_max_gas == answer.tx.max_gas


@pytest.mark.parametrize(
    ("raw", "status", "problem"),
    [
        (SPEND.raw.raw[:-1] + b"\xff", INVALID, "signature is invalid"),
        (SPEND.raw.raw[:30], INVALID, "malformed tx"),
        (bytes(2000), grpc.StatusCode.INTERNAL, "overflows tx limit"),
        (
            sdk.spend(DESTINATION, DESTINATION, 1, nonce=1, gas_price=1),
            grpc.StatusCode.NOT_FOUND,
            "account is not spawned",
        ),
    ],
    ids=["signature", "cut off", "too long", "not spawned"],
)
async def test_what_cannot_be_parsed_is_refused(
    world: ApiWorld, raw: bytes, status: grpc.StatusCode, problem: str
) -> None:
    async with world.serve() as api:
        request = tx_pb2.ParseTransactionRequest(transaction=raw, verify=True)
        code, text = await api.refusal(f"{SERVICE}/ParseTransaction", request)
    assert code == status
    assert text is not None
    assert problem in text


KEYS = (PublicKey(b"\x01" * 32), PublicKey(b"\x02" * 32))
TERMS = VaultSpawnArguments(
    owner=WALLET_ACCOUNT, total_amount=9, initial_unlock_amount=3, vesting_start=1, vesting_end=5
)


def contents_of(raw: bytes) -> tuple[int, tx_pb2.TransactionContents]:
    known = transaction_contents(raw, "sm")
    assert known is not None
    return known


def test_spawns_name_keys_and_terms() -> None:
    arguments = WalletSpawnArguments(public_key=KEYS[0])
    kind, contents = contents_of(sdk.self_spawn(wallet.ADDRESS, arguments, nonce=0, gas_price=1))
    assert kind == KIND.TRANSACTION_TYPE_SINGLE_SIG_SPAWN
    assert contents.single_sig_spawn.pubkey == KEYS[0].hex()

    several = sdk.multisig_arguments(2, KEYS)
    kind, contents = contents_of(sdk.self_spawn(multisig.ADDRESS, several, nonce=0, gas_price=1))
    assert kind == KIND.TRANSACTION_TYPE_MULTI_SIG_SPAWN
    assert list(contents.multi_sig_spawn.pubkey) == [key.hex() for key in KEYS]
    kind, contents = contents_of(sdk.self_spawn(vesting.ADDRESS, several, nonce=0, gas_price=1))
    assert kind == KIND.TRANSACTION_TYPE_VESTING_SPAWN
    assert contents.vesting_spawn.required == 2

    kind, contents = contents_of(
        sdk.spawn(WALLET_ACCOUNT, vault.ADDRESS, TERMS, nonce=0, gas_price=1)
    )
    assert kind == KIND.TRANSACTION_TYPE_VAULT_SPAWN
    assert contents.vault_spawn == tx_pb2.ContentsVaultSpawn(
        owner=encode_address("sm", WALLET_ACCOUNT),
        total_amount=9,
        initial_unlock_amount=3,
        vesting_start=1,
        vesting_end=5,
    )


def test_payments_name_destination_and_amount() -> None:
    body = sdk.spend(WALLET_ACCOUNT, DESTINATION, 7, nonce=1, gas_price=1)
    for behind, expected in (
        (0, KIND.TRANSACTION_TYPE_SINGLE_SIG_SEND),
        (64, KIND.TRANSACTION_TYPE_SINGLE_SIG_SEND),
        (65, KIND.TRANSACTION_TYPE_MULTI_SIG_SEND),
    ):
        kind, contents = contents_of(body + bytes(behind))
        assert kind == expected
        assert contents.send.amount == 7
    kind, contents = contents_of(
        sdk.drain_vault(WALLET_ACCOUNT, DESTINATION, WALLET_ACCOUNT, 5, nonce=1, gas_price=1)
    )
    assert kind == KIND.TRANSACTION_TYPE_DRAIN_VAULT
    assert contents.drain_vault.vault == encode_address("sm", DESTINATION)
    assert contents.drain_vault.amount == 5


def test_bytes_that_say_nothing_have_no_contents() -> None:
    assert transaction_contents(b"\x00\x01", "sm") is None
