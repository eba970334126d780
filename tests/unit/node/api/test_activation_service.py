"""ActivationService: one ATX, or the highest."""

import grpc
import pytest

from node.pb.spacemesh.v1 import activation_types_pb2 as activation
from node.pb.spacemesh.v1 import types_pb2 as types
from node.store.identities import Malfeasance, put_malfeasance
from tests.support.api import COINBASE, FIRST_ATX, SECOND_ATX, ApiWorld, text_of

SERVICE = "spacemesh.v1.ActivationService"


async def test_an_atx_is_told_with_its_publish_epoch(world: ApiWorld) -> None:
    async with world.serve() as api:
        request = activation.GetRequest(id=SECOND_ATX.id)
        answer = await api.unary(f"{SERVICE}/Get", request)
    previous = types.ActivationId(id=FIRST_ATX.id)
    assert not answer.HasField("malfeasance_proof")
    assert answer.atx == types.Activation(
        id=types.ActivationId(id=SECOND_ATX.id),
        layer=types.LayerNumber(number=2),
        smesher_id=types.SmesherId(id=SECOND_ATX.smesher),
        coinbase=types.AccountId(address=text_of(COINBASE)),
        prev_atx=previous,
        num_units=4,
        sequence=1,
        previous_atxs=[previous],
    )


async def test_the_atx_of_a_convict_comes_with_the_proof(world: ApiWorld) -> None:
    with world.db.batch() as batch:
        put_malfeasance(batch, Malfeasance(smesher=FIRST_ATX.smesher, proof=b"", received_ns=1))
    async with world.serve() as api:
        answer = await api.unary(f"{SERVICE}/Get", activation.GetRequest(id=FIRST_ATX.id))
    assert answer.malfeasance_proof.smesher_id.id == FIRST_ATX.smesher


@pytest.mark.parametrize(
    ("atx_id", "refusal"),
    [
        (
            b"x",
            (grpc.StatusCode.INVALID_ARGUMENT, "invalid ATX ID length (1), expected (32)"),
        ),
        (bytes(32), (grpc.StatusCode.NOT_FOUND, "id was not found")),
    ],
)
async def test_what_is_no_atx_is_refused(
    world: ApiWorld, atx_id: bytes, refusal: tuple[grpc.StatusCode, str]
) -> None:
    async with world.serve() as api:
        assert await api.refusal(f"{SERVICE}/Get", activation.GetRequest(id=atx_id)) == refusal


async def test_the_highest_atx_has_the_most_ticks(world: ApiWorld) -> None:
    async with world.serve() as api:
        answer = await api.unary(f"{SERVICE}/Highest")
    assert answer.atx.id.id == SECOND_ATX.id


async def test_without_atxs_the_golden_one_is_the_highest(empty_world: ApiWorld) -> None:
    async with empty_world.serve() as api:
        answer = await api.unary(f"{SERVICE}/Highest")
    assert answer.atx == types.Activation(id=types.ActivationId(id=empty_world.backend.golden_atx))
