"""Coins and gas.

Source: go-spacemesh, config; economics digest.
"""

from typing import Final

SMIDGE_PER_SMH: Final = 10**9
"""One SMH in smidge, the unit of every amount in the protocol."""

MAX_U64: Final = (1 << 64) - 1
"""Largest amount, nonce, gas price or tick height on the wire."""
