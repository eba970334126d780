"""Accounts as the state keeps them.

Source: go-spacemesh, common/types/account; codec digest section 4.3.
"""

from dataclasses import dataclass
from typing import Annotated

from node.base.scale import U64, Limit
from node.types.address import Address
from node.types.layer import LayerID


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One version of an account."""

    layer: LayerID
    """Layer that wrote this version."""

    address: Address
    next_nonce: U64
    balance: U64
    """Smidge."""

    template: Address | None
    """None until the account is spawned."""

    state: Annotated[bytes, Limit(10_000)]
    """Encoded arguments of the spawn."""
