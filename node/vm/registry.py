"""The templates by their addresses.

Source: go-spacemesh, genvm/registry; vm digest section 1.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from node.base import scale
from node.types.address import Address
from node.vm.templates import multisig, vault, vesting, wallet
from node.vm.templates.base import Instance, Template
from node.vm.wire import SpawnArguments

TEMPLATES: Final[Mapping[bytes, Template[Any]]] = MappingProxyType(
    {
        template.address: template
        for template in (wallet.TEMPLATE, multisig.TEMPLATE, vesting.TEMPLATE, vault.TEMPLATE)
    }
)
"""Every template there is."""


def get_template(address: Address) -> Template[Any]:
    """Return the template at an address that the state or a caller names.

    Raises:
        KeyError: no template has that address.
    """
    return TEMPLATES[address]


def make_instance(template: Address, arguments: SpawnArguments) -> Instance:
    """Return a template with arguments.

    Raises:
        KeyError: no template has that address.
        TypeError: the arguments are those of another template.
    """
    found = get_template(template)
    if type(arguments) is not found.arguments:
        raise TypeError(f"template {template.hex()} takes {found.arguments.__name__}")
    instance: Instance = found.instantiate(arguments)
    return instance


def load_instance(template: Address, state: bytes) -> Instance:
    """Return what a spawned account is, from what the state keeps of it."""
    found = get_template(template)
    instance: Instance = found.instantiate(scale.decode(found.arguments, state))
    return instance
