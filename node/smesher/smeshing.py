"""The supervised smesher as its operator sees it: start, stop, coinbase, space, devices.

Source: go-spacemesh, api/grpcserver/smesher_service.go, activation/post_supervisor.go;
api digest section 5, post digest section 12.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from node.base.errors import PreconditionError
from node.post.engine import Provider
from node.post.engine_host import providers
from node.post.estimate import measure_speed
from node.post.files import list_data_files, remove_space
from node.post.init_engines import open_engines
from node.smesher.post_process import SetupState, SupervisedPost
from node.types.address import Address

MAINNET_SCRYPT_N: Final = 8192
NS_PER_S: Final = 10**9


class CoinbaseAccount(Protocol):
    """Where rewards go."""

    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupOptions:
    """How the space of the supervised identity is made."""

    data_folder: str
    num_units: int

    max_file_size: int
    """Bytes of a label file."""

    provider: int | None
    """Number of the compute device; None for the one that is configured."""

    throttle: bool
    """Whether the operator asked for slow work; told, and otherwise of no effect here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupStatus:
    """The space of the supervised identity."""

    state: SetupState
    labels_written: int

    options: SetupOptions | None
    """None before the work began, and when it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupProvider:
    """A device that can make space."""

    number: int
    model: str

    is_gpu: bool
    """True of the processor too, as the API lists it."""

    labels_per_second: int
    """0 where it was not measured."""


async def list_devices() -> tuple[Provider, ...]:
    """Return the devices of this machine; drivers are asked in a process of their own."""
    return await asyncio.to_thread(providers)


async def measure_device(provider: Provider) -> int:
    """Return a device's labels a second with mainnet's scrypt N; takes seconds.

    Raises:
        DeviceError: it cannot be used.
    """
    loop = asyncio.get_running_loop()
    async with open_engines(provider.id, MAINNET_SCRYPT_N) as engines:
        return await measure_speed(
            engines.source, provider.device_class, clock=lambda: int(loop.time() * NS_PER_S)
        )


@dataclass(kw_only=True)
class SupervisedSmeshing:
    """Operates the supervised identity; without one, only the coinbase."""

    post: SupervisedPost | None
    coinbase_account: CoinbaseAccount

    provider: int
    """Number of the device that the label workers were opened for."""

    list_providers: Callable[[], Awaitable[Sequence[Provider]]] = field(default=list_devices)
    """Finds the devices of this machine."""

    measure: Callable[[Provider], Awaitable[int]] = field(default=measure_device)
    """Returns a device's labels a second."""

    @property
    def is_supervised(self) -> bool:
        """See SmeshingControl."""
        return self.post is not None

    @property
    def is_smeshing(self) -> bool:
        """See SmeshingControl."""
        return self.post is not None and self.post.is_smeshing

    @property
    def coinbase(self) -> Address:
        """See SmeshingControl."""
        return self.coinbase_account.address

    def set_coinbase(self, coinbase: Address) -> None:
        """See SmeshingControl."""
        self.coinbase_account.address = coinbase

    async def start(self, coinbase: Address, options: SetupOptions) -> None:
        """See SmeshingControl."""
        post = self._post()
        if options.provider not in (None, self.provider):
            raise PreconditionError(
                f"provider {options.provider} is not the one of the label workers "
                f"({self.provider})",
                hint="configure smeshing-opts-provider and start the node again",
            )
        # The work begins only after this method: it sees the options.
        post.start()
        directory = Path(options.data_folder)
        post.space = replace(
            post.space,
            directory=directory,
            num_units=options.num_units,
            max_file_size=options.max_file_size,
            throttle=options.throttle,
        )
        post.service = replace(post.service, directory=directory)
        self.set_coinbase(coinbase)

    async def stop(self, *, delete_files: bool) -> None:
        """See SmeshingControl."""
        post = self._post()
        post.stop()
        if delete_files:
            await post.stopped()
            await asyncio.to_thread(remove_space, post.space.directory)

    def setup_status(self) -> SetupStatus:
        """See SmeshingControl."""
        post = self.post
        if post is None or post.state in (SetupState.NOT_STARTED, SetupState.ERROR):
            state = SetupState.NOT_STARTED if post is None else post.state
            return SetupStatus(state=state, labels_written=0, options=None)
        options = SetupOptions(
            data_folder=str(post.space.directory),
            num_units=post.space.num_units,
            max_file_size=post.space.max_file_size,
            provider=self.provider,
            throttle=post.space.throttle,
        )
        return SetupStatus(state=post.state, labels_written=_labels_written(post), options=options)

    async def providers(self, *, benchmark: bool) -> tuple[SetupProvider, ...]:
        """See SmeshingControl."""
        found = await self.list_providers()
        return tuple(
            [
                SetupProvider(
                    number=provider.id,
                    model=provider.name,
                    is_gpu=True,
                    labels_per_second=await self.measure(provider) if benchmark else 0,
                )
                for provider in found
            ]
        )

    def _post(self) -> SupervisedPost:
        if self.post is None:
            raise PreconditionError("node is not configured for supervised smeshing")
        return self.post


def _labels_written(post: SupervisedPost) -> int:
    """Return how many labels are there: as told by the work, or as lie in the files."""
    wanted = post.space.num_units * post.space.labels_per_unit
    if post.state is SetupState.COMPLETE:
        return wanted
    if post.progress is not None:
        return post.progress.position
    written = sum(file.num_labels for file in list_data_files(post.space.directory))
    return min(wanted, written)
