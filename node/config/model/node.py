"""Section ``main`` and the small sections about the process: caches, recovery, metrics, time."""

from collections.abc import Mapping
from typing import Final

from msgspec import field

from node.config.durations import HOUR, MINUTE, SECOND, Nanoseconds
from node.config.model.section import (
    MAX_UINT64,
    Count,
    FilePath,
    Percent,
    Port,
    Section,
    UInt8,
    UInt32,
)

ATX_VERSION_1: Final = 1
"""The version that is in force from epoch 0 unless ``atx-versions`` says otherwise."""


class PoetServer(Section, frozen=True, kw_only=True):
    """A PoET server the smesher registers with."""

    address: str
    """Base URL of its HTTP interface."""

    pubkey: bytes = b""
    """Its 32-byte Ed25519 key, base64 in files; empty: not checked."""


class QueryCacheSizes(Section, frozen=True, kw_only=True):
    """Entries the reference's query cache keeps per kind of query."""

    epoch_atxs: Count = field(name="epoch-atxs", default=20)
    """Epochs whose list of ATX ids is kept."""

    atx_blob: Count = field(name="atx-blob", default=10_000)
    """Encoded ATXs kept."""

    active_set_blob: Count = field(name="active-set-blob", default=200)
    """Encoded active sets kept."""


class MainConfig(Section, frozen=True, kw_only=True):
    """The process, its data and the shape of the network."""

    data_folder: FilePath = FilePath("~/spacemesh")
    """Folder of databases, identities and network keys."""

    filelock: FilePath = FilePath("<tmp>/spacemesh.lock")
    """File locked while the node runs; nodes on one machine need different ones."""

    standalone: bool = False
    """One process is the whole network, with its own PoET."""

    metrics: bool = False
    """Serve metrics over HTTP."""

    metrics_port: Port = 1010
    """TCP port of the metrics."""

    profiler_name: str = "go-spacemesh"
    """Application name given to a profile server."""

    profiler_url: str = ""
    """URL of a profile server."""

    layer_duration: Nanoseconds = Nanoseconds(30 * SECOND)
    """Length of a layer."""

    layer_average_size: UInt32 = 0
    """Proposals expected per layer; determines the slots of an epoch."""

    layers_per_epoch: UInt32 = 3
    """Layers in an epoch."""

    poet_servers: tuple[PoetServer, ...] = ()
    """PoET servers to register with; a list in a file replaces that of the preset."""

    pprof_server: bool = False
    """Serve Go profiles."""

    pprof_listener: str = "localhost:6060"
    """HOST:PORT of the Go profiles."""

    pprof_mutex_profile: bool = False
    """Record lock contention."""

    pprof_block_profile: bool = False
    """Record blocking."""

    txs_per_proposal: Count = 100
    """Most transactions in a proposal."""

    block_gas_limit: Count = MAX_UINT64
    """Most gas in a block."""

    optimistic_filtering_threshold: Percent = 90
    """Share of proposals agreeing on the mesh from which infeasible transactions are left out."""

    tick_size: Count = 100
    """PoET leaves in one tick of an ATX's height."""

    db_connections: Count = 16
    """Size of the SQLite pool."""

    db_latency_metering: bool = False
    """Measure the latency of every query."""

    db_size_metering_interval: Nanoseconds = Nanoseconds(10 * MINUTE)
    """Time between measurements of the databases' sizes; 0: never."""

    db_prune_interval: Nanoseconds = Nanoseconds(30 * MINUTE)
    """Time between removals of data that is no longer needed; 0: never."""

    db_vacuum_state: Count = 0
    """SQLite schema version whose migration ends with a vacuum."""

    db_skip_migrations: tuple[int, ...] = ()
    """SQLite schema versions whose migrations are left out."""

    db_allow_schema_drift: bool = False
    """Accept an SQLite file whose schema differs."""

    db_query_cache: bool = False
    """Keep results of SQLite queries."""

    db_query_cache_sizes: QueryCacheSizes = QueryCacheSizes()
    """Sizes of that cache."""

    prune_activesets_from: UInt32 = 0
    """Last epoch in which no active set is removed; in later ones those of the epoch before the
    last and older ones are."""

    network_hrp: str = "sm"
    """Prefix of account addresses."""

    miner_good_atxs_percent: Percent = 0
    """Share of well-timed ATXs below which the active set is taken from the first block."""

    regossip_atx_interval: Nanoseconds = Nanoseconds(0)
    """Time between repeated announcements of own ATXs; 0: never."""

    atx_grade_delay: Nanoseconds = Nanoseconds(10 * SECOND)
    """Expected spread of arrival times; an ATX is good if it arrived four times this early."""

    post_valid_delay: Nanoseconds = Nanoseconds(12 * HOUR)
    """Age from which a received PoST counts as valid unless somebody proves otherwise."""

    no_main_override: bool = False
    """Run on mainnet though this build says it is not meant for it."""

    atx_versions: Mapping[UInt32, UInt8] = field(default_factory=dict)
    """Publish epoch to the ATX version in force from it on; version 1 from epoch 0."""


class RecoveryConfig(Section, frozen=True, kw_only=True):
    """Starting from a checkpoint."""

    recovery_uri: str = field(name="recovery-uri", default="")
    """HTTP address of the checkpoint file; empty: no recovery."""

    recovery_layer: UInt32 = field(name="recovery-layer", default=0)
    """Layer from which the network goes on."""

    preserve_own_atx: bool = field(name="preserve-own-atx", default=True)
    """Keep own ATXs that are not in the checkpoint, with all they depend on."""


class CacheConfig(Section, frozen=True, kw_only=True):
    """In-memory caches in front of the store."""

    atx_size: Count = 1000
    """ATXs kept."""

    malfeasance_size: Count = 1000
    """Malfeasance proofs kept."""


class PublicMetricsConfig(Section, frozen=True, kw_only=True):
    """Pushing a few metrics to a gateway; off without a URL."""

    metrics_url: str = ""
    """URL of the push gateway."""

    metrics_push_period: Nanoseconds = Nanoseconds(0)
    """Time between pushes."""

    metrics_push_user: str = ""
    """User name of basic authentication."""

    metrics_push_pass: str = ""
    """Password of basic authentication."""

    metrics_push_header: Mapping[str, str] = field(default_factory=dict)
    """Extra HTTP headers."""


class PeersyncConfig(Section, frozen=True, kw_only=True):
    """Comparison of the clock with those of peers."""

    disable: bool = False
    """Do not compare."""

    round_retry_interval: Nanoseconds = Nanoseconds(5 * SECOND)
    """Wait after a round with too few answers."""

    round_interval: Nanoseconds = Nanoseconds(30 * MINUTE)
    """Wait after a complete round."""

    round_timeout: Nanoseconds = Nanoseconds(5 * SECOND)
    """Longest wait for the answers of a round."""

    max_clock_offset: Nanoseconds = Nanoseconds(10 * SECOND)
    """Median difference that counts as an error."""

    max_offset_errors: Count = 10
    """Errors in a row after which the node stops."""

    required_responses: Count = 3
    """Answers a round needs."""


class TimeConfig(Section, frozen=True, kw_only=True):
    """The clock."""

    peersync: PeersyncConfig = PeersyncConfig()
    """Comparison with peers."""


class BootstrapConfig(Section, frozen=True, kw_only=True):
    """Fallback beacons and active sets."""

    bootstrap_url: str = field(name="bootstrap-url", default="http://localhost:3000/bootstrap")
    """HTTP address under which the files of the epochs lie."""

    bootstrap_version: str = field(
        name="bootstrap-version", default="https://spacemesh.io/bootstrap.schema.json.1.0"
    )
    """Schema version a file must carry."""
