"""GlobalStateService: accounts, rewards and the root of the state."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

from node.api.backend import ApiBackend
from node.api.convert.v1 import ToV1, state_hash
from node.api.errors import invalid, unimplemented
from node.api.queries import account_facts, clip, in_turns, parse_address, parse_filter_address
from node.api.registration import Call, Service
from node.api.streams import CAPACITY, NothingWanted, follow, kinds_of
from node.events import AccountChanged, Event, LayerApplied, LayerVerified, RewardApplied
from node.pb.spacemesh.v1 import global_state_pb2, global_state_types_pb2
from node.store.layers import find_latest_state_hash, find_state_hash
from node.store.rewards import rewards_of_coinbase
from node.types.ids import Hash32
from node.types.layer import MAX_LAYER, LayerID

DEPRECATED: Final = "DEPRECATED"
NOT_YET: Final = "this endpoint has not yet been implemented"

ACCOUNT_KINDS: Final[dict[int, tuple[type[Event], ...]]] = {
    global_state_types_pb2.ACCOUNT_DATA_FLAG_ACCOUNT: (AccountChanged,),
    global_state_types_pb2.ACCOUNT_DATA_FLAG_REWARD: (RewardApplied,),
}
STATE_KINDS: Final[dict[int, tuple[type[Event], ...]]] = {
    global_state_types_pb2.GLOBAL_STATE_DATA_FLAG_ACCOUNT: (AccountChanged,),
    global_state_types_pb2.GLOBAL_STATE_DATA_FLAG_REWARD: (RewardApplied,),
    global_state_types_pb2.GLOBAL_STATE_DATA_FLAG_GLOBAL_STATE_HASH: (LayerApplied, LayerVerified),
}
"""The events behind each flag."""

FULL: Final[dict[type[Event], str]] = {
    AccountChanged: "account buffer is full",
    RewardApplied: "rewards buffer is full",
    LayerApplied: "layer buffer is full",
    NothingWanted: "buffer is full",
}
"""What a stream says that lost an event, by the first kind it follows."""


@dataclass(frozen=True, slots=True)
class GlobalStateService:
    """The state and how it changes."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            global_state_pb2.DESCRIPTOR.services_by_name["GlobalStateService"],
            {
                "GlobalStateHash": self.global_state_hash,
                "Account": self.account,
                "AccountDataQuery": self.account_data_query,
                "SmesherDataQuery": self.smesher_data_query,
                "AccountDataStream": self.account_data_stream,
                "SmesherRewardStream": self.smesher_reward_stream,
                "AppEventStream": self.app_event_stream,
                "GlobalStateStream": self.global_state_stream,
            },
        )

    @property
    def _to(self) -> ToV1:
        return ToV1(self.backend.prefix)

    async def global_state_hash(
        self, request: global_state_types_pb2.GlobalStateHashRequest
    ) -> global_state_types_pb2.GlobalStateHashResponse:
        """Return the newest root of the state."""
        newest = find_latest_state_hash(self.backend.db)
        root = Hash32.zero() if newest is None else newest[1]
        return global_state_types_pb2.GlobalStateHashResponse(
            response=state_hash(root, self.backend.mesh.applied)
        )

    async def account(
        self, request: global_state_types_pb2.AccountRequest
    ) -> global_state_types_pb2.AccountResponse:
        """Return an account now and as projected; one that is not known is empty.

        Raises:
            ApiError: the account is missing, or none of this network.
        """
        if not request.HasField("account_id"):
            raise invalid("`AccountId` must be provided")
        address = parse_address(self.backend, request.account_id.address, "in.AccountId.Address")
        facts = account_facts(self.backend, address)
        return global_state_types_pb2.AccountResponse(account_wrapper=self._to.account(facts))

    async def account_data_query(
        self, request: global_state_types_pb2.AccountDataQueryRequest
    ) -> global_state_types_pb2.AccountDataQueryResponse:
        """Return rewards of an account and its state; there are no receipts.

        Raises:
            ApiError: a part of the request is missing, or wrong.
        """
        flags = request.filter.account_data_flags
        address = parse_filter_address(self.backend, request, flags)
        items: list[global_state_types_pb2.AccountData] = []
        if flags & global_state_types_pb2.ACCOUNT_DATA_FLAG_REWARD:
            async for reward in in_turns(
                rewards_of_coinbase(self.backend.db, address, LayerID(0), MAX_LAYER)
            ):
                paid = self._to.reward(reward)
                items.append(global_state_types_pb2.AccountData(reward=paid))
        if flags & global_state_types_pb2.ACCOUNT_DATA_FLAG_ACCOUNT:
            account = self._to.account(account_facts(self.backend, address))
            items.append(global_state_types_pb2.AccountData(account_wrapper=account))
        if request.offset > len(items):
            return global_state_types_pb2.AccountDataQueryResponse()
        return global_state_types_pb2.AccountDataQueryResponse(
            total_results=len(items),
            account_item=clip(items, request.offset, request.max_results),
        )

    async def account_data_stream(
        self, request: global_state_types_pb2.AccountDataStreamRequest, call: Call
    ) -> AsyncIterator[global_state_types_pb2.AccountDataStreamResponse]:
        """Yield rewards of an account and its new states.

        Raises:
            ApiError: a part of the request is missing, or wrong.
        """
        flags = request.filter.account_data_flags
        address = parse_filter_address(self.backend, request, flags)
        kinds = kinds_of(flags, ACCOUNT_KINDS)
        with self.backend.bus.subscribe(*kinds, capacity=CAPACITY) as events:
            await call.ready()
            async for event in follow(events, FULL[kinds[0]]):
                datum = None
                match event:
                    case AccountChanged(address=changed) if changed == address:
                        account = self._to.account(account_facts(self.backend, address))
                        datum = global_state_types_pb2.AccountData(account_wrapper=account)
                    case RewardApplied(reward=reward) if reward.coinbase == address:
                        paid = self._to.reward(reward)
                        datum = global_state_types_pb2.AccountData(reward=paid)
                if datum is not None:
                    yield global_state_types_pb2.AccountDataStreamResponse(datum=datum)

    async def global_state_stream(
        self, request: global_state_types_pb2.GlobalStateStreamRequest, call: Call
    ) -> AsyncIterator[global_state_types_pb2.GlobalStateStreamResponse]:
        """Yield every change of the state.

        Raises:
            ApiError: the request asks for nothing.
        """
        flags = request.global_state_data_flags
        if flags == 0:
            raise invalid("`GlobalStateDataFlags` must set at least one bitfield")
        kinds = kinds_of(flags, STATE_KINDS)
        with self.backend.bus.subscribe(*kinds, capacity=CAPACITY) as events:
            await call.ready()
            async for event in follow(events, FULL[kinds[0]]):
                datum = self._global_datum(event)
                yield global_state_types_pb2.GlobalStateStreamResponse(datum=datum)

    def _global_datum(self, event: Event) -> global_state_types_pb2.GlobalStateData:
        match event:
            case AccountChanged(address=address):
                account = self._to.account(account_facts(self.backend, address))
                return global_state_types_pb2.GlobalStateData(account_wrapper=account)
            case RewardApplied(reward=reward):
                return global_state_types_pb2.GlobalStateData(reward=self._to.reward(reward))
            case LayerApplied(layer=layer) | LayerVerified(layer=layer):
                return global_state_types_pb2.GlobalStateData(global_state=self._root_of(layer))
        raise TypeError(f"{type(event).__name__} was not asked for")

    def _root_of(self, layer: LayerID) -> global_state_types_pb2.GlobalStateHash:
        root = find_state_hash(self.backend.db, layer) or Hash32.zero()
        return state_hash(root, layer)

    # Methods that the reference only names

    async def smesher_data_query(self, request: Message) -> Message:
        """Refuse."""
        raise unimplemented(DEPRECATED)

    async def smesher_reward_stream(self, request: Message, call: Call) -> AsyncIterator[Message]:
        """Refuse."""
        raise unimplemented(DEPRECATED)
        yield  # a stream by its form

    async def app_event_stream(self, request: Message, call: Call) -> AsyncIterator[Message]:
        """Refuse."""
        raise unimplemented(NOT_YET)
        yield  # a stream by its form
