"""Account addresses: 4 zero bytes and 20 bytes of a digest.

The text form is bech32 with the network's prefix; ``node.base.bech32`` does that part.

Source: go-spacemesh, common/types/address; keys digest section 6.
"""

from typing import Final

from node.types.ids import FixedBytes

RESERVED_BYTES: Final = 4
"""Leading zero bytes of every address."""


class Address(FixedBytes):
    """A 24-byte account address; template addresses have the same form."""

    __slots__ = ()
    SIZE = 24


NO_ADDRESS: Final = Address.zero()
