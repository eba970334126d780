"""The ATX cache: what consensus asks of every ATX of the recent epochs, in columns.

A node knows up to millions of ATXs and asks for their weight, heights, nonce and coinbase
all the time, so these stay in memory: 133 bytes an ATX, in one numpy table per *target*
epoch (the epoch in which the ATX is active).  The store holds the rest.

An epoch's table keeps the order of arrival.  ATXs are found through an index sorted by the
first eight bytes of their ids; the latest arrivals are in a dict until the index takes them.

Inputs: ``add`` when an ATX is stored, ``mark_malicious`` when an identity is proven
malicious, ``evict`` when the tortoise forgets an epoch.  One object belongs to one node.

Source: go-spacemesh, atxsdata; activation digest section 10.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from node.types.address import Address
from node.types.atx import Atx
from node.types.ids import AtxID, SmesherID
from node.types.layer import EpochID, LayerID

U64_MASK: Final = (1 << 64) - 1
FIRST_CAPACITY: Final = 64
"""Rows a new table has room for."""
GROWTH: Final = 8
"""A full table grows by an eighth: in place, so that only the new part costs time."""
RECENT_LIMIT: Final = 4096
"""Arrivals outside the sorted index, at least; a large table lets a sixteenth wait."""
RECENT_FRACTION: Final = 16
BATCH_SIZE: Final = 64
"""From so many ids on, a set is looked up in one go."""
HALF_BITS: Final = 32
KEY_BYTES: Final = 8
"""Bytes of an id that the index is sorted by."""

ROW: Final = np.dtype(
    [
        ("id", "V32"),
        ("smesher", "V32"),
        ("coinbase", "V24"),
        ("weight", "<u8"),
        ("base_height", "<u8"),
        ("height", "<u8"),
        ("nonce", "<u8"),
        ("malicious", "?"),
    ]
)
"""One ATX: 121 bytes."""
ROW_BYTES: Final = Struct("<32s32s24sQQQQ?")
"""The same, to write and read a single row: much faster than numpy's records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtxEntry:
    """What the cache knows of one ATX."""

    smesher: SmesherID
    coinbase: Address

    weight: int
    """Space units times ticks."""

    base_height: int
    """Tick height of the positioning ATX."""

    height: int
    """Tick height the ATX reaches."""

    nonce: int
    """Nonce of the smesher's VRF."""

    @classmethod
    def of(cls, atx: Atx) -> Self:
        """Return the entry of an ATX."""
        return cls(
            smesher=atx.smesher,
            coinbase=atx.coinbase,
            weight=atx.weight,
            base_height=atx.base_tick_height,
            height=atx.tick_height,
            nonce=atx.vrf_nonce,
        )


class SetWeight(NamedTuple):
    """The weight of a set of ATXs."""

    weight: int
    """Sum over the members that are cached, malicious ones included."""

    missing: tuple[AtxID, ...]
    """Members that are not cached, in the order given."""


def evicted_at_start(
    applied_layer: LayerID, window_layers: int, layers_per_epoch: int
) -> EpochID | None:
    """Return the last epoch a starting node does not load, or None if it loads all.

    The tortoise window before the last applied layer is kept, rounded up to epochs, and
    one epoch more.

    Source: go-spacemesh, atxsdata (warm-up).
    """
    kept = -(-window_layers // layers_per_epoch)
    evicted = applied_layer // layers_per_epoch - kept - 1
    return EpochID(evicted) if evicted > 0 else None


class AtxData:
    """Cached ATXs by target epoch and id, and who is malicious.

    Invariants: no epoch at or below ``evicted_epoch`` has entries; an id is in an epoch at
    most once; every row of a malicious smesher is marked.
    """

    def __init__(self) -> None:
        self._epochs: dict[EpochID, _Table] = {}
        self._malicious: set[SmesherID] = set()
        self._evicted = EpochID(0)

    @property
    def evicted_epoch(self) -> EpochID:
        """Highest epoch that is no longer kept; 0 at first, for no ATX targets epoch 0."""
        return self._evicted

    def epochs(self) -> tuple[EpochID, ...]:
        """Return the epochs that have entries, ascending."""
        return tuple(sorted(self._epochs))

    def count(self, epoch: EpochID) -> int:
        """Return how many ATXs of an epoch are cached."""
        table = self._epochs.get(epoch)
        return table.count if table else 0

    def add(self, epoch: EpochID, atx_id: AtxID, entry: AtxEntry) -> bool:
        """Cache an ATX under its target epoch; return whether it is new.

        False also when the epoch has been evicted.
        """
        if epoch <= self._evicted:
            return False
        table = self._epochs.get(epoch)
        if table is None:
            table = self._epochs[epoch] = _Table()
        return table.add(atx_id, entry, malicious=entry.smesher in self._malicious)

    def add_atx(self, atx: Atx) -> bool:
        """Cache an ATX; return whether it is new."""
        return self.add(atx.target_epoch, atx.id, AtxEntry.of(atx))

    def get(self, epoch: EpochID, atx_id: AtxID) -> AtxEntry | None:
        """Return a cached ATX, or None; ``epoch`` is the target epoch."""
        table = self._epochs.get(epoch)
        row = table.find(atx_id) if table else None
        return table.entry(row) if table and row is not None else None

    def find_by_smesher(self, epoch: EpochID, smesher: SmesherID) -> tuple[AtxID, AtxEntry] | None:
        """Return the first ATX of a smesher that targets an epoch, or None.

        Reads the whole column: meant for the node's own identities.
        """
        table = self._epochs.get(epoch)
        rows = table.rows_of(smesher) if table else ()
        return (table.id(rows[0]), table.entry(rows[0])) if table and len(rows) else None

    def atxs(self, epoch: EpochID) -> Iterator[tuple[AtxID, AtxEntry]]:
        """Yield the ATXs that target an epoch, in the order they were added."""
        table = self._epochs.get(epoch)
        if table:
            for row in range(table.count):
                yield table.id(row), table.entry(row)

    def missing(self, epoch: EpochID, atx_ids: Sequence[AtxID]) -> tuple[AtxID, ...]:
        """Return those of ``atx_ids`` that are not cached for an epoch, in their order."""
        return self.weight_of(epoch, atx_ids).missing

    def weight_of(self, epoch: EpochID, atx_ids: Sequence[AtxID]) -> SetWeight:
        """Return the weight of a set of ATXs, and which of them are not cached."""
        table = self._epochs.get(epoch)
        if table is None:
            return SetWeight(0, tuple(atx_ids))
        if len(atx_ids) < BATCH_SIZE:
            return table.weight_one_by_one(atx_ids)
        return table.weight_at_once(b"".join(atx_ids))

    def weight_of_packed(self, epoch: EpochID, ids: bytes) -> SetWeight:
        """Return what ``weight_of`` does; the ids of the set follow each other in ``ids``."""
        table = self._epochs.get(epoch)
        if table is not None and ids:
            return table.weight_at_once(ids)
        return SetWeight(0, _ids_in(ids))

    def median_height(self, epoch: EpochID) -> int:
        """Return the median tick height of an epoch's ATXs; malicious smeshers do not count.

        Of an even number the two in the middle are averaged and rounded down; of none it is 0.
        """
        table = self._epochs.get(epoch)
        return table.median_height() if table else 0

    def mark_malicious(self, smesher: SmesherID) -> None:
        """Remember that an identity is malicious, for good."""
        if smesher in self._malicious:
            return
        self._malicious.add(smesher)
        for table in self._epochs.values():
            table.mark_malicious(smesher)

    def is_malicious(self, smesher: SmesherID) -> bool:
        """Tell whether an identity is known to be malicious."""
        return smesher in self._malicious

    def evict(self, epoch: EpochID) -> None:
        """Forget every epoch up to and including ``epoch``, and refuse it from now on."""
        if epoch <= self._evicted:
            return
        self._evicted = epoch
        for old in [known for known in self._epochs if known <= epoch]:
            del self._epochs[old]


class _Table:
    """The ATXs of one epoch."""

    def __init__(self) -> None:
        self.count = 0
        self._memory = bytearray(FIRST_CAPACITY * ROW_BYTES.size)
        self._rows = np.frombuffer(self._memory, ROW)
        self._keys = np.zeros(0, np.uint64)
        self._order = np.zeros(0, np.uint32)
        self._recent: dict[AtxID, int] = {}

    def add(self, atx_id: AtxID, entry: AtxEntry, *, malicious: bool) -> bool:
        if self.find(atx_id) is not None:
            return False
        if self.count == len(self._rows):
            self._grow()
        ROW_BYTES.pack_into(
            self._memory,
            self.count * ROW_BYTES.size,
            atx_id,
            entry.smesher,
            entry.coinbase,
            entry.weight,
            entry.base_height,
            entry.height,
            entry.nonce,
            malicious,
        )
        self._recent[atx_id] = self.count
        self.count += 1
        if len(self._recent) > max(RECENT_LIMIT, self.count // RECENT_FRACTION):
            self._settle()
        return True

    def _grow(self) -> None:
        # Memory that an array looks at cannot be made longer.
        self._rows = np.zeros(0, ROW)
        self._memory += bytes(max(self.count // GROWTH, FIRST_CAPACITY) * ROW_BYTES.size)
        self._rows = np.frombuffer(self._memory, ROW)

    def find(self, atx_id: AtxID) -> int | None:
        row = self._recent.get(atx_id)
        if row is not None:
            return row
        key = int.from_bytes(atx_id[:KEY_BYTES], "big")
        place = bisect_left(self._keys.data, key)
        while place < len(self._keys) and self._keys.data[place] == key:
            row = self._order.data[place]
            if self.id(row) == atx_id:
                return row
            place += 1
        return None

    def id(self, row: int) -> AtxID:
        start = row * ROW_BYTES.size
        return AtxID(bytes(self._memory[start : start + AtxID.SIZE]))

    def entry(self, row: int) -> AtxEntry:
        _, smesher, coinbase, weight, base_height, height, nonce, _ = ROW_BYTES.unpack_from(
            self._memory, row * ROW_BYTES.size
        )
        return AtxEntry(
            smesher=SmesherID(smesher),
            coinbase=Address(coinbase),
            weight=weight,
            base_height=base_height,
            height=height,
            nonce=nonce,
        )

    def rows_of(self, smesher: SmesherID) -> Sequence[int]:
        column = _bytes_of(self._rows["smesher"][: self.count])
        wanted = np.frombuffer(smesher, np.uint64)
        return [int(row) for row in np.flatnonzero((column.view(np.uint64) == wanted).all(axis=1))]

    def mark_malicious(self, smesher: SmesherID) -> None:
        for row in self.rows_of(smesher):
            self._rows[row]["malicious"] = True

    def weight_one_by_one(self, atx_ids: Sequence[AtxID]) -> SetWeight:
        """The clear form of ``weight_at_once``."""
        rows = [self.find(atx_id) for atx_id in atx_ids]
        return SetWeight(
            sum(int(self._rows[row]["weight"]) for row in rows if row is not None),
            tuple(atx_id for atx_id, row in zip(atx_ids, rows, strict=True) if row is None),
        )

    def weight_at_once(self, ids: bytes) -> SetWeight:
        """Look all ids up in the sorted index; ids that share eight bytes go one by one."""
        self._settle()
        wanted = np.frombuffer(ids, np.uint8).reshape(-1, AtxID.SIZE)
        places = np.searchsorted(self._keys, _prefixes(wanted))
        places[places == len(self._keys)] = 0
        rows = self._order[places]
        found = (_bytes_of(self._rows["id"][rows]) == wanted).all(axis=1)
        weights = self._rows["weight"][rows[found]]
        low = int((weights & np.uint64((1 << HALF_BITS) - 1)).sum(dtype=np.uint64))
        high = int((weights >> np.uint64(HALF_BITS)).sum(dtype=np.uint64))
        rest = self.weight_one_by_one([AtxID(row.tobytes()) for row in wanted[~found]])
        return SetWeight((high << HALF_BITS) + low + rest.weight, rest.missing)

    def median_height(self) -> int:
        rows = self._rows[: self.count]
        heights = rows["height"][~rows["malicious"]]
        count = len(heights)
        if not count:
            return 0
        middle = count // 2
        if count % 2:
            return int(np.partition(heights, middle)[middle])
        halves = np.partition(heights, [middle - 1, middle])
        return (int(halves[middle - 1]) + int(halves[middle]) & U64_MASK) // 2

    def _settle(self) -> None:
        """Merge the latest arrivals into the sorted index."""
        if not self._recent:
            return
        first = self.count - len(self._recent)
        keys = _prefixes(_bytes_of(self._rows["id"][first : self.count]))
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        # After those that share the key, so that rows with one key stay in order of arrival.
        places = np.searchsorted(self._keys, keys, side="right")
        self._keys = np.insert(self._keys, places, keys)
        self._order = np.insert(self._order, places, (order + first).astype(np.uint32))
        self._recent.clear()


def _ids_in(packed: bytes) -> tuple[AtxID, ...]:
    starts = range(0, len(packed), AtxID.SIZE)
    return tuple(AtxID(packed[start : start + AtxID.SIZE]) for start in starts)


def _bytes_of(column: npt.NDArray[np.void]) -> npt.NDArray[np.uint8]:
    """Return a column of byte strings as a matrix of bytes."""
    return np.ascontiguousarray(column).view(np.uint8).reshape(len(column), -1)


def _prefixes(ids: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return the first eight bytes of each id as a big-endian number."""
    return np.ascontiguousarray(ids[:, :KEY_BYTES]).view(">u8")[:, 0].astype(np.uint64)
