"""What the services need of a node, in one record that the composition root fills."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from node.api.user_events import UserEventLog
from node.config.genesis import golden_atx
from node.config.model.root import NodeConfig
from node.events import Bus
from node.layer_ticker import Clock
from node.smesher.identities import Identities
from node.smesher.post_registry import PostRegistry
from node.smesher.smeshing import SetupOptions, SetupProvider, SetupStatus
from node.store.db import Database
from node.types.address import Address
from node.types.ids import AtxID, GenesisID
from node.types.layer import LayerID
from node.types.layer_time import LayerTime


class MeshView(Protocol):
    """How far the chain reaches."""

    @property
    def latest(self) -> LayerID:
        """Highest layer of which anything was seen."""

    @property
    def processed(self) -> LayerID:
        """Highest layer up to which the tortoise has counted."""

    @property
    def applied(self) -> LayerID:
        """Last layer in the state."""


class ProjectedAccounts(Protocol):
    """Accounts as they will be once everything pending is applied."""

    def projected(self, address: Address) -> tuple[int, int]:
        """Return next nonce and balance in smidge."""


class SyncView(Protocol):
    """Whether the node knows what the network knows."""

    @property
    def is_synced(self) -> bool:
        """Tell whether the node takes part."""


class SmeshingControl(Protocol):
    """The smesher that this node runs itself."""

    @property
    def is_supervised(self) -> bool:
        """Tell whether there is an identity whose space this node makes and proves."""

    @property
    def is_smeshing(self) -> bool:
        """Tell whether ATXs are being built."""

    async def start(self, coinbase: Address, options: SetupOptions) -> None:
        """Make the space and smesh.

        Raises:
            PreconditionError: it smeshes already, or the space is not configured.
        """

    async def stop(self, *, delete_files: bool) -> None:
        """Stop to smesh, at once; ``delete_files`` removes the space as well."""

    @property
    def coinbase(self) -> Address | None:
        """Where rewards go; None keeps PoST workers out."""

    def set_coinbase(self, coinbase: Address) -> None:
        """Let rewards of future ATXs go there."""

    def setup_status(self) -> SetupStatus:
        """Return how far the space is."""

    async def providers(self, *, benchmark: bool) -> tuple[SetupProvider, ...]:
        """Return the devices; ``benchmark`` measures them, which takes seconds each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiBackend:
    """Everything the services read and call."""

    db: Database
    local: Database
    time: LayerTime
    clock: Clock
    bus: Bus
    config: NodeConfig
    genesis_id: GenesisID
    mesh: MeshView
    pool: ProjectedAccounts
    sync: SyncView
    identities: Identities
    post_registry: PostRegistry
    smeshing: SmeshingControl

    submit: Callable[[bytes], Awaitable[None]]
    """Publishes a raw transaction, our own handler first.

    Raises IgnoreError with the reason for one that is not valid now, and any other error for
    one that could not be sent.
    """

    peers: Callable[[], int]
    """How many peers are connected."""

    version: str
    build: str
    """Such as a commit."""

    user_events: UserEventLog = field(default_factory=UserEventLog)
    """What happened to our own smeshers; the server fills it."""

    @property
    def prefix(self) -> str:
        """What addresses of this network begin with."""
        return self.config.main.network_hrp

    @property
    def golden_atx(self) -> AtxID:
        """The ATX every chain of ATXs begins with.

        Raises:
            ValueError: the genesis time is not configured; a node does not run so.
        """
        genesis = self.config.genesis
        if genesis.genesis_time is None:
            raise ValueError("genesis-time is not set")
        return golden_atx(genesis.genesis_time, genesis.extra_data)

    def current_layer(self) -> LayerID:
        """Return the layer running now."""
        return self.time.layer_at(self.clock.now_ns())
