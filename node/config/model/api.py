"""Sections ``api`` and ``logging``: what the outside sees."""

from typing import Literal, TypeAlias

from msgspec import field

from node.config.durations import SECOND, Nanoseconds
from node.config.model.section import Count, Section

MESSAGE_SIZE = 10 << 20
"""Default limit of a gRPC message in bytes."""


class ApiConfig(Section, frozen=True, kw_only=True):
    """Listeners; an empty HOST:PORT is off, port 0 is any free one."""

    public_listener: str = field(name="grpc-public-listener", default="0.0.0.0:9092")
    """gRPC services for anybody."""

    private_listener: str = field(name="grpc-private-listener", default="127.0.0.1:9093")
    """gRPC services for the operator."""

    post_listener: str = field(name="grpc-post-listener", default="127.0.0.1:0")
    """gRPC services for PoST workers on this machine."""

    tls_services: tuple[str, ...] = field(name="grpc-tls-services", default=("post", "postInfo"))
    """Names of the services on the TLS listener."""

    tls_listener: str = field(name="grpc-tls-listener", default="")
    """gRPC services for clients with a certificate."""

    tls_ca_cert: str = field(name="grpc-tls-ca-cert", default="")
    """File of the certificates that clients must be signed by."""

    tls_cert: str = field(name="grpc-tls-cert", default="")
    """File of our certificate."""

    tls_key: str = field(name="grpc-tls-key", default="")
    """File of our key."""

    send_message_size: Count = field(name="grpc-send-msg-size", default=MESSAGE_SIZE)
    """Most bytes of an answer."""

    receive_message_size: Count = field(name="grpc-recv-msg-size", default=MESSAGE_SIZE)
    """Most bytes of a request."""

    json_listener: str = field(name="grpc-json-listener", default="")
    """The public services as JSON over HTTP."""

    cors_allowed_origins: tuple[str, ...] = field(name="grpc-cors-allowed-origins", default=("",))
    """Origins whose pages may call the JSON gateway."""

    smesher_stream_interval: Nanoseconds = field(
        name="smesherstreaminterval", default=Nanoseconds(SECOND)
    )
    """Time between answers of the PoST status stream."""

    db_connections: Count = 16
    """Size of the SQLite pool of version 2 services."""


LogLevel: TypeAlias = Literal["debug", "info", "warn", "error", "dpanic", "panic", "fatal"]
"""Least severity that is logged."""


class LoggingConfig(Section, frozen=True, kw_only=True):
    """Form of the log, and a level for each module by its name in the reference."""

    encoder: Literal["console", "json"] = field(name="log-encoder", default="console")
    """Lines for people, or one JSON object per line."""

    app: LogLevel = "info"
    """Start, stop, and what belongs to no other module."""

    clock: LogLevel = "info"
    """Layers."""

    p2p: LogLevel = "error"
    """The network."""

    post: LogLevel = "info"
    """PoST verification."""

    post_service: LogLevel = field(name="postService", default="info")
    """PoST workers."""

    state_db: LogLevel = field(name="stateDb", default="info")
    """The state database."""

    beacon: LogLevel = "info"
    """Beacons."""

    cached_db: LogLevel = field(name="cachedDb", default="info")
    """Caches of the store."""

    poet_db: LogLevel = field(name="poetDb", default="info")
    """PoET proofs."""

    tortoise: LogLevel = field(name="trtl", default="info")
    """The tortoise."""

    atx_handler: LogLevel = field(name="atxHandler", default="info")
    """ATXs of others."""

    atx_builder: LogLevel = field(name="atxBuilder", default="info")
    """Own ATXs."""

    mesh: LogLevel = "info"
    """The mesh."""

    sync: LogLevel = "info"
    """Catching up."""

    hare_oracle: LogLevel = field(name="hareOracle", default="info")
    """Committees."""

    hare: LogLevel = "info"
    """The hare."""

    block_cert: LogLevel = field(name="blockCert", default="info")
    """Certificates."""

    block_generator: LogLevel = field(name="blockGenerator", default="info")
    """Making blocks."""

    block_handler: LogLevel = field(name="blockHandler", default="info")
    """Blocks of others."""

    tx_handler: LogLevel = field(name="txHandler", default="info")
    """Transactions."""

    proposal_store: LogLevel = field(name="proposalStore", default="info")
    """Proposals the hare works on."""

    proposal_builder: LogLevel = field(name="proposalBuilder", default="info")
    """Own proposals."""

    proposal_listener: LogLevel = field(name="proposalListener", default="info")
    """Proposals of others."""

    nipost_builder: LogLevel = field(name="nipostBuilder", default="info")
    """Own NIPoSTs."""

    nipost_validator: LogLevel = field(name="nipostValidator", default="info")
    """NIPoSTs of others."""

    fetcher: LogLevel = "info"
    """Requests to peers."""

    timesync: LogLevel = "info"
    """Comparison of clocks."""

    vm: LogLevel = "info"
    """Transactions being applied."""

    grpc: LogLevel = "warn"
    """The API."""

    conservative_state: LogLevel = field(name="conState", default="info")
    """The pool of transactions."""

    executor: LogLevel = "info"
    """Layers being applied."""

    malfeasance: LogLevel = "info"
    """Malfeasance proofs."""

    bootstrap: LogLevel = "info"
    """Fallback beacons and active sets."""
