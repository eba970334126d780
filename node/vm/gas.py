"""What executing a transaction costs: a price table, and sums over it.

The price is known before execution and is always charged in full.

Source: go-spacemesh, genvm/core/gas and genvm/templates/*/gas; vm digest section 3.
"""

from functools import lru_cache
from typing import Final, NamedTuple

WORD_BYTES: Final = 8
"""Storage is priced for every started word of this many bytes."""

TRANSACTION_DATA: Final = 128
"""A word of the raw transaction."""
TRANSACTION: Final = 20_000
"""Any transaction."""
SPAWN: Final = 30_000
"""A spawn, on top of ``TRANSACTION``."""
STORE: Final = 5_000
"""A word of new state."""
UPDATE: Final = 725
"""A word of changed state."""
LOAD: Final = 182
"""A word of state that is read."""
ACCOUNT_ACCESS: Final = 2_500
"""Looking an account up."""
VERIFY_SIGNATURE: Final = 3_000
"""One signature."""

PRICES: Final = 4096
"""How many different prices are remembered."""

PUBLIC_KEY_BYTES: Final = 32
ACCOUNT_HEADER_BYTES: Final = 36
"""Balance, nonce and template, as they are priced."""
BALANCE_BYTES: Final = 8
VAULT_STATE_BYTES: Final = ACCOUNT_HEADER_BYTES + 56
DRAINED_BYTES: Final = 8


class Gas(NamedTuple):
    """The gas of one transaction, by what it is for."""

    base: int
    """Of the method and its signatures."""

    data: int
    """Of the raw bytes."""

    fixed: int
    """Of the accounts that are read and written."""

    @property
    def intrinsic(self) -> int:
        """What the principal's balance, in smidge, must reach for the transaction to count."""
        return self.base + self.data

    @property
    def total(self) -> int:
        """What is charged: the header's ``max_gas``."""
        return self.base + self.data + self.fixed


def words(price: int, size_bytes: int) -> int:
    """Return the gas of ``size_bytes`` at a price for each started word."""
    return price * -(-size_bytes // WORD_BYTES)


def data_gas(size_bytes: int) -> int:
    """Return the gas of a raw transaction's bytes."""
    return words(TRANSACTION_DATA, size_bytes)


@lru_cache(maxsize=PRICES)
def price(base: int, size_bytes: int, fixed: int) -> Gas:
    """Return the gas of a transaction of so many bytes.

    Most transactions are of the same few kinds, so their prices are remembered.
    """
    return Gas(base, data_gas(size_bytes), fixed)


def base_gas(signatures: int) -> int:
    """Return the gas of a transaction with so many signatures that spawns nothing."""
    return TRANSACTION + VERIFY_SIGNATURE * signatures


def load_gas(keys: int) -> int:
    """Return the gas of reading an account with so many public keys."""
    return ACCOUNT_ACCESS + words(LOAD, PUBLIC_KEY_BYTES * keys + ACCOUNT_HEADER_BYTES)


def spawn_gas(keys: int) -> int:
    """Return the gas of storing a new account with so many public keys."""
    return words(STORE, PUBLIC_KEY_BYTES * keys + ACCOUNT_HEADER_BYTES)


SPEND_GAS: Final = (
    ACCOUNT_ACCESS
    + words(LOAD, BALANCE_BYTES)
    + words(UPDATE, ACCOUNT_HEADER_BYTES)
    + words(UPDATE, BALANCE_BYTES)
)
"""Executing a spend."""

DRAIN_GAS: Final = (
    ACCOUNT_ACCESS
    + words(LOAD, VAULT_STATE_BYTES)
    + words(UPDATE, ACCOUNT_HEADER_BYTES)
    + words(UPDATE, BALANCE_BYTES + DRAINED_BYTES)
)
"""Executing a drain."""
