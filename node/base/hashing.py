"""The hash functions of the protocol, by the names the protocol uses.

Source: go-spacemesh, hash; codec digest section 3.
"""

from typing import Final

from blake3 import blake3

EMPTY_HASH: Final = blake3(b"").digest()
"""BLAKE3 of nothing: the mesh hash of the genesis layer."""
ZERO_NODE: Final = bytes(32)
"""What fills Merkle trees up on the right."""


def hash32(*chunks: bytes) -> bytes:
    """Return the 32-byte BLAKE3 digest of the concatenated chunks."""
    if len(chunks) == 1:
        return blake3(chunks[0]).digest()
    hasher = blake3()
    for chunk in chunks:
        hasher.update(chunk)
    return hasher.digest()


def hash20(*chunks: bytes) -> bytes:
    """Return the first 20 bytes of the BLAKE3 digest of the concatenated chunks."""
    return hash32(*chunks)[:20]


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return an inner node of the ATX Merkle trees; leaves enter as they are."""
    return blake3(b"\x01" + left + right).digest()
