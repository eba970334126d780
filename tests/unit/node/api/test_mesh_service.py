"""MeshService: constants, layers, accounts, misbehaviour."""

import grpc
import pytest

from node.base import scale
from node.consensus.malfeasance.wire import MalfeasanceProof
from node.events import (
    AtxStored,
    LayerApplied,
    LayerApproved,
    LayerStarted,
    LayerVerified,
    SmesherMalicious,
    TransactionStored,
)
from node.pb.spacemesh.v1 import mesh_types_pb2 as mesh
from node.pb.spacemesh.v1 import types_pb2 as types
from node.store.identities import Malfeasance, put_malfeasance
from node.store.layers import put_applied_block
from node.store.transactions import put_transaction
from node.types.ids import NO_BLOCK, BlockID, Hash32
from node.types.layer import LayerID
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
    ApiWorld,
    parsed,
    text_of,
)
from tests.support.chain import signer
from tests.support.malfeasance import multiple_ballots
from tests.support.vm_network import DESTINATION, GENESIS_ID, LAYER, WALLET_ACCOUNT

SERVICE = "spacemesh.v1.MeshService"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
PROOF = MalfeasanceProof(layer=LayerID(20), data=multiple_ballots())
ENCODED = scale.encode(PROOF)
CULPRIT = signer(1).smesher_id


def account_filter(flags: int, address: str = "") -> mesh.AccountMeshDataFilter:
    account = types.AccountId(address=address or text_of(WALLET_ACCOUNT))
    return mesh.AccountMeshDataFilter(account_id=account, account_mesh_data_flags=flags)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("GenesisTime", mesh.GenesisTimeResponse(unixtime=types.SimpleInt(value=1_000_000))),
        ("CurrentLayer", mesh.CurrentLayerResponse(layernum=types.LayerNumber(number=22))),
        ("CurrentEpoch", mesh.CurrentEpochResponse(epochnum=types.EpochNumber(number=2))),
        ("GenesisID", mesh.GenesisIDResponse(genesis_id=GENESIS_ID)),
        ("EpochNumLayers", mesh.EpochNumLayersResponse(numlayers=types.LayerNumber(number=10))),
        ("LayerDuration", mesh.LayerDurationResponse(duration=types.SimpleInt(value=10))),
        (
            "MaxTransactionsPerSecond",
            mesh.MaxTransactionsPerSecondResponse(
                max_txs_per_second=types.SimpleInt(value=700 * 50 // 10)
            ),
        ),
    ],
)
async def test_constants_of_the_network_are_told(
    world: ApiWorld, method: str, answer: object
) -> None:
    async with world.serve() as api:
        assert await api.unary(f"{SERVICE}/{method}") == answer


# Accounts


async def test_an_accounts_transactions_come_by_layer_and_nonce(world: ApiWorld) -> None:
    pending = parsed(world, 4)
    with world.db.batch() as batch:
        put_transaction(batch, pending, 1)
    async with world.serve() as api:
        request = mesh.AccountMeshDataQueryRequest(filter=account_filter(3))
        answer = await api.unary(f"{SERVICE}/AccountMeshDataQuery", request)
    sent = (pending, SPEND, TOO_MUCH, TWICE_TOO_MUCH)
    assert [item.mesh_transaction.transaction.id for item in answer.data] == [
        transaction.raw.id for transaction in sent
    ]
    assert [item.mesh_transaction.layer_id.number for item in answer.data] == [0, 20, 20, 20]
    assert answer.total_results == 4


async def test_pages_of_an_accounts_transactions(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = mesh.AccountMeshDataQueryRequest(
            filter=account_filter(1), offset=1, max_results=1
        )
        answer = await api.unary(f"{SERVICE}/AccountMeshDataQuery", request)
        assert answer.total_results == 3
        (only,) = answer.data
        assert only.mesh_transaction.transaction.id == TOO_MUCH.raw.id
        request.offset = 4
        answer = await api.unary(f"{SERVICE}/AccountMeshDataQuery", request)
        assert answer == mesh.AccountMeshDataQueryResponse()


async def test_who_only_receives_has_no_transactions(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = mesh.AccountMeshDataQueryRequest(filter=account_filter(1, text_of(DESTINATION)))
        assert not (await api.unary(f"{SERVICE}/AccountMeshDataQuery", request)).data


async def test_activations_are_not_returned(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = mesh.AccountMeshDataQueryRequest(filter=account_filter(2, text_of(COINBASE)))
        answer = await api.unary(f"{SERVICE}/AccountMeshDataQuery", request)
    assert answer == mesh.AccountMeshDataQueryResponse()


@pytest.mark.parametrize(
    ("request_message", "text"),
    [
        (
            mesh.AccountMeshDataQueryRequest(min_layer=types.LayerNumber(number=22)),
            "`LatestLayer` must be less than or equal to latest layer",
        ),
        (mesh.AccountMeshDataQueryRequest(), "`Filter` must be provided"),
        (
            mesh.AccountMeshDataQueryRequest(
                filter=mesh.AccountMeshDataFilter(account_mesh_data_flags=1)
            ),
            "`Filter.AccountId` must be provided",
        ),
        (
            mesh.AccountMeshDataQueryRequest(filter=account_filter(0)),
            "`Filter.AccountMeshDataFlags` must set at least one bitfield",
        ),
    ],
)
async def test_an_incomplete_question_is_refused(
    world: ApiWorld, request_message: mesh.AccountMeshDataQueryRequest, text: str
) -> None:
    async with world.serve() as api:
        refusal = await api.refusal(f"{SERVICE}/AccountMeshDataQuery", request_message)
    assert refusal == (INVALID, text)


async def test_a_wrong_address_is_refused_in_the_references_words(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = mesh.AccountMeshDataQueryRequest(filter=account_filter(1, "junk"))
        code, text = await api.refusal(f"{SERVICE}/AccountMeshDataQuery", request)
    assert code is grpc.StatusCode.UNKNOWN
    assert text == (
        "failed to parse in.Filter.AccountId.Address `junk`: "
        "error decoding bech32: invalid bech32 string length 4"
    )


async def test_the_stream_of_an_account_has_its_transactions_and_activations(
    world: ApiWorld,
) -> None:
    mine, other = parsed(world, 4), parsed(world, 5)
    async with world.serve() as api:
        wallet = api.stream(
            f"{SERVICE}/AccountMeshDataStream",
            mesh.AccountMeshDataStreamRequest(filter=account_filter(3)),
        )
        rewarded = api.stream(
            f"{SERVICE}/AccountMeshDataStream",
            mesh.AccountMeshDataStreamRequest(filter=account_filter(2, text_of(COINBASE))),
        )
        await wallet.initial_metadata()
        await rewarded.initial_metadata()
        publish = world.bus.publish
        publish(TransactionStored(transaction=SPEND, layer=LayerID(0), is_valid=True))
        publish(TransactionStored(transaction=other, layer=LayerID(0), is_valid=False))
        publish(AtxStored(atx=FIRST_ATX))
        publish(TransactionStored(transaction=mine, layer=LayerID(23), is_valid=True))
        found = (await wallet.read()).datum.mesh_transaction
        assert (found.transaction.id, found.layer_id.number) == (mine.raw.id, 23)
        assert (await rewarded.read()).datum.activation.id.id == FIRST_ATX.id


# Layers and epochs


async def test_layers_are_read_with_their_blocks(world: ApiWorld) -> None:
    world.mesh.processed = LAYER
    async with world.serve() as api:
        request = mesh.LayersQueryRequest(
            start_layer=types.LayerNumber(number=20), end_layer=types.LayerNumber(number=23)
        )
        full, empty, *future = (await api.unary(f"{SERVICE}/LayersQuery", request)).layer
    assert full.status == types.Layer.LAYER_STATUS_CONFIRMED
    assert full.hash == MESH_HASH
    assert full.root_state_hash == world.applied.state_root
    (block,) = full.blocks
    assert block.id == world.block.id
    assert [transaction.id for transaction in block.transactions] == list(world.block.tx_ids)
    approved, unspecified = (
        types.Layer.LAYER_STATUS_APPROVED,
        types.Layer.LAYER_STATUS_UNSPECIFIED,
    )
    assert empty == types.Layer(number=types.LayerNumber(number=21), status=approved)
    assert [layer.status for layer in future] == [unspecified, unspecified]


async def test_a_layer_without_its_block_fails_the_question(world: ApiWorld) -> None:
    with world.db.batch() as batch:
        put_applied_block(batch, EMPTY_LAYER, BlockID(b"\x07" * 20))
    async with world.serve() as api:
        request = mesh.LayersQueryRequest(
            start_layer=types.LayerNumber(number=20), end_layer=types.LayerNumber(number=21)
        )
        assert await api.refusal(f"{SERVICE}/LayersQuery", request) == (
            grpc.StatusCode.INTERNAL,
            "error retrieving layer data",
        )


async def test_the_layer_stream_tells_what_is_decided(world: ApiWorld) -> None:
    async with world.serve() as api:
        stream = api.stream(f"{SERVICE}/LayerStream")
        await stream.initial_metadata()
        for event in (
            LayerStarted(layer=LayerID(19)),
            LayerStarted(layer=LAYER),
            LayerApproved(layer=LAYER, block=NO_BLOCK),
            LayerApplied(
                layer=EMPTY_LAYER, block=NO_BLOCK, state_hash=EMPTY_ROOT, mesh_hash=Hash32.zero()
            ),
            LayerVerified(layer=LAYER, mesh_hash=MESH_HASH),
        ):
            world.bus.publish(event)
        told = [(await stream.read()).layer for _ in range(4)]
    statuses = types.Layer.LayerStatus.Name
    assert [(layer.number.number, statuses(layer.status)[13:]) for layer in told] == [
        (20, "UNSPECIFIED"),
        (20, "APPROVED"),
        (21, "APPLIED"),
        (20, "APPLIED"),
    ]
    assert told[0].blocks[0].id == world.block.id


async def test_the_epoch_stream_names_the_atxs_of_honest_smeshers(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = mesh.EpochStreamRequest(epoch=2)
        found = [answer.id.id async for answer in api.stream(f"{SERVICE}/EpochStream", request)]
        assert found == [SECOND_ATX.id]
        convict(world)
        assert not [answer async for answer in api.stream(f"{SERVICE}/EpochStream", request)]


# Misbehaviour


def convict(world: ApiWorld, proof: bytes = ENCODED) -> None:
    with world.db.batch() as batch:
        put_malfeasance(batch, Malfeasance(smesher=CULPRIT, proof=proof, received_ns=1))


async def test_a_convict_is_described(world: ApiWorld) -> None:
    convict(world)
    request = mesh.MalfeasanceRequest(smesher_hex=CULPRIT.hex())
    async with world.serve() as api:
        proof = (await api.unary(f"{SERVICE}/MalfeasanceQuery", request)).proof
        assert proof.kind == types.MalfeasanceProof.MALFEASANCE_BALLOT
        assert (proof.smesher_id.id, proof.layer.number, proof.proof) == (CULPRIT, 20, b"")
        request.include_proof = True
        with_bytes = (await api.unary(f"{SERVICE}/MalfeasanceQuery", request)).proof
    assert with_bytes.proof == ENCODED


async def test_nothing_is_known_against_an_honest_smesher(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = mesh.MalfeasanceRequest(smesher_hex=CULPRIT.hex())
        answer = await api.unary(f"{SERVICE}/MalfeasanceQuery", request)
    assert answer == mesh.MalfeasanceResponse(proof=types.MalfeasanceProof())


async def test_one_condemned_with_its_marriage_is_only_named(world: ApiWorld) -> None:
    convict(world, b"")
    async with world.serve() as api:
        request = mesh.MalfeasanceRequest(smesher_hex=CULPRIT.hex())
        proof = (await api.unary(f"{SERVICE}/MalfeasanceQuery", request)).proof
    assert proof == types.MalfeasanceProof(smesher_id=types.SmesherId(id=CULPRIT))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("00", "invalid smesher id length (1), expected (32)"),
        ("zz", "encoding/hex: invalid byte: U+007A 'z'"),
    ],
)
async def test_a_malformed_smesher_is_refused(world: ApiWorld, text: str, problem: str) -> None:
    async with world.serve() as api:
        request = mesh.MalfeasanceRequest(smesher_hex=text)
        assert await api.refusal(f"{SERVICE}/MalfeasanceQuery", request) == (INVALID, problem)


async def test_the_malfeasance_stream_has_what_is_known_and_what_is_learned(
    world: ApiWorld,
) -> None:
    convict(world)
    async with world.serve() as api:
        request = mesh.MalfeasanceStreamRequest(include_proof=True)
        stream = api.stream(f"{SERVICE}/MalfeasanceStream", request)
        assert (await stream.read()).proof.proof == ENCODED
        world.bus.publish(SmesherMalicious(smesher=CULPRIT, proof=ENCODED, is_own=False))
        assert (await stream.read()).proof.smesher_id.id == CULPRIT
