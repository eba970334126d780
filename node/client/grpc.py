"""NodeApi over gRPC: spacemesh.v2alpha1 where it has the answer, else spacemesh.v1.

    with open_node_api("127.0.0.1:9092", private="127.0.0.1:9093") as api:
        api.status()

Source: api digest sections 5 and 7.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from google.protobuf.empty_pb2 import Empty

from node.base.bech32 import encode_address
from node.base.errors import (
    NotFoundError,
    PreconditionError,
    SpacemeshError,
    UnavailableError,
    UsageError,
)
from node.client import convert
from node.client.calls import NOT_NOW, Connection, Endpoint
from node.client.convert_events import node_event
from node.client.events import NodeEvent
from node.client.ports import NodeApi
from node.client.records import (
    AccountState,
    Activation,
    KnownTransaction,
    LayerRecord,
    NetworkInfo,
    NodeStatus,
    NodeVersion,
    ParsedTransaction,
    PostConfig,
    PostWorker,
    Reward,
    SetupOptions,
    SetupProvider,
    SetupState,
    SetupStatus,
    SmeshingStatus,
    StateHash,
    TransactionState,
)
from node.pb.spacemesh.v1 import (
    admin_types_pb2,
    global_state_types_pb2,
    mesh_types_pb2,
    node_types_pb2,
    post_types_pb2,
    smesher_types_pb2,
    types_pb2,
)
from node.pb.spacemesh.v2alpha1 import (
    account_pb2,
    activation_pb2,
    layer_pb2,
    network_pb2,
    node_pb2,
    reward_pb2,
    tx_pb2,
    v2alpha1_pb2,
)
from node.types.ids import AtxID, Hash32, SmesherID, TransactionID
from node.types.layer import EpochID, LayerID
from node.vm.parsing import read_selector

T = TypeVar("T")

LIMIT_S: Final = 10.0
"""Seconds after which a call without answer is given up."""

SLOW_LIMIT_S: Final = 600.0
"""The same for a call that measures devices."""

PAGE: Final = 100
"""Most objects that a node puts into an answer."""

V1: Final = "spacemesh.v1"
V2: Final = "spacemesh.v2alpha1"


@contextmanager
def open_node_api(
    *public: str,
    private: str | None = None,
    post: str | None = None,
    limit_s: float = LIMIT_S,
) -> Iterator[NodeApi]:
    """Connect to a node for the length of the block.

    Args:
        public: addresses of public APIs; of several, the first that answers is used.
        private: address of the private API, which smeshing and events need.
        post: address of the API for PoST workers.
        limit_s: seconds after which a call without answer is given up.

    Raises:
        UsageError: an address is malformed, or there is none.
        UnavailableError: of several addresses none answers.
    """
    if not public:
        raise UsageError("no address of a node", hint="--node HOST:PORT names one")
    endpoints = [Endpoint.parse(one) for one in public]
    operator = None if private is None else Endpoint.parse(private)
    workers = None if post is None else Endpoint.parse(post)
    api = GrpcNodeApi(
        public=_first_that_answers(endpoints, limit_s),
        private=None if operator is None else Connection(operator, limit_s=limit_s),
        post=None if workers is None else Connection(workers, limit_s=limit_s),
    )
    try:
        yield api
    finally:
        api.close()


class GrpcNodeApi:
    """A NodeApi that asks a node."""

    def __init__(
        self, *, public: Connection, private: Connection | None, post: Connection | None
    ) -> None:
        """Take the connections to the listeners; absent ones are not needed by every call."""
        self._public = public
        self._private = private
        self._post = post
        self._ended = threading.Event()

    @property
    def endpoint(self) -> str:
        """Address of the public API that answers."""
        return self._public.endpoint.target

    def close(self) -> None:
        """End the connections; iterators end, later calls fail."""
        self._ended.set()
        for connection in (self._public, self._private, self._post):
            if connection is not None:
                connection.close()

    def status(self) -> NodeStatus:
        """Return how far the node is."""
        request = node_pb2.NodeStatusRequest()
        method = f"{V2}.NodeService/Status"
        return convert.node_status(self._public.ask(method, request, node_pb2.NodeStatusResponse))

    def version(self) -> NodeVersion:
        """Return what the node runs."""
        version = self._public.ask(
            f"{V1}.NodeService/Version", Empty(), node_types_pb2.VersionResponse
        )
        build = self._public.ask(f"{V1}.NodeService/Build", Empty(), node_types_pb2.BuildResponse)
        return NodeVersion(version=version.version_string.value, build=build.build_string.value)

    def network(self) -> NetworkInfo:
        """Return which network it is."""
        request = network_pb2.NetworkInfoRequest()
        method = f"{V2}.NetworkService/Info"
        answer = self._public.ask(method, request, network_pb2.NetworkInfoResponse)
        return convert.network_info(answer)

    def events(self) -> Iterator[NodeEvent]:
        """Yield the last hundred events, oldest first, then each as it happens."""
        request = admin_types_pb2.EventStreamRequest()
        method = f"{V1}.AdminService/EventsStream"
        for message in self._operator.follow(method, request, admin_types_pb2.Event):
            event = node_event(message)
            if event is not None:
                yield event

    def account(self, address: str) -> AccountState:
        """Return an account; one that is not known is all zeros."""
        return self.accounts([address])[0]

    def accounts(self, addresses: Sequence[str]) -> tuple[AccountState, ...]:
        """Return accounts in the order of their addresses."""
        known: dict[str, AccountState] = {}
        for start in range(0, len(addresses), PAGE):
            request = account_pb2.AccountRequest(
                addresses=addresses[start : start + PAGE], limit=PAGE
            )
            method = f"{V2}.AccountService/List"
            answer = self._public.ask(method, request, account_pb2.AccountList)
            known |= {one.address: convert.account_state(one) for one in answer.accounts}
        return tuple(known.get(address) or _empty_account(address) for address in addresses)

    def state_hash(self) -> StateHash:
        """Return the root of the present state."""
        answer = self._public.ask(
            f"{V1}.GlobalStateService/GlobalStateHash",
            global_state_types_pb2.GlobalStateHashRequest(),
            global_state_types_pb2.GlobalStateHashResponse,
        ).response
        root = convert.read_id(Hash32, answer.root_hash)
        return StateHash(layer=LayerID(answer.layer.number), root=root)

    def rewards(
        self,
        *,
        coinbase: str | None = None,
        smesher: SmesherID | None = None,
        first: LayerID | None = None,
        last: LayerID | None = None,
        newest_first: bool = False,
    ) -> Iterator[Reward]:
        """Yield rewards by layer, of an address or of a smesher, or of everyone."""

        def read(offset: int) -> list[Reward]:
            request = reward_pb2.RewardRequest(
                start_layer=first or 0,
                end_layer=last or 0,
                coinbase=coinbase,
                smesher=smesher,
                offset=offset,
                limit=PAGE,
                sort_order=_order(newest_first=newest_first),
            )
            answer = self._public.ask(f"{V2}.RewardService/List", request, reward_pb2.RewardList)
            return [convert.reward(one) for one in answer.rewards]

        return (one for one in _pages(read) if last is None or one.layer <= last)

    def submit(self, raw: bytes) -> TransactionID:
        """Publish a signed transaction."""
        request = tx_pb2.SubmitTransactionRequest(transaction=raw)
        method = f"{V2}.TransactionService/SubmitTransaction"
        answer = self._public.ask(method, request, tx_pb2.SubmitTransactionResponse)
        return convert.read_id(TransactionID, answer.tx_id)

    def parse(self, raw: bytes, *, verify: bool = False) -> ParsedTransaction:
        """Return what a transaction says."""
        request = tx_pb2.ParseTransactionRequest(transaction=raw, verify=verify)
        method = f"{V2}.TransactionService/ParseTransaction"
        try:
            answer = self._public.ask(method, request, tx_pb2.ParseTransactionResponse)
        except NotFoundError as error:
            raise self._not_spawned(raw) from error
        return convert.parsed_transaction(answer.tx)

    def estimate_gas(self, raw: bytes) -> int:
        """Return the gas that a transaction may use at most."""
        request = tx_pb2.EstimateGasRequest(transaction=raw)
        method = f"{V2}.TransactionService/EstimateGas"
        try:
            answer = self._public.ask(method, request, tx_pb2.EstimateGasResponse)
        except NotFoundError as error:
            raise self._not_spawned(raw) from error
        return answer.recommended_max_gas

    def transaction(self, tx_id: TransactionID) -> KnownTransaction | None:
        """Return a transaction with its state and outcome, None if the node has none such."""
        return next(self.transactions(ids=[tx_id]), None)

    def transactions(
        self,
        *,
        address: str | None = None,
        ids: Sequence[TransactionID] = (),
        first: LayerID | None = None,
        last: LayerID | None = None,
        newest_first: bool = False,
    ) -> Iterator[KnownTransaction]:
        """Yield applied transactions by layer; of ``ids`` also those that are pending."""

        def read(offset: int) -> list[KnownTransaction]:
            request = tx_pb2.TransactionRequest(
                start_layer=first,
                end_layer=last,
                txid=ids,
                address=address,
                offset=offset,
                limit=PAGE,
                include_state=True,
                include_result=True,
                sort_order=_order(newest_first=newest_first),
            )
            method = f"{V2}.TransactionService/List"
            answer = self._public.ask(method, request, tx_pb2.TransactionList)
            return [convert.known_transaction(one) for one in answer.transactions]

        return (one for one in _pages(read) if ids or one.outcome is not None)

    def follow_transaction(
        self, tx_id: TransactionID, *, interval_s: float = 1.0
    ) -> Iterator[KnownTransaction]:
        """Yield a transaction now and whenever its state changes, until it is applied."""
        shown: TransactionState | None = None
        while not self._ended.is_set():
            try:
                known = self.transaction(tx_id)
            except UnavailableError:
                if self._ended.is_set():
                    return
                raise
            if known is None:
                raise NotFoundError(
                    "transaction",
                    tx_id,
                    hint="it is on its way, or the node dropped it: submit it again"
                    if shown is None
                    else "the node dropped it: submit it again",
                )
            if known.state is not shown:
                shown = known.state
                yield known
            if known.outcome is not None:
                return
            self._ended.wait(interval_s)

    def layers(
        self,
        *,
        first: LayerID | None = None,
        last: LayerID | None = None,
        newest_first: bool = False,
    ) -> Iterator[LayerRecord]:
        """Yield layers in order; a node repeats a layer for each of its blocks."""

        def read(offset: int) -> list[LayerRecord]:
            request = layer_pb2.LayerRequest(
                start_layer=first or 0,
                end_layer=last or 0,
                offset=offset,
                limit=PAGE,
                sort_order=_order(newest_first=newest_first),
            )
            answer = self._public.ask(f"{V2}.LayerService/List", request, layer_pb2.LayerList)
            return [convert.layer_record(one) for one in answer.layers]

        shown: LayerID | None = None
        for layer in _pages(read):
            if layer.number != shown and (last is None or layer.number <= last):
                shown = layer.number
                yield layer

    def layer(self, number: LayerID) -> LayerRecord | None:
        """Return a layer, None if the node has nothing of it."""
        return next(self.layers(first=number, last=number), None)

    def activations(
        self,
        *,
        first_epoch: EpochID | None = None,
        last_epoch: EpochID | None = None,
        smeshers: Sequence[SmesherID] = (),
        ids: Sequence[AtxID] = (),
        coinbase: str | None = None,
    ) -> Iterator[Activation]:
        """Yield ATXs by publish epoch and identifier; both epochs are inclusive."""

        def read(offset: int) -> list[Activation]:
            request = activation_pb2.ActivationRequest(
                start_epoch=first_epoch or 0,
                end_epoch=last_epoch or 0,
                id=ids,
                smesher_id=smeshers,
                coinbase=coinbase or "",
                offset=offset,
                limit=PAGE,
            )
            method = f"{V2}.ActivationService/List"
            answer = self._public.ask(method, request, activation_pb2.ActivationList)
            return [convert.activation(one) for one in answer.activations]

        return (
            one for one in _pages(read) if last_epoch is None or one.publish_epoch <= last_epoch
        )

    def activations_count(self, publish_epoch: EpochID | None = None) -> int:
        """Return how many ATXs there are, in an epoch or at all."""
        request = activation_pb2.ActivationsCountRequest(epoch=publish_epoch)
        method = f"{V2}.ActivationService/ActivationsCount"
        return self._public.ask(method, request, activation_pb2.ActivationsCountResponse).count

    def highest_activation(self) -> Activation | None:
        """Return the ATX with the most ticks; None while there is none."""
        request = activation_pb2.HighestRequest()
        method = f"{V2}.ActivationService/Highest"
        found = self._public.ask(method, request, activation_pb2.HighestResponse).activation
        # Before there is any, a node names the golden one, by its identifier alone.
        return convert.activation(found) if found.smesher_id else None

    def conviction(self, smesher: SmesherID) -> str | None:
        """Return what is proven against an identity, in lines; None if nothing is."""
        request = mesh_types_pb2.MalfeasanceRequest(smesher_hex=smesher.hex())
        method = f"{V1}.MeshService/MalfeasanceQuery"
        proof = self._public.ask(method, request, mesh_types_pb2.MalfeasanceResponse).proof
        return proof.debug_info.strip() if proof.HasField("smesher_id") else None

    def smeshing(self) -> SmeshingStatus:
        """Return what the node does as a smesher."""
        ask, service = self._operator.ask, f"{V1}.SmesherService"
        supervised, smeshing = True, False
        try:
            smeshing = ask(
                f"{service}/IsSmeshing", Empty(), smesher_types_pb2.IsSmeshingResponse
            ).is_smeshing
        except PreconditionError as error:
            if error.code != NOT_NOW:
                raise
            supervised = False
        keys = ask(f"{service}/SmesherIDs", Empty(), smesher_types_pb2.SmesherIDsResponse)
        coinbase = ask(f"{service}/Coinbase", Empty(), smesher_types_pb2.CoinbaseResponse)
        setup = SetupStatus(state=SetupState.UNKNOWN, labels_written=0, options=None)
        if supervised:
            answer = ask(
                f"{service}/PostSetupStatus", Empty(), smesher_types_pb2.PostSetupStatusResponse
            )
            setup = convert.setup_status(answer.status)
        return SmeshingStatus(
            is_supervised=supervised,
            is_smeshing=smeshing,
            smeshers=tuple(convert.read_id(SmesherID, key) for key in keys.public_keys),
            coinbase=convert.find_address(coinbase.account_id.address),
            setup=setup,
        )

    def start_smeshing(self, coinbase: str, options: SetupOptions) -> None:
        """Let the supervised identity make its space and smesh."""
        request = smesher_types_pb2.StartSmeshingRequest(
            coinbase=types_pb2.AccountId(address=coinbase),
            opts=convert.setup_options_message(options),
        )
        method = f"{V1}.SmesherService/StartSmeshing"
        self._operator.ask(method, request, smesher_types_pb2.StartSmeshingResponse)

    def stop_smeshing(self, *, delete_files: bool = False) -> None:
        """Let the supervised identity stop; ``delete_files`` removes its space as well."""
        request = smesher_types_pb2.StopSmeshingRequest(delete_files=delete_files)
        method = f"{V1}.SmesherService/StopSmeshing"
        self._operator.ask(method, request, smesher_types_pb2.StopSmeshingResponse)

    def set_coinbase(self, coinbase: str) -> None:
        """Let rewards of future ATXs go to an address."""
        request = smesher_types_pb2.SetCoinbaseRequest(id=types_pb2.AccountId(address=coinbase))
        method = f"{V1}.SmesherService/SetCoinbase"
        self._operator.ask(method, request, smesher_types_pb2.SetCoinbaseResponse)

    def post_config(self) -> PostConfig:
        """Return what space has to look like."""
        method = f"{V1}.SmesherService/PostConfig"
        answer = self._operator.ask(method, Empty(), smesher_types_pb2.PostConfigResponse)
        return PostConfig(
            bits_per_label=answer.bits_per_label,
            labels_per_unit=answer.labels_per_unit,
            min_units=answer.min_num_units,
            max_units=answer.max_num_units,
            k1=answer.k1,
            k2=answer.k2,
        )

    def setup_providers(self, *, benchmark: bool = False) -> tuple[SetupProvider, ...]:
        """Return the devices that can make space; ``benchmark`` measures them."""
        request = smesher_types_pb2.PostSetupProvidersRequest(benchmark=benchmark)
        answer = self._operator.ask(
            f"{V1}.SmesherService/PostSetupProviders",
            request,
            smesher_types_pb2.PostSetupProvidersResponse,
            limit_s=SLOW_LIMIT_S if benchmark else None,
        )
        return tuple(convert.setup_provider(one) for one in answer.providers)

    def post_workers(self) -> tuple[PostWorker, ...]:
        """Return the identities with a PoST worker; needs the address of the PoST API."""
        if self._post is None:
            raise _no_address("PoST API", "the node's status shows it as post")
        request = post_types_pb2.PostStatesRequest()
        method = f"{V1}.PostInfoService/PostStates"
        answer = self._post.ask(method, request, post_types_pb2.PostStatesResponse)
        return tuple(convert.post_worker(one) for one in answer.states)

    @property
    def _operator(self) -> Connection:
        if self._private is None:
            raise _no_address("private API", "--private HOST:PORT names it")
        return self._private

    def _not_spawned(self, raw: bytes) -> SpacemeshError:
        """Return the error for a transaction of an account that cannot send yet."""
        principal = encode_address(self.network().address_prefix, read_selector(raw)[0])
        return NotFoundError(
            "spawned account", principal, hint="spawn it first: smcli tx spawn, once it has coins"
        )


def _pages(read: Callable[[int], list[T]]) -> Iterator[T]:
    """Yield what a list has, asking for page after page."""
    offset = 0
    while True:
        page = read(offset)
        yield from page
        offset += PAGE
        if len(page) < PAGE:
            return


def _order(*, newest_first: bool) -> v2alpha1_pb2.SortOrder:
    return v2alpha1_pb2.DESC if newest_first else v2alpha1_pb2.ASC


def _empty_account(address: str) -> AccountState:
    return AccountState(
        address=address,
        next_nonce=0,
        balance=0,
        projected_nonce=0,
        projected_balance=0,
        template=None,
        layer=LayerID(0),
    )


def _first_that_answers(endpoints: Sequence[Endpoint], limit_s: float) -> Connection:
    """Return a connection to the first endpoint that answers; a single one is not asked."""
    silent: list[UnavailableError] = []
    for endpoint in endpoints:
        connection = Connection(endpoint, limit_s=limit_s)
        if len(endpoints) == 1:
            return connection
        try:
            connection.ask(f"{V1}.NodeService/Version", Empty(), node_types_pb2.VersionResponse)
        except UnavailableError as error:
            connection.close()
            silent.append(error)
        else:
            return connection
    raise UnavailableError(
        f"none of {len(endpoints)} nodes answers: {', '.join(one.target for one in endpoints)}",
        code="smesh.unavailable.node",
        hint="smcli node status tells whether one runs here",
    ) from silent[-1]


def _no_address(what: str, hint: str) -> SpacemeshError:
    return PreconditionError(
        f"the address of the {what} is not known", code="smesh.precondition.endpoint", hint=hint
    )
