"""GlobalStateService: accounts, rewards, the root of the state."""

import grpc
import pytest

from node.events import AccountChanged, LayerApplied, LayerVerified, RewardApplied
from node.pb.spacemesh.v1 import global_state_types_pb2 as state
from node.pb.spacemesh.v1 import types_pb2 as types
from node.store.rewards import rewards_in_layer
from node.types.address import Address
from node.types.ids import NO_BLOCK, Hash32
from node.types.layer import LayerID
from tests.support.api import COINBASE, EMPTY_LAYER, EMPTY_ROOT, ApiWorld, spend, text_of
from tests.support.vm_network import DESTINATION, LAYER, WALLET_ACCOUNT

SERVICE = "spacemesh.v1.GlobalStateService"
INVALID = grpc.StatusCode.INVALID_ARGUMENT
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED


def account_filter(flags: int, address: Address = COINBASE) -> state.AccountDataFilter:
    account = types.AccountId(address=text_of(address))
    return state.AccountDataFilter(account_id=account, account_data_flags=flags)


async def test_the_newest_root_is_told(world: ApiWorld) -> None:
    async with world.serve() as api:
        answer = await api.unary(f"{SERVICE}/GlobalStateHash")
    assert answer.response == state.GlobalStateHash(
        root_hash=EMPTY_ROOT, layer=types.LayerNumber(number=EMPTY_LAYER)
    )


async def test_an_account_is_told_now_and_with_what_is_pending(world: ApiWorld) -> None:
    await world.submit(spend(4, 1_000).raw.raw)
    request = state.AccountRequest(account_id=types.AccountId(address=text_of(WALLET_ACCOUNT)))
    async with world.serve() as api:
        account = (await api.unary(f"{SERVICE}/Account", request)).account_wrapper
    now, projected = account.state_current, account.state_projected
    assert (now.counter, projected.counter) == (4, 5)
    assert now.balance.value - projected.balance.value > 1_000


async def test_an_unknown_account_is_empty(world: ApiWorld) -> None:
    unknown = text_of(Address(bytes(4) + bytes([9]) * 20))
    request = state.AccountRequest(account_id=types.AccountId(address=unknown))
    empty = state.AccountState(balance=types.Amount())
    async with world.serve() as api:
        assert (await api.unary(f"{SERVICE}/Account", request)).account_wrapper == state.Account(
            account_id=types.AccountId(address=unknown),
            state_current=empty,
            state_projected=empty,
        )


async def test_an_account_must_be_named(world: ApiWorld) -> None:
    async with world.serve() as api:
        assert await api.refusal(f"{SERVICE}/Account") == (
            INVALID,
            "`AccountId` must be provided",
        )


async def test_an_address_of_another_network_is_refused(world: ApiWorld) -> None:
    address = "stest1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqcyztf7"
    request = state.AccountRequest(account_id=types.AccountId(address=address))
    async with world.serve() as api:
        code, text = await api.refusal(f"{SERVICE}/Account", request)
    assert code is grpc.StatusCode.UNKNOWN
    assert text is not None
    assert text.startswith(f"failed to parse in.AccountId.Address `{address}`: ")


async def test_rewards_and_account_are_queried(world: ApiWorld) -> None:
    request = state.AccountDataQueryRequest(filter=account_filter(7))
    async with world.serve() as api:
        answer = await api.unary(f"{SERVICE}/AccountDataQuery", request)
        assert answer.total_results == 2
        reward, account = answer.account_item
        assert reward.reward.layer.number == LAYER
        assert reward.reward.total.value == account.account_wrapper.state_current.balance.value
        request.max_results = 1
        only = (await api.unary(f"{SERVICE}/AccountDataQuery", request)).account_item
        assert list(only) == [reward]
        request.offset = 3
        answer = await api.unary(f"{SERVICE}/AccountDataQuery", request)
        assert answer == state.AccountDataQueryResponse()


async def test_there_are_no_receipts(world: ApiWorld) -> None:
    request = state.AccountDataQueryRequest(filter=account_filter(1))
    async with world.serve() as api:
        answer = await api.unary(f"{SERVICE}/AccountDataQuery", request)
    assert answer == state.AccountDataQueryResponse()


async def test_the_stream_of_an_account_has_its_rewards_and_states(world: ApiWorld) -> None:
    (reward,) = rewards_in_layer(world.db, LAYER)
    request = state.AccountDataStreamRequest(filter=account_filter(6))
    async with world.serve() as api:
        stream = api.stream(f"{SERVICE}/AccountDataStream", request)
        await stream.initial_metadata()
        world.bus.publish(AccountChanged(address=DESTINATION))
        world.bus.publish(AccountChanged(address=COINBASE))
        world.bus.publish(RewardApplied(reward=reward))
        account = (await stream.read()).datum.account_wrapper
        assert account.account_id.address == text_of(COINBASE)
        assert (await stream.read()).datum.reward.total.value == reward.total_reward


async def test_the_stream_of_a_flag_without_events_waits(world: ApiWorld) -> None:
    request = state.AccountDataStreamRequest(filter=account_filter(1))
    async with world.serve() as api:
        stream = api.stream(f"{SERVICE}/AccountDataStream", request)
        await stream.initial_metadata()
        stream.cancel()


async def test_the_stream_of_the_state_has_every_change(world: ApiWorld) -> None:
    (reward,) = rewards_in_layer(world.db, LAYER)
    request = state.GlobalStateStreamRequest(global_state_data_flags=14)
    async with world.serve() as api:
        stream = api.stream(f"{SERVICE}/GlobalStateStream", request)
        await stream.initial_metadata()
        for event in (
            AccountChanged(address=DESTINATION),
            RewardApplied(reward=reward),
            LayerApplied(
                layer=EMPTY_LAYER, block=NO_BLOCK, state_hash=EMPTY_ROOT, mesh_hash=Hash32.zero()
            ),
            LayerVerified(layer=LayerID(19), mesh_hash=Hash32.zero()),
        ):
            world.bus.publish(event)
        data = [(await stream.read()).datum for _ in range(4)]
    assert data[0].account_wrapper.account_id.address == text_of(DESTINATION)
    assert data[1].reward.coinbase.address == text_of(COINBASE)
    assert data[2].global_state.root_hash == EMPTY_ROOT
    assert data[3].global_state == state.GlobalStateHash(
        root_hash=bytes(32), layer=types.LayerNumber(number=19)
    )


async def test_a_stream_that_asks_for_nothing_is_refused(world: ApiWorld) -> None:
    async with world.serve() as api:
        assert await api.stream_refusal(f"{SERVICE}/GlobalStateStream") == (
            INVALID,
            "`GlobalStateDataFlags` must set at least one bitfield",
        )
        assert await api.stream_refusal(f"{SERVICE}/AccountDataStream") == (
            INVALID,
            "`Filter` must be provided",
        )


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("SmesherRewardStream", "DEPRECATED"),
        ("AppEventStream", "this endpoint has not yet been implemented"),
    ],
)
async def test_streams_the_reference_only_names(world: ApiWorld, method: str, text: str) -> None:
    async with world.serve() as api:
        refusal = await api.stream_refusal(f"{SERVICE}/{method}")
    assert refusal == (UNIMPLEMENTED, text)


async def test_smesher_data_are_not_told_any_more(world: ApiWorld) -> None:
    async with world.serve() as api:
        refusal = await api.refusal(f"{SERVICE}/SmesherDataQuery")
    assert refusal == (UNIMPLEMENTED, "DEPRECATED")
