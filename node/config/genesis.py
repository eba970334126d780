"""Identity of a network: golden ATX and genesis id, computed from time and extra data.

Source: go-spacemesh, config/genesis; keys digest section 5, node-config digest section 4.
"""

from typing import Final

from node.base.hashing import hash32
from node.config.durations import Instant
from node.types.ids import AtxID, GenesisID

MAX_EXTRA_DATA: Final = 255
"""Most bytes of extra data."""


def golden_atx(genesis_time: Instant, extra_data: str) -> AtxID:
    """Return the ATX every chain of ATXs begins with; nobody published it.

    The extra data enters as its characters, also when they look like hexadecimal digits;
    parts of a second of the genesis time do not count.
    """
    return AtxID(hash32(str(genesis_time.unix_seconds).encode(), extra_data.encode()))


def genesis_id(genesis_time: Instant, extra_data: str) -> GenesisID:
    """Return what tells this network from others; it prefixes everything that is signed."""
    return GenesisID(golden_atx(genesis_time, extra_data)[: GenesisID.SIZE])
