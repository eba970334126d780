"""Finding the node that a command is about, and asking it.

Addresses are taken from the first of these that has any: ``--node`` and ``--private``, the
environment, the user's settings, the record of the node that runs here, and at last the
listeners of the network's configuration on this machine.

Whether it is the network the user means is checked before anything else is asked.

Source: product digest 2.2, 2.6 and 2.7.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from node.base.errors import PreconditionError

if TYPE_CHECKING:
    from cli.context import Context
    from node.client.ports import NodeApi
    from node.client.records import NetworkInfo, NodeStatus
    from node.operator.node_record import NodeRecord
    from node.wallet.draft import Network

PUBLIC: Final = "public"
PRIVATE: Final = "private"
POST: Final = "post"
"""Names of listeners in the record of a running node."""

ANY_HOST: Final = ("0.0.0.0:", "[::]:")
LOOPBACK: Final = "127.0.0.1:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a node listens; HOST:PORT."""

    public: tuple[str, ...]
    """Of several, the first that answers is asked."""

    private: str | None = None
    post: str | None = None


OpenApi: TypeAlias = "Callable[[Endpoints], AbstractContextManager[NodeApi]]"
"""Connects to a node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConnection:
    """A node that answered."""

    api: "NodeApi"
    info: "NetworkInfo"
    status: "NodeStatus"
    network: "Network"


def open_api(endpoints: Endpoints) -> "AbstractContextManager[NodeApi]":
    """Connect to a node over gRPC."""
    from node.client.grpc import open_node_api

    return open_node_api(*endpoints.public, private=endpoints.private, post=endpoints.post)


@contextmanager
def connect(context: "Context", endpoints: Endpoints | None = None) -> "Iterator[NodeConnection]":
    """Connect to the node that a command is about; what it says of itself is in the envelope.

    Raises:
        UnavailableError: it does not answer.
        PreconditionError: it is of another network (code ``smesh.node.wrong_network``), or
            several run here and none was named (``smesh.node.ambiguous``).
    """
    from cli.networks import network_name
    from node.wallet.draft import Network

    with context.open_api(endpoints or find_endpoints(context)) as api:
        info = api.network()
        status = api.status()
        name = _check_network(context, info)
        network = Network(
            name=network_name(info.genesis_id, name or info.address_prefix),
            prefix=info.address_prefix,
            genesis_id=info.genesis_id,
        )
        meta = context.output.meta
        meta.network = network.name
        meta.genesis_id = bytes(info.genesis_id)
        meta.node = api.endpoint
        meta.layer = status.current_layer
        meta.epoch = info.time.epoch_of(status.current_layer)
        meta.synced = status.synced
        yield NodeConnection(api=api, info=info, status=status, network=network)


def find_endpoints(context: "Context") -> Endpoints:
    """Return where the node listens that a command is about.

    Raises:
        PreconditionError: several run here and none was named; code ``smesh.node.ambiguous``.
        ConfigError: the settings or the configuration are wrong.
    """
    settings = context.settings()
    public = context.options.node or settings.node
    private = context.options.private or settings.private or None
    if public:
        return Endpoints(public=tuple(public), private=private)
    record = _running_node(context)
    if record is not None and PUBLIC in record.addresses:
        found = endpoints_of(record)
    else:
        api = context.config().config.api
        found = Endpoints(
            public=(_on_this_machine(api.public_listener),),
            private=_on_this_machine(api.private_listener) or None,
        )
    return Endpoints(public=found.public, private=private or found.private, post=found.post)


def endpoints_of(record: "NodeRecord") -> Endpoints:
    """Return where a node that was started here listens."""
    addresses = {name: _on_this_machine(text) for name, text in record.addresses.items()}
    return Endpoints(
        public=(addresses[PUBLIC],), private=addresses.get(PRIVATE), post=addresses.get(POST)
    )


def _running_node(context: "Context") -> "NodeRecord | None":
    """Return the node that runs here; of several the one of the chosen network."""
    from node.operator.daemon import find_nodes

    running = [record for record in find_nodes(context.folders.nodes) if record.is_running]
    chosen = context.options.network
    if len(running) > 1 and chosen is not None:
        running = [record for record in running if record.name == chosen]
    if len(running) > 1:
        names = ", ".join(record.name for record in running)
        raise PreconditionError(
            f"{len(running)} nodes run: {names}",
            code="smesh.node.ambiguous",
            hint="say which one with --network, or give its address with --node",
        )
    return running[0] if running else None


def _check_network(context: "Context", info: "NetworkInfo") -> str | None:
    """Refuse a node of another network than was chosen; return the name that was chosen."""
    from cli.networks import configured_genesis

    settings = context.settings()
    options = context.options
    if not (options.network or options.config or settings.network or settings.config):
        return None
    loaded = context.config()
    expected = configured_genesis(loaded.config)
    if expected is not None and expected != info.genesis_id:
        raise PreconditionError(
            f"the node is of network {info.genesis_id.hex()}, "
            f"but {loaded.preset} is {expected.hex()}",
            code="smesh.node.wrong_network",
            hint="choose another network with --network, or another node with --node",
        )
    return loaded.preset


def _on_this_machine(listener: str) -> str:
    """Return where a listener on all interfaces is reached from here."""
    for prefix in ANY_HOST:
        if listener.startswith(prefix):
            return LOOPBACK + listener.removeprefix(prefix)
    return listener
