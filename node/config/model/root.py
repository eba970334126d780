"""The whole configuration of a node."""

from typing import Self

from msgspec import field

from node.config.model.api import ApiConfig, LoggingConfig
from node.config.model.consensus import (
    ActiveSetPreparationConfig,
    BeaconConfig,
    CertificateConfig,
    CertifierConfig,
    Hare4Config,
    HareConfig,
    HareEligibilityConfig,
    HareModeConfig,
    PoetConfig,
    TortoiseConfig,
    VmConfig,
)
from node.config.model.genesis import GenesisConfig
from node.config.model.node import (
    BootstrapConfig,
    CacheConfig,
    MainConfig,
    PublicMetricsConfig,
    RecoveryConfig,
    TimeConfig,
)
from node.config.model.p2p import P2pConfig
from node.config.model.section import Section
from node.config.model.smeshing import PostConfig, SmeshingConfig
from node.config.model.sync import FetchConfig, SyncerConfig
from node.types.layer import LayerID
from node.types.layer_time import LayerTime


class NodeConfig(Section, frozen=True, kw_only=True):
    """Every section; the names are the reference's."""

    main: MainConfig = MainConfig()
    """The process and the shape of the network."""

    preset: str = ""
    """Name of the preset this was built on."""

    genesis: GenesisConfig = GenesisConfig()
    """What makes the network this network."""

    public_metrics: PublicMetricsConfig = PublicMetricsConfig()
    """Pushed metrics."""

    tortoise: TortoiseConfig = TortoiseConfig()
    """Opinion of every layer."""

    p2p: P2pConfig = P2pConfig()
    """The network."""

    api: ApiConfig = ApiConfig()
    """Listeners."""

    hare: HareModeConfig = HareModeConfig()
    """Agreement on proposals, whatever its version."""

    hare3: HareConfig = HareConfig()
    """Agreement on proposals, version 3."""

    hare4: Hare4Config = Hare4Config()
    """Agreement on proposals, version 4."""

    hare_eligibility: HareEligibilityConfig = HareEligibilityConfig()
    """Who is in a committee."""

    certificate: CertificateConfig = CertificateConfig()
    """Vouching for hare outputs."""

    beacon: BeaconConfig = BeaconConfig()
    """Randomness of an epoch."""

    time: TimeConfig = TimeConfig()
    """The clock."""

    vm: VmConfig = VmConfig()
    """No keys."""

    certifier: CertifierConfig = CertifierConfig()
    """Registration certificates of PoET servers."""

    post: PostConfig = PostConfig()
    """What the network demands of a PoST."""

    poet: PoetConfig = PoetConfig()
    """Dealing with PoET servers."""

    smeshing: SmeshingConfig = SmeshingConfig()
    """Our own smesher."""

    logging: LoggingConfig = LoggingConfig()
    """The log."""

    fetch: FetchConfig = field(default_factory=FetchConfig)
    """Requests to peers."""

    bootstrap: BootstrapConfig = BootstrapConfig()
    """Fallback beacons and active sets."""

    syncer: SyncerConfig = SyncerConfig()
    """Catching up."""

    recovery: RecoveryConfig = RecoveryConfig()
    """Starting from a checkpoint."""

    cache: CacheConfig = CacheConfig()
    """In-memory caches."""

    active_set_preparation: ActiveSetPreparationConfig = ActiveSetPreparationConfig()
    """Preparing active sets."""

    def layer_time(self: Self, restored_layer: LayerID | None = None) -> LayerTime:
        """Return the clock face of the network; ``restored_layer`` as the store has it.

        Raises:
            ValueError: ``genesis-time`` is not set; ``rules.check_config`` tells the user.
        """
        if self.genesis.genesis_time is None:
            raise ValueError("genesis-time is not set")
        return LayerTime(
            genesis_ns=int(self.genesis.genesis_time),
            layer_duration_ns=int(self.main.layer_duration),
            layers_per_epoch=self.main.layers_per_epoch,
            restored_layer=restored_layer,
        )
