"""Every service by the name that the configuration calls it.

A service is a class over the backend whose ``service()`` maps its methods; to add one,
write it, name it here, and put the name on a listener.

Source: go-spacemesh, api/grpcserver/config.go; api digest section 2.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from node.api.backend import ApiBackend
from node.api.registration import Service
from node.api.v1.activation import ActivationService
from node.api.v1.admin import AdminService
from node.api.v1.global_state import GlobalStateService
from node.api.v1.mesh import MeshService
from node.api.v1.node import NodeService
from node.api.v1.post import PostInfoService, PostService
from node.api.v1.smesher import SmesherService
from node.api.v1.transaction import TransactionService
from node.api.v2alpha1 import catalog as v2alpha1
from node.base.errors import ConfigError

Factory: TypeAlias = Callable[[ApiBackend], Service]

SERVICES: Final[Mapping[str, Factory]] = MappingProxyType(
    {
        "activation": lambda backend: ActivationService(backend).service(),
        "admin": lambda backend: AdminService(backend).service(),
        "global": lambda backend: GlobalStateService(backend).service(),
        "mesh": lambda backend: MeshService(backend).service(),
        "node": lambda backend: NodeService(backend).service(),
        "post": lambda backend: PostService(backend).service(),
        "postInfo": lambda backend: PostInfoService(backend).service(),
        "smesher": lambda backend: SmesherService(backend).service(),
        "transaction": lambda backend: TransactionService(backend).service(),
        **v2alpha1.PUBLIC,
    }
)
"""By name in the configuration; names of version 2 end in ``_v2alpha1``."""

PUBLIC: Final = ("global", "mesh", "transaction", "node", "activation", *v2alpha1.PUBLIC)
"""For anybody."""

PRIVATE: Final = ("admin", "smesher")
"""For the operator."""

POST: Final = ("post", "postInfo")
"""For PoST workers on this machine."""


def make_services(backend: ApiBackend, names: Iterable[str]) -> tuple[Service, ...]:
    """Return the services of a listener.

    Raises:
        ConfigError: there is none of that name.
    """
    services = []
    for name in names:
        factory = SERVICES.get(name)
        if factory is None:
            raise ConfigError(
                f"unsupported service: {name}",
                path="api.grpc-tls-services",
                hint=f"choose from {', '.join(sorted(SERVICES))}",
            )
        services.append(factory(backend))
    return tuple(services)
