"""Beacons by epoch.

Source: go-spacemesh, sql/beacons; beacon digest sections 6 to 8.
"""

from collections.abc import Iterator

from node.base.errors import NotFoundError
from node.store import schema
from node.store.db import Batch, Reader
from node.store.schema import key_u32, number_of
from node.types.ids import Beacon
from node.types.layer import EpochID


def put_beacon(batch: Batch, epoch: EpochID, beacon: Beacon) -> None:
    """Record the beacon of an epoch, over an earlier one."""
    batch.put(schema.BEACON + key_u32(epoch), beacon)


def find_beacon(reader: Reader, epoch: EpochID) -> Beacon | None:
    """Return the beacon of an epoch, or None."""
    value = reader.get(schema.BEACON + key_u32(epoch))
    return None if value is None else Beacon(value)


def get_beacon(reader: Reader, epoch: EpochID) -> Beacon:
    """Return the beacon of an epoch.

    Raises:
        NotFoundError: it is not known.
    """
    found = find_beacon(reader, epoch)
    if found is None:
        raise NotFoundError("beacon of epoch", epoch)
    return found


def beacons(reader: Reader) -> Iterator[tuple[EpochID, Beacon]]:
    """Yield all epochs with their beacons."""
    rows = reader.scan(schema.BEACON)
    return ((EpochID(number_of(key)), Beacon(value)) for key, value in rows)
