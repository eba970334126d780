"""SmesherService: the smesher that the node runs itself."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from node.base.errors import DeviceError, StoreError
from node.events import PostServiceStarted
from node.pb.spacemesh.v1 import smesher_types_pb2 as smesher
from node.pb.spacemesh.v1 import types_pb2 as types
from tests.support.api import COINBASE, ApiWorld, text_of
from tests.support.chain import signer
from tests.support.vm_network import WALLET_ACCOUNT

SERVICE = "spacemesh.v1.SmesherService"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
INTERNAL = grpc.StatusCode.INTERNAL
STARTED = (INTERNAL, "failed to start post supervisor: post service already started")


def account(text: str = "") -> types.AccountId:
    return types.AccountId(address=text or text_of(WALLET_ACCOUNT))


def start_request(world: ApiWorld, **options: Any) -> smesher.StartSmeshingRequest:
    wanted: dict[str, Any] = {
        "data_dir": str(world.folder / "other"),
        "num_units": 1,
        "max_file_size": 4096,
    }
    opts = smesher.PostSetupOpts(**{**wanted, **options})
    return smesher.StartSmeshingRequest(coinbase=account(), opts=opts)


async def call(world: ApiWorld, method: str, request: Message | None = None) -> Message:
    async with world.serve() as api:
        answer: Message = await api.unary(f"{SERVICE}/{method}", request, on="private")
        return answer


async def refusal(
    world: ApiWorld, method: str, request: Message | None = None
) -> tuple[grpc.StatusCode, str | None]:
    async with world.serve() as api:
        return await api.refusal(f"{SERVICE}/{method}", request, on="private")


async def test_smeshing_is_started_with_other_space(world: ApiWorld) -> None:
    answer = await call(world, "StartSmeshing", start_request(world, throttle=True))
    assert answer.HasField("status")
    assert world.coinbase.address == WALLET_ACCOUNT
    assert await call(world, "IsSmeshing") == smesher.IsSmeshingResponse(is_smeshing=True)
    assert world.post.space.directory == world.post.service.directory == world.folder / "other"
    assert (world.post.space.num_units, world.post.space.max_file_size) == (1, 4096)
    assert world.post.space.throttle
    assert await refusal(world, "StartSmeshing", start_request(world)) == STARTED


async def test_a_node_that_smeshes_says_so_before_it_reads_the_options(world: ApiWorld) -> None:
    world.post.start()
    request = smesher.StartSmeshingRequest(coinbase=account())
    assert await refusal(world, "StartSmeshing", request) == STARTED


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"data_dir": ""}, "`Opts.DataDir` must be provided"),
        ({"num_units": 0}, "`Opts.NumUnits` must be provided"),
        ({"max_file_size": 0}, "`Opts.MaxFileSize` must be provided"),
    ],
)
async def test_incomplete_options_are_refused(
    world: ApiWorld, options: dict[str, object], text: str
) -> None:
    request = start_request(world, **options)
    assert await refusal(world, "StartSmeshing", request) == (INVALID, text)


async def test_starting_needs_coinbase_and_options(world: ApiWorld) -> None:
    assert await refusal(world, "StartSmeshing") == (INVALID, "`Coinbase` must be provided")
    request = smesher.StartSmeshingRequest(coinbase=account())
    assert await refusal(world, "StartSmeshing", request) == (
        INVALID,
        "`Opts` must be provided",
    )


async def test_another_device_than_the_configured_one_is_refused(world: ApiWorld) -> None:
    code, text = await refusal(world, "StartSmeshing", start_request(world, provider_id=3))
    assert code is INTERNAL
    assert text is not None
    assert text.startswith("failed to start post supervisor: provider 3 is not the one")


async def test_stopping_answers_at_once_and_deletes_when_asked(world: ApiWorld) -> None:
    async with world.serve() as api, asyncio.TaskGroup() as tasks:
        run = tasks.create_task(world.post.run())
        with world.bus.subscribe(PostServiceStarted) as events:
            world.post.start()
            await anext(aiter(events))
        status = (await api.unary(f"{SERVICE}/PostSetupStatus", on="private")).status
        labels = 2 * world.post.space.labels_per_unit
        assert status == smesher.PostSetupStatus(
            state=smesher.PostSetupStatus.STATE_COMPLETE,
            num_labels_written=labels,
            opts=smesher.PostSetupOpts(
                data_dir=str(world.folder / "space"),
                num_units=2,
                max_file_size=4096,
                provider_id=2**32 - 1,
            ),
        )
        await api.unary(f"{SERVICE}/StopSmeshing", on="private")
        assert (await api.unary(f"{SERVICE}/IsSmeshing", on="private")).is_smeshing is False
        request = smesher.StopSmeshingRequest(delete_files=True)
        await api.unary(f"{SERVICE}/StopSmeshing", request, on="private")
        assert not list((world.folder / "space").glob("*.bin"))
        status = (await api.unary(f"{SERVICE}/PostSetupStatus", on="private")).status
        assert status.state == smesher.PostSetupStatus.STATE_PAUSED
        run.cancel()


async def test_a_space_that_cannot_be_deleted_is_told(world: ApiWorld) -> None:
    async def stop(*, delete_files: bool) -> None:
        raise StoreError("the disk is gone")

    world.smeshing.stop = stop  # type: ignore[method-assign]
    assert await refusal(world, "StopSmeshing") == (
        INTERNAL,
        "failed to stop smeshing: the disk is gone",
    )


@pytest.mark.parametrize("method", ["IsSmeshing", "StartSmeshing", "StopSmeshing"])
async def test_a_node_without_a_smesher_of_its_own_says_so(
    unsupervised_world: ApiWorld, method: str
) -> None:
    assert await refusal(unsupervised_world, method) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "node is not configured for supervised smeshing",
    )


async def test_identities_are_told(world: ApiWorld) -> None:
    assert await call(world, "SmesherIDs") == smesher.SmesherIDsResponse(
        public_keys=[signer(1).smesher_id]
    )


async def test_the_coinbase_is_told_and_changed(world: ApiWorld) -> None:
    assert await call(world, "Coinbase") == smesher.CoinbaseResponse(
        account_id=account(text_of(COINBASE))
    )
    answer = await call(world, "SetCoinbase", smesher.SetCoinbaseRequest(id=account()))
    assert answer.HasField("status")
    assert await call(world, "Coinbase") == smesher.CoinbaseResponse(account_id=account())


async def test_a_coinbase_must_be_given(world: ApiWorld) -> None:
    assert await refusal(world, "SetCoinbase") == (INVALID, "`Id` must be provided")
    request = smesher.SetCoinbaseRequest(id=account("junk"))
    code, text = await refusal(world, "SetCoinbase", request)
    assert code is grpc.StatusCode.UNKNOWN
    assert text == (
        "failed to parse in.Id.Address `junk`: "
        "error decoding bech32: invalid bech32 string length 4"
    )


async def test_before_the_work_the_space_has_no_options(world: ApiWorld) -> None:
    answer = await call(world, "PostSetupStatus")
    assert answer == smesher.PostSetupStatusResponse(
        status=smesher.PostSetupStatus(state=smesher.PostSetupStatus.STATE_NOT_STARTED)
    )


async def test_the_status_is_told_again_and_again(world: ApiWorld) -> None:
    began = world.clock.instant_ns
    async with world.serve() as api:
        stream = api.stream(f"{SERVICE}/PostSetupStatusStream", on="private")
        for _ in range(2):
            status = (await stream.read()).status
            assert status.state == smesher.PostSetupStatus.STATE_NOT_STARTED
        stream.cancel()
    assert world.clock.instant_ns >= began + 2 * world.config.api.smesher_stream_interval


@pytest.mark.parametrize(("benchmark", "speed"), [(False, 0), (True, 1234)])
async def test_devices_are_told(world: ApiWorld, benchmark: bool, speed: int) -> None:
    request = smesher.PostSetupProvidersRequest(benchmark=benchmark)
    answer = await call(world, "PostSetupProviders", request)
    assert answer == smesher.PostSetupProvidersResponse(
        providers=[
            smesher.PostSetupProvider(
                id=2**32 - 1,
                model="[CPU] test",
                device_type=smesher.PostSetupProvider.DEVICE_CLASS_GPU,
                performance=speed,
            )
        ]
    )


async def test_a_device_that_cannot_be_measured_is_told(world: ApiWorld) -> None:
    async def measure(_: object) -> int:
        raise DeviceError("out of memory")

    world.smeshing.measure = measure
    request = smesher.PostSetupProvidersRequest(benchmark=True)
    assert await refusal(world, "PostSetupProviders", request) == (
        INTERNAL,
        "failed to benchmark provider: out of memory",
    )


async def test_what_the_network_demands_of_space_is_told(world: ApiWorld) -> None:
    post = world.config.post
    assert await call(world, "PostConfig") == smesher.PostConfigResponse(
        bits_per_label=128,
        labels_per_unit=post.labels_per_unit,
        min_num_units=post.min_num_units,
        max_num_units=post.max_num_units,
        k1=post.k1,
        k2=post.k2,
    )


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("SmesherID", "this endpoint has been deprecated, use `SmesherIDs` instead"),
        ("MinGas", "this endpoint is not implemented"),
        ("SetMinGas", "this endpoint is not implemented"),
        ("EstimatedRewards", "this endpoint is not implemented"),
    ],
)
async def test_methods_the_reference_only_names(world: ApiWorld, method: str, text: str) -> None:
    assert await refusal(world, method) == (grpc.StatusCode.UNIMPLEMENTED, text)
