"""Active sets as large as on mainnet: read off the wire, hashed, looked up, weighed."""

from collections.abc import Iterator
from typing import Final

from node.base import scale
from node.base.hashing import hash32
from node.consensus.atxdata import AtxData, AtxEntry
from node.consensus.packed_sets import PackedActiveSet
from node.consensus.proposals.rules import check_active_set
from node.types.active_set import EpochActiveSet, active_set_hash
from node.types.address import NO_ADDRESS
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID
from scripts.benchmarks.measurement import Measurement, duration

SECONDS: Final = 2.0
"""Time for each figure."""

MEMBERS: Final = 100_000
EPOCH: Final = EpochID(3)
LOOP_BAR_MS: Final = 50.0
"""How long the event loop may stand still."""


def measure() -> Iterator[Measurement]:
    """Yield the steps that a set takes when a ballot names it."""
    members = tuple(sorted(AtxID(hash32(b"%d" % number)) for number in range(MEMBERS)))
    active_set = EpochActiveSet(epoch=EPOCH, atx_ids=members)
    data, digest = scale.encode(active_set), active_set_hash(members)
    packed = PackedActiveSet.decode(data)
    known = AtxData()
    for number, atx_id in enumerate(members):
        entry = AtxEntry(
            smesher=SmesherID(atx_id),
            coinbase=NO_ADDRESS,
            weight=number + 1,
            base_height=0,
            height=1,
            nonce=0,
        )
        known.add(EPOCH, atx_id, entry)
    yield duration(
        f"active set of {MEMBERS}: decode",
        lambda: PackedActiveSet.decode(data),
        "ms",
        SECONDS,
        clear=lambda: scale.decode(EpochActiveSet, data),
        bar=LOOP_BAR_MS,
    )
    yield duration(
        f"active set of {MEMBERS}: check order and hash",
        lambda: packed.check(digest),
        "ms",
        SECONDS,
        clear=lambda: check_active_set(active_set, digest),
        bar=LOOP_BAR_MS,
    )
    yield duration(
        f"active set of {MEMBERS}: look for missing ATXs",
        lambda: known.weight_of_packed(EPOCH, packed.ids).missing,
        "ms",
        SECONDS,
        clear=lambda: known.missing(EPOCH, members),
        bar=LOOP_BAR_MS,
    )
    yield duration(
        f"active set of {MEMBERS}: weigh",
        lambda: known.weight_of_packed(EPOCH, packed.ids),
        "ms",
        SECONDS,
        clear=lambda: sum(
            entry.weight for entry in (known.get(EPOCH, i) for i in members) if entry is not None
        ),
        bar=LOOP_BAR_MS,
    )
