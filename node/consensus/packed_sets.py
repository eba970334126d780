"""Active sets as one string of bytes: for sets of a hundred thousand ATXs and more.

A set that a ballot names is decoded, checked, looked up and weighed while everything else
waits, and as many objects as it has members would take longer than the event loop may stand
still.  Here the members stay where they are in the encoding.  What comes out is what
``EpochActiveSet`` and ``check_active_set`` say; a property test compares them.

Source: codec digest section 4.8; proposals digest section 8.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from node.base.errors import DecodeError, RejectError, WrongObjectError
from node.base.hashing import hash32
from node.base.scale import read_compact
from node.types.ids import AtxID, Hash32
from node.types.layer import EpochID

MAX_MEMBERS: Final = 8_000_000
COUNT_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class PackedActiveSet:
    """An active set, not taken apart."""

    epoch: EpochID

    ids: bytes
    """Its members, 32 bytes each."""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the set that ``data`` encodes.

        Raises:
            DecodeError: malformed.
        """
        try:
            epoch, at = read_compact(data, 0, COUNT_BITS)
            count, at = read_compact(data, at, COUNT_BITS)
        except IndexError as error:
            raise DecodeError("short input") from error
        if count > MAX_MEMBERS:
            raise DecodeError(f"{count} elements, limit {MAX_MEMBERS}")
        if len(data) - at != count * AtxID.SIZE:
            raise DecodeError(f"{count} ids in {len(data) - at} bytes")
        return cls(EpochID(epoch), data[at:])

    def __len__(self) -> int:
        return len(self.ids) // AtxID.SIZE

    def parts(self, count: int) -> Iterator[bytes]:
        """Yield the members, so many at a time."""
        step = count * AtxID.SIZE
        for start in range(0, len(self.ids), step):
            yield self.ids[start : start + step]

    def check(self, expected: Hash32) -> None:
        """Check that the set is sorted, and is the one that was asked for.

        The epoch is not covered by the digest.

        Raises:
            RejectError: it is not.
        """
        if not _is_sorted(self.ids):
            raise RejectError(f"active set {expected} is not sorted")
        digest = Hash32(hash32(self.ids))
        if digest != expected:
            raise WrongObjectError(f"active set {digest} was sent for {expected}")


def _is_sorted(ids: bytes) -> bool:
    """Tell whether no id is less than the one before it."""
    words = np.frombuffer(ids, ">u8").reshape(-1, AtxID.SIZE // 8)
    undecided = np.arange(max(len(words) - 1, 0))
    for column in range(words.shape[1]):
        earlier, later = words[undecided, column], words[undecided + 1, column]
        if (later < earlier).any():
            return False
        # Only ids that are equal so far are told apart by the next eight bytes.
        undecided = undecided[later == earlier]
        if not len(undecided):
            return True
    return True
