"""Section ``p2p``: addresses, limits and options of the network."""

from typing import Literal

from msgspec import field

from node.config.durations import HOUR, MINUTE, SECOND, Nanoseconds
from node.config.model.section import Count, Section, Share, UInt8


class RelayServerConfig(Section, frozen=True, kw_only=True):
    """Relaying for peers that cannot be reached (circuit v2)."""

    enable: bool = False
    """Relay."""

    reservations: Count = 512
    """Most peers with a reservation."""

    ttl: Nanoseconds = Nanoseconds(20 * MINUTE)
    """How long a reservation holds."""

    conn_duration_limit: Nanoseconds = Nanoseconds(2 * MINUTE)
    """Longest relayed connection."""

    conn_data_limit: Count = 1 << 17
    """Most bytes per direction of a relayed connection."""

    max_circuits: Count = 16
    """Most connections relayed for a peer."""

    buffer_size: Count = 2048
    """Bytes of a relay buffer."""

    max_reservations_per_peer: Count = 4
    """Reservations of one peer."""

    max_reservations_per_ip: Count = 8
    """Reservations from one address."""

    max_reservations_per_asn: Count = 32
    """Reservations from one autonomous system."""


class DiscoveryTimingsConfig(Section, frozen=True, kw_only=True):
    """Waits of routing discovery."""

    advertise_delay: Nanoseconds = Nanoseconds(HOUR)
    """Before the first advertisement."""

    advertise_interval: Nanoseconds = Nanoseconds(2 * HOUR)
    """Between advertisements."""

    advertise_interval_spread: Nanoseconds = Nanoseconds(HOUR)
    """Random part of that interval; not above it."""

    advertise_retry_delay: Nanoseconds = Nanoseconds(MINUTE)
    """After a failed advertisement."""

    find_peers_retry_delay: Nanoseconds = Nanoseconds(MINUTE)
    """After a failed search."""

    min_backoff: Nanoseconds = Nanoseconds(MINUTE)
    """Shortest wait between searches."""

    max_backoff: Nanoseconds = Nanoseconds(HOUR)
    """Longest wait between searches."""

    min_conn_backoff: Nanoseconds = Nanoseconds(10 * SECOND)
    """Shortest wait before a found peer is dialled again."""

    max_conn_backoff: Nanoseconds = Nanoseconds(HOUR)
    """Longest wait before a found peer is dialled again."""

    dial_timeout: Nanoseconds = Nanoseconds(2 * MINUTE)
    """Longest dial of a found peer."""


class AutoNatServerConfig(Section, frozen=True, kw_only=True):
    """Telling peers whether they can be reached."""

    global_max: Count = 30
    """Answers per period."""

    peer_max: Count = 3
    """Answers per period and peer."""

    reset_period: Nanoseconds = Nanoseconds(MINUTE)
    """The period."""


class P2pConfig(Section, frozen=True, kw_only=True):
    """The network."""

    backend: Literal["libp2p", "classic"] = "libp2p"
    """Which network: that of Spacemesh, or the boxed one of its first years. Ours."""

    grace_peers_shutdown: Nanoseconds = field(
        name="gracepeersshutdown", default=Nanoseconds(30 * SECOND)
    )
    """Age below which a connection is not closed for being one too many."""

    max_message_size: Count = field(name="maxmessagesize", default=2 << 20)
    """Most bytes of a gossip message."""

    disable_reuse_port: bool = field(name="disable-reuseport", default=False)
    """Do not dial from the listening port."""

    disable_nat_port: bool = field(name="disable-natport", default=False)
    """Do not ask the router for a port."""

    disable_connection_manager: bool = False
    """Do not close connections above ``high-peers``."""

    disable_resource_manager: bool = True
    """Do not limit connections and streams."""

    disable_dht: bool = False
    """Do not search for peers."""

    disable_pubsub: bool = field(name="disable-pubsub", default=False)
    """No gossip."""

    flood: bool = False
    """Send own messages to all peers, not only to those of the mesh."""

    listen: tuple[str, ...] = ("/ip4/0.0.0.0/tcp/7513",)
    """Multi-addresses to listen on."""

    bootnodes: tuple[str, ...] = ()
    """Multi-addresses of first peers; a list in a file replaces that of the preset."""

    direct: tuple[str, ...] = ()
    """Multi-addresses of peers whose connection is always kept."""

    min_peers: Count = 20
    """Peers below which more are searched."""

    low_peers: Count = 40
    """Peers down to which connections are closed."""

    high_peers: Count = 100
    """Peers above which connections are closed."""

    inbound_fraction: Share = 0.8
    """Of ``high-peers``: no incoming connections from there on."""

    outbound_fraction: Share = 1.1
    """Of ``high-peers``: no outgoing connections from there on."""

    autoscale_peers: bool = True
    """Let limits grow with the machine's memory."""

    advertise_address: tuple[str, ...] = ()
    """Multi-addresses told to peers in place of the found ones."""

    accept_queue: Count = field(name="p2p-accept-queue", default=16)
    """Incoming connections in handshake at once."""

    metrics: bool = field(name="p2p-metrics", default=False)
    """Measure the network in detail."""

    bootnode: bool = field(name="p2p-bootnode", default=False)
    """This node is a first peer of others."""

    reachability: Literal["", "public", "private"] = field(name="p2p-reachability", default="")
    """Whether peers can reach us; empty: find out."""

    force_dht_server: bool = field(name="force-dht-server", default=False)
    """Answer searches even if unreachable."""

    holepunching: bool = field(name="p2p-holepunching", default=True)
    """Try direct connections to relayed peers."""

    private_network: bool = field(name="p2p-private-network", default=False)
    """Private and loopback addresses may be dialled."""

    relay_server: RelayServerConfig = RelayServerConfig()
    """Relaying for others."""

    ip4_blocklist: tuple[str, ...] = field(
        name="ip4-blocklist",
        default=(
            "127.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
        ),
    )
    """IPv4 ranges that are not dialled."""

    ip6_blocklist: tuple[str, ...] = field(
        name="ip6-blocklist", default=("::1/128", "fc00::/7", "fe80::/10")
    )
    """IPv6 ranges that are not dialled."""

    gossip_queue_size: Count = 50_000
    """Messages that may wait for validation."""

    gossip_peer_outbound_queue_size: Count = 0
    """Messages that may wait for a peer."""

    gossip_validation_throttle: Count = 50_000
    """Messages validated at once."""

    gossip_atx_validation_throttle: Count = 50_000
    """ATXs validated at once."""

    gossip_eviction_strategy: UInt8 = 0
    """When a seen message is forgotten: 0 after it was first, 1 after it was last seen."""

    ping_peers: tuple[str, ...] = ()
    """Peer ids to ping."""

    ping_interval: Nanoseconds = Nanoseconds(SECOND)
    """Time between pings."""

    relay: bool = False
    """Be reachable through relays."""

    static_relays: tuple[str, ...] = ()
    """Multi-addresses of relays to use."""

    enable_tcp_transport: bool = field(name="enable-tcp-transport", default=True)
    """Listen and dial over TCP."""

    enable_quic_transport: bool = field(name="enable-quic-transport", default=False)
    """Listen and dial over QUIC."""

    enable_routing_discovery: bool = False
    """Find peers by the rendezvous of the DHT."""

    routing_discovery_advertise: bool = False
    """Be found by the rendezvous of the DHT."""

    discovery_timings: DiscoveryTimingsConfig = DiscoveryTimingsConfig()
    """Waits of the rendezvous."""

    auto_nat_server: AutoNatServerConfig = field(
        name="auto-nat-server", default=AutoNatServerConfig()
    )
    """Reachability tests for others."""
