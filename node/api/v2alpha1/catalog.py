"""The services of version 2 by the names that the configuration calls them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from node.api.backend import ApiBackend
from node.api.registration import Service
from node.api.v2alpha1.account import AccountService
from node.api.v2alpha1.activation import ActivationService
from node.api.v2alpha1.layer import LayerService
from node.api.v2alpha1.network import NetworkService
from node.api.v2alpha1.node import NodeService
from node.api.v2alpha1.reward import RewardService
from node.api.v2alpha1.transaction import TransactionService

PUBLIC: Final[Mapping[str, Callable[[ApiBackend], Service]]] = MappingProxyType(
    {
        "account_v2alpha1": lambda backend: AccountService(backend).service(),
        "activation_v2alpha1": lambda backend: ActivationService(backend).service(),
        "layer_v2alpha1": lambda backend: LayerService(backend).service(),
        "network_v2alpha1": lambda backend: NetworkService(backend).service(),
        "node_v2alpha1": lambda backend: NodeService(backend).service(),
        "reward_v2alpha1": lambda backend: RewardService(backend).service(),
        "transaction_v2alpha1": lambda backend: TransactionService(backend).service(),
    }
)
"""For anybody."""
