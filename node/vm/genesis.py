"""Addresses that follow from templates, and the accounts a network begins with.

Nothing in the state marks a genesis account as a vault: it becomes one when its owner
spawns it with arguments whose digest is its address.

Source: go-spacemesh, genvm/core/hash, genvm/cmd/gen and config/genesis; vm digest
section 8, economics digest section 4, keys digest section 6.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from node.base import scale
from node.base.hashing import hash32
from node.types.account import Account
from node.types.address import RESERVED_BYTES, Address
from node.types.ids import PublicKey
from node.types.layer import LayerID
from node.vm.templates import vault, vesting
from node.vm.wire import MultisigSpawnArguments, SpawnArguments, VaultSpawnArguments

DIGEST_START: Final = 12
"""The address is the digest from this byte on."""

VESTING_START: Final = 105_120
"""Layer at which the genesis vaults begin to unlock: a year after genesis on mainnet."""
VESTING_END: Final = 420_480
"""Layer from which the genesis vaults are unlocked: four years after genesis on mainnet."""
INITIAL_UNLOCK_DIVISOR: Final = 4
"""The part of a genesis vault that its terms name as unlocked first; without effect."""

GENESIS_LAYER: Final = LayerID(0)


@dataclass(frozen=True, slots=True)
class GenesisVault:
    """The two addresses of a grant."""

    vesting: Address
    """Account of the keys."""

    vault: Address
    """Account of the coins; it is this one that the genesis ledger lists."""


def principal_address(template: Address, arguments: SpawnArguments) -> Address:
    """Return the address of the account that a template and arguments make."""
    digest = hash32(template + scale.encode(arguments))
    return Address(bytes(RESERVED_BYTES) + digest[DIGEST_START:])


def genesis_vault(required: int, public_keys: Iterable[bytes], total_smidge: int) -> GenesisVault:
    """Return the addresses of a grant of ``total_smidge`` to some of these keys."""
    keys = tuple(PublicKey(key) for key in public_keys)
    owner = principal_address(
        vesting.ADDRESS, MultisigSpawnArguments(required=required, public_keys=keys)
    )
    terms = VaultSpawnArguments(
        owner=owner,
        total_amount=total_smidge,
        initial_unlock_amount=total_smidge // INITIAL_UNLOCK_DIVISOR,
        vesting_start=VESTING_START,
        vesting_end=VESTING_END,
    )
    return GenesisVault(owner, principal_address(vault.ADDRESS, terms))


def genesis_accounts(balances: Iterable[tuple[Address, int]]) -> tuple[Account, ...]:
    """Return the accounts of a genesis ledger, in its order; balances in smidge.

    They enter the state at layer 0, before any layer is applied and without a state root.
    """
    return tuple(
        Account(
            layer=GENESIS_LAYER,
            address=address,
            next_nonce=0,
            balance=balance,
            template=None,
            state=b"",
        )
        for address, balance in balances
    )
