"""What a signature covers: the network, the kind of message, the message.

A smesher signs ``genesis id || domain byte || message``; an account signs
``genesis id || message`` without a domain byte.

Source: go-spacemesh, signing; config/genesis; keys digest sections 2.2 and 5.
"""

from enum import IntEnum, unique
from typing import Final

from node.base.hashing import hash32
from node.types.ids import GenesisID

MAX_EXTRA_DATA: Final = 255
"""Most characters of a genesis configuration's extra data; at least one is needed."""


@unique
class Domain(IntEnum):
    """The kind of a signed message: one byte between the genesis id and the message."""

    ATX = 0
    """The encoded metadata of an ATX of version 1; the id of one of version 2."""

    PROPOSAL = 1
    """The encoded metadata of a proposal."""

    BALLOT = 2
    """The encoded metadata of a ballot."""

    HARE = 3
    """The encoded metadata of a hare message; also the content of a certify message."""

    POET = 4
    """The challenge that is registered with a PoET."""

    MARRIAGE = 5
    """The smesher id of the other identity."""

    BEACON_FIRST_MESSAGE = 10
    """The body of a beacon's first vote."""

    BEACON_FOLLOWUP_MESSAGE = 11
    """The body of a beacon's later votes."""


def signed_bytes(genesis_id: bytes, domain: Domain, message: bytes) -> bytes:
    """Return the bytes that a smesher's signature covers."""
    return genesis_id + domain.to_bytes(1, "little") + message


def compute_golden_atx(genesis_unix_s: int, extra_data: str) -> bytes:
    """Return the 32 bytes that stand for the commitment ATX and first positioning ATX.

    Args:
        genesis_unix_s: the genesis time in whole seconds.
        extra_data: text that tells networks of the same genesis time apart.
    """
    return hash32(b"%d" % genesis_unix_s, extra_data.encode())


def compute_genesis_id(genesis_unix_s: int, extra_data: str) -> GenesisID:
    """Return the identifier of a network: the first 20 bytes of its golden ATX."""
    return GenesisID(compute_golden_atx(genesis_unix_s, extra_data)[: GenesisID.SIZE])
