"""Active sets: the lists of ATXs that reference ballots name by their digest.

Source: go-spacemesh, sql/activesets; proposals digest sections 3 and 8.
"""

from collections.abc import Iterator

from node.base import scale
from node.base.errors import NotFoundError
from node.store import schema
from node.store.db import Batch, Database, Reader
from node.store.pruning import Portion, delete_portion
from node.store.schema import key_u32, read_record
from node.types.active_set import EpochActiveSet
from node.types.ids import Hash32
from node.types.layer import EpochID


def put_active_set(batch: Batch, digest: Hash32, active_set: EpochActiveSet) -> None:
    """Store an active set under ``digest``, which is that of its ATX identifiers alone."""
    put_active_set_blob(batch, digest, active_set.epoch, scale.encode(active_set))


def put_active_set_blob(batch: Batch, digest: Hash32, epoch: EpochID, blob: bytes) -> None:
    """Store an active set that is encoded already."""
    batch.put(schema.ACTIVE_SET + digest, blob)
    batch.put(schema.ACTIVE_SET_BY_EPOCH + key_u32(epoch) + digest, b"")


def find_active_set(reader: Reader, digest: Hash32) -> EpochActiveSet | None:
    """Return an active set, or None."""
    value = find_active_set_blob(reader, digest)
    return None if value is None else read_record(EpochActiveSet, value)


def get_active_set(reader: Reader, digest: Hash32) -> EpochActiveSet:
    """Return an active set.

    Raises:
        NotFoundError: it is not stored, or was pruned.
    """
    found = find_active_set(reader, digest)
    if found is None:
        raise NotFoundError("active set", digest)
    return found


def find_active_set_blob(reader: Reader, digest: Hash32) -> bytes | None:
    """Return an active set encoded, as peers fetch it, or None."""
    return reader.get(schema.ACTIVE_SET + digest)


def has_active_set(reader: Reader, digest: Hash32) -> bool:
    """Tell whether an active set is stored."""
    return find_active_set_blob(reader, digest) is not None


def active_sets_in_epoch(reader: Reader, epoch: EpochID) -> Iterator[Hash32]:
    """Yield the digests of the active sets of an epoch, ascending."""
    return map(Hash32, reader.keys(schema.ACTIVE_SET_BY_EPOCH + key_u32(epoch)))


def prune_active_sets(db: Database, before: EpochID, *, start: bytes = b"", limit: int) -> Portion:
    """Delete active sets of lower epochs; see ``delete_portion``."""
    return delete_portion(
        db,
        schema.ACTIVE_SET_BY_EPOCH,
        start=start,
        stop=key_u32(before),
        limit=limit,
        other_view=lambda key: schema.ACTIVE_SET + key[schema.U32_SIZE :],
    )
