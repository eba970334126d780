"""Active sets: which ATXs a reference ballot counts its eligibility by.

Source: go-spacemesh, common/types/activation; codec digest sections 3.1 and 4.8.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from node.base.hashing import hash32
from node.base.scale import Limit
from node.types.ids import AtxID, Hash32
from node.types.layer import EpochID


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochActiveSet:
    """An active set as stored and fetched."""

    epoch: EpochID
    """Epoch the set is active in."""

    atx_ids: Annotated[tuple[AtxID, ...], Limit(8_000_000)]
    """Ascending."""


def active_set_hash(atx_ids: Iterable[AtxID]) -> Hash32:
    """Return the digest of the concatenated ids, in the order given."""
    return Hash32(hash32(b"".join(atx_ids)))
