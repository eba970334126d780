"""SmesherService: the smesher that this node runs itself."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from node.api.backend import ApiBackend
from node.api.convert.v1 import ToV1, setup_provider, setup_status
from node.api.errors import internal, invalid, precondition, unimplemented
from node.api.queries import parse_address
from node.api.registration import Call, Service
from node.base.errors import SpacemeshError
from node.pb.spacemesh.v1 import smesher_pb2, smesher_types_pb2
from node.post.labels import LABEL_SIZE
from node.smesher.smeshing import SetupOptions

NOT_SUPERVISED: Final = "node is not configured for supervised smeshing"
NOT_IMPLEMENTED: Final = "this endpoint is not implemented"
BITS_PER_LABEL: Final = 8 * LABEL_SIZE


@dataclass(frozen=True, slots=True)
class SmesherService:
    """Start, stop, coinbase, space."""

    backend: ApiBackend

    def service(self) -> Service:
        """Return the methods by their names."""
        return Service(
            smesher_pb2.DESCRIPTOR.services_by_name["SmesherService"],
            {
                "IsSmeshing": self.is_smeshing,
                "StartSmeshing": self.start_smeshing,
                "StopSmeshing": self.stop_smeshing,
                "SmesherID": self.smesher_id,
                "SmesherIDs": self.smesher_ids,
                "Coinbase": self.coinbase,
                "SetCoinbase": self.set_coinbase,
                "MinGas": self.min_gas,
                "SetMinGas": self.set_min_gas,
                "EstimatedRewards": self.estimated_rewards,
                "PostSetupStatus": self.post_setup_status,
                "PostSetupStatusStream": self.post_setup_status_stream,
                "PostSetupProviders": self.post_setup_providers,
                "PostConfig": self.post_config,
            },
        )

    async def is_smeshing(self, request: Empty) -> smesher_types_pb2.IsSmeshingResponse:
        """Tell whether the supervised identity smeshes.

        Raises:
            ApiError: there is none.
        """
        self._check_supervised()
        running = self.backend.smeshing.is_smeshing
        return smesher_types_pb2.IsSmeshingResponse(is_smeshing=running)

    async def start_smeshing(
        self, request: smesher_types_pb2.StartSmeshingRequest
    ) -> smesher_types_pb2.StartSmeshingResponse:
        """Make the space of the supervised identity and smesh.

        Raises:
            ApiError: there is none, it smeshes already, or the request is incomplete.
        """
        self._check_supervised()
        if not request.HasField("coinbase"):
            raise invalid("`Coinbase` must be provided")
        coinbase = parse_address(self.backend, request.coinbase.address, "in.Coinbase.Address")
        if self.backend.smeshing.is_smeshing:
            raise internal("failed to start post supervisor: post service already started")
        options = _options(request)
        try:
            await self.backend.smeshing.start(coinbase, options)
        except SpacemeshError as error:
            raise internal(f"failed to start post supervisor: {error}") from error
        answer = smesher_types_pb2.StartSmeshingResponse()
        answer.status.SetInParent()
        return answer

    async def stop_smeshing(
        self, request: smesher_types_pb2.StopSmeshingRequest
    ) -> smesher_types_pb2.StopSmeshingResponse:
        """Stop to smesh, and delete the space if that is asked for.

        Raises:
            ApiError: there is no supervised identity, or the space cannot be deleted.
        """
        self._check_supervised()
        try:
            await self.backend.smeshing.stop(delete_files=request.delete_files)
        except SpacemeshError as error:
            raise internal(f"failed to stop smeshing: {error}") from error
        answer = smesher_types_pb2.StopSmeshingResponse()
        answer.status.SetInParent()
        return answer

    async def smesher_ids(self, request: Empty) -> smesher_types_pb2.SmesherIDsResponse:
        """Return the identities that this node smeshes with."""
        keys = [signer.smesher_id for signer in self.backend.identities.signers()]
        return smesher_types_pb2.SmesherIDsResponse(public_keys=keys)

    async def coinbase(self, request: Empty) -> smesher_types_pb2.CoinbaseResponse:
        """Return where rewards go."""
        answer = smesher_types_pb2.CoinbaseResponse()
        coinbase = self.backend.smeshing.coinbase
        if coinbase is not None:
            answer.account_id.CopyFrom(ToV1(self.backend.prefix).account_id(coinbase))
        return answer

    async def set_coinbase(
        self, request: smesher_types_pb2.SetCoinbaseRequest
    ) -> smesher_types_pb2.SetCoinbaseResponse:
        """Let rewards of future ATXs go to another account.

        Raises:
            ApiError: the account is missing, or none of this network.
        """
        if not request.HasField("id"):
            raise invalid("`Id` must be provided")
        coinbase = parse_address(self.backend, request.id.address, "in.Id.Address")
        self.backend.smeshing.set_coinbase(coinbase)
        answer = smesher_types_pb2.SetCoinbaseResponse()
        answer.status.SetInParent()
        return answer

    # The space

    async def post_setup_status(self, request: Empty) -> smesher_types_pb2.PostSetupStatusResponse:
        """Return how far the space is."""
        status = setup_status(self.backend.smeshing.setup_status())
        return smesher_types_pb2.PostSetupStatusResponse(status=status)

    async def post_setup_status_stream(
        self, request: Empty, call: Call
    ) -> AsyncIterator[smesher_types_pb2.PostSetupStatusStreamResponse]:
        """Yield how far the space is, again and again."""
        clock, interval = self.backend.clock, self.backend.config.api.smesher_stream_interval
        await call.ready()
        while True:
            await clock.sleep_until(clock.now_ns() + interval)
            status = setup_status(self.backend.smeshing.setup_status())
            yield smesher_types_pb2.PostSetupStatusStreamResponse(status=status)

    async def post_setup_providers(
        self, request: smesher_types_pb2.PostSetupProvidersRequest
    ) -> smesher_types_pb2.PostSetupProvidersResponse:
        """Return the devices that can make space, measured if that is asked for.

        Raises:
            ApiError: one of them cannot be measured.
        """
        try:
            found = await self.backend.smeshing.providers(benchmark=request.benchmark)
        except SpacemeshError as error:
            raise internal(f"failed to benchmark provider: {error}") from error
        return smesher_types_pb2.PostSetupProvidersResponse(
            providers=[setup_provider(provider) for provider in found]
        )

    async def post_config(self, request: Empty) -> smesher_types_pb2.PostConfigResponse:
        """Return what the network demands of space."""
        post = self.backend.config.post
        return smesher_types_pb2.PostConfigResponse(
            bits_per_label=BITS_PER_LABEL,
            labels_per_unit=post.labels_per_unit,
            min_num_units=post.min_num_units,
            max_num_units=post.max_num_units,
            k1=post.k1,
            k2=post.k2,
        )

    # Methods that the reference only names

    async def smesher_id(self, request: Empty) -> Message:
        """Refuse."""
        raise unimplemented("this endpoint has been deprecated, use `SmesherIDs` instead")

    async def min_gas(self, request: Empty) -> Message:
        """Refuse."""
        raise unimplemented(NOT_IMPLEMENTED)

    async def set_min_gas(self, request: Message) -> Message:
        """Refuse."""
        raise unimplemented(NOT_IMPLEMENTED)

    async def estimated_rewards(self, request: Empty) -> Message:
        """Refuse."""
        raise unimplemented(NOT_IMPLEMENTED)

    def _check_supervised(self) -> None:
        if not self.backend.smeshing.is_supervised:
            raise precondition(NOT_SUPERVISED)


def _options(request: smesher_types_pb2.StartSmeshingRequest) -> SetupOptions:
    """Return what space is asked for.

    Raises:
        ApiError: a part of it is missing.
    """
    if not request.HasField("opts"):
        raise invalid("`Opts` must be provided")
    options = request.opts
    if not options.data_dir:
        raise invalid("`Opts.DataDir` must be provided")
    if options.num_units == 0:
        raise invalid("`Opts.NumUnits` must be provided")
    if options.max_file_size == 0:
        raise invalid("`Opts.MaxFileSize` must be provided")
    return SetupOptions(
        data_folder=options.data_dir,
        num_units=options.num_units,
        max_file_size=options.max_file_size,
        provider=options.provider_id if options.HasField("provider_id") else None,
        throttle=options.throttle,
    )
