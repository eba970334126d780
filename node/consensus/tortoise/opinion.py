"""Opinion hashes: one digest that stands for the votes on a layer and on all before it.

A layer's hash covers the hash of the layer before and then nothing (against every block), one
zero byte (abstain), or the supported blocks.  Heights are eight bytes here although votes on
the wire have them compact.

Source: go-spacemesh, tortoise/opinionhash; tortoise digest section 4.
"""

from collections.abc import Iterable
from typing import Final

from blake3 import blake3

ABSTAIN_BODY: Final = b"\x00"
"""What a layer that is abstained on adds."""
NO_OPINION: Final = bytes(32)
"""The opinion of a chain without layers."""
HEIGHT_BYTES: Final = 8


def support_entry(block_id: bytes, height: int) -> bytes:
    """Return what a supported block adds.

    Layout: 20-byte id, height as 8 bytes little-endian.
    """
    return block_id + height.to_bytes(HEIGHT_BYTES, "little")


def opinion_hash(previous: bytes | None, entries: Iterable[bytes]) -> bytes:
    """Return the opinion of a layer.

    Args:
        previous: opinion of the layer before; None in the first layer of a chain.
        entries: ``ABSTAIN_BODY`` alone, or ``support_entry`` of each supported block in
            ascending order of (height, id).
    """
    return blake3((previous or b"") + b"".join(entries)).digest()
