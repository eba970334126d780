"""The vesting account: a multisig that may drain vaults.

Source: go-spacemesh, genvm/templates/vesting; vm digest sections 1 and 5.
"""

from types import MappingProxyType
from typing import Final

from node.types.address import Address
from node.vm.errors import ExecutionError
from node.vm.templates import vault
from node.vm.templates.base import Host, Template
from node.vm.templates.multisig import Multisig
from node.vm.wire import (
    DrainVaultArguments,
    Method,
    MultisigSpawnArguments,
    SpendArguments,
)

ADDRESS: Final = Address(bytes(Address.SIZE - 1) + b"\x03")


def instantiate(arguments: MultisigSpawnArguments) -> Multisig:
    """Return the vesting account with these arguments."""
    return Multisig(arguments, ADDRESS)


def drain_vault(host: Host, call: DrainVaultArguments) -> None:
    """Move coins out of a vault that the principal owns.

    Raises:
        ExecutionError: there is no vault at the address, or it does not give that much.
    """
    account = host.load(call.vault)
    instance = account.instance
    if instance is None:
        raise ExecutionError("account is not spawned")
    if not isinstance(instance, vault.Vault):
        wanted, found = host.address_text(vault.ADDRESS), host.address_text(instance.template)
        raise ExecutionError(f"relay template mismatch: {wanted} != {found}")
    instance.check_withdrawal(
        host.layer, host.principal.address, account.balance, call.spend.amount
    )
    host.transfer(account, call.spend.destination, call.spend.amount)
    host.touch(account)


TEMPLATE: Final = Template(
    address=ADDRESS,
    has_payload=True,
    calls=MappingProxyType({Method.SPEND: SpendArguments, Method.DRAIN_VAULT: DrainVaultArguments}),
    arguments=MultisigSpawnArguments,
    instantiate=instantiate,
)
