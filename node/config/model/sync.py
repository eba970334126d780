"""Sections ``fetch`` and ``syncer``: requests to peers, and catching up with the network."""

from collections.abc import Mapping

from msgspec import field

from node.config.durations import HOUR, MINUTE, SECOND, Nanoseconds
from node.config.model.section import Count, Section, Share, UInt32


class FetchServerConfig(Section, frozen=True, kw_only=True):
    """Limits of one request protocol we serve."""

    queue: Count = 10_000
    """Requests that may wait; further ones are refused."""

    requests: Count = 100
    """Requests answered per interval."""

    interval: Nanoseconds = Nanoseconds(SECOND)
    """The interval."""


class DecayingTagConfig(Section, frozen=True, kw_only=True):
    """How much a peer's requests protect its connection."""

    interval: Nanoseconds = Nanoseconds(MINUTE)
    """Time between decreases."""

    inc: Count = 1000
    """Added by a request."""

    dec: Count = 1000
    """Taken off at every interval."""

    cap: Count = 10_000
    """Highest value."""


def _fetch_servers() -> dict[str, FetchServerConfig]:
    """Limits by protocol: small queues where an answer is a megabyte."""
    return {
        "ax/1": FetchServerConfig(queue=10, requests=1),
        "ld/1": FetchServerConfig(queue=1000, requests=100),
        "hs/1": FetchServerConfig(queue=2000, requests=200),
        "as/1": FetchServerConfig(queue=10, requests=1),
        "mh/1": FetchServerConfig(queue=1000, requests=100),
        "ml/1": FetchServerConfig(queue=100, requests=10),
        "lp/2": FetchServerConfig(queue=10_000, requests=1000),
    }


class FetchConfig(Section, frozen=True, kw_only=True):
    """Requests to peers, and answering theirs."""

    batch_timeout: Nanoseconds = field(name="batchtimeout", default=Nanoseconds(50_000_000))
    """Longest time a hash waits for others to fill a batch."""

    batch_size: Count = field(name="batchsize", default=10)
    """Most hashes in a batch."""

    queue_size: Count = field(name="queuesize", default=20)
    """Hashes that start a batch at once."""

    max_retries_for_request: Count = field(name="maxretriesforrequest", default=100)
    """Attempts per hash."""

    request_timeout: Nanoseconds = Nanoseconds(25 * SECOND)
    """Longest silence within an exchange."""

    request_hard_timeout: Nanoseconds = Nanoseconds(5 * MINUTE)
    """Longest exchange."""

    servers_metrics: bool = False
    """Measure what we serve."""

    servers: Mapping[str, FetchServerConfig] = field(default_factory=_fetch_servers)
    """Limits by protocol; a protocol that is not listed has the defaults of a server."""

    streaming: bool = True
    """Send long answers piece by piece."""

    get_atxs_concurrency: Count = field(name="getatxsconcurrency", default=100)
    """ATXs fetched at once."""

    decaying_tag: DecayingTagConfig = DecayingTagConfig()
    """Protection of peers that ask us."""

    log_peer_stats_interval: Nanoseconds = Nanoseconds(20 * MINUTE)
    """Time between summaries of peers in the log."""


class AtxSyncConfig(Section, frozen=True, kw_only=True):
    """Download of an epoch's ATXs."""

    epoch_info_request_interval: Nanoseconds = Nanoseconds(4 * HOUR)
    """Time between requests for an epoch's list of ids."""

    epoch_info_peers: Count = 2
    """Peers asked for that list."""

    requests_limit: Count = 10
    """Attempts per ATX."""

    atxs_batch: Count = 1000
    """ATXs fetched in one go."""

    progress_every_fraction: Share = 0.1
    """Share of the ATXs after which progress is logged."""

    progress_on_time: Nanoseconds = Nanoseconds(20 * MINUTE)
    """Time after which progress is logged at the latest."""


class MalfeasanceSyncConfig(Section, frozen=True, kw_only=True):
    """Download of malfeasance proofs."""

    id_request_interval: Nanoseconds = Nanoseconds(30 * MINUTE)
    """Time between requests for the ids of malicious smeshers."""

    malfeasance_id_peers: Count = 3
    """Peers asked for the ids."""

    min_sync_peers: Count = 3
    """Peers that must have answered before the ids count as complete."""

    max_epoch_fraction: Share = 0.25
    """Part of an epoch after which a complete list is old."""

    max_batch_size: Count = 1000
    """Proofs fetched in one go."""

    requests_limit: Count = 20
    """Attempts per proof."""

    retry_interval: Nanoseconds = Nanoseconds(MINUTE)
    """Wait after a failed request."""


class SyncerConfig(Section, frozen=True, kw_only=True):
    """Catching up with the network."""

    interval: Nanoseconds = Nanoseconds(10 * SECOND)
    """Time between runs."""

    epoch_end_fraction: Share = field(name="epochendfraction", default=0.5)
    """Part of the epoch after which its ATXs are downloaded."""

    tally_votes_frequency: Share = 0.25
    """Part of the tortoise window after which votes are counted while catching up. Ours."""

    max_stale_duration: Nanoseconds = field(name="maxstaleduration", default=Nanoseconds(SECOND))
    """Age at which agreements on mesh hashes with peers are forgotten."""

    gossip_duration: Nanoseconds = field(name="gossipduration", default=Nanoseconds(15 * SECOND))
    """Time of listening to gossip before the node counts as synced."""

    disable_mesh_agreement: bool = False
    """Do not compare mesh hashes with peers."""

    out_of_sync_threshold: UInt32 = 3
    """Layers the node may lag behind."""

    atx_sync: AtxSyncConfig = AtxSyncConfig()
    """ATXs of an epoch."""

    malfeasance_sync: MalfeasanceSyncConfig = MalfeasanceSyncConfig()
    """Malfeasance proofs."""
